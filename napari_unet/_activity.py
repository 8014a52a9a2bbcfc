"""Training and batches in napari's own activity dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils import progress
from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari_unet._batch_state import BatchState
    from napari_unet._state import LoopState

__all__ = ["Activity"]


class Activity(QObject):
    """Shows how far a training or a batch is, as long as it runs."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bar: progress | None = None
        self._wanted = ("", False, 0.0)
        self._drawing = False
        # napari's bar lets other events happen while it is drawn. Drawn at once, these
        # would tell the news to those who have yet to be told what came before.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw)

    def show(self, state: LoopState) -> None:
        """Show a training."""
        learning = state.learning
        self._want("Learning", learning.phase != "idle", learning.fraction)

    def show_batch(self, state: BatchState) -> None:
        """Show a batch."""
        self._want("Segmenting", state.run.busy, state.run.fraction)

    def close(self) -> None:
        """Take it away."""
        self._timer.stop()
        self._wanted = ("", False, 0.0)
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()

    def _want(self, name: str, busy: bool, fraction: float) -> None:
        if self._wanted != (name, busy, fraction):
            self._wanted = (name, busy, fraction)
            self._timer.start(0)

    def _draw(self) -> None:
        if self._drawing:  # within an event that the bar let happen
            return
        self._drawing, wanted = True, self._wanted
        try:
            self._follow(*wanted)
        finally:
            self._drawing = False
        if self._wanted != wanted:
            self._timer.start(0)

    def _follow(self, name: str, busy: bool, fraction: float) -> None:
        if not busy:
            self.close()
            return
        if self._bar is None:
            self._bar = progress(total=100, desc=name)
        percent = int(100 * fraction)
        if percent > self._bar.n:
            self._bar.update(percent - self._bar.n)
