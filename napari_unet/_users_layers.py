"""The user's own layers that are selected in napari's list, to be worked on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer

__all__ = ["UsersLayers"]

_MICROMETRES = ("micrometer", "micron", "um", "µm")


class UsersLayers:
    """Says what is selected, and hides what would lie over an image of ours.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    is_ours : callable
        Says whether a layer is none of the user's own.
    """

    def __init__(self, viewer: Viewer, is_ours: Callable[[Any], bool]) -> None:
        self._viewer = viewer
        self._is_ours = is_ours
        self._given: list[Image] = []

    def image(self) -> tuple[Path | None, str, Any, float | None] | None:
        """Give the image layer that is selected; `hide` hides it.

        Returns
        -------
        tuple or None
            The file that it came from, its name, its data, and the size of a
            pixel in micrometres, where these are known.
        """
        layer = self._viewer.layers.selection.active
        if not isinstance(layer, Image) or self._is_ours(layer):
            return None
        self._given = [layer]
        unit = str(layer.units[-1])
        size = float(layer.scale[-1]) if unit in _MICROMETRES else None
        data = layer.data[0] if layer.multiscale else layer.data
        return _file_of(layer), layer.name, data, size

    def files(self) -> list[Path]:
        """List the files of all image layers that are selected; `hide` hides them."""
        chosen = self._viewer.layers.selection
        users = [
            layer
            for layer in self._viewer.layers
            if layer in chosen and isinstance(layer, Image) and not self._is_ours(layer)
        ]
        files = {layer: path for layer in users if (path := _file_of(layer))}
        self._given = list(files)
        return list(dict.fromkeys(files.values()))

    def labels(self) -> Labels | None:
        """Give the labels that are selected, if they can be read plane by plane."""
        layer = self._viewer.layers.selection.active
        own = isinstance(layer, Labels) and layer.editable and not layer.multiscale
        return layer if own and not self._is_ours(layer) else None

    def hide(self) -> None:
        """Hide the images that were given last: they would lie over ours."""
        for layer in self._given:
            layer.visible = False
        self._given = []


def _file_of(layer: Image) -> Path | None:
    """Give the file that a layer came from, if it is there."""
    source = layer.source.path
    return Path(source) if source and Path(source).exists() else None
