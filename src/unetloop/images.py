"""Read any microscopy image lazily: axes, channels, planes, pixel size.

TIFF, OME-TIFF and ImageJ TIFF come through tifffile, PNG and JPEG through
Pillow, OME-Zarr through zarr, and anything else through a bioio reader plug-in
if one is installed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.image_sequence import is_sequence, open_sequence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from numpy.typing import NDArray

__all__ = ["Image", "ImageInfo", "open_image", "resolve_channels"]

_ROUNDED = 2.0
_READER_PLUGINS = {
    ".czi": "bioio-czi",
    ".nd2": "bioio-nd2",
    ".lif": "bioio-lif",
    ".dv": "bioio-dv",
    ".sldy": "bioio-sldy",
}


@dataclass(frozen=True)
class ImageInfo:
    """What is known of an image before its pixels are read.

    Parameters
    ----------
    path : Path
        File, or folder of an OME-Zarr.
    axes : str
        One letter an axis, of T, Z, C, Y, X, and S for the samples of RGB.
    shape : tuple of int
        Size of each axis.
    dtype : numpy.dtype
        Of a pixel.
    channel_names : tuple of str
        One a channel; their numbers where the file names none.
    pixel_size : tuple of float or None
        Height and width of a pixel in µm.
    """

    path: Path
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    channel_names: tuple[str, ...]
    pixel_size: tuple[float, float] | None

    def size(self, axis: str) -> int:
        """Size along an axis; 1 where the image has no such axis."""
        index = self.axes.find(axis)
        return self.shape[index] if index >= 0 else 1

    @property
    def rgb(self) -> bool:
        """Whether the channels are red, green and blue."""
        return "S" in self.axes

    @property
    def channels(self) -> int:
        """Number of channels; 3 for RGB, whose transparency is left out."""
        return min(self.size("S"), 3) if self.rgb else self.size("C")

    @property
    def planes(self) -> int:
        """Number of planes: time points times slices."""
        return self.size("T") * self.size("Z")

    @property
    def height(self) -> int:
        """Rows of a plane."""
        return self.size("Y")

    @property
    def width(self) -> int:
        """Columns of a plane."""
        return self.size("X")


class Image:
    """An open image; planes are read when asked for, by any thread.

    Parameters
    ----------
    info : ImageInfo
        What is known of it.
    data : array-like
        Anything of ``info.shape`` whose slices become numpy arrays; it may have
        ``copies``, a list of such with fewer rows and columns.
    close : callable, optional
        Called by `close`.
    """

    def __init__(self, info: ImageInfo, data: Any, close: Any = None) -> None:
        self.info = info
        self._levels = [data, *_usable(info, getattr(data, "copies", []))]
        self._close = close
        self._reading = threading.Lock()  # a file has one position to read at

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of the image, and of the coarser copies that it holds."""
        row, column = self.info.axes.index("Y"), self.info.axes.index("X")
        return tuple(
            (int(data.shape[row]), int(data.shape[column])) for data in self._levels
        )

    def read_plane(
        self,
        plane: int = 0,
        channels: Sequence[int] = (0,),
        box: tuple[int, int, int, int] | None = None,
        level: int = 0,
    ) -> NDArray[Any]:
        """Read one plane, or a rectangle of it.

        Parameters
        ----------
        plane : int
            ``time * slices + slice``.
        channels : sequence of int
            Which channels, in this order. The single channel -1 of an RGB
            image is the mean of its colours, as float32: a stain that is saved as
            pure blue would all but vanish in its luminance.
        box : tuple of int, optional
            First row, first column, and the row and column behind the last.
        level : int
            Which of ``levels``; the box is in its rows and columns.

        Returns
        -------
        array
            (rows, columns, channels), of the image's own dtype.

        Raises
        ------
        EngineError
            If there is no such plane, channel or rectangle, or the file can't be
            read.
        """
        info = self.info
        if not 0 <= plane < info.planes:
            raise EngineError(
                f"The image has {info.planes} planes.", path=str(info.path), plane=plane
            )
        time, depth = divmod(plane, info.size("Z"))
        rows, columns = self.levels[level]
        row0, column0, row1, column1 = box or (0, 0, rows, columns)
        inside = 0 <= row0 <= row1 <= rows
        if not (inside and 0 <= column0 <= column1 <= columns):
            raise EngineError(
                f"The image has {rows} rows and {columns} columns.",
                path=str(info.path),
                box=box,
            )
        wanted = tuple(channels)
        gray = wanted == (-1,) and info.rgb
        if not gray and any(not 0 <= channel < info.channels for channel in wanted):
            raise EngineError(
                f"The image has {info.channels} channels, counted from 0.",
                path=str(info.path),
                channels=wanted,
            )
        index: list[Any] = []
        kept = ""
        for axis in info.axes:
            if axis in "TZ":
                index.append({"T": time, "Z": depth}[axis])
                continue
            if axis == "C" and info.rgb:  # one channel of colours
                index.append(0)
                continue
            index.append(
                {"Y": slice(row0, row1), "X": slice(column0, column1)}.get(
                    axis, slice(None)
                )
            )
            kept += axis
        # Of many channels only those that are wanted are read.
        if "C" in kept and len(wanted) == 1:
            index[info.axes.index("C")] = slice(wanted[0], wanted[0] + 1)
            wanted = (0,)
        try:
            with self._reading:
                pixels = np.asarray(self._levels[level][tuple(index)])
        except EngineError:
            raise
        except Exception as error:
            raise _unreadable(info.path, error) from error
        order = [kept.index(axis) for axis in ("Y", "X")]
        rest = [position for position in range(len(kept)) if position not in order]
        pixels = pixels.transpose([*order, *rest])
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        if gray:
            return np.asarray(pixels[..., :3].mean(-1, np.float32, keepdims=True))
        return pixels[..., list(wanted)]

    def close(self) -> None:
        """Let go of the file."""
        if self._close is not None:
            self._close()

    def __enter__(self) -> Image:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _usable(info: ImageInfo, copies: Sequence[Any]) -> list[Any]:
    """List the copies that are coarser and coarser, and else like the image."""
    rows, columns = info.axes.index("Y"), info.axes.index("X")
    found: list[Any] = []
    last = info.shape
    for copy in copies:
        shape = tuple(copy.shape)
        others = [size for at, size in enumerate(shape) if at not in (rows, columns)]
        same = [size for at, size in enumerate(last) if at not in (rows, columns)]
        if len(shape) != len(last) or others != same or copy.dtype != info.dtype:
            break
        # Halves may be rounded up or down, by one pixel each.
        ratio = info.shape[rows] / max(shape[rows], 1)
        slack = abs(info.shape[columns] - shape[columns] * ratio) / ratio
        smaller = shape[rows] < last[rows] and shape[columns] < last[columns]
        if min(shape[rows], shape[columns]) < 1 or not smaller or slack > _ROUNDED:
            break
        found.append(copy)
        last = shape
    return found


