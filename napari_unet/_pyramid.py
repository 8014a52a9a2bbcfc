"""A large plane in ever coarser copies, so that all of it can be seen at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["make_pyramid"]

_COARSEST = 2048
_STRIP = 256


def make_pyramid(
    plane: NDArray[Any], copies: Iterable[NDArray[Any]] = ()
) -> list[NDArray[Any]]:
    """Halve a plane until it fits a screen.

    Parameters
    ----------
    plane : array
        (rows, columns), perhaps with colours behind.
    copies : iterable of array
        Coarser and coarser ones that are there already.

    Returns
    -------
    list of array
        The plane itself, those copies, and copies of half the size of the one before.
        A pixel is the mean of four; a last odd row or column is left out.
    """
    levels = [plane, *copies]
    while max(levels[-1].shape[:2]) > _COARSEST and min(levels[-1].shape[:2]) > 1:
        levels.append(_halve(levels[-1]))
    return levels


def _halve(plane: NDArray[Any]) -> NDArray[Any]:
    rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
    half = np.empty((rows, columns, *plane.shape[2:]), plane.dtype)
    for top in range(0, rows, _STRIP):
        # Strip by strip: each of numpy's calls keeps the event loop waiting.
        bottom = min(top + _STRIP, rows)
        strip = plane[2 * top : 2 * bottom, : 2 * columns]
        total = np.zeros((bottom - top, columns, *plane.shape[2:]), np.float32)
        for row in (0, 1):
            for column in (0, 1):
                total += strip[row::2, column::2]
        total /= 4
        half[top:bottom] = total
    return half
