"""The user's hand on the image: the mouse button, and napari's brush in it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_unet._screen import Screen

__all__ = ["Hand"]

_BRUSH_SIZE = 8


class Hand(QObject):
    """What the mouse does on the nuclei's layer, and what the user paints with.

    Signals: ``released()`` after the mouse button was, and what it did is done;
    ``brush_changed()`` when another tool or number is in the hand.

    Parameters
    ----------
    screen : Screen
        Where it is.
    """

    released = Signal()
    brush_changed = Signal()

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._screen = screen
        self.mouse_down = False
        self._brush = _BRUSH_SIZE
        screen.viewer.mouse_drag_callbacks.append(self._on_drag)
        with suppress(AttributeError):
            # napari 0.9.2 leaves a black square where its brush was, once a layer
            # was added.
            screen.viewer.canvas.overlays._brush_circle.box = False

    def watch(self, layer: Labels) -> None:
        """Paint on a layer from now on; the brush keeps its size."""
        layer.brush_size = self._brush
        layer.events.mode.connect(self._on_brush)
        layer.events.selected_label.connect(self._on_brush)

    def leave(self, layer: Labels) -> None:
        """Have nothing to do any more with a layer."""
        layer.events.mode.disconnect(self._on_brush)
        layer.events.selected_label.disconnect(self._on_brush)

    def start_brush(self, number: int, size: float | None = None) -> None:
        """Give the user napari's brush; with the number 0, the eraser.

        Parameters
        ----------
        number : int
            What it paints.
        size : float, optional
            Of the brush in pixels, unless the user chose one.
        """
        if (layer := self._screen.nuclei) is None:
            return
        self._screen.viewer.layers.selection.active = layer
        if number:
            layer.selected_label = number
        if size and layer.brush_size == self._brush:
            self._brush = layer.brush_size = max(2, round(size))
        layer.mode = "paint" if number else "erase"

    @property
    def brush(self) -> int | None:
        """The number that is painted now; 0: it is erased; None: nothing is."""
        if (layer := self._screen.nuclei) is None:
            return None
        if layer.mode in ("paint", "fill", "polygon"):
            return int(layer.selected_label)
        return 0 if layer.mode == "erase" else None

    def hold_camera(self) -> None:
        """Keep the camera still, for the mouse draws a line."""
        if (layer := self._screen.nuclei) is not None:
            layer.mode = "pan_zoom"
            layer.mouse_pan = False
            layer.cursor = "crosshair"
        self._screen.viewer.scene.camera.mouse_pan = False

    def stop_brush(self) -> None:
        """Let the mouse move the camera again."""
        viewer = self._screen.viewer
        if (layer := self._screen.nuclei) is not None:
            layer.mode = "pan_zoom"
            layer.mouse_pan = True
            layer.cursor = "standard"
            polygon = getattr(layer, "_overlays", {}).get("polygon")
            if polygon is not None and polygon.points:  # of one that was not finished
                polygon.points = []
        active = viewer.layers.selection.active
        viewer.scene.camera.mouse_pan = active is None or active.mouse_pan

    @property
    def stroke_in_progress(self) -> bool:
        """Whether the user is painting right now."""
        if self.mouse_down:
            return True
        overlay = getattr(self._screen.nuclei, "_overlays", {}).get("brush_stroke")
        return bool(getattr(overlay, "active", False))

    def keep_number_free(self, before: int, after: int) -> None:
        """Go on with a free number where a prediction took the one selected."""
        layer = self._screen.nuclei
        if layer is not None and before < layer.selected_label <= after:
            layer.selected_label = after + 1

    def let_go(self) -> None:
        """Watch the mouse no more."""
        callbacks = self._screen.viewer.mouse_drag_callbacks
        if self._on_drag in callbacks:
            callbacks.remove(self._on_drag)

    def _on_brush(self, event: Any) -> None:
        self.brush_changed.emit()

    def _on_drag(self, viewer: Any, event: Any) -> Any:
        self.mouse_down = True
        yield
        while event.type == "mouse_move":
            yield
        self.mouse_down = False
        # After the layer's own callbacks: they finish the stroke.
        QTimer.singleShot(0, self.released.emit)
