"""All channels of a plane, for measurements: held in memory, or read where needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unetloop.image_planes import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["channels_of", "hold_plane"]


def hold_plane(image: Image, plane: int) -> Image:
    """Read one plane with all channels into memory: it is looked at many times."""
    info = image.info
    pixels = image.read_plane(plane, range(info.channels))
    axes = "YXS" if info.rgb else "YXC"
    return Image(replace(info, axes=axes, shape=pixels.shape), pixels)


def channels_of(image: Image, plane: int) -> dict[str, Any]:
    """Name every channel of a plane, and let it be read.

    Returns
    -------
    dict of str to array-like
        By name; with its number behind it where another one has the same. Each is
        (rows, columns), and read where it is sliced.
    """
    named: dict[str, Any] = {}
    for number, name in enumerate(image.info.channel_names):
        once = name
        while once in named:
            once = f"{once} {number}"
        named[once] = _Channel(image, plane, number)
    return named


class _Channel:
    """One channel of a plane that is read where it is sliced."""

    def __init__(self, image: Image, plane: int, channel: int) -> None:
        self._image, self._plane, self._channel = image, plane, channel
        self.shape = (image.info.height, image.info.width)
        self.dtype = image.info.dtype
        self.ndim = 2

    def __getitem__(self, index: tuple[slice, slice]) -> NDArray[Any]:
        """Read a rectangle: (rows, columns)."""
        rows, columns = (
            part.indices(size) for part, size in zip(index, self.shape, strict=True)
        )
        box = (rows[0], columns[0], max(rows[:2]), max(columns[:2]))
        part = self._image.read_plane(self._plane, (self._channel,), box)
        return part[:: rows[2], :: columns[2], 0]
