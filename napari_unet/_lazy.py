"""Planes that are read from the file when they are shown."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.image_planes import Image

__all__ = ["LazyPlanes", "Source"]

_KEPT_BYTES = 1 << 28
_SMALL = 8


class Source:
    """An open image, which is closed when nothing reads it any more."""

    def __init__(self, image: Image) -> None:
        self.image = image
        weakref.finalize(self, image.close)


class LazyPlanes:
    """An array-like of one channel, whose planes are read when they are asked for.

    The last ones are kept, so that what was read in a thread is at hand when the
    viewer asks for it.

    Parameters
    ----------
    source : Source
        The image.
    shape : tuple of int
        (planes..., rows, columns).
    channel : int
        Which channel.
    level : int
        Which of the file's copies, 0 the image itself; ``shape`` is of this one.
    """

    def __init__(
        self, source: Source, shape: tuple[int, ...], channel: int, level: int = 0
    ) -> None:
        self._source = source
        self._channel = channel
        self._level = level
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self.shape = shape
        self.ndim = len(shape)
        self.size = prod(shape)
        self.dtype = source.image.info.dtype

    def plane(self, number: int) -> NDArray[Any]:
        """Give a plane, (rows, columns).

        Raises
        ------
        EngineError
            If the file can't be read.
        """
        found = self._kept.pop(number, None)
        if found is None:
            found = self._source.image.read_plane(
                number, (self._channel,), level=self._level
            )[..., 0]
        self.keep(number, found)
        return found

    def keep(self, number: int, plane: NDArray[Any]) -> None:
        """Have a plane at hand that was read already."""
        self._kept[number] = plane
        most = max(1, _KEPT_BYTES // max(plane.nbytes, 1))
        while len(self._kept) > most:
            self._kept.popitem(last=False)

    def _part(self, number: int, window: tuple[Any, ...]) -> NDArray[Any]:
        """Give a part of a plane; of one not at hand a small one is read alone."""
        if number not in self._kept and all(isinstance(at, slice) for at in window):
            rows, columns = (
                range(size)[at]
                for size, at in zip(self.shape[-2:], window, strict=True)
            )
            small = 0 < len(rows) * len(columns) * _SMALL < prod(self.shape[-2:])
            if small and rows.step == columns.step == 1:
                box = rows.start, columns.start, rows.stop, columns.stop
                image, channel = self._source.image, self._channel
                return image.read_plane(number, (channel,), box, self._level)[..., 0]
        part: NDArray[Any] = self.plane(number)[window]
        return part

    def __getitem__(self, key: Any) -> NDArray[Any]:
        key = key if isinstance(key, tuple) else (key,)
        if Ellipsis in key:
            at = key.index(Ellipsis)
            fill = (slice(None),) * (self.ndim - len(key) + 1)
            key = (*key[:at], *fill, *key[at + 1 :])
        key = (*key, *(slice(None),) * (self.ndim - len(key)))
        lead = self.shape[:-2]
        wanted = np.arange(int(np.prod(lead))).reshape(lead)[key[:-2]]
        planes = [self._part(int(number), key[-2:]) for number in np.ravel(wanted)]
        if np.ndim(wanted) == 0:
            only: NDArray[Any] = planes[0]
            return only
        shape = (*np.shape(wanted), *planes[0].shape)
        result: NDArray[Any] = np.stack(planes).reshape(shape)
        return result

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[()], dtype)
