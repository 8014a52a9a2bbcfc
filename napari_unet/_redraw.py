"""Shows what was written into a label layer in place, and nothing else anew."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels

    from napari_unet._screen import Screen
    from unetloop.pieces import Window

__all__ = ["Redraw"]

_AT_ONCE = 1 << 19
_EVERY_MS = 5


@dataclass(frozen=True)
class _Strip:
    """A rectangle that waits to be drawn."""

    layer: Labels
    plane: int
    window: Window
    write: Callable[[int, Window], None] | None


class Redraw(QObject):
    """Draws rectangles of label layers; large ones strip by strip.

    The picture may lag behind the data, by a few turns of the event loop, so that
    none of these takes long.

    Parameters
    ----------
    screen : Screen
        Says which plane is on the screen.
    """

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._screen = screen
        self._strips: deque[_Strip] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._draw_next)

    def draw(
        self,
        layer: Labels,
        plane: int,
        window: Window,
        write: Callable[[int, Window], None] | None = None,
    ) -> None:
        """Draw a rectangle of a plane, if that is on the screen.

        Parameters
        ----------
        layer : Labels
            The layer.
        plane : int
            Which plane.
        window : tuple of slice
            Rows and columns.
        write : callable, optional
            Writes a strip of it into the layer's data before it is drawn, where
            that takes time, too; gets the plane and the strip.
        """
        rows, columns = window
        step = max(1, _AT_ONCE // max(columns.stop - columns.start, 1))
        if rows.stop - rows.start <= step and not self._strips:
            self._draw(_Strip(layer, plane, window, write))
            return
        for top in range(rows.start, rows.stop, step):
            strip = slice(top, min(top + step, rows.stop)), columns
            self._strips.append(_Strip(layer, plane, strip, write))
        self._timer.start()

    def forget(self) -> None:
        """Draw nothing of what waits: the layers were given other data."""
        self._strips.clear()
        self._timer.stop()

    def _draw_next(self) -> None:
        if self._strips:
            self._draw(self._strips.popleft())
        if not self._strips:
            self._timer.stop()

    def _draw(self, strip: _Strip) -> None:
        layer, plane, window = strip.layer, strip.plane, strip.window
        if strip.write is not None:
            strip.write(plane, window)
        screen = self._screen
        if plane != screen.plane:
            return  # napari draws all of it when it is shown
        if not screen.flat or layer._slice.empty:
            layer.refresh(extent=False)
            return
        lead = layer.data.shape[:-2]
        where = np.unravel_index(plane, lead) if lead else ()
        view, raw = layer._slice.image.view, layer._slice.image.raw
        if layer.contour == 0 and not np.shares_memory(view, layer.data):
            view[window] = layer.colormap._data_to_texture(raw[window])
        layer._updated_slice = (
            *(slice(int(index), int(index) + 1) for index in where),
            *window,
        )
        layer._partial_labels_refresh()
