"""The files of a batch: how each will be read, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_unet._panels.look import colour
from napari_unet._words import axes_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QKeyEvent, QResizeEvent
    from qtpy.QtWidgets import QWidget

    from napari_unet._batch_state import FileRow

__all__ = ["FilesTable"]

_COLUMNS = ("File", "Size", "Kind", "Channel", "Result")
# Of columns that may hold long words.
_MOST_WIDTHS = {1: 110, 2: 52, 3: 70}
_NAME_WIDTH, _RESULT_WIDTH = 60, 72
_TINTS = {"done": "done", "failed": "wrong", "unreadable": "wrong"}


class FilesTable(QTableView):
    """One line a file. Signal: ``picked(path)`` of a file with results."""

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = _Rows(self)
        self._widest = 0
        self.setModel(self.rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)  # Tab goes on to what comes next
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setAccessibleName("Files of the batch")
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 5)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(36)
        header.setResizeContentsPrecision(50)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)  # a whole row is selected, and no column
        self.setMinimumHeight(132)
        self.doubleClicked.connect(self._pick)

    def set_rows(self, rows: Sequence[FileRow]) -> None:
        """List other files."""
        self.rows.set_rows(rows)
        self.resizeColumnsToContents()
        self._widest = self.columnWidth(0)
        for column, most in _MOST_WIDTHS.items():
            self.setColumnWidth(column, min(self.columnWidth(column), most))
        self._fit()

    def set_row(self, number: int, row: FileRow) -> None:
        """Show what became of a file."""
        self.rows.set_row(number, row)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave room for the results where there is less."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Shorten names rather than results."""
        others = sum(self.columnWidth(column) for column in (1, 2, 3))
        room = self.viewport().width() - others - _RESULT_WIDTH
        self.setColumnWidth(0, max(min(self._widest, room), _NAME_WIDTH))
        # The last one takes what is left; reasons are cut, and whole in the tooltip.
        self.setColumnWidth(len(_COLUMNS) - 1, _RESULT_WIDTH)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter for a double-click on the row that the arrows reached."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._pick(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def _pick(self, index: QModelIndex) -> None:
        if index.isValid() and self.rows.at(index.row()).status == "done":
            self.picked.emit(self.rows.at(index.row()).path)


class _Rows(QAbstractTableModel):
    def __init__(self, view: QTableView) -> None:
        super().__init__(view)
        self._view = view
        self._rows: list[FileRow] = []

    def set_rows(self, rows: Sequence[FileRow]) -> None:
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    def set_row(self, number: int, row: FileRow) -> None:
        self._rows[number] = row
        last = len(_COLUMNS) - 1
        self.dataChanged.emit(self.index(number, 0), self.index(number, last))

    def at(self, number: int) -> FileRow:
        return self._rows[number]

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if (
            orientation == Qt.Orientation.Horizontal
            and role == Qt.ItemDataRole.DisplayRole
        ):
            return _COLUMNS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            # A narrow column: plane, stack, movie; letters are in the tooltip.
            kind = axes_in_words(row.axes).removeprefix("one ") if row.axes else ""
            cells = (row.name, row.size, kind, row.channel, row.said)
            return cells[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            more = "\nDouble-click to see it" if row.status == "done" else ""
            how = " · ".join(filter(None, (row.size, row.axes, row.channel)))
            return "\n".join(filter(None, (row.path, how, row.said))) + more
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 4:
            return colour(self._view, _TINTS.get(row.status, "text"))
        return None
