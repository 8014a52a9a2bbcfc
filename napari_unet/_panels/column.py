"""A column of widgets that scrolls, for docks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtGui import QKeyEvent

__all__ = ["Column"]


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
        self.setWidget(inside)
        self._followed: QWidget | None = None

    def follow(self, widget: QWidget) -> None:
        """Scroll to this one when the column becomes longer the next time."""
        self._followed = widget

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
        """Leave PageUp and PageDown to the viewer, where they change the image."""
        if event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See what it holds become wider or longer."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        seen = bool(super().eventFilter(watched, event))
        if event.type() == QEvent.Type.Resize and self._followed is not None:
            self.ensureWidgetVisible(self._followed)
            self._followed = None
        return seen
