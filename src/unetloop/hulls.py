"""Areas of convex hulls, for thousands of nuclei at a time, in whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.windows import Runs

__all__ = ["hull_areas"]

_BATCH = 1 << 20
_FAR = 1 << 40


def hull_areas(runs: Runs, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the pixels whose centre lies in the convex hull of each nucleus.

    The hull is that of the middles of the pixels' edges, and its border counts:
    the definition of ``area_convex`` in scikit-image.

    Parameters
    ----------
    runs : Runs
        Ordered by label, row, column.
    first : array of int64
        (nuclei,): where each nucleus begins in ``runs``.

    Returns
    -------
    array of int64
        (nuclei,): pixels.

    Notes
    -----
    The left and the mirrored right border are made convex by Andrew's monotone
    chain (Information Processing Letters 9, 1979), one step for all nuclei of a
    batch. Coordinates are doubled, so that halves are whole numbers.
    """
    nucleus = np.repeat(np.arange(len(first)), np.diff(first, append=len(runs.row)))
    line = np.flatnonzero(
        np.r_[True, (np.diff(nucleus) != 0) | (np.diff(runs.row) != 0)]
    )
    nucleus, row = nucleus[line], runs.row[line]
    left = np.minimum.reduceat(runs.start, line)
    right = np.maximum.reduceat(runs.stop, line) - 1
    begin = np.flatnonzero(np.r_[True, np.diff(nucleus) != 0])
    top = row[begin]
    heights = np.maximum.reduceat(row, begin) - top + 1
    depth = row - top[nucleus]
    by_height = np.argsort(heights, kind="stable")
    lines = np.diff(begin, append=len(row))
    areas = np.zeros(len(first), np.int64)
    done = 0
    while done < len(by_height):
        least = int(heights[by_height[done]])
        batch = by_height[done : done + max(1, _BATCH // (2 * least + 1))]
        batch = batch[heights[batch] <= 2 * least]  # little of the table is empty
        done += len(batch)
        count = lines[batch]
        column = np.repeat(np.arange(len(batch)), count)
        place = np.repeat(begin[batch] - np.cumsum(count) + count, count)
        place += np.arange(len(column))
        tall = int(heights[batch].max())
        borders = np.full((2, tall, len(batch)), _FAR, np.int64)
        borders[0, depth[place], column] = left[place]
        borders[1, depth[place], column] = -right[place]
        ends = _convex_border(np.concatenate(borders, axis=1))
        width = 1 - ends[:, : len(batch)] - ends[:, len(batch) :]
        width[np.arange(tall)[:, None] >= heights[batch]] = 0
        areas[batch] = width.sum(axis=0)
    return areas


def _convex_border(border: NDArray[np.int64]) -> NDArray[np.int64]:
    """Make left borders convex: (rows, borders) -> the first column in each row."""
    rows, count = border.shape
    points = np.full((2 * rows + 1, count), _FAR, np.int64)
    points[1::2] = np.where(border < _FAR, 2 * border - 1, _FAR)
    sides = np.where(border < _FAR, 2 * border, _FAR)
    points[:-1:2] = sides
    points[2::2] = np.minimum(points[2::2], sides)
    height = np.zeros(points.shape, np.int64)
    across = np.zeros(points.shape, np.int64)
    size = np.zeros(count, np.int64)
    for y, x in enumerate(points):
        there = np.flatnonzero(x < _FAR)
        active = there[size[there] >= 2]
        while len(active):
            last = size[active] - 1
            y0, x0 = height[last - 1, active], across[last - 1, active]
            inner = (across[last, active] - x0) * (y - y0) >= (x[active] - x0) * (
                height[last, active] - y0
            )
            active = active[inner]
            size[active] -= 1
            active = active[size[active] >= 2]
        height[size[there], there] = y
        across[size[there], there] = x[there]
        size[there] += 1
    return _first_columns(height, across, size)


def _first_columns(
    height: NDArray[np.int64], across: NDArray[np.int64], size: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give the first pixel centre right of each convex chain, in each row."""
    rows, count = height.shape[0] // 2, height.shape[1]
    result = np.zeros((rows, count), np.int64)
    every = np.arange(count)
    at = np.zeros(count, np.int64)
    for row in range(rows):
        y = 2 * row + 1
        behind = every
        while len(behind):
            ahead = at[behind] + 1
            behind = behind[
                (ahead < size[behind] - 1)
                & (height[np.minimum(ahead, len(height) - 1), behind] < y)
            ]
            at[behind] += 1
        y0, x0 = height[at, every], across[at, every]
        y1, x1 = height[at + 1, every], across[at + 1, every]
        tall = np.maximum(y1 - y0, 1)
        result[row] = -((-(x0 * tall + (x1 - x0) * (y - y0))) // (2 * tall))
    return result
