"""What training, prediction and model folder ask a task; and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unetloop.catalog import Loss
    from unetloop.classes import TissueClass
    from unetloop.config import InstanceConfig
    from unetloop.training_plane import TrainingPlane

__all__ = ["TASKS", "Scored", "Task"]

TASKS = ("nuclei", "classes")
"""Names of the tasks."""

Scored = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]
"""Truth, prediction and what is known, (rows, columns) each."""


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
