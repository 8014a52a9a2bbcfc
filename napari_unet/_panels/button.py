"""A button that shows its key, or a pictogram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import (
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
)

from napari_unet._panels.look import colour, faint, is_by_keys
from napari_unet._panels.pictograms import draw_pictogram

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent, QPaintEvent

__all__ = ["Button"]


class Button(QPushButton):
    """A button with its key drawn as a key, or with a pictogram.

    Clicks leave the focus where it is, so that keys still reach the viewer.

    Parameters
    ----------
    text : str
        What it does.
    key : str
        Drawn on a key cap.
    picture : str
        Name of a pictogram.
    tip : str
        Tooltip.
    quiet : bool
        Look the same whether checked or not: the pictogram tells.
    """

    def __init__(
        self,
        text: str = "",
        *,
        key: str = "",
        picture: str = "",
        tip: str = "",
        quiet: bool = False,
    ) -> None:
        super().__init__(text)
        self._quiet = quiet
        self.key = key
        self.picture = picture
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        if not text:
            self.setAccessibleName(tip)

    def set_face(self, text: str, picture: str) -> None:
        """Change text and pictogram; cheap where they are shown already."""
        if (text, picture) != (self.text(), self.picture):
            self.picture = picture
            self.setText(text)
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Give the size of cap, pictogram and text."""
        self.ensurePolished()
        parts = self._parts()
        width = sum(width for _, width in parts) + 5 * (len(parts) - 1)
        return QSize(width + 14, max(self.fontMetrics().height() + 8, 26))

    def minimumSizeHint(self) -> QSize:
        """Give the same: a button that is cut off says nothing."""
        return self.sizeHint()

    def _parts(self) -> list[tuple[str, int]]:
        metrics = self.fontMetrics()
        parts: list[tuple[str, int]] = []
        if self.key:
            wide = metrics.horizontalAdvance(self.key) + 8
            parts.append(("key", max(wide, metrics.height() + 1)))
        if self.picture:
            parts.append(("picture", 12))
        if self.text():
            parts.append(("text", metrics.horizontalAdvance(self.text())))
        return parts

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Be pressed by Enter, too, where Tab went to it: else that is the viewer's."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and is_by_keys(self):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the style's button, and on it the parts, side by side."""
        painter = QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        if self._quiet:
            option.state &= ~QStyle.StateFlag.State_On
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        tint = colour(self, "text")
        parts = self._parts()
        width = sum(width for _, width in parts) + 5 * (len(parts) - 1)
        left = 7.0 if self.key else (self.width() - width) / 2
        for part, width in parts:
            box = QRectF(left, 0, width, self.height())
            self._draw_part(painter, part, box, tint)
            left += width + 5

    def _draw_part(self, painter: Any, part: str, box: QRectF, tint: QColor) -> None:
        middle = Qt.AlignmentFlag.AlignCenter
        if part == "picture":
            square = QRectF(box.left(), (box.height() - 12) / 2, 12, 12)
            draw_pictogram(painter, self.picture, square, tint)
        elif part == "text":
            painter.setPen(tint)
            painter.drawText(box, middle, self.text())
        else:
            tall = self.fontMetrics().height() + 1
            cap = QRectF(box.left(), (box.height() - tall) / 2, box.width(), tall)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(faint(tint, 0.55), 1))
            # A key that is held down is filled: not only its colour changes.
            held = self.isChecked() and not self._quiet
            painter.setBrush(tint if held else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(cap.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
            inverse = QColor("black" if tint.lightness() > 127 else "white")
            painter.setPen(inverse if held else tint)
            painter.drawText(cap, middle, self.key)
