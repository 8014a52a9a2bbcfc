"""The task of telling tissue classes apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._class_marks import class_summary, draw_class_marks
from napari_unet._nuclei import NUCLEI
from napari_unet._task import COMMON_KEYS, Progress
from unetloop import class_corrections
from unetloop.class_corrections import NOTHING, painted_class
from unetloop.proposals import place_classes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_unet._task import Correction, Task
    from unetloop.classes import TissueClass
    from unetloop.config import InstanceConfig
    from unetloop.corrections import Change
    from unetloop.pieces import Window

__all__ = ["Tissue", "task_of"]

# Letters that neither napari's Labels layer nor its viewer uses; digits are its tools.
_CLASS_KEYS = "ASDGHJKQWRTYUN"
_MOST_LISTED = 3


@dataclass(frozen=True)
class Tissue:
    """Tell tissue classes apart.

    Parameters
    ----------
    classes : tuple of TissueClass
        What the numbers of the segmentation mean, from 1.
    """

    classes: tuple[TissueClass, ...]
    name: str = "classes"
    layer: str = "classes"
    at_once: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    boxes: frozenset[str] = frozenset({"box", "ignore"})
    as_found: frozenset[str] = frozenset({"box", "ignore"})
    enough: int = 2

    @property
    def settings(self) -> Mapping[str, Any]:
        """From nothing in less than a minute of a processor's time.

        Measured with nine strokes in each of three images: docs/benchmarks.md.
        """
        return {
            "epochs": 8,
            "steps_per_epoch": 25,
            "batch_size": 4,
            "patch_size": 96,
        }

    @property
    def keys(self) -> Mapping[str, str]:
        """Each action's key; a class has one as long as there are letters."""
        numbers = range(1, len(self.classes) + 1)
        own = {
            f"class {number}": key
            for number, key in zip(numbers, _CLASS_KEYS, strict=False)
        }
        return {**own, **COMMON_KEYS}

    @property
    def corrections(self) -> Mapping[str, Correction]:
        """What the tools do."""
        return {
            "box": class_corrections.accept_box,
            "ignore": class_corrections.ignore_box,
        }

    def draw_marks(
        self,
        segmentation: NDArray[np.int32],
        review: NDArray[np.uint8],
        corner: tuple[int, int] = (0, 0),
        width: int = 1,
    ) -> NDArray[np.uint8]:
        """Draw edges in the classes' colours, and what was painted."""
        return draw_class_marks(segmentation, review, corner, width)

    def summary(
        self, segmentation: NDArray[np.int32], review: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Fill all classes."""
        return class_summary(segmentation, review)

    def painted(
        self,
        recorded: NDArray[np.int32],
        review: NDArray[np.uint8],
        shown: NDArray[np.int32],
        window: Window,
        stroke: NDArray[np.int32] | None,
    ) -> Change | None:
        """Take what was painted as truth, and nothing beside it."""
        if stroke is None:
            after = shown[window]
            stroke = np.where(after == recorded[window], NOTHING, after)
        corner = window[0].start, window[1].start
        return class_corrections.paint(
            recorded, review, stroke, corner, len(self.classes)
        )

    def label(
        self, maps: NDArray[np.float32], instances: InstanceConfig, diameter: float
    ) -> NDArray[np.int32]:
        """Give the number of the class that is most probable."""
        return np.asarray(maps.argmax(-1) + 1, np.int32)

    def place(
        self,
        segmentation: NDArray[np.int32],
        review: NDArray[np.uint8],
        labels: NDArray[np.int32],
        core: tuple[int, int, int, int],
        first: int,
    ) -> NDArray[np.int32]:
        """Put the field's core where nobody has looked.

        What a model of more classes finds of these is left out.
        """
        known = np.where(labels <= len(self.classes), labels, 0).astype(np.int32)
        return place_classes(segmentation, review, known, core)

    def progress(self, ledger: Mapping[str, int]) -> Progress:
        """Count strokes; two classes must be painted, and all before it starts."""
        count = sum(ledger.values())
        painted = {painted_class(action) for action in ledger}
        if ledger.get("box"):
            return Progress(count)
        missing = [
            tissue.name
            for number, tissue in enumerate(self.classes, 1)
            if number not in painted
        ]
        if len(self.classes) - len(missing) < 2:
            return Progress(
                count, "Paint a few strokes of at least two classes, to learn from."
            )
        if missing:
            return Progress(
                count,
                missing=f"Nothing is painted as {_listed(missing)} yet. Do so, or "
                "press Learn now.",
            )
        return Progress(count)


def task_of(classes: Sequence[TissueClass]) -> Task:
    """Give the task of a project: classes if it has any, else nuclei."""
    return Tissue(tuple(classes)) if classes else NUCLEI


def _listed(names: Sequence[str]) -> str:
    """Write names one after the other, not too many.

    Examples
    --------
    >>> _listed(["fat", "stroma"])
    'fat or stroma'
    >>> _listed(["fat", "stroma", "tumour", "vessel"])
    'fat, stroma or 2 others'
    """
    last = names[-1]
    if len(names) > _MOST_LISTED:
        last = f"{len(names) - 2} others"
        names = [*names[:2], last]
    first = ", ".join(names[:-1])
    return f"{first} or {last}" if first else last
