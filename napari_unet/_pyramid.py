"""A large plane in ever coarser copies, so that all of it can be seen at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["is_large", "make_label_pyramid", "make_pyramid"]

_LARGE = 1 << 26
_COARSEST = 2048
_STRIP = 256


def is_large(pixels: int) -> bool:
    """Whether a plane of so many pixels is shown in ever coarser copies."""
    return pixels > _LARGE


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


def make_label_pyramid(
    labels: NDArray[Any],
) -> NDArray[Any] | list[NDArray[Any]]:
    """Give labels, those of a large plane in ever coarser copies: none is mixed.

    Parameters
    ----------
    labels : array of int
        (planes..., rows, columns).
    """
    if labels.ndim > 2 or not is_large(labels.size):
        return labels
    levels = [labels]
    while max(levels[-1].shape) > _COARSEST and min(levels[-1].shape) > 1:
        rows, columns = (side // 2 * 2 for side in levels[-1].shape)
        levels.append(np.ascontiguousarray(levels[-1][:rows:2, :columns:2]))
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
