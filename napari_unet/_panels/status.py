"""The lines at the bottom: machine, saved when, speed, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from napari_unet._panels.button import Button
from napari_unet._panels.look import Lines, colour, faint
from napari_unet._panels.pictograms import draw_pictogram
from napari_unet._words import in_words

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

    from napari_unet._state import LoopState

__all__ = ["StatusLine"]

_CLOSE_PX = 20


class StatusLine(QWidget):
    """Bottom of the dock; its height is always the same, except in a low window.

    Each line has its own subject, so that none moves. A problem covers all of them.

    Signal: ``dismissed()`` when a problem was read.
    """

    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines = [Lines() for _ in range(3)]
        self.problem = _Problem()
        self.problem.close_button.clicked.connect(self.dismissed)
        self._low = self._ready = False
        calm = QWidget()
        column = QVBoxLayout(calm)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for line in self.lines:
            column.addWidget(line)
        column.addStretch(1)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(calm)
        self._pages.addWidget(self.problem)

    def be_low(self, low: bool) -> None:
        """Take less height, in a low window: the machine is in the tooltip."""
        self._low = low
        self._give_room()

    def show(self, state: LoopState) -> None:
        """Show the facts, and what is wrong or else what is being done."""
        self._ready = bool(state.device)
        device = state.device or "The engine starts…"
        texts = device, _facts(state), state.busy
        for line, text in zip(self.lines, texts, strict=True):
            line.say(text)
        for line in self.lines:
            line.setToolTip("\n".join(filter(None, texts)))
        self.problem.words.say(state.problem)
        self._pages.setCurrentIndex(1 if state.problem else 0)
        self._give_room()

    def _give_room(self) -> None:
        self.lines[0].setVisible(not (self._low and self._ready))
        wrong = bool(self.problem.words.text())
        self.problem.words.take(3 if wrong or not self._low else 2)


def _facts(state: LoopState) -> str:
    parts = []
    if state.saved:
        parts.append(f"Saved {state.saved}")
    left = state.learning.seconds_left
    if left is not None and state.learning.phase == "running":
        parts.append(f"{in_words(left)} to go")
    if state.field_seconds is not None:
        parts.append(f"{state.field_seconds:.1f} s a field")
    return " · ".join(parts)


class _Problem(QWidget):
    """What is wrong, beside a sign, on a ground of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.words = Lines(3)
        self.close_button = Button(picture="dismiss", tip="Dismiss")
        self.close_button.setFixedSize(_CLOSE_PX, _CLOSE_PX)
        row = QHBoxLayout(self)
        row.setContentsMargins(28, 3, 4, 3)
        row.addWidget(self.words)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the ground and the sign."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tint = colour(self, "wrong")
        painter.setPen(tint)
        painter.setBrush(faint(tint, 0.18))
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(box, 3, 3)
        draw_pictogram(painter, "warning", QRectF(7, 6, 15, 15), tint)
