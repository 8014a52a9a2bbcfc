"""Goes through images, planes and views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from unetloop.boxes import clipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet._editor import Editor
    from napari_unet._gallery import Gallery
    from napari_unet._layers import Layers
    from napari_unet._opener import Opener
    from napari_unet._tools import Tools
    from unetloop.boxes import Box
    from unetloop.pieces import Window

__all__ = ["Steps"]


class Steps(QObject):
    """Brings to the screen what comes next.

    Signal: ``said(text, level)``.

    Parameters
    ----------
    layers, tools, opener, editor, gallery
        The screen, the mouse, the images, corrections, and the list.
    """

    said = Signal(str, str)

    def __init__(
        self,
        layers: Layers,
        tools: Tools,
        opener: Opener,
        editor: Editor,
        gallery: Gallery,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._tools = tools
        self._opener = opener
        self._editor = editor
        self._gallery = gallery

    def show(self, image: str) -> None:
        """Show an image of the list."""
        self._tools.disarm()
        self._opener.show(image)

    def next(self) -> None:
        """Show the next image of the list."""
        self._go(1)

    def previous(self) -> None:
        """Show the previous image of the list."""
        self._go(-1)

    def skip(self, image: str) -> None:
        """Note that an image can't be read; show another one where none is shown."""
        self._gallery.set_missing(image)
        if self._opener.current is None:
            other = self._beside(image, 1) or self._beside(image, -1)
            if other:
                self._opener.show(other)

    def go_to(self, image: str, plane: int) -> None:
        """Show a plane of an image."""
        current = self._opener.current
        if current is not None and image == current.entry.id:
            self._layers.go_to_plane(plane)
        else:
            self._opener.show(image, plane)

    def look_at(self, places: Sequence[tuple[int, Window]]) -> None:
        """Bring rectangles of the plane on the screen into view, unless most is.

        Parameters
        ----------
        places : sequence
            Planes, and rows and columns of each.
        """
        here = [window for plane, window in places if plane == self._layers.plane]
        if not here or not self._layers.flat:
            return
        box = (
            min(rows.start for rows, _ in here),
            min(columns.start for _, columns in here),
            max(rows.stop for rows, _ in here),
            max(columns.stop for _, columns in here),
        )
        visible = self._layers.visible
        shared = None if visible is None else clipped(box, visible)
        # One may look into a small part of it, or it may be small.
        if visible is None or 2 * _area(shared) < min(_area(box), _area(visible)):
            middle = (box[0] + box[2] - 1) / 2, (box[1] + box[3] - 1) / 2
            self._layers.centre_on(*middle)

    def accept_view(self) -> None:
        """Take what is in view as right, and go to where most is left to do."""
        current = self._opener.current
        if current is None:
            return
        if self._layers.visible is None:
            self.said.emit("Nothing of the image is in view.", "info")
            return
        centre = self._editor.accept_view()
        if centre is not None:
            self._layers.centre_on(*centre)
            return
        plane = current.next_plane(self._layers.plane)
        image = self._gallery.next_to_do(current.entry.id)
        if plane is not None:
            self._layers.go_to_plane(plane)
        elif image:
            self._opener.show(image)
        else:
            self.said.emit("All images are reviewed.", "info")

    def _go(self, by: int) -> None:
        """Show the next image downwards in the list, or upwards."""
        self._tools.disarm()
        current = self._opener.current
        if current is not None:
            other = self._beside(current.entry.id, by)
            if other:
                self._opener.show(other)

    def _beside(self, image: str, by: int) -> str:
        """Give the nearest image below (1) or above (-1) that can be read, if any."""
        rows = self._gallery.rows
        places = {row.id: place for place, row in enumerate(rows)}
        if image not in places:
            return ""
        others = rows[places[image] + by :: by] if places[image] + by >= 0 else ()
        return next((row.id for row in others if row.state != "missing"), "")


def _area(box: Box | None) -> int:
    """Count a box's pixels; none: 0."""
    return 0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
