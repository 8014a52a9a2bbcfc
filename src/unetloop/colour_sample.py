"""Pixels that stand for an image in colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from unetloop.boxes import Box

__all__ = ["sample_colours"]

_STRIPS = 8
_PIXELS = 1 << 20
_COARSE = 512


def sample_colours(
    read: Callable[[Box, int], NDArray[Any]], levels: Sequence[tuple[int, int]]
) -> NDArray[np.float32]:
    """Read finite pixels that stand for an image, about a million.

    Parameters
    ----------
    read : callable
        Given a rectangle and a level, gives its pixels, (rows, columns, 3).
    levels : sequence of tuple of int
        Rows and columns of the image, and of its coarser copies.

    Returns
    -------
    array of float32
        (pixels, 3): red, green and blue.
    """
    coarse = [max(size) >= _COARSE for size in levels[1:]]
    level = sum(coarse)  # the smallest that is not too small
    height, width = levels[level]
    rows = max(1, _PIXELS // _STRIPS // max(width, 1))
    starts = [0]
    if rows * _STRIPS < height:
        starts = [round(start) for start in np.linspace(0, height - rows, _STRIPS)]
    else:
        rows = height
    strips = [read((top, 0, top + rows, width), level) for top in starts]
    pixels = np.concatenate([strip.reshape(-1, 3) for strip in strips])
    some = pixels[:: max(1, len(pixels) // _PIXELS)].astype(np.float32)
    finite: NDArray[np.float32] = some[np.isfinite(some).all(-1)]
    return finite