def open_image(path: str | Path) -> Image:
    """Open an image without reading its pixels.

    Parameters
    ----------
    path : str or Path
        A file, the folder of an OME-Zarr, or a name with ``{T}``, ``{Z}``,
        ``{C}`` for a stack in many files.

    Raises
    ------
    EngineError
        If it is missing, empty, damaged, of an unknown format (the message
        names the plug-in that reads it, if one does), or holds no real numbers.
    """
    path = Path(path)
    if not path.exists() and not is_sequence(path):
        raise EngineError("There is no such image.", path=str(path))
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise EngineError(  # to read from it might wait for ever
            "This is no file, but a pipe or a device.", path=str(path)
        )
    suffix = path.suffix.lower()
    try:
        if is_sequence(path):
            axes, data, names, pixel_size, close = open_sequence(path)
        elif path.is_dir():
            from unetloop.image_formats import open_zarr

            axes, data, names, pixel_size, close = open_zarr(path)
        elif suffix in (".tif", ".tiff", ".lsm", ".stk", ".btf"):
            from unetloop.image_formats import open_tiff

            axes, data, names, pixel_size, close = open_tiff(path)
        elif suffix in (".png", ".jpg", ".jpeg", ".bmp"):
            from unetloop.image_formats import open_picture

            axes, data, names, pixel_size, close = open_picture(path)
        else:
            from unetloop.image_formats import open_with_plugin

            axes, data, names, pixel_size, close = open_with_plugin(
                path, _READER_PLUGINS.get(suffix)
            )
    except EngineError:
        raise
    except Exception as error:  # whatever a damaged file makes a reader raise
        raise _unreadable(path, error) from error
    info = ImageInfo(
        path=path,
        axes=axes,
        shape=tuple(int(size) for size in data.shape),
        dtype=np.dtype(data.dtype),
        channel_names=tuple(names),
        pixel_size=pixel_size,
    )
    wrong = ""
    if prod(info.shape) == 0 or "Y" not in axes or "X" not in axes:
        wrong = "The image is empty."
    elif "C" in axes and "S" in axes and info.size("C") > 1:
        wrong = "The image has both channels and colours; export them one by one."
    elif info.dtype.kind not in "biuf":
        wrong = "The image must hold whole or real numbers."
    if wrong:
        if close is not None:
            close()
        raise EngineError(
            wrong, path=str(path), shape=info.shape, dtype=str(info.dtype)
        )
    if len(info.channel_names) != info.channels:
        numbered = [str(number) for number in range(info.channels)]
        named = ["red", "green", "blue"] if info.rgb else numbered
        info = replace(info, channel_names=tuple(named[: info.channels]))
    return Image(info, data, close)


def resolve_channels(
    info: ImageInfo, wanted: str | None, count: int = 1
) -> tuple[int, ...]:
    """Find which channels a network with ``count`` inputs should see.

    Parameters
    ----------
    info : ImageInfo
        The image.
    wanted : str or None
        Numbers from 0, or names, separated by commas. None: the mean of
        RGB for a network that sees one channel, else the first ones.
    count : int
        Channels that the network sees.

    Raises
    ------
    EngineError
        If there is no such channel, or there are too few; it lists them.
    """
    listed = ", ".join(
        f"{index} ({name})" if name != str(index) else name
        for index, name in enumerate(info.channel_names)
    )
    if wanted is None:
        if info.rgb and count == 1:
            return (-1,)
        if info.channels < count:
            raise EngineError(
                f"The network sees {count} channels, the image has {info.channels}.",
                path=str(info.path),
            )
        return tuple(range(count))
    names = [name.lower() for name in info.channel_names]
    found = []
    for part in (part.strip() for part in wanted.split(",")):
        if part.isdecimal() and int(part) < info.channels:
            found.append(int(part))
        elif part.lower() in names:
            found.append(names.index(part.lower()))
        else:
            raise EngineError(
                f"The image has no such channel; it has {listed}.",
                path=str(info.path),
                channel=part,
            )
    if len(found) != count:
        raise EngineError(
            f"The network sees {count} channels.", path=str(info.path), channel=wanted
        )
    return tuple(found)


def _unreadable(path: Path, error: Exception) -> EngineError:
    reason = str(error).strip().splitlines()
    return EngineError(
        f"The image can't be read ({reason[0] if reason else type(error).__name__}).",
        todo="Check that it opens in Fiji, or export it again.",
        path=str(path),
    )
