"""An image's pixels for the screen: read whole, or plane by plane when asked for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._contrast import as_colours
from napari_unet._lazy import LazyPlanes, Source
from napari_unet._pyramid import is_large, make_pyramid
from napari_unet._words import channel_in_words
from unetloop.channel_colours import read_channel_colours
from unetloop.contrast import contrast_of, is_bright
from unetloop.errors import EngineError
from unetloop.images import open_image, resolve_channels
from unetloop.mixtures import MIXTURES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.image_planes import Image, ImageInfo

__all__ = ["Channel", "Pixels", "read_pixels", "with_contrast"]

# Okabe and Ito (2008); the nucleus's own channel is grey, proposals are blue.
_RGB = ("#ff0000", "#00ff00", "#0000ff")
CHANNEL_COLOURS = ("#cc79a7", "#009e73", "#e69f00", "#f0e442", "#d55e00", "#56b4e9")

_WHOLE_BYTES = 1 << 30


@dataclass(frozen=True)
class Channel:
    """A channel that is not the one with the nuclei.

    Parameters
    ----------
    name : str
        Of the channel.
    data : LazyPlanes, or list of array-like
        (planes..., rows, columns); of large planes a list, as of `Pixels`.
    colour : str
        ``"#rrggbb"``.
    contrast, limits : tuple of float
        From what to what it is shown; lowest and highest value.
    """

    name: str
    data: LazyPlanes | list[Any]
    colour: str
    contrast: tuple[float, float] = (0.0, 1.0)
    limits: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Pixels:
    """What the screen shows of an image.

    Parameters
    ----------
    data : array-like
        (planes..., rows, columns), and 3 colours behind them if ``rgb``; of large
        planes a list of such, each coarser than the one before.
    lead : tuple of int
        Sizes of the axes in front of rows and columns; empty: one plane.
    axes : tuple of str
        Names of all axes but colours.
    rgb : bool
        Whether it has colours.
    contrast : tuple of float
        From what to what it is shown.
    limits : tuple of float
        Lowest and highest value.
    info : ImageInfo
        What the file says.
    bright : bool
        Whether most of it is bright, as tissue is in transmitted light.
    channels : tuple of Channel
        The other channels; their contrast is set by `with_contrast`.
    channel : str
        Name of the channel in ``data``, or what all colours are called.
    chosen : bool
        Whether it is the one that was asked for, and not guessed.
    side : float, optional
        Of a pixel in µm, as somebody typed it; None: what the file states.
    """

    data: Any
    lead: tuple[int, ...]
    axes: tuple[str, ...]
    rgb: bool
    contrast: tuple[float, float]
    limits: tuple[float, float]
    info: ImageInfo
    bright: bool = False
    channels: tuple[Channel, ...] = ()
    channel: str = ""
    chosen: bool = False
    side: float | None = None

    @property
    def multiscale(self) -> bool:
        """Whether the data are a list of ever coarser copies."""
        return isinstance(self.data, list)

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Height and width of a pixel in µm, if they are known."""
        return self.info.sized(self.side).pixel_size

    @property
    def placement(self) -> dict[str, Any]:
        """How its layers lie in the world: scale, units and names of axes."""
        size, spacing = self.pixel_size, self.info.spacing
        sides = dict(zip(self.axes[-2:], size or (), strict=False))
        if size and spacing:  # alone, it would stretch a stack
            sides["z"] = spacing
        return {
            "scale": tuple(sides.get(name, 1.0) for name in self.axes),
            "units": tuple("um" if name in sides else "pixel" for name in self.axes),
            "axis_labels": self.axes,
        }

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.info.height, self.info.width


