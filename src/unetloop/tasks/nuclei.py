"""Numbering nuclei: by foreground and distance, or by the foreground alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from unetloop import catalog
from unetloop.annotations import MAPS, make_targets
from unetloop.class_plane import make_class_plane
from unetloop.depth import add_distance
from unetloop.instances import label_nuclei
from unetloop.metrics import evaluate_pair
from unetloop.pixel_weights import border_weights
from unetloop.training_plane import make_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.catalog import Loss
    from unetloop.classes import TissueClass
    from unetloop.config import InstanceConfig
    from unetloop.tasks.task import Scored
    from unetloop.training_plane import TrainingPlane

__all__ = ["Foreground", "Nuclei"]


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
