"""The list of images: fast with thousands, updates only what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (
    QAbstractListModel,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from napari_unet._panels.look import colour, faint
from napari_unet._panels.pictograms import draw_pictogram

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent, QPainter, QResizeEvent

    from napari_unet._state import ImageRow

__all__ = ["LEAST_HEIGHT", "ImageList", "ImageRows"]

_ROW = Qt.ItemDataRole.UserRole
_SELECT = QItemSelectionModel.SelectionFlag.ClearAndSelect
_PICTURE = 40
LEAST_HEIGHT = int(1.1 * (_PICTURE + 8))
"""Of the list: in a low window an image, and that there are more."""
_CALLED = {
    "in work": "in progress",
    "locked": "for scoring",
    "missing": "can't be read",
}
_MEANINGS = {
    "untouched": "nothing predicted yet",
    "proposed": "predicted; nobody has looked yet",
    "in work": "some of it is reviewed",
    "done": "all of it is reviewed",
    "locked": "nothing is learned from it; it shows how good the model is",
    "missing": "its file is damaged, or not where it was; see that it opens in Fiji",
}
# The dock's own ground, framed: napari's grey would look like one large button.
_FRAME = (
    "QListView { background: transparent; border: 1px solid rgba(128,128,128,90); }"
)
_COLOUR_OF = {"in work": "doing", "done": "done", "missing": "wrong"}


class ImageRows(QAbstractListModel):
    """Rows of the list, as Qt's views read them."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._rows: tuple[ImageRow, ...] = ()
        self._place: dict[str, int] = {}
        self._pixmaps: dict[str, tuple[Any, QPixmap]] = {}

    def set_rows(self, rows: tuple[ImageRow, ...]) -> None:
        """Take over what differs; a row is the same if it is the same object."""
        old = self._rows
        if rows is old:
            return
        kept = min(len(old), len(rows))
        same = all(old[at].id == rows[at].id for at in range(kept))
        if not same or len(rows) < len(old):
            self.beginResetModel()
            self._take(rows)
            self._pixmaps = {
                key: value for key, value in self._pixmaps.items() if key in self._place
            }
            self.endResetModel()
            return
        if len(rows) > len(old):
            self.beginInsertRows(QModelIndex(), len(old), len(rows) - 1)
            self._take(rows)
            self.endInsertRows()
        else:
            self._take(rows)
        changed = [at for at in range(kept) if old[at] is not rows[at]]
        if changed:
            self.dataChanged.emit(self.index(changed[0]), self.index(changed[-1]))

    def _take(self, rows: tuple[ImageRow, ...]) -> None:
        self._rows = rows
        self._place = {row.id: at for at, row in enumerate(rows)}

    def index_of(self, identifier: str) -> QModelIndex:
        """Find an image; an invalid index if it is not in the list."""
        return self.index(self._place.get(identifier, -1))

    def row(self, identifier: str) -> ImageRow | None:
        """Give an image's row."""
        at = self._place.get(identifier)
        return None if at is None else self._rows[at]

    def thumbnail(self, row: ImageRow, side: int) -> QPixmap:
        """Give a thumbnail whose longer side has so many pixels; made once."""
        made, pixmap = self._pixmaps.get(row.id, (None, QPixmap()))
        if made is not row.thumbnail or max(pixmap.width(), pixmap.height()) != side:
            pixmap = _pixmap(row.thumbnail, side)
            self._pixmaps[row.id] = (row.thumbnail, pixmap)
        return pixmap

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Count the rows."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give what the view asks for."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == _ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.name}, {describe(row)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            state = _CALLED.get(row.state, row.state)
            return f"{row.name}\n{state}: {_MEANINGS.get(row.state, '')}"
        return None


def describe(row: ImageRow) -> str:
    """Say state and counts of an image in a few words."""
    words = [_CALLED.get(row.state, row.state)]
    if row.nuclei == 1:
        words.append("1 nucleus")
    elif row.nuclei >= 0 and 0 < row.reviewed < row.nuclei:
        words.append(f"{row.reviewed:,} of {row.nuclei:,} nuclei")
    elif row.nuclei >= 0:
        words.append(f"{row.nuclei:,} nuclei")
    if row.planes > 1:
        words.append(f"{row.planes} planes")
    return " · ".join(words)


def _pixmap(pixels: Any, side: int) -> QPixmap:
    if pixels is None or pixels.size == 0:
        return QPixmap()
    height, width, *colours = pixels.shape
    form = QImage.Format.Format_RGB888 if colours else QImage.Format.Format_Grayscale8
    row = 3 * width if colours else width
    image = QImage(pixels.tobytes(), width, height, row, form)
    return QPixmap.fromImage(
        image.scaled(
            side,
            side,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
    )


class _RowPainter(QStyledItemDelegate):
    """Paints thumbnail, name, and below it state and counts."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Give the same size for every row: that of the picture, or of two lines."""
        return QSize(120, max(_PICTURE, 2 * option.fontMetrics.height() + 2) + 8)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Paint one row."""
        view = option.widget
        row: ImageRow = index.data(_ROW)
        view.style().drawPrimitive(
            QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, view
        )
        painter.save()
        box = option.rect
        text = colour(view, "text")
        current = bool(option.state & QStyle.StateFlag.State_Selected)
        if current:
            bar = QRect(box.left(), box.top() + 4, 3, box.height() - 8)
            painter.fillRect(bar, text)
        frame = QRect(box.left() + 8, box.top() + 4, _PICTURE, _PICTURE)
        self._paint_thumbnail(painter, row, frame, index)
        left = frame.right() + 10
        width = box.right() - left - 6
        font = option.font
        font.setBold(current)
        painter.setFont(font)
        painter.setPen(faint(text, 0.65) if row.state == "missing" else text)
        metrics = painter.fontMetrics()
        line = metrics.height()
        name = metrics.elidedText(row.name, Qt.TextElideMode.ElideMiddle, width)
        top = box.center().y() - line - 1
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRect(left, top, width, line), flags, name)
        font.setBold(False)
        painter.setFont(font)
        tint = colour(view, _COLOUR_OF.get(row.state, "text"))
        mark = QRectF(left, top + line + 2 + (line - 12) / 2, 12, 12)
        draw_pictogram(painter, row.state, mark, tint)
        painter.setPen(faint(text, 0.75))
        words = painter.fontMetrics().elidedText(
            describe(row), Qt.TextElideMode.ElideRight, width - 18
        )
        painter.drawText(QRect(left + 18, top + line + 2, width, line), flags, words)
        painter.restore()

    def _paint_thumbnail(
        self, painter: QPainter, row: ImageRow, frame: QRect, index: QModelIndex
    ) -> None:
        view = self.parent()
        ratio = view.devicePixelRatioF()
        pixmap = index.model().thumbnail(row, round(_PICTURE * ratio))
        if pixmap.isNull():
            painter.fillRect(frame, faint(colour(view, "text"), 0.08))
            return
        size = pixmap.size() / ratio
        centre = frame.center() - QPoint(size.width() // 2, size.height() // 2)
        painter.drawPixmap(QRect(centre, size), pixmap)


class ImageList(QListView):
    """The view: a click asks for an image, arrows for the next one."""

    picked = Signal(str)
    next_requested = Signal()
    previous_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.rows = ImageRows(self)
        self.setModel(self.rows)
        self.setItemDelegate(_RowPainter(self))
        self.setUniformItemSizes(True)
        self.setStyleSheet(_FRAME)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(16)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # It would put the current image at the edge: one wants to see its neighbours.
        self.setAutoScroll(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        # Letters are the viewer's keys: a click must not take them away.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Images")
        self.setMinimumHeight(LEAST_HEIGHT)
        self.clicked.connect(self._on_clicked)

    def mark_current(self, identifier: str) -> None:
        """Highlight an image and scroll to it if it was not highlighted before."""
        index = self.rows.index_of(identifier)
        if not index.isValid():
            self.clearSelection()
        elif not self.selectionModel().isSelected(index):
            self.selectionModel().setCurrentIndex(index, _SELECT)
            self._bring_into_view()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the current image in view, if it was."""
        before = QRect(QPoint(0, 0), event.oldSize())
        was_seen = before.intersects(self.visualRect(self.currentIndex()))
        super().resizeEvent(event)
        if was_seen or not before.isValid():
            self._bring_into_view()

    def _bring_into_view(self) -> None:
        index = self.currentIndex()
        inside = self.viewport().rect()
        if index.isValid() and not inside.contains(self.visualRect(index)):
            self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take arrows and page keys; leave all others to the viewer."""
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_PageDown):
            self.next_requested.emit()
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_PageUp):
            self.previous_requested.emit()
        else:
            event.ignore()

    def _on_clicked(self, index: QModelIndex) -> None:
        self.picked.emit(index.data(_ROW).id)
