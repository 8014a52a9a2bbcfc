"""A small picture of the first image, with the nuclei that the model finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Signal
from qtpy.QtGui import QPainter, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet._panels.button import Button
from napari_unet._panels.look import Lines

if TYPE_CHECKING:
    from pathlib import Path

    from qtpy.QtGui import QPaintEvent

    from napari_unet._batch_state import Preview

__all__ = ["PreviewBox"]

_LEAST_HEIGHT, _HEIGHT = 110, 200
_LEAST_ZOOM = 0.5


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
        self._shown = preview
        self.picture.show_file(preview.picture)
        # What lies below would move away from under the pointer.
        self.picture.setVisible(preview.coming or preview.picture is not None)
        self.sentence.say(preview.sentence)
        self.layers_button.setEnabled(preview.folder is not None)
        self.setVisible(bool(preview.sentence))


class _Picture(QWidget):
    """A picture; of a large one its middle, so that outlines can be told apart."""

    def __init__(self) -> None:
        super().__init__()
        self._pixels = QPixmap()
        self.setMinimumHeight(_LEAST_HEIGHT)
        self.setMaximumHeight(_HEIGHT)
        self.setAccessibleName("Preview")

    def sizeHint(self) -> QSize:
        """Give the height that it has where there is room."""
        return QSize(_HEIGHT, _HEIGHT)

    def show_file(self, path: Path | None) -> None:
        """Show a file's picture; None: nothing."""
        self._pixels = QPixmap() if path is None else QPixmap(str(path))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it, or its middle."""
        wide, tall = self._pixels.width(), self._pixels.height()
        if not wide or not tall:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        zoom = max(min(self.width() / wide, self.height() / tall), _LEAST_ZOOM)
        across, down = min(wide, self.width() / zoom), min(tall, self.height() / zoom)
        seen = QRectF((wide - across) / 2, (tall - down) / 2, across, down)
        box = QRectF(0, 0, across * zoom, down * zoom)
        box.moveCenter(QRectF(self.rect()).center())
        painter.drawPixmap(box, self._pixels, seen)
