"""An image's pixels for the screen: read whole, or plane by plane when asked for."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.images import open_image, resolve_channels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.images import Image, ImageInfo

__all__ = ["Pixels", "make_thumbnail", "read_pixels"]

_WHOLE_BYTES = 1 << 30
_LOOKED_AT = 512
_THUMBNAIL = 64


class _Planes:
    """An array-like whose planes are read from the file when they are shown."""

    def __init__(self, image: Image, shape: tuple[int, ...], channel: int) -> None:
        self._image = image
        self._channel = channel
        self.shape = shape
        self.ndim = len(shape)
        self.dtype = image.info.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        key = key if isinstance(key, tuple) else (key,)
        if Ellipsis in key:
            at = key.index(Ellipsis)
            fill = (slice(None),) * (self.ndim - len(key) + 1)
            key = (*key[:at], *fill, *key[at + 1 :])
        key = (*key, *(slice(None),) * (self.ndim - len(key)))
        lead = self.shape[:-2]
        wanted = np.arange(int(np.prod(lead))).reshape(lead)[key[:-2]]
        planes = [
            self._image.read_plane(int(plane), (self._channel,))[..., 0][key[-2:]]
            for plane in np.ravel(wanted)
        ]
        if np.ndim(wanted) == 0:
            only: NDArray[Any] = planes[0]
            return only
        shape = (*np.shape(wanted), *planes[0].shape)
        result: NDArray[Any] = np.stack(planes).reshape(shape)
        return result

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[()], dtype)


@dataclass(frozen=True)
class Pixels:
    """What the screen shows of an image.

    Parameters
    ----------
    data : array-like
        (planes..., rows, columns), and 3 colours behind them if ``rgb``.
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
    """

    data: Any
    lead: tuple[int, ...]
    axes: tuple[str, ...]
    rgb: bool
    contrast: tuple[float, float]
    limits: tuple[float, float]
    info: ImageInfo
    bright: bool = False

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.info.height, self.info.width


def read_pixels(path: Path, channel: str | None, plane: int = 0) -> Pixels:
    """Read an image; large stacks stay in the file, which stays open.

    Parameters
    ----------
    path : Path
        The image.
    channel : str or None
        Number or name of the channel to show; None: the first, or colours.
    plane : int
        The plane by which contrast is set.

    Raises
    ------
    EngineError
        If it can't be read.
    """
    image = open_image(path)
    try:
        info = image.info
        try:
            (index,) = resolve_channels(info, channel or None)
        except EngineError:  # a name of another file
            (index,) = resolve_channels(info, None)
        sizes = [(axis, info.size(axis)) for axis in "TZ"]
        lead = tuple(size for _, size in sizes if size > 1)
        axes = (*(axis.lower() for axis, size in sizes if size > 1), "y", "x")
        rgb = index == -1
        shape = (*lead, info.height, info.width)
        channels = (0, 1, 2) if rgb else (index,)
        first = image.read_plane(min(plane, info.planes - 1), channels)
        contrast, limits = _contrast(first)
        whole = first.nbytes * info.planes <= _WHOLE_BYTES or rgb
        if whole:
            planes = [
                first if number == plane else image.read_plane(number, channels)
                for number in range(info.planes)
            ]
            data: Any = planes[0] if len(planes) == 1 else np.stack(planes)
            data = data.reshape(*shape, 3) if rgb else data.reshape(shape)
            if rgb:
                data = _as_colours(data, limits)
        else:
            data = _Planes(image, shape, index)
            # The file stays open as long as the layer shows it.
            weakref.finalize(data, image.close)
    except BaseException:
        image.close()
        raise
    if whole:
        image.close()
    step = max(1, max(first.shape[:2]) // _LOOKED_AT)
    middle = float(np.nanmedian(first[::step, ::step]))
    bright = middle > (contrast[0] + contrast[1]) / 2
    return Pixels(data, lead, axes, rgb, contrast, limits, info, bright)


def make_thumbnail(path: Path) -> NDArray[np.uint8]:
    """Make a small picture of the first plane, at most 64 x 64."""
    with open_image(path) as image:
        (index,) = resolve_channels(image.info, None)
        plane = image.read_plane(image.info.planes // 2, (index,))[..., 0]
    step = max(1, int(np.ceil(max(plane.shape) / _THUMBNAIL)))
    small = np.nan_to_num(plane[::step, ::step].astype(np.float32))
    low, high = np.percentile(small, (1, 99.8))
    scaled = np.clip((small - low) / max(high - low, 1e-12), 0, 1)
    result: NDArray[np.uint8] = (scaled * 255).astype(np.uint8)
    return result


def _contrast(
    plane: NDArray[Any],
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Give limits that leave out the extreme pixels, and the extremes."""
    step = max(1, max(plane.shape[:2]) // _LOOKED_AT)
    seen = plane[::step, ::step].astype(np.float64)
    seen = seen[np.isfinite(seen)]
    if seen.size == 0:
        return (0.0, 1.0), (0.0, 1.0)
    low, high = (float(value) for value in np.percentile(seen, (0.5, 99.8)))
    lowest, highest = float(seen.min()), float(seen.max())
    if high <= low:
        low, high = lowest, max(highest, lowest + 1)
    return (low, high), (min(lowest, low), max(highest, high))


def _as_colours(data: NDArray[Any], limits: tuple[float, float]) -> NDArray[Any]:
    """Scale colours of more than 8 bits to what napari shows: 0..1."""
    if data.dtype == np.uint8:
        return data
    scaled: NDArray[Any] = data.astype(np.float32) / max(limits[1], 1e-12)
    return np.clip(scaled, 0, 1, out=scaled)
