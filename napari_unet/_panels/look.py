"""How the panels look: colours that mean something, and widgets that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QRect, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPalette,
    QTextLayout,
)
from qtpy.QtWidgets import (
    QLabel,
    QSizePolicy,
)

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent
    from qtpy.QtWidgets import QWidget

__all__ = [
    "Heading",
    "Lines",
    "Word",
    "colour",
    "faint",
    "is_by_keys",
    "small",
    "write_at",
]

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


def is_by_keys(widget: QWidget) -> bool:
    """Whether its window's focus went by keys last: else nobody chose where it is."""
    by_keys = Qt.WidgetAttribute.WA_KeyboardFocusChange
    return bool(widget.window().testAttribute(by_keys))


def small(font: QFont) -> QFont:
    """Give a font one point smaller than the theme's labels."""
    smaller = QFont(font)
    if font.pointSizeF() > 8:
        smaller.setPointSizeF(font.pointSizeF() - 1)
    return smaller


def write_at(widget: QWidget, points: float) -> None:
    """Give a widget's text a size: napari's theme leaves that of some as it is."""
    font = QFont(widget.font())
    if points > 0 and font.pointSizeF() != points:
        font.setPointSizeF(points)
        widget.setFont(font)


class _Written(QLabel):
    """A label that draws its text itself, up to its edges."""

    def setText(self, text: str) -> None:
        """Change the text."""
        super().setText(text)
        self.update()  # Qt leaves out the margin, and what was drawn there


class Word(_Written):
    """A short text in the small font, never cut off.

    It is a label for the theme's sake, but stands where it is put: labels of a
    style sheet keep a margin that would put them beside the line of the buttons.

    Signal: ``rewritten(points)`` when the theme gave it another size.
    """

    rewritten = Signal(float)

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def written_font(self) -> QFont:
        """Give the font that it is drawn in."""
        return small(self.font())

    def changeEvent(self, event: QEvent) -> None:
        """Let what stands beside it be as large."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.rewritten.emit(self.written_font().pointSizeF())

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


class Lines(_Written):
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
        self._tint = "text"
        sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight)
        self._side = sides[right]
        self.setTextFormat(Qt.TextFormat.PlainText)
        across = QSizePolicy.Policy.Fixed if room else QSizePolicy.Policy.Ignored
        self.setSizePolicy(across, QSizePolicy.Policy.Fixed)

    def take(self, count: int) -> None:
        """Take another number of lines."""
        if count != self._count:
            self._count = count
            self.updateGeometry()
            self.update()

    def say(self, text: str, tint: str = "text") -> None:
        """Show a text in a colour of `colour`; cheap where it is shown already."""
        if tint != self._tint:
            self._tint = tint
            self.update()
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
        painter.setPen(colour(self, self._tint))
        step = painter.fontMetrics().lineSpacing()
        for at, line in enumerate(self.shown_lines()):
            box = QRect(0, 1 + at * step, self.width(), step)
            painter.drawText(box, self._side, line)
