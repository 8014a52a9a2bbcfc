"""A layer a class: how probable the network finds it, pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._backdrop import place
from napari_unet._palette import probability_colours
from napari_unet._screen import planes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari import Viewer
    from napari.layers import Image
    from numpy.typing import NDArray

    from unetloop.classes import TissueClass

__all__ = ["Probabilities"]

_FULL = 255
_OPACITY = 0.6


class Probabilities:
    """Shows probabilities in the classes' colours, the more opaque the higher.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.layers: list[Image | None] = []

    def show(
        self,
        classes: Sequence[TissueClass],
        shape: tuple[int, ...],
        how: dict[str, Any],
        above: Any = None,
        *,
        keep: bool = False,
    ) -> None:
        """Have a layer a class; those that there are are taken over.

        Parameters
        ----------
        classes : sequence of TissueClass
            The classes.
        shape : tuple of int
            (planes..., rows, columns).
        how : dict
            Scale, units and names of axes.
        above : Layer, optional
            What is to lie over them.
        keep : bool
            Keep what they show: the image is the same.
        """
        known = [layer for layer in self.layers if layer is not None]
        if len(self.layers) > len(classes):
            self.remove()
        elif not keep:
            for layer in known:
                place(layer, how)
                layer.data = np.zeros(shape, np.uint8)
        layers = self._viewer.layers
        active = layers.selection.active
        for tissue in classes[len(self.layers) :]:
            layer = self._viewer.add_image(
                np.zeros(shape, np.uint8),
                name=tissue.name,
                colormap=probability_colours(tissue),
                contrast_limits=(0, _FULL),
                blending="translucent",
                opacity=_OPACITY,
                **how,
            )
            if above is not None and above in layers:
                layers.move(layers.index(layer), layers.index(above))
            self.layers.append(layer)
        layers.selection.active = active

    def take(self, classes: Sequence[TissueClass]) -> None:
        """Take names and colours of classes that were changed."""
        for layer, tissue in zip(self.layers, classes, strict=False):
            if layer is not None and layer.name != tissue.name:
                layer.name = tissue.name
            if layer is not None:
                layer.colormap = probability_colours(tissue)

    def draw(
        self,
        plane: int,
        core: tuple[int, int, int, int],
        maps: NDArray[np.floating],
    ) -> None:
        """Draw the probabilities of a rectangle of a plane.

        Parameters
        ----------
        plane : int
            Which plane.
        core : tuple of int
            First row, first column, and the row and column behind the last.
        maps : array
            (rows, columns, classes) of the rectangle, 0..1.
        """
        top, left, bottom, right = core
        for number, layer in enumerate(self.layers[: maps.shape[-1]]):
            if layer is None:
                continue
            place = planes_of(layer.data)[plane]
            place[top:bottom, left:right] = np.rint(
                maps[..., number].astype(np.float32) * _FULL
            )
            layer.refresh(extent=False)

    def lose(self, layer: Any) -> None:
        """Take note that the user removed a layer."""
        self.layers = [None if item is layer else item for item in self.layers]

    def remove(self) -> None:
        """Take the layers away."""
        for layer in self.layers:
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self.layers = []
