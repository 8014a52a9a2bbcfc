"""The task of numbering nuclei."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_unet._marks import draw_marks, summary
from napari_unet._task import COMMON_KEYS, Progress
from unetloop import corrections
from unetloop.numbering import fit_numbers
from unetloop.proposals import place_proposals
from unetloop.strokes import touched

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet._task import Correction
    from unetloop.classes import TissueClass
    from unetloop.config import InstanceConfig
    from unetloop.corrections import Change
    from unetloop.pieces import Window

__all__ = ["NUCLEI", "Nuclei"]


@dataclass(frozen=True)
class Nuclei:
    """Number the nuclei."""

    name: str = "nuclei"
    classes: tuple[TissueClass, ...] = ()
    layer: str = "nuclei"
    at_once: frozenset[str] = frozenset({"accept", "delete", "ignore"})
    lines: frozenset[str] = frozenset({"split", "join"})
    boxes: frozenset[str] = frozenset({"box"})
    as_found: frozenset[str] = frozenset({"accept", "box", "ignore"})
    # Reviewed nuclei; one field that is right counts as many.
    enough: int = 10

    @property
    def keys(self) -> Mapping[str, str]:
        """Each action's key."""
        own = {"accept": "A", "delete": "D", "split": "S", "join": "J", "new": "N"}
        return {**own, **COMMON_KEYS}

    @property
    def corrections(self) -> Mapping[str, Correction]:
        """What the tools do."""
        return {
            "accept": corrections.accept,
            "delete": corrections.delete,
            "ignore": corrections.ignore,
            "join": corrections.join,
            "split": corrections.split,
            "box": corrections.accept_box,
        }

    @property
    def settings(self) -> Mapping[str, Any]:
        """Short rounds, of which one sees much: the user is waiting for the next one.

        Small batches: twice the steps in a minute teach more than twice the patches.
        """
        return {"minutes": 1.0, "steps_per_epoch": 30, "batch_size": 4}

    def draw_marks(
        self,
        segmentation: NDArray[np.int32],
        review: NDArray[np.uint8],
        corner: tuple[int, int] = (0, 0),
        width: int = 1,
    ) -> NDArray[np.uint8]:
        """Draw outlines, and what was reviewed."""
        return draw_marks(segmentation, review, corner, width)

    def summary(
        self, segmentation: NDArray[np.int32], review: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Draw filled nuclei."""
        return summary(segmentation, review)

    def painted(
        self,
        recorded: NDArray[np.int32],
        review: NDArray[np.uint8],
        shown: NDArray[np.int32],
        window: Window,
        stroke: NDArray[np.int32] | None,
    ) -> Change | None:
        """Every nucleus that gained or lost pixels is right now."""
        corner = window[0].start, window[1].start
        part = shown[window]
        if fit_numbers(part) is not part:  # of another type, or numbers below 0
            shown = fit_numbers(shown)
        return touched(recorded[window], shown, review, corner)

    def label(
        self, maps: NDArray[np.float32], instances: InstanceConfig, diameter: float
    ) -> NDArray[np.int32]:
        """Divide and number nuclei."""
        from unetloop.instances import label_nuclei  # heavy, and seldom needed

        return label_nuclei(maps, instances, diameter)

    def place(
        self,
        segmentation: NDArray[np.int32],
        review: NDArray[np.uint8],
        labels: NDArray[np.int32],
        core: tuple[int, int, int, int],
        first: int,
    ) -> NDArray[np.int32]:
        """Put whole nuclei among those of the fields beside them."""
        return place_proposals(segmentation, review, labels, core, first)

    def progress(self, ledger: Mapping[str, int]) -> Progress:
        """Count nuclei; a field that is right says as much as the nuclei in it."""
        fields = ledger.get("box", 0) + ledger.get("labels", 0)
        count = sum(ledger.values()) + (self.enough - 1) * fields
        nothing = (
            "Accept or correct ten nuclei first, or press Enter where all in view is "
            "right."
        )
        return Progress(count, "" if count else nothing)


NUCLEI = Nuclei()
"""The task of projects that name no classes."""