def read_pixels(path: Path, channel: str | None, plane: int | None = None) -> Pixels:
    """Read an image; large stacks stay in the file, which stays open.

    Parameters
    ----------
    path : Path
        The image.
    channel : str or None
        Number or name of the channel to show; None, or one that it does not have:
        that with the nuclei by its name, or all colours.
    plane : int or None
        The plane by which contrast is set; None: that to look at first.

    Raises
    ------
    EngineError
        If it can't be read.
    """
    image = open_image(path)
    source = Source(image)  # it stays open as long as a layer reads from it
    info = image.info
    chosen = bool(channel)
    try:
        (index,) = resolve_channels(image, channel or None)
    except EngineError:  # a name of another file
        chosen = False
        (index,) = resolve_channels(image, None)
    sizes = [(axis, info.size(axis)) for axis in "TZ"]
    lead = tuple(size for _, size in sizes if size > 1)
    axes = (*(axis.lower() for axis, size in sizes if size > 1), "y", "x")
    rgb = index in MIXTURES  # those are looked at in their colours
    shape = (*lead, info.height, info.width)
    channels = (0, 1, 2) if rgb else (index,)
    plane = info.first_shown if plane is None else min(plane, info.planes - 1)
    first = image.read_plane(plane, channels)
    contrast, limits = contrast_of(first)
    large = is_large(info.height * info.width)
    copies = image.levels[1:] if large and lead and not rgb else ()
    small = first.nbytes * info.planes <= _WHOLE_BYTES and not copies
    if small or rgb or info.planes == 1:
        planes = [
            first if number == plane else image.read_plane(number, channels)
            for number in range(info.planes)
        ]
        data: Any = planes[0] if len(planes) == 1 else np.stack(planes)
        data = data.reshape(*shape, 3) if rgb else data.reshape(shape)
        if rgb:
            data = as_colours(data, limits)
        if large and not lead:
            data = make_pyramid(data, _copies(image, channels, limits))
    else:
        data = LazyPlanes(source, shape, index)
        data.keep(plane, first[..., 0])
    if copies:
        data = [data]
        for level, size in enumerate(copies, 1):
            copy = LazyPlanes(source, (*lead, *size), index, level)
            copy.plane(plane)  # at hand when it is shown
            data.append(copy)
    coarse = isinstance(data, list)
    others = () if rgb else _others(source, lead, index, coarse)
    bright = is_bright(first, contrast)
    return Pixels(
        *(data, lead, axes, rgb, contrast, limits, info, bright, others),
        channel=MIXTURES[index] if rgb else info.channel_names[index],
        chosen=chosen,
    )


def _copies(
    image: Image, channels: tuple[int, ...], limits: tuple[float, float]
) -> list[NDArray[Any]]:
    """Read the coarser copies of the plane that the file holds, as they are shown."""
    found = []
    try:
        for level in range(1, len(image.levels)):
            copy = image.read_plane(0, channels, level=level)
            rgb = len(channels) > 1
            found.append(as_colours(copy, limits) if rgb else copy[..., 0])
    except EngineError:  # the image itself can be read: the rest is made from it
        return found
    return found


def with_contrast(channel: Channel, plane: int) -> Channel:
    """Set a channel's contrast by one of its planes, which is read for it.

    Parameters
    ----------
    channel : Channel
        The channel.
    plane : int
        By which plane; it is kept for the screen.

    Raises
    ------
    EngineError
        If it can't be read.
    """
    data = channel.data
    first, *copies = data if isinstance(data, list) else [data]
    pixels = first.plane(plane)
    contrast, limits = contrast_of(pixels[..., None])
    if isinstance(data, list) and first.ndim == pixels.ndim:
        found = []
        with suppress(EngineError):  # the image itself can be read: made from it
            for copy in copies:
                found.append(copy.plane(plane))
        data = make_pyramid(pixels, found)
    else:
        for copy in copies:
            copy.plane(plane)  # at hand when it is shown
    return replace(channel, data=data, contrast=contrast, limits=limits)


def _others(
    source: Source,
    lead: tuple[int, ...],
    index: int,
    coarse: bool,
) -> tuple[Channel, ...]:
    """Describe the channels but one; none of their pixels is read."""
    info, sizes = source.image.info, source.image.levels
    if info.channels < 2:
        return ()
    given = _RGB if info.rgb else read_channel_colours(info.path)
    given = given if len(given) == info.channels else ("",) * info.channels
    free = cycle(colour for colour in CHANNEL_COLOURS if colour not in given)
    named = [channel_in_words(name) for name in info.channel_names]
    found = []
    for number in range(info.channels):
        if number == index:
            continue
        levels = [
            LazyPlanes(source, (*lead, *size), number, level)
            for level, size in enumerate(sizes)
        ]
        data = levels if coarse else levels[0]
        found.append(Channel(named[number], data, given[number] or next(free)))
    return tuple(found)
