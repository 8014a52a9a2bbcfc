"""The image layers under the nuclei: the channel with the nuclei, and the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import Colormap

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels

    from napari_unet._pixels import Channel, Pixels

__all__ = ["Backdrop", "place"]


class Backdrop:
    """Shows an image's pixels.

    The channel with the nuclei is grey; the others lie under it, in their own
    colours, added up, and hidden until the user wants to see them.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.image: Image | None = None
        self.channels: list[Image | None] = []
        self._names: list[str] = []
        # Whose layers were another channel's: to remove one, and add one, takes
        # napari half a second.
        self._undressed: set[int] = set()

    def holds(self, layer: Any) -> bool:
        """Whether a layer is one of these."""
        return layer is not None and (layer is self.image or layer in self.channels)

    def fits(self, pixels: Pixels) -> bool:
        """Whether the layers of the last image can show this one."""
        layers = list(filter(None, (self.image, *self.channels)))
        same = all(layer.multiscale == pixels.multiscale for layer in layers)
        if pixels.multiscale:  # napari mistakes the level for one of other axes
            same &= all(layer.ndim == len(pixels.axes) for layer in layers)
        return same and (self.image is None or self.image.rgb == pixels.rgb)

    def show(self, name: str, pixels: Pixels, how: dict[str, Any]) -> None:
        """Show the channel with the nuclei; a layer that is there is taken over."""
        if self.image is None:
            active = self._viewer.layers.selection.active
            self.image = self._viewer.add_image(
                pixels.data,
                name=name,
                rgb=pixels.rgb,
                multiscale=pixels.multiscale,
                contrast_limits=None if pixels.rgb else pixels.contrast,
                **({} if pixels.rgb else {"colormap": "gray"}),
                **how,
            )
            self._viewer.layers.move(len(self._viewer.layers) - 1, 0)
            if active is not None:
                self._viewer.layers.selection.active = active
        else:
            place(self.image, how)
            self.image.data = pixels.data
            self.image.name = name
        if not pixels.rgb:
            self.image.blending = "additive" if pixels.channels else "translucent"
            _set_contrast(self.image, pixels.contrast, pixels.limits)
        self._sort([channel.name for channel in pixels.channels])
        for layer in self.channels:
            if layer is not None:  # at once: napari warns of layers in other units
                place(layer, how)

    def _sort(self, names: list[str]) -> None:
        """Give each channel the layer that it had, or one that no other has."""
        if names == self._names:
            return
        had = list(zip(self._names, self.channels, strict=True))
        self.channels, self._undressed = [], set()
        for name in names:
            known = [at for at, item in enumerate(had) if item[0] == name]
            self.channels.append(had.pop(known[0])[1] if known else None)
        spare = [layer for _, layer in had if layer is not None]
        for number, layer in enumerate(self.channels):
            if layer is None and spare:
                self.channels[number] = spare.pop(0)
                self._undressed.add(number)
        self._names = names
        self._remove(list(spare))

    def show_channel(self, number: int, channel: Channel, how: dict[str, Any]) -> None:
        """Show another channel; its layer's colour and eye stay, if it has one.

        Parameters
        ----------
        number : int
            Its place among the other channels of the image that is shown.
        channel : Channel
            It, with its contrast.
        how : dict
            Scale, units and names of axes.
        """
        layer = self.channels[number]
        colours = Colormap(["#000000", channel.colour], name=channel.colour)
        if layer is not None:
            if number in self._undressed:  # it was another channel's
                self._undressed.discard(number)
                layer.visible, layer.name, layer.colormap = False, channel.name, colours
            place(layer, how)
            layer.data = channel.data
        else:
            layers = self._viewer.layers
            active = layers.selection.active
            layer = self._viewer.add_image(
                channel.data,
                name=channel.name,
                multiscale=isinstance(channel.data, list),
                colormap=colours,
                contrast_limits=channel.contrast,
                blending="additive",
                visible=False,
                **how,
            )
            layers.move(len(layers) - 1, 0)
            layers.selection.active = active
            self.channels[number] = layer
        _set_contrast(layer, channel.contrast, channel.limits)

    def lose(self, layer: Any) -> bool:
        """Take note that a layer was removed; say whether it was of the nuclei."""
        self.channels = [None if item is layer else item for item in self.channels]
        if layer is not self.image:
            return False
        self.image = None
        return True

    def remove(self) -> None:
        """Take the layers away."""
        self._remove([*self.channels, self.image])
        self.image, self.channels, self._names = None, [], []
        self._undressed = set()

    def _remove(self, layers: list[Image | None]) -> None:
        for layer in layers:
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)


def place(layer: Image | Labels, how: dict[str, Any]) -> None:
    """Lay a layer out in the world as `Pixels.placement` says.

    Its data are to follow, if they have another number of axes.
    """
    axes = len(how["axis_labels"])
    if layer.ndim != axes:
        # What is said of axes must fit those of the data. A single pixel takes napari
        # no time; another layer would take it half a second.
        colours = layer.data.shape[layer.ndim :]
        layer.data = np.zeros((*(1,) * axes, *colours), layer.data.dtype)
    for name, value in how.items():
        # Whatever scale it is given, napari draws all of the layer anew.
        if name != "scale" or tuple(layer.scale) != value:
            setattr(layer, name, value)


def _set_contrast(
    layer: Image, contrast: tuple[float, float], limits: tuple[float, float]
) -> None:
    layer.contrast_limits_range = limits
    layer.contrast_limits = contrast
