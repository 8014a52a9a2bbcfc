"""Telling tissue classes apart: a map a class, and masks of class numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import ndimage

from unetloop import catalog
from unetloop.class_metrics import compare_classes, pool_classes
from unetloop.class_plane import balance_planes, make_class_plane
from unetloop.classes import TissueClass, check_classes
from unetloop.pixel_weights import border_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.catalog import Loss
    from unetloop.config import InstanceConfig
    from unetloop.tasks.task import Scored
    from unetloop.training_plane import TrainingPlane

__all__ = ["Classes", "class_zoom", "label_classes"]

_SAME_SCALE = 0.05  # closer than this, resampling costs more than it gains


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
