"""One tissue class in the list: its colour, its name with its key, and a menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import (
    QColorDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedLayout,
    QWidget,
)

from napari_unet._panels.button import Button
from napari_unet._panels.look import colour, faint

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent

    from napari_unet._state import ClassRow

__all__ = ["ClassLine"]


class ClassLine(QWidget):
    """One class: its colour, its name with its key, and what can be done to it."""

    picked = Signal()
    renamed = Signal(str)
    recoloured = Signal(str)
    remove_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._row: ClassRow | None = None
        self.swatch = _Swatch()
        self.swatch.clicked.connect(self.choose_colour)
        self.button = _NameButton()
        self.button.clicked.connect(self.picked)
        self.button.installEventFilter(self)
        self.editor = _NameEditor()
        self.editor.done.connect(self._on_edited)
        self.menu = QMenu(self)
        self.menu.addAction("Rename", self.rename)
        self.menu.addAction("Colour…", self.choose_colour)
        self.menu.addAction("Remove", self.remove_requested.emit)
        self.more = Button(picture="more", tip="Rename, recolour or remove")
        self.more.clicked.connect(self._show_menu)
        names = QWidget()
        self._pages = QStackedLayout(names)
        self._pages.addWidget(self.button)
        self._pages.addWidget(self.editor)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.swatch)
        row.addWidget(names, 1)
        row.addWidget(self.more)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def show_class(self, row: ClassRow, painting: bool) -> None:
        """Show a class, and whether the brush paints it."""
        self.button.setChecked(painting)
        if row == self._row:
            return
        self._row = row
        self.swatch.show_colour(row.color, row.name)
        self.button.set_name(row.name, row.key)
        key = f" ({row.key})" if row.key else ""
        self.button.setToolTip(f"Paint {row.name}{key}; double-click to rename")

    def rename(self) -> None:
        """Let the name be typed."""
        if self._row is not None:
            self._pages.setCurrentWidget(self.editor)
            self.editor.begin(self._row.name)

    def choose_colour(self) -> None:
        """Let a colour be chosen."""
        if self._row is None:
            return
        dialog = QColorDialog(QColor(self._row.color), self)
        dialog.setWindowTitle(f"Colour of {self._row.name}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(lambda chosen: self.recoloured.emit(chosen.name()))
        dialog.open()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See a double click on the name."""
        if event.type() == QEvent.Type.MouseButtonDblClick:
            self.rename()
            return True
        return bool(super().eventFilter(watched, event))

    def _on_edited(self, name: str) -> None:
        self._pages.setCurrentWidget(self.button)
        self.button.clearFocus()  # keys are the viewer's again
        if self._row is not None and name and name != self._row.name:
            self.renamed.emit(name)

    def _show_menu(self) -> None:
        below = self.more.rect().bottomLeft()
        self.menu.popup(self.more.mapToGlobal(below))


class _NameButton(Button):
    """A button with a class's name, which is cut where there is no room for it."""

    def __init__(self) -> None:
        super().__init__(" ")
        self._name = ""
        self.setCheckable(True)

    def set_name(self, name: str, key: str) -> None:
        """Show a name and its key; an empty key cap where there is none."""
        self._name, self.key = name, key or " "
        self.setAccessibleName(name)
        self._fit()
        self.update()

    def sizeHint(self) -> QSize:
        """Give room for a few letters, whatever the name."""
        return QSize(80, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the name for the new width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        cap = sum(width for part, width in self._parts() if part == "key")
        room = self.width() - cap - 20
        more = Qt.TextElideMode.ElideRight
        self.setText(self.fontMetrics().elidedText(self._name, more, room))


class _Swatch(QPushButton):
    """A square of a class's colour."""

    def __init__(self) -> None:
        super().__init__()
        self._colour = QColor()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_colour(self, color: str, name: str) -> None:
        """Show a colour."""
        self._colour = QColor(color)
        self.setToolTip(f"Colour of {name}")
        self.setAccessibleName(f"Colour of {name}")
        self.update()

    def sizeHint(self) -> QSize:
        """Give a square."""
        return QSize(22, 22)

    def minimumSizeHint(self) -> QSize:
        """Give the same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = 0.9 if self.underMouse() or self.hasFocus() else 0.4
        painter.setPen(QPen(faint(colour(self, "text"), edge), 1))
        painter.setBrush(self._colour)
        painter.drawRoundedRect(self.rect().adjusted(2, 2, -3, -3), 3, 3)


class _NameEditor(QLineEdit):
    """A name that is being typed: Enter takes it, Esc takes it back."""

    done = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._open = False
        self.setAccessibleName("Name of the class")
        self.editingFinished.connect(lambda: self._end(self.text().strip()))

    def begin(self, name: str) -> None:
        """Show a name to be overwritten."""
        self._open = True
        self.setText(name)
        self.selectAll()
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep keys of the name from acting on the image."""
        if event.key() == Qt.Key.Key_Escape:
            self._end("")
        else:
            super().keyPressEvent(event)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Select all of it."""
        self.selectAll()

    def _end(self, name: str) -> None:
        if self._open:
            self._open = False
            self.done.emit(name)
