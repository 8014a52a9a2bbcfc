"""A column of widgets that scrolls, for docks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_unet._panels.look import colour, faint, is_by_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtGui import QKeyEvent, QPaintEvent

__all__ = ["Column"]

_SOON_MS = 200


class _FocusFrame(QWidget):
    """Lies over a column and frames what Tab has reached: napari's style does not."""

    def __init__(self, column: QWidget) -> None:
        super().__init__(column)
        self._framed: QWidget | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def frame(self, widget: QWidget | None) -> None:
        """Frame a widget of the column; None: none."""
        if widget is not self._framed:
            self._framed = widget
            self.raise_()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame."""
        if self._framed is None:
            return
        painter = QPainter(self)
        painter.setPen(faint(colour(self, "text"), 0.7))
        corner = self._framed.mapTo(self.parentWidget(), QPoint())
        box = QRect(corner, self._framed.size())
        painter.drawRect(box.adjusted(0, 0, -1, -1))


class Column(QScrollArea):
    """Scrolls up and down, and is never narrower than what it holds.

    Parameters
    ----------
    widgets : iterable of QWidget
        From top to bottom.
    tall : QWidget, optional
        Which of them takes the room that the others leave.
    """

    def __init__(self, widgets: Iterable[QWidget], tall: QWidget | None = None) -> None:
        super().__init__()
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 2, 6, 2)
        column.setSpacing(6)
        for widget in widgets:
            column.addWidget(widget, int(widget is tall))
        column.addStretch()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self._followed: QWidget | None = None
        self._from_top = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_SOON_MS)
        self._rest.timeout.connect(self._end_following)
        self._frame = _FocusFrame(inside)
        self.setWidget(inside)
        if (app := QApplication.instance()) is not None:
            app.focusChanged.connect(self._on_focus)

    def _on_focus(self, _: QWidget | None, focused: QWidget | None) -> None:
        ours = focused is not None and self.isAncestorOf(focused)
        framed = ours and is_by_keys(self)
        self._frame.frame(focused if framed else None)

    def follow(self, widget: QWidget, *, from_top: bool = False) -> None:
        """Scroll to this one when the column has become longer, which it is about to.

        Parameters
        ----------
        widget : QWidget
            One of the column.
        from_top : bool
            Have it begin at the top, or as near as can be: with all that is below.
        """
        self._followed, self._from_top = widget, from_top
        self._rest.start()

    def _end_following(self) -> None:
        self._followed = None

    @property
    def out_of_sight(self) -> int:
        """How many pixels of its height one has to scroll to."""
        lacking: int = (
            self.widget().minimumSizeHint().height() - self.viewport().height()
        )
        return max(lacking, 0)

    def minimumSizeHint(self) -> QSize:
        """Give the width of what it holds and of the scroll bar."""
        width = self.widget().minimumSizeHint().width()
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(width + bar, super().minimumSizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave PageUp and PageDown to the viewer, where they change the image.

        Enter does not reach it from a field, or from where keys brought the focus: who
        presses it there does not say that all in view is right. Where a window is new,
        or the mouse was clicked, the focus is somewhere, and Enter is the viewer's.
        """
        if event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            event.ignore()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            field = isinstance(QApplication.focusWidget(), QLineEdit | QAbstractSpinBox)
            event.setAccepted(field or is_by_keys(self))
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See what it holds become wider or longer."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        seen = bool(super().eventFilter(watched, event))
        if event.type() == QEvent.Type.Resize:
            self._frame.resize(self.widget().size())
            if self._followed is not None and self._from_top:
                self.widget().layout().activate()
                self.verticalScrollBar().setValue(self._followed.y())
            elif self._followed is not None:
                self.ensureWidgetVisible(self._followed)
        return seen
