"""An open image: what is known of it, and its planes, read when asked for."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.colour_sample import sample_colours
from unetloop.errors import EngineError
from unetloop.mixtures import (
    ALL_COLOURS,
    MIXTURES,
    Light,
    average_colours,
    find_light,
    separate_stain,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.boxes import Box

__all__ = ["Image", "ImageInfo", "unreadable"]

_ROUNDED = 2.0


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
    spacing : float or None
        From one slice to the next, in µm.
    note : str
        What is to be known of it, in sentences: of several images in a file, for
        instance, one is read.
    """

    path: Path
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    channel_names: tuple[str, ...]
    pixel_size: tuple[float, float] | None
    spacing: float | None = None
    note: str = ""

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
    def first_shown(self) -> int:
        """Plane to look at first: the middle slice, most likely in focus, at T = 0."""
        return self.size("Z") // 2

    def sized(
        self, side: float | None, unless_stated: float | None = None
    ) -> ImageInfo:
        """Take somebody's word for how large a pixel is.

        Parameters
        ----------
        side : float or None
            Of a pixel in µm, whatever the file states.
        unless_stated : float or None
            The same, where the file states nothing.
        """
        side = side or (None if self.pixel_size else unless_stated)
        return replace(self, pixel_size=(side, side)) if side else self

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

    @cached_property
    def light(self) -> Light:
        """What an RGB image is seen by, the same in all of its planes."""
        return find_light(self.colours)

    @cached_property
    def colours(self) -> NDArray[np.float32]:
        """Some pixels of an RGB image that stand for all of it, (pixels, 3)."""
        plane, colours = self.info.first_shown, (0, 1, 2)
        return sample_colours(
            lambda box, level: self.read_plane(plane, colours, box, level), self.levels
        )

    def read_plane(
        self,
        plane: int = 0,
        channels: Sequence[int] = (0,),
        box: Box | None = None,
        level: int = 0,
    ) -> NDArray[Any]:
        """Read one plane, or a rectangle of it.

        Parameters
        ----------
        plane : int
            ``time * slices + slice``.
        channels : sequence of int
            Which channels, in this order; or one of `mixtures.MIXTURES` of an RGB
            image's colours.
        box : tuple of int, optional
            First row, first column, and the row and column behind the last.
        level : int
            Which of ``levels``; the box is in its rows and columns.

        Returns
        -------
        array
            (rows, columns, channels), of the image's own dtype; a mixture is float32.

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
        mixed = info.rgb and len(wanted) == 1 and wanted[0] in MIXTURES
        if not mixed and any(not 0 <= channel < info.channels for channel in wanted):
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
            raise unreadable(info.path, error) from error
        order = [kept.index(axis) for axis in ("Y", "X")]
        rest = [position for position in range(len(kept)) if position not in order]
        pixels = pixels.transpose([*order, *rest])
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        if mixed:
            colours = self.light.without_frame(pixels[..., :3])
            if wanted[0] == ALL_COLOURS:
                return average_colours(colours)
            return separate_stain(colours, wanted[0], self.light.white)
        return pixels[..., list(wanted)]

    def close(self) -> None:
        """Let go of the file."""
        if self._close is not None:
            self._close()

    def __enter__(self) -> Image:
        return self

    def __exit__(self, *_: object) -> None:
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


def unreadable(path: Path, error: Exception) -> EngineError:
    """Say that a reader failed on an image, and how."""
    said = str(error).strip().splitlines()
    reason = said[0] if said else type(error).__name__
    if type(error).__module__.startswith("imagecodecs"):  # it names its own parts
        reason = "its pixels are damaged"
    return EngineError(
        f"The image can't be read ({reason}).",
        todo="Check that it opens in Fiji, or export it again.",
        path=str(path),
    )
