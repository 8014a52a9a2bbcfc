"""The user's hand on the image: the mouse button, and napari's brush in it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._screen import Screen

if TYPE_CHECKING:
    from napari import Viewer

__all__ = ["BRUSH_SIZE", "Hand"]

BRUSH_SIZE = 8


class Hand(Screen):
    """A screen that knows what the mouse does on it.

    Signals: ``released()`` after the mouse button was, and what it did is done;
    ``brush_changed()`` when another tool or number is in the hand.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    released = Signal()
    brush_changed = Signal()

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(viewer, parent)
        self.mouse_down = False
        self._brush = BRUSH_SIZE
        viewer.mouse_drag_callbacks.append(self._on_drag)
        with suppress(AttributeError):
            # napari 0.9.2 leaves a black square where its brush was, once a layer
            # was added.
            viewer.canvas.overlays._brush_circle.box = False

    def start_brush(self, number: int, size: float | None = None) -> None:
        """Give the user napari's brush; with the number 0, the eraser.

        Parameters
        ----------
        number : int
            What it paints.
        size : float, optional
            Of the brush in pixels, unless the user chose one.
        """
        if self.nuclei is not None:
            self.viewer.layers.selection.active = self.nuclei
            if number:
                self.nuclei.selected_label = number
            if size and self.nuclei.brush_size == self._brush:
                self._brush = self.nuclei.brush_size = max(2, round(size))
            self.nuclei.mode = "paint" if number else "erase"

    @property
    def brush(self) -> int | None:
        """The number that is painted now; 0: it is erased; None: nothing is."""
        mode = str(self.nuclei.mode) if self.nuclei is not None else ""
        if mode in ("paint", "fill", "polygon") and self.nuclei is not None:
            return int(self.nuclei.selected_label)
        return 0 if mode == "erase" else None

    def hold_camera(self) -> None:
        """Keep the camera still, for the mouse draws a line."""
        if self.nuclei is not None:
            self.nuclei.mode = "pan_zoom"
            self.nuclei.mouse_pan = False
            self.nuclei.cursor = "crosshair"
        self.viewer.scene.camera.mouse_pan = False

    def stop_brush(self) -> None:
        """Let the mouse move the camera again."""
        if self.nuclei is not None:
            self.nuclei.mode = "pan_zoom"
            self.nuclei.mouse_pan = True
            self.nuclei.cursor = "standard"
            polygon = getattr(self.nuclei, "_overlays", {}).get("polygon")
            if polygon is not None and polygon.points:  # of one that was not finished
                polygon.points = []
        active = self.viewer.layers.selection.active
        self.viewer.scene.camera.mouse_pan = active is None or active.mouse_pan

    @property
    def stroke_in_progress(self) -> bool:
        """Whether the user is painting right now."""
        if self.mouse_down:
            return True
        overlay = getattr(self.nuclei, "_overlays", {}).get("brush_stroke")
        return bool(getattr(overlay, "active", False))

    def keep_number_free(self, before: int, after: int) -> None:
        """Go on with a free number where a prediction took the one selected."""
        if self.nuclei is not None and before < self.nuclei.selected_label <= after:
            self.nuclei.selected_label = after + 1

    def let_go(self) -> None:
        """Watch the mouse no more."""
        if self._on_drag in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(self._on_drag)

    def _on_drag(self, viewer: Any, event: Any) -> Any:
        self.mouse_down = True
        yield
        while event.type == "mouse_move":
            yield
        self.mouse_down = False
        # After the layer's own callbacks: they finish the stroke.
        QTimer.singleShot(0, self.released.emit)
