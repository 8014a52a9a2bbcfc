"""What is drawn when two models are compared, and what that says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_unet._difference_marks import (
    BEFORE,
    DIFFERENCE_COLORS,
    DIFFERENCE_COLORS_ON_BRIGHT,
    ONLY_NOW,
)
from napari_unet._panels.look import Lines

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

    from napari_unet._state import Comparison

__all__ = ["VersusCard"]

_LINE_PX = (30, 12)
_DARK, _BRIGHT = QColor("#101010"), QColor("#e6e0ea")


class VersusCard(QWidget):
    """A legend of the lines, and one sentence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.before, self.only_before, self.only_now = Lines(), Lines(), Lines()
        self.sentence = Lines(3)
        self._samples = [_Sample(1, True), _Sample(3, True), _Sample(3, False)]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        first, second = QHBoxLayout(), QHBoxLayout()
        words = (self.before, self.only_before, self.only_now)
        for row, sample, word in zip(
            (first, second, second), self._samples, words, strict=True
        ):
            row.setSpacing(6)
            row.addWidget(sample)
            row.addWidget(word, 1)
        column.addLayout(first)
        column.addLayout(second)
        column.addSpacing(3)
        column.addWidget(self.sentence)
        column.addStretch(1)

    def show_comparison(self, comparison: Comparison) -> None:
        """Show which models they are and how they differ."""
        before, now = comparison.before, comparison.now
        if comparison.sized:
            self.before.say(f"outlines by the model {before}")
            self.only_before.say(f"only by {before}")
            self.only_now.say(f"only by {now}")
        else:
            self.before.say(f"by the model {before}, where {now} says otherwise")
            self.only_before.say("")
            self.only_now.say("")
        for sample in self._samples[1:]:
            sample.setVisible(comparison.sized)
        for sample in self._samples:
            sample.lie_on(comparison.bright)
        self.sentence.say(comparison.sentence)
        self.sentence.setToolTip(
            f"{comparison.sentence}\n\nThe score is mean AP(0.5:0.95) of nuclei, mean "
            "IoU of tissue classes. It flatters a model that has learned from what "
            "is in view; images that are kept for scoring only do not."
            if comparison.sentence
            else ""
        )


class _Sample(QWidget):
    """A short piece of a line as it is drawn over the image."""

    def __init__(self, width: int, before: bool) -> None:
        super().__init__()
        self._width, self._before = width, before
        self._bright = False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def lie_on(self, bright: bool) -> None:
        """Be drawn as on a bright image, or a dark one."""
        if bright != self._bright:
            self._bright = bright
            self.update()

    def sizeHint(self) -> QSize:
        """Give the size of a few dashes."""
        return QSize(*_LINE_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), _BRIGHT if self._bright else _DARK)
        colours = DIFFERENCE_COLORS_ON_BRIGHT if self._bright else DIFFERENCE_COLORS
        tint = QColor.fromRgbF(*colours[BEFORE if self._before else ONLY_NOW])
        pen = QPen(tint, self._width)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if self._before:
            pen.setDashPattern([5 / self._width, 3 / self._width])
        painter.setPen(pen)
        middle = self.height() / 2
        painter.drawLine(QPointF(3, middle), QPointF(self.width() - 3, middle))
