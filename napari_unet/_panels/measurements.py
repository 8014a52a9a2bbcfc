"""The table of all nuclei, or classes, of a batch: sorted at once, however long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    Qt,
    Signal,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_unet._panels.look import Lines
from unetloop.class_areas import CLASS_COLUMNS
from unetloop.measurements import COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QKeyEvent

    from napari_unet._results import Results

__all__ = ["MeasurementsTable", "NucleiModel"]

_HELP = {name: f"{text} ({unit})" if unit else text for name, unit, text in COLUMNS}
_TEXTS = ("image", "class")
_CLASS_HELP = {
    name: f"{text} ({unit})" if unit else text for name, unit, text in CLASS_COLUMNS
}


class NucleiModel(QAbstractTableModel):
    """Measurements, in an order of their own.

    Qt's own proxy would ask Python for every cell to sort by; here numpy sorts a
    column, and the order is a list of rows.
    """

    def __init__(self) -> None:
        super().__init__()
        self._results: Results | None = None
        self._names: list[str] = []
        self._order: NDArray[np.int64] = np.zeros(0, np.int64)
        self._image = -1
        self._sorting = (-1, Qt.SortOrder.AscendingOrder)

    def set_results(self, results: Results | None) -> None:
        """Show other results; None: nothing."""
        self.beginResetModel()
        self._results = results
        self._names = list(results.columns) if results is not None else []
        self._image = -1
        self._arrange()
        self.endResetModel()

    def show_only(self, image: int) -> None:
        """List the nuclei of one image, by its place in the results; -1: of all."""
        if image == self._image:
            return
        self.beginResetModel()
        self._image = image
        self._arrange()
        self.endResetModel()

    def row_at(self, line: int) -> int:
        """Say which row of the measurements a line shows."""
        return int(self._order[line])

    def line_of(self, row: int) -> int:
        """Say which line shows a row of the measurements; -1: none."""
        found = np.flatnonzero(self._order == row)
        return int(found[0]) if len(found) else -1

    def sort(
        self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder
    ) -> None:
        """Sort by a column; what is not known comes last."""
        self.layoutAboutToBeChanged.emit()
        kept = [self.row_at(index.row()) for index in self.persistentIndexList()]
        self._sorting = (column, order)
        self._arrange()
        old = self.persistentIndexList()
        new = [
            self.index(self.line_of(row), index.column())
            for row, index in zip(kept, old, strict=True)
        ]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        results = self._results
        if results is None:
            self._order = np.zeros(0, np.int64)
            return
        rows = np.arange(results.nuclei)
        if self._image >= 0:
            rows = rows[results.columns["image"] == self._image]
        column, order = self._sorting
        if 0 <= column < len(self._names):
            values = results.columns[self._names[column]][rows].astype(np.float64)
            falling = order == Qt.SortOrder.DescendingOrder
            # NaN is last in numpy's order, whatever the sign.
            rows = rows[np.argsort(-values if falling else values, kind="stable")]
        self._order = rows.astype(np.int64)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Give the number of nuclei listed."""
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Give the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give a cell."""
        results = self._results
        if results is None or not index.isValid():
            return None
        name = self._names[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            value = results.columns[name][self._order[index.row()]]
            if name == "image":
                return results.images[int(value)].name
            if name == "class":
                return results.class_name(int(value))
            return _written(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and name not in _TEXTS:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Give a column's name, and what it means."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self._names):
            return None
        name = self._names[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return name.replace("_", " ")
        if role != Qt.ItemDataRole.ToolTipRole:
            return None
        classes = self._results is not None and self._results.classes
        return (_CLASS_HELP if classes else _HELP).get(name)


class MeasurementsTable(QWidget):
    """The table, and a line that says what it lists.

    Signal: ``picked(row)``, of the measurements.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._results: Results | None = None
        self._image = -1
        self._ours = False
        self.model = NucleiModel()
        self.said = Lines()
        self.only = QCheckBox("This image only")
        self.only.setToolTip("List only what is on the image that is shown")
        self.only.toggled.connect(self._on_only)
        self.view = QTableView()
        self.view.setModel(self.model)
        self.view.setAccessibleName("Measurements")
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setWordWrap(False)
        self.view.setTabKeyNavigation(False)  # Tab goes on to what comes next
        self.view.verticalHeader().setVisible(False)
        self.view.verticalHeader().setDefaultSectionSize(
            self.fontMetrics().height() + 7
        )
        header = self.view.horizontalHeader()
        header.setResizeContentsPrecision(50)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setHighlightSections(False)  # a whole row is selected, and no column
        self.view.setSortingEnabled(True)
        self.view.selectionModel().selectionChanged.connect(self._on_selection)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        top = QHBoxLayout()
        top.addWidget(self.said, 1)
        top.addWidget(self.only)
        column.addLayout(top)
        column.addWidget(self.view, 1)

    def show_results(self, results: Results | None) -> None:
        """List the nuclei of other results."""
        self._results, self._image = results, -1
        self.model.set_results(results)
        self.only.setChecked(False)
        self.view.resizeColumnsToContents()
        self._say()

    def show_image(self, image: int) -> None:
        """Know which image is on the screen."""
        self._image = image
        if self.only.isChecked():
            self.model.show_only(image)
        self._say()

    def select(self, row: int) -> None:
        """Mark the line of a nucleus that was selected elsewhere; -1: none."""
        line = self.model.line_of(row) if row >= 0 else -1
        self._ours = True
        try:
            if line < 0:
                self.view.clearSelection()
                return
            index = self.model.index(line, 0)
            flags = QItemSelectionModel.SelectionFlag
            self.view.selectionModel().setCurrentIndex(
                index, flags.ClearAndSelect | flags.Rows
            )
            self.view.scrollTo(index)
        finally:
            self._ours = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep Enter from the viewer: who presses it here does not mean the image."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
        else:
            super().keyPressEvent(event)

    def _on_selection(self) -> None:
        lines = self.view.selectionModel().selectedRows()
        if lines and not self._ours:
            self.picked.emit(self.model.row_at(lines[0].row()))

    def _on_only(self, only: bool) -> None:
        self.model.show_only(self._image if only else -1)
        self._say()

    def _say(self) -> None:
        results = self._results
        if results is None:
            self.said.say("")
            return
        listed, images = self.model.rowCount(), len(results.images)
        if self.only.isChecked() and self._image >= 0:
            where = results.images[self._image].name
        else:
            where = f"{images:,} image" + ("s" if images != 1 else "")
        if results.classes:
            what = f"Areas of {len(results.classes)} classes"
        else:
            what = f"{listed:,} nuclei"
        self.said.say(f"{what} in {where} · {results.folder}")


def _written(value: Any) -> str:
    number = float(value)
    if np.isnan(number):
        return ""
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return f"{number:.4g}" if abs(number) < 1e4 else f"{number:.1f}"
