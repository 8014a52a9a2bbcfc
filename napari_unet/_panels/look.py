"""How the panels look: colours that mean something, and widgets that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QRect, QRectF, QSize, Qt
from qtpy.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPalette,
    QPen,
    QTextLayout,
)
from qtpy.QtWidgets import (
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
)

from napari_unet._panels.pictograms import draw_pictogram

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent
    from qtpy.QtWidgets import QWidget

__all__ = ["Button", "Heading", "Lines", "Word", "colour", "faint", "small"]

# On a dark and on a light background; told apart by colour-blind people too
# (after Okabe and Ito, https://jfly.uni-koeln.de/color/).
_COLOURS = {
    "doing": ("#e69f00", "#9a6400"),
    "done": ("#56b4e9", "#0067a3"),
    "wrong": ("#f2845c", "#b3440f"),
}


def colour(widget: QWidget, name: str) -> QColor:
    """Give the colour of text, or of ``"doing"``, ``"done"`` or ``"wrong"``.

    Parameters
    ----------
    widget : QWidget
        Whose theme counts.
    name : str
        A meaning; anything else is the colour of text.
    """
    palette = widget.palette()
    text = palette.color(QPalette.ColorRole.WindowText)
    if name not in _COLOURS:
        return text
    dark, light = _COLOURS[name]
    # Light text stands on a dark background.
    return QColor(dark if text.lightness() > 127 else light)


def faint(tint: QColor, share: float = 0.6) -> QColor:
    """Make a colour partly transparent."""
    fainter = QColor(tint)
    fainter.setAlphaF(share * tint.alphaF())
    return fainter


def small(font: QFont) -> QFont:
    """Give a font one point smaller than the theme's labels."""
    smaller = QFont(font)
    if font.pointSizeF() > 8:
        smaller.setPointSizeF(font.pointSizeF() - 1)
    return smaller


class Word(QLabel):
    """A short text in the small font, never cut off.

    It is a label for the theme's sake, but stands where it is put: labels of a
    style sheet keep a margin that would put them beside the line of the buttons.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def written_font(self) -> QFont:
        """Give the font that it is drawn in."""
        return small(self.font())

    def sizeHint(self) -> QSize:
        """Give the size of the text."""
        self.ensurePolished()
        metrics = QFontMetrics(self.written_font())
        wide = metrics.horizontalAdvance(self.text())
        return QSize(wide + 1, metrics.height() + 3)

    def minimumSizeHint(self) -> QSize:
        """Give the same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setFont(self.written_font())
        painter.setPen(colour(self, "text"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, self.text())


class Heading(Word):
    """Number and name of a step, as ``"1  Images"``."""

    def written_font(self) -> QFont:
        """Give a bold font, larger than the others."""
        font = QFont(self.font())
        font.setBold(True)
        if font.pointSizeF() > 0:
            font.setPointSizeF(font.pointSizeF() + 0.5)
        return font


class Lines(QLabel):
    """A text that always takes the same number of lines, so that nothing jumps.

    What does not fit ends in "…"; the tooltip has it all.

    Parameters
    ----------
    count : int
        Of lines.
    right : bool
        Stand at the right side instead of the left.
    room : str
        Be as wide as this text; empty: as wide as there is room.
    """

    def __init__(self, count: int = 1, *, right: bool = False, room: str = "") -> None:
        super().__init__()
        self._count = count
        self._room = room
        sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight)
        self._side = sides[right]
        self.setTextFormat(Qt.TextFormat.PlainText)
        across = QSizePolicy.Policy.Fixed if room else QSizePolicy.Policy.Ignored
        self.setSizePolicy(across, QSizePolicy.Policy.Fixed)

    def say(self, text: str) -> None:
        """Show a text; cheap where it is shown already."""
        if text != self.text():
            self.setText(text)
            self.setToolTip(text)

    def sizeHint(self) -> QSize:
        """Give the size of that many lines, whatever the text."""
        self.ensurePolished()
        metrics = QFontMetrics(small(self.font()))
        wide = metrics.horizontalAdvance(self._room) + 2 if self._room else 20
        return QSize(wide, metrics.lineSpacing() * self._count + 2)

    def minimumSizeHint(self) -> QSize:
        """Give the same."""
        return self.sizeHint()

    def shown_lines(self) -> list[str]:
        """Cut the text into the lines that are drawn."""
        font = small(self.font())
        # A newline would end QTextLayout's paragraph.
        text = " ".join(self.text().split())
        layout = QTextLayout(text, font)
        layout.beginLayout()
        starts = []
        while (line := layout.createLine()).isValid():
            line.setLineWidth(self.width())
            starts.append(line.textStart())
        layout.endLayout()
        ends = [*starts[1 : self._count], len(text)]
        parts = [text[a:b].strip() for a, b in zip(starts, ends, strict=False)]
        metrics = QFontMetrics(font)
        more = Qt.TextElideMode.ElideRight
        return [metrics.elidedText(part, more, self.width()) for part in parts]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the lines."""
        painter = QPainter(self)
        painter.setFont(small(self.font()))
        painter.setPen(colour(self, "text"))
        step = painter.fontMetrics().lineSpacing()
        for at, line in enumerate(self.shown_lines()):
            box = QRect(0, 1 + at * step, self.width(), step)
            painter.drawText(box, self._side, line)


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
