"""The list of tissue classes: a click paints, names and colours can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_unet._panels.button import Button
from napari_unet._panels.class_line import ClassLine

if TYPE_CHECKING:
    from napari_unet._state import ClassRow

__all__ = ["ClassList"]

_SEEN_AT_ONCE = 6
_GAP = 3


class ClassList(QWidget):
    """A line a class.

    Numbers of classes begin with 1; 0 is the eraser. ``buttons``, one of which adds a
    class and one is the eraser, are for a line with others below.
    """

    picked = Signal(int)
    add_requested = Signal()
    renamed = Signal(int, str)
    recoloured = Signal(int, str)
    remove_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[tuple[ClassRow, ...], int | None] = ((), None)
        self.lines: list[ClassLine] = []
        self.add_button = Button(
            "Add", picture="add", tip="Add a class behind the others"
        )
        self.add_button.clicked.connect(self.add_requested)
        self.eraser = Button(
            "Eraser", key="E", tip="What is erased is a proposal again (E)"
        )
        self.eraser.setCheckable(True)
        self.eraser.clicked.connect(lambda: self._on_picked(0))
        self.buttons = self.add_button, self.eraser
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(_GAP)
        self.area = _Lines(self._inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.area)

    def show_classes(self, rows: tuple[ClassRow, ...], brush: int | None) -> None:
        """Show the classes, and which one the brush paints; cheap where it does."""
        if (rows, brush) == self._shown:
            return
        more = len(rows) > len(self.lines)
        self._shown = rows, brush
        for line in self.lines[len(rows) :]:
            self._column.removeWidget(line)
            line.deleteLater()
        del self.lines[len(rows) :]
        for number in range(len(self.lines) + 1, len(rows) + 1):
            self.lines.append(self._line(number))
            self._column.addWidget(self.lines[-1])
        for number, (line, row) in enumerate(zip(self.lines, rows, strict=True), 1):
            line.show_class(row, brush == number)
        self.eraser.setChecked(brush == 0)
        self.area.updateGeometry()
        if more and brush is None and len(rows) > _SEEN_AT_ONCE:
            bar = self.area.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _line(self, number: int) -> ClassLine:
        line = ClassLine()
        line.picked.connect(lambda: self._on_picked(number))
        line.renamed.connect(lambda name: self.renamed.emit(number, name))
        line.recoloured.connect(lambda color: self.recoloured.emit(number, color))
        line.remove_requested.connect(lambda: self.remove_requested.emit(number))
        return line

    def _on_picked(self, number: int) -> None:
        # What looks pressed is what the brush paints, not what was clicked.
        _, brush = self._shown
        for at, line in enumerate(self.lines, 1):
            line.button.setChecked(brush == at)
        self.eraser.setChecked(brush == 0)
        self.picked.emit(number)


class _Lines(QScrollArea):
    """As high as the lines, but leaves room for the steps below."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setWidget(inside)

    def sizeHint(self) -> QSize:
        """Give the height of all lines, at most of some and a half."""
        inside = self.widget().sizeHint()
        count = max(self.widget().layout().count(), 1)
        most = round(inside.height() / count * (_SEEN_AT_ONCE + 0.5))
        high = inside.height() if count <= _SEEN_AT_ONCE else most
        edges = max(self.height() - self.viewport().height(), 0)  # of the theme
        return QSize(inside.width(), high + edges)

    def minimumSizeHint(self) -> QSize:
        """Give the same."""
        wide = self.widget().minimumSizeHint().width()
        return QSize(wide, self.sizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See the lines become higher, as in another theme."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))
