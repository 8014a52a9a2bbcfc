"""A small picture of the first image, with the nuclei that the model finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QImageReader, QPainter, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet._panels.button import Button
from napari_unet._panels.look import Lines

if TYPE_CHECKING:
    from pathlib import Path

    from qtpy.QtGui import QPaintEvent

    from napari_unet._batch_state import Preview

__all__ = ["PreviewBox"]

_HEIGHT = 170


class PreviewBox(QWidget):
    """The picture, what it shows, and a button to look closer."""

    layers_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = _Picture()
        self.sentence = Lines()
        self.layers_button = Button(
            "Show as layers", tip="Show this image and its nuclei in the viewer"
        )
        self.layers_button.clicked.connect(self.layers_requested)
        self._shown: Preview | None = None
        below = QHBoxLayout()
        below.addWidget(self.sentence, 1)
        below.addWidget(self.layers_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.picture)
        column.addLayout(below)
        self.setVisible(False)

    def show_preview(self, preview: Preview) -> None:
        """Show a preview; cheap where it is shown already."""
        if preview == self._shown:
            return
        before, self._shown = self._shown, preview
        if before is None or preview.picture != before.picture or preview.picture:
            self.picture.show_file(preview.picture)
        self.sentence.say(preview.sentence)
        self.layers_button.setEnabled(preview.folder is not None)
        self.setVisible(bool(preview.sentence))


class _Picture(QWidget):
    """A picture, as large as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._pixels = QPixmap()
        self.setFixedHeight(_HEIGHT)
        self.setAccessibleName("Preview")

    def show_file(self, path: Path | None) -> None:
        """Show a file's picture; None: nothing."""
        self._pixels = QPixmap()
        if path is not None:
            reader = QImageReader(str(path))
            size = reader.size()
            # Twice as large as drawn, for screens with small pixels.
            reader.setScaledSize(size.scaled(1200, 2 * _HEIGHT, _KEEP))
            self._pixels = QPixmap.fromImage(reader.read())
        self.setVisible(path is not None)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        if self._pixels.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        size = self._pixels.size().scaled(self.size(), _KEEP)
        box = QRectF(0, 0, size.width(), size.height())
        box.moveLeft((self.width() - size.width()) / 2)
        painter.drawPixmap(box, self._pixels, QRectF(self._pixels.rect()))


_KEEP = Qt.AspectRatioMode.KeepAspectRatio
