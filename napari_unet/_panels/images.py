"""Step 1: which images there are, which one is shown, and how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QPainter, QPen
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from napari_unet._panels.button import Button
from napari_unet._panels.image_list import LEAST_HEIGHT, ImageList
from napari_unet._panels.inline import InlineCombo
from napari_unet._panels.look import Heading, Word, colour, faint
from napari_unet._panels.reading import ReadingLine

if TYPE_CHECKING:
    from qtpy.QtCore import QMimeData
    from qtpy.QtGui import (
        QDragEnterEvent,
        QDragLeaveEvent,
        QDropEvent,
        QKeyEvent,
        QPaintEvent,
    )

    from napari_unet._state import ImageRow, LoopState

__all__ = ["ImagesPanel", "dropped_paths"]

_EMPTY = "Drop images or a folder here\nor try File › Open Sample"
_DROP = "Let go to open"
_TASKS = {"nuclei": "nuclei", "classes": "tissue classes"}


def dropped_paths(mime: QMimeData) -> list[Path]:
    """List the files and folders of this machine that are being dropped."""
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


class ImagesPanel(QWidget):
    """Step 1 of the dock."""

    open_requested = Signal(list)
    layer_requested = Signal()
    image_requested = Signal(str)
    next_requested = Signal()
    previous_requested = Signal()
    reading_changed = Signal(dict)
    lock_requested = Signal(str, bool)
    task_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self._state: LoopState | None = None
        self.count = Word()
        self.task = InlineCombo(
            "What is segmented", "What is segmented: single nuclei, or areas of tissue"
        )
        # Not while the style is being applied: Qt would lose one of the two.
        queued = Qt.ConnectionType.QueuedConnection
        self.count.rewritten.connect(self.task.write_at, queued)
        self.task.addItems(list(_TASKS.values()))
        self.task.activated.connect(self._on_task)
        self.open_button = Button("Open images…", tip="Open files or a folder")
        self.menu = QMenu(self)
        self.menu.addAction("Files…", self._choose_files)
        self.menu.addAction("Folder…", self._choose_folder)
        self.open_button.clicked.connect(self._show_menu)
        self.layer_button = Button(
            "Use selected layer",
            tip="Work on the image selected in napari's list; of labels of your own, "
            "take the nuclei as right in the image shown",
        )
        self.layer_button.clicked.connect(self.layer_requested)
        self.list = ImageList()
        self.list.picked.connect(self.image_requested)
        self.list.next_requested.connect(self.next_requested)
        self.list.previous_requested.connect(self.previous_requested)
        self.hint = _DropHint()
        self.previous_button = Button(picture="previous", tip="Previous image (PageUp)")
        self.previous_button.clicked.connect(self.previous_requested)
        self.next_button = Button(picture="next", tip="Next image (PageDown)")
        self.next_button.clicked.connect(self.next_requested)
        self.lock_button = Button(
            "Keep for scoring only",
            picture="unlocked",
            tip="Nothing is learned from this image; it shows how good the model is",
            quiet=True,
        )
        self.lock_button.setCheckable(True)
        self.lock_button.clicked.connect(self._on_lock)
        self.reading = ReadingLine()
        self.reading.changed.connect(self.reading_changed)
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetMinAndMaxSize)
        top = QHBoxLayout()
        top.addWidget(Heading("1  Images"))
        top.addSpacing(8)
        top.addWidget(self.task)
        top.addStretch(1)
        top.addWidget(self.count)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.open_button, 1)
        buttons.addWidget(self.layer_button, 1)
        middle = QWidget()
        self._pages = QStackedLayout(middle)
        self._pages.addWidget(self.hint)
        self._pages.addWidget(self.list)
        below = QHBoxLayout()
        below.setSpacing(4)
        below.addWidget(self.previous_button)
        below.addWidget(self.next_button)
        below.addStretch(1)
        below.addWidget(self.lock_button)
        column.addLayout(top)
        column.addLayout(buttons)
        column.addWidget(middle, 1)
        column.addLayout(below)
        column.addWidget(self.reading)

    def show(self, state: LoopState) -> None:
        """Show the list, the current image and how it is read."""
        before, self._state = self._state, state
        images_changed = before is None or before.images is not state.images
        if images_changed:
            self.list.rows.set_rows(state.images)
            self._pages.setCurrentIndex(1 if state.images else 0)
            self.count.setText(_counted(state))
        if images_changed or before is None or before.current != state.current:
            self._show_lock()
        if before is not None and before.current != state.current:
            self.reading.refuse("")
        if before is None or before.task != state.task:
            with QSignalBlocker(self.task):
                self.task.setCurrentText(_TASKS[state.task])
            self.task.updateGeometry()
        self.list.mark_current(state.current)
        several = len(state.images) > 1
        self.previous_button.setEnabled(several)
        self.next_button.setEnabled(several)
        self.reading.show_reading(state.reading)

    def _show_lock(self) -> None:
        row = self.list.rows.row(self._state.current) if self._state else None
        locked = row is not None and row.state == "locked"
        self.lock_button.setEnabled(row is not None and row.state != "missing")
        self.lock_button.setChecked(locked)
        self.lock_button.set_face(
            self.lock_button.text(), "locked" if locked else "unlocked"
        )

    def _on_lock(self, wanted: bool) -> None:
        # What is drawn is what is so, not what is wished.
        self._show_lock()
        if self._state is not None:
            self.lock_requested.emit(self._state.current, wanted)

    def _on_task(self, index: int) -> None:
        wanted = list(_TASKS)[index]
        if self._state is not None and wanted != self._state.task:
            # What is drawn is what is so, not what is wished.
            with QSignalBlocker(self.task):
                self.task.setCurrentText(_TASKS[self._state.task])
            self.task_requested.emit(wanted)

    def _show_menu(self) -> None:
        below = self.open_button.rect().bottomLeft()
        self.menu.popup(self.open_button.mapToGlobal(below))

    def _choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Open images", self._folder())
        if names:
            self.open_requested.emit([Path(name) for name in names])

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self, "Open a folder of images", self._folder()
        )
        if name:
            self.open_requested.emit([Path(name)])

    def _folder(self) -> str:
        folder = self._state.folder if self._state else None
        return str(folder.parent) if folder else ""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let the page keys act wherever the focus is in this panel."""
        if event.key() == Qt.Key.Key_PageDown:
            self.next_requested.emit()
        elif event.key() == Qt.Key.Key_PageUp:
            self.previous_requested.emit()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Show that files may be let go here."""
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()
            self.hint.setText(_DROP)
            self._pages.setCurrentIndex(0)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Show the list again."""
        self._end_drag()

    def dropEvent(self, event: QDropEvent) -> None:
        """Ask for what was dropped to be opened."""
        self._end_drag()
        paths = dropped_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.open_requested.emit(paths)

    def _end_drag(self) -> None:
        self.hint.setText(_EMPTY)
        self._pages.setCurrentIndex(1 if self.list.rows.rowCount() else 0)


def _counted(state: LoopState) -> str:
    total = len(state.images)
    if not total:
        return ""
    if state.task == "classes":
        painted = sum(row.state in ("in work", "done") for row in state.images)
        return f"{painted:,} of {total:,} painted"
    seen = sum(_is_reviewed(row) for row in state.images)
    return f"{seen:,} of {total:,} reviewed"


def _is_reviewed(row: ImageRow) -> bool:
    # Of a stack, nuclei are counted on the planes that somebody saw.
    each = row.planes == 1 and 0 < row.nuclei <= row.reviewed
    return row.state == "done" or each


class _DropHint(QLabel):
    """A sentence in a dashed frame."""

    def __init__(self) -> None:
        super().__init__(_EMPTY)
        self.setMinimumHeight(LEAST_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw frame and sentence."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = colour(self, "text")
        ready = self.text() == _DROP
        pen = QPen(faint(text, 0.9 if ready else 0.45), 2 if ready else 1.5)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        frame = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        painter.drawRoundedRect(frame, 6, 6)
        painter.setPen(faint(text, 0.85))
        painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, self.text())
