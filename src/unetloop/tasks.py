"""What a network is for: to number nuclei, or to tell tissue classes apart.

All that differs between the two is here: the maps, what a mask means for training,
how images are brought to the model's scale, what maps become, and how good that is.
Training, prediction and the model folder ask a task and know no more of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from scipy import ndimage

from unetloop import catalog
from unetloop.annotations import MAPS, make_targets
from unetloop.class_metrics import compare_classes, pool_classes
from unetloop.class_plane import balance_planes, make_class_plane
from unetloop.classes import TissueClass, check_classes
from unetloop.depth import add_distance
from unetloop.instances import label_nuclei
from unetloop.metrics import evaluate_pair
from unetloop.pixel_weights import border_weights
from unetloop.training_plane import make_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.catalog import Loss
    from unetloop.config import InstanceConfig
    from unetloop.training_plane import TrainingPlane

    Scored = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]

__all__ = [
    "FOREGROUND",
    "NUCLEI",
    "TASKS",
    "Classes",
    "Foreground",
    "Nuclei",
    "Task",
    "class_zoom",
    "label_classes",
    "nuclei_task",
    "task_of",
]

TASKS = ("nuclei", "classes")
"""Names of the tasks."""

_SAME_SCALE = 0.05  # closer than this, resampling costs more than it gains


class Task(Protocol):
    """What a network is for.

    Attributes
    ----------
    name : str
        One of `TASKS`.
    maps : tuple of str
        What the network predicts, in order.
    score_name : str
        What `score` is called in a model's card.
    classes : tuple of TissueClass
        Empty where nuclei are numbered.
    """

    @property
    def name(self) -> Literal["nuclei", "classes"]: ...  # noqa: D102 - see above

    @property
    def maps(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def score_name(self) -> str: ...  # noqa: D102

    @property
    def classes(self) -> tuple[TissueClass, ...]: ...  # noqa: D102

    def loss(self, name: str) -> Loss:
        """Find a loss of this task; ``default`` is its usual one."""

    def make_plane(
        self,
        image: NDArray[np.float32],
        labels: NDArray[np.int32],
        review: NDArray[np.uint8] | None,
        loss: str,
    ) -> TrainingPlane:
        """Put an image, its mask and its review into the form patches are cut from."""

    def balance(self, planes: list[TrainingPlane], share: float) -> list[TrainingPlane]:
        """Weigh what occurs often against what is rare, over all planes."""

    def truth(
        self, labels: NDArray[np.int32], known: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Give what a loss takes, (rows, columns, 4 or 2)."""

    def complete(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put beside the network's maps what follows from them, and is needed."""

    def label(
        self, maps: NDArray[np.floating], instances: InstanceConfig, diameter: float
    ) -> NDArray[np.int32]:
        """Make a segmentation of complete maps, (rows, columns)."""

    def scores(self, scored: Sequence[Scored]) -> list[float]:
        """Score truth, prediction and what is known, each by itself, 0..1."""

    def score(self, scored: Sequence[Scored]) -> float:
        """Score all of them together, 0..1."""


@dataclass(frozen=True)
class Nuclei:
    """Number the nuclei: two maps, and a mask with one number a nucleus."""

    name: Literal["nuclei"] = "nuclei"

    @property
    def maps(self) -> tuple[str, ...]:
        """Foreground and distance to the edge."""
        return MAPS

    @property
    def score_name(self) -> str:
        """Mean AP(0.5:0.95)."""
        return "mean_ap"

    @property
    def classes(self) -> tuple[TissueClass, ...]:
        """None."""
        return ()

    def loss(self, name: str) -> Loss:
        """Find a loss of nuclei."""
        found: Loss = catalog.find(catalog.LOSSES, name, "loss of nuclei")
        return found

    def make_plane(
        self,
        image: NDArray[np.float32],
        labels: NDArray[np.int32],
        review: NDArray[np.uint8] | None,
        loss: str,
    ) -> TrainingPlane:
        """Make foreground and distance where they are reviewed."""
        return make_plane(image, make_targets(labels, review))

    def balance(self, planes: list[TrainingPlane], share: float) -> list[TrainingPlane]:
        """Leave all as it is: patches lie around nuclei more often."""
        return planes

    def truth(
        self, labels: NDArray[np.int32], known: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Give foreground, distance, and the weights of both."""
        targets = make_targets(labels, known.astype(np.uint8))
        weight = targets.valid.copy()
        weight[..., 0] *= targets.emphasis
        return np.concatenate([targets.maps, weight], axis=-1)

    def complete(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Nothing more is needed."""
        return maps

    def label(
        self, maps: NDArray[np.floating], instances: InstanceConfig, diameter: float
    ) -> NDArray[np.int32]:
        """Divide and number nuclei."""
        return label_nuclei(maps, instances, diameter)

    def scores(self, scored: Sequence[Scored]) -> list[float]:
        """Give the mean AP(0.5:0.95) of each."""
        return [
            evaluate_pair(truth, found, valid=known).mean_ap
            for truth, found, known in scored
        ]

    def score(self, scored: Sequence[Scored]) -> float:
        """Give the mean over images of the mean AP(0.5:0.95)."""
        return float(np.mean(self.scores(scored)))


@dataclass(frozen=True)
class Foreground(Nuclei):
    """Number the nuclei with one map, as published networks do.

    It is learned with a loss of classes: background and nucleus. Nuclei that touch
    are divided by the shape of the foreground, see `depth.add_distance`.
    """

    @property
    def maps(self) -> tuple[str, ...]:
        """Foreground."""
        return MAPS[:1]

    def loss(self, name: str) -> Loss:
        """Find a loss of classes; the default is the binary cross-entropy."""
        if name == "default":
            name = "binary_crossentropy"
        found: Loss = catalog.find(catalog.CLASS_LOSSES, name, "loss of a foreground")
        # Of one output, the softmax is the sigmoid.
        return replace(found, activation="sigmoid")

    def make_plane(
        self,
        image: NDArray[np.float32],
        labels: NDArray[np.int32],
        review: NDArray[np.uint8] | None,
        loss: str,
    ) -> TrainingPlane:
        """Take background and nuclei as two classes."""
        emphasis = border_weights(labels) if self.loss(loss).weights else None
        known = np.ones(labels.shape, np.uint8) if review is None else review
        plane = make_class_plane(image, 1 + (labels > 0), 2, known, emphasis)
        return replace(plane, inside=plane.class_pixels[1])

    def truth(
        self, labels: NDArray[np.int32], known: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Give 1 in nuclei, and 1 where it is known."""
        return np.stack([labels > 0, known], axis=-1).astype(np.float32)

    def complete(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put the distance to the edge beside the foreground."""
        return add_distance(maps)


@dataclass(frozen=True)
class Classes:
    """Tell classes apart: a map a class, and a mask that holds class numbers.

    Masks hold 1..K for the classes in order, and 0 where nobody said which.

    Parameters
    ----------
    classes : tuple of TissueClass
        At least two.

    Raises
    ------
    EngineError
        If they can't be learned, see `classes.check_classes`.
    """

    classes: tuple[TissueClass, ...]
    name: Literal["classes"] = "classes"

    def __post_init__(self) -> None:
        check_classes(self.classes)

    @property
    def maps(self) -> tuple[str, ...]:
        """The classes' names."""
        return tuple(tissue.name for tissue in self.classes)

    @property
    def score_name(self) -> str:
        """Mean IoU over the classes that occur."""
        return "mean_iou"

    def loss(self, name: str) -> Loss:
        """Find a loss of classes; the default is the categorical cross-entropy."""
        if name == "default":
            name = "categorical_crossentropy"
        found: Loss = catalog.find(catalog.CLASS_LOSSES, name, "loss of classes")
        return found

    def make_plane(
        self,
        image: NDArray[np.float32],
        labels: NDArray[np.int32],
        review: NDArray[np.uint8] | None,
        loss: str,
    ) -> TrainingPlane:
        """Take the classes where they are labelled and reviewed."""
        emphasis = None
        if self.loss(loss).weights:
            emphasis = border_weights(_areas(labels), class_weights=(1.0, 1.0))
        return make_class_plane(image, labels, len(self.classes), review, emphasis)

    def balance(self, planes: list[TrainingPlane], share: float) -> list[TrainingPlane]:
        """Weigh the classes by what all planes hold of them."""
        return balance_planes(planes, share)

    def truth(
        self, labels: NDArray[np.int32], known: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Give the class's index, and 1 where it is known."""
        known = known & (labels > 0)
        index = np.where(known, labels - 1, 0)
        return np.stack([index, known], axis=-1).astype(np.float32)

    def complete(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Nothing more is needed."""
        return maps

    def label(
        self, maps: NDArray[np.floating], instances: InstanceConfig, diameter: float
    ) -> NDArray[np.int32]:
        """Give the number of the class that is most probable."""
        return label_classes(maps)

    def scores(self, scored: Sequence[Scored]) -> list[float]:
        """Give the mean IoU of each."""
        return [pool_classes([self._compare(*item)]).mean_iou for item in scored]

    def score(self, scored: Sequence[Scored]) -> float:
        """Give the mean IoU of all pixels together."""
        return pool_classes([self._compare(*item) for item in scored]).mean_iou

    def _compare(
        self,
        truth: NDArray[np.int32],
        found: NDArray[np.int32],
        known: NDArray[np.bool_],
    ) -> Any:
        valid = known & (truth > 0)
        return compare_classes(truth - 1, found - 1, len(self.classes), valid)


NUCLEI = Nuclei()
"""The task of models whose card names none."""

FOREGROUND = Foreground()
"""The task of networks that tell nuclei from background only."""


def task_of(classes: Sequence[TissueClass], maps: Sequence[str] = MAPS) -> Task:
    """Give the task: classes if there are any, else nuclei, by all maps or by one."""
    if classes:
        return Classes(tuple(classes))
    return FOREGROUND if tuple(maps) == FOREGROUND.maps else NUCLEI


def nuclei_task(loss: str) -> Task:
    """Give the way to find nuclei that a loss can learn."""
    return FOREGROUND if loss in catalog.CLASS_LOSSES else NUCLEI


def label_classes(maps: NDArray[np.floating]) -> NDArray[np.int32]:
    """Make a class map: the number, from 1, of the most probable class.

    Parameters
    ----------
    maps : array of float
        (rows, columns, classes), 0..1.

    Returns
    -------
    array of int32
        (rows, columns), 1..classes.

    Examples
    --------
    >>> label_classes(np.array([[[0.2, 0.8], [0.6, 0.4]]])).tolist()
    [[2, 1]]
    """
    return np.asarray(maps.argmax(-1) + 1, np.int32)


def class_zoom(image: float | None, model: float | None) -> float:
    """Say by how much an image is resized for a model of classes.

    Parameters
    ----------
    image, model : float or None
        Side of a pixel in the image, and at the model's scale, in µm.

    Returns
    -------
    float
        1 where either is not known, or both are nearly the same.
    """
    if not image or not model:
        return 1.0
    zoom = image / model
    return 1.0 if abs(np.log(zoom)) < _SAME_SCALE else float(zoom)


def _areas(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give the connected areas of all classes but the first numbers, as if cells."""
    areas = np.zeros(labels.shape, np.int32)
    count = 0
    for number in np.unique(labels[labels > 1]):
        found, new = ndimage.label(labels == number)
        areas[found > 0] = found[found > 0] + count
        count += new
    return areas
