"""Rectangles of pixels, compressed: quickly where large parts hold one value."""

from __future__ import annotations

import zlib
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor

    from numpy.typing import NDArray

__all__ = ["pack", "unpack"]

_CHUNK = 1 << 18  # bytes: a processor has them at hand
_LEVEL = 1
_HEADER = b"\x78\x01"
_END = b"\x03\x00"


def pack(values: NDArray[Any], threads: Executor | None = None) -> bytes:
    """Compress an array, row by row, into a zlib stream (RFC 1950).

    A review of millions of pixels is mostly 0 or 1. Parts of one value are compressed
    once; the others side by side.

    Parameters
    ----------
    values : array
        Any shape and dtype.
    threads : Executor, optional
        Compresses parts of a large array.

    Returns
    -------
    bytes
        What `zlib.decompress` makes ``values.tobytes()`` of.
    """
    values = np.ascontiguousarray(values).reshape(-1)
    if values.nbytes <= _CHUNK:
        return zlib.compress(values.data, _LEVEL)
    step = max(1, _CHUNK // values.itemsize)
    chunks = [values[at : at + step] for at in range(0, values.size, step)]
    spread: Any = map if threads is None else threads.map
    parts: Iterable[bytes] = spread(_pack_part, chunks)
    packed = b"".join((_HEADER, *parts, _END))
    checksum = 1
    for chunk in chunks:
        checksum = zlib.adler32(chunk.data, checksum)
    return packed + checksum.to_bytes(4, "big")


def unpack(packed: bytes, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Give the array that was packed; it can't be written.

    Raises
    ------
    zlib.error, ValueError
        If it is damaged, or of another size.
    """
    size = kind.itemsize * prod(shape)
    # Told what to expect, zlib takes a quarter of the time.
    values: NDArray[Any] = np.frombuffer(
        zlib.decompress(packed, bufsize=max(size, 1)), kind
    )
    return values.reshape(shape)


def _pack_part(values: NDArray[Any]) -> bytes:
    """Compress a part that stands for itself, and ends at a whole byte."""
    first = values[0]
    if (values == first).all():
        return _pack_same(first.tobytes(), values.size)
    return _deflate(values.data)


@lru_cache(maxsize=16)
def _pack_same(value: bytes, times: int) -> bytes:
    return _deflate(value * times)


def _deflate(data: Any) -> bytes:
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush(zlib.Z_FULL_FLUSH)
