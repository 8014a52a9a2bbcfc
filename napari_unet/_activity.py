"""Training and batches in napari's own activity dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils import progress
from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from napari_unet._batch_state import BatchState
    from napari_unet._state import LoopState

__all__ = ["Activity"]


class Activity(QObject):
    """Shows how far a training or a batch is, as long as it runs."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bar: progress | None = None

    def show(self, state: LoopState) -> None:
        """Show a training."""
        learning = state.learning
        self._show("Learning", learning.phase != "idle", learning.fraction)

    def show_batch(self, state: BatchState) -> None:
        """Show a batch."""
        self._show("Segmenting", state.run.busy, state.run.fraction)

    def _show(self, name: str, busy: bool, fraction: float) -> None:
        if not busy:
            self.close()
            return
        if self._bar is None:
            self._bar = progress(total=100, desc=name)
        percent = int(100 * fraction)
        if percent > self._bar.n:
            self._bar.update(percent - self._bar.n)

    def close(self) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
