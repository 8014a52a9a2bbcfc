"""Small pictures of our label layers for napari's list of layers.

napari's own are black: it takes every hundredth pixel of outlines that are one pixel
wide, and the nuclei's layer is transparent as long as outlines are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from numpy.typing import NDArray

__all__ = ["Thumbnails", "sample"]

_SIDE = 28
_LATER_MS = 500


class Thumbnails(QObject):
    """Keeps the pictures of layers up to date."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watched: dict[Labels, Callable[[], NDArray[Any] | None]] = {}
        self._making = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_LATER_MS)
        self._timer.timeout.connect(self._make_all)

    def watch(self, layer: Labels, see: Callable[[], NDArray[Any] | None]) -> None:
        """Make the pictures of a layer.

        Parameters
        ----------
        layer : Labels
            The layer.
        see : callable
            Gives a sample of what it shows, as labels of its colormap; None:
            leave the picture as it is.
        """
        self._watched[layer] = see
        layer.events.thumbnail.connect(self._on_thumbnail)
        self._make(layer)

    def forget(self, layer: Labels) -> None:
        """Make none any more of a layer that was removed."""
        if self._watched.pop(layer, None) is not None:
            layer.events.thumbnail.disconnect(self._on_thumbnail)

    def note(self) -> None:
        """Something changed: make all of them soon."""
        if not self._timer.isActive():
            self._timer.start()

    def _on_thumbnail(self, event: Any) -> None:
        if not self._making:
            self._make(event.source)

    def _make_all(self) -> None:
        for layer in list(self._watched):
            self._make(layer)

    def _make(self, layer: Labels) -> None:
        see = self._watched.get(layer)
        seen = see() if see is not None else None
        if seen is None:
            return
        self._making = True
        try:
            layer.thumbnail = layer.colormap.map(seen)
        finally:
            self._making = False


def sample(plane: NDArray[Any]) -> NDArray[Any]:
    """Take pixels of a plane, evenly, as many as a thumbnail has.

    Parameters
    ----------
    plane : array
        (rows, columns).

    Returns
    -------
    array
        At most 28 × 28, in the plane's proportions.
    """
    step = max(1.0, max(plane.shape) / _SIDE)
    rows, columns = (
        (np.arange(max(1, int(size / step))) * step + step / 2)
        .astype(int)
        .clip(0, size - 1)
        for size in plane.shape
    )
    return plane[np.ix_(rows, columns)]
