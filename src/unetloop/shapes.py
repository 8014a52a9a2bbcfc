"""Moments and perimeters of all nuclei of a window at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.windows import Runs, Window

__all__ = ["find_moments", "find_perimeters"]

# By the number of border pixels beside (2 each), at the corners (10) and here (1).
_PERIMETER = np.zeros(50)
_PERIMETER[[5, 7, 15, 17, 25, 27]] = 1
_PERIMETER[[21, 33]] = np.sqrt(2)
_PERIMETER[[13, 23]] = (1 + np.sqrt(2)) / 2


def find_moments(
    runs: Runs, first: NDArray[np.int64], window: Window
) -> dict[str, NDArray[Any]]:
    """Give area, centroid and ellipse, from moments in exact whole numbers.

    Parameters
    ----------
    runs : Runs
        Of the window.
    first : array of int64
        (nuclei,): where each nucleus begins in ``runs``.
    window : Window
        The nuclei.

    Returns
    -------
    dict of str to array
        ``area_px``, ``centroid_row``, ``centroid_column``, ``axis_major``,
        ``axis_minor`` and ``eccentricity``, (nuclei,) each, in pixels.
    """
    length = runs.stop - runs.start
    per = np.diff(first, append=len(length))
    top = np.minimum.reduceat(runs.row, first)
    left = np.minimum.reduceat(runs.start, first)
    y = runs.row - np.repeat(top, per)
    x = runs.start - np.repeat(left, per)
    # Sums over x, x + 1, … x + length - 1 of each stretch.
    sum_x = length * x + length * (length - 1) // 2
    sum_xx = (
        length * x * x
        + x * length * (length - 1)
        + (length - 1) * length * (2 * length - 1) // 6
    )
    area, m_y, m_x, m_yy, m_xx, m_xy = (
        np.add.reduceat(values, first)
        for values in (length, y * length, sum_x, y * y * length, sum_xx, y * sum_x)
    )
    row, column = m_y / area, m_x / area
    yy = m_yy / area - row * row
    xx = m_xx / area - column * column
    xy = m_xy / area - row * column
    root = np.sqrt((xx - yy) ** 2 + 4 * xy * xy)
    major = np.maximum((xx + yy + root) / 2, 0)
    minor = np.maximum((xx + yy - root) / 2, 0)
    # A straight line of pixels: what is left of its width is rounding.
    minor[minor < 1e-12 * major] = 0
    ratio = np.divide(minor, major, out=np.ones(len(major)), where=major > 0)
    return {
        "area_px": area,
        "centroid_row": row + top + window.row,
        "centroid_column": column + left + window.column,
        "axis_major": 4 * np.sqrt(major),
        "axis_minor": 4 * np.sqrt(minor),
        "eccentricity": np.sqrt(1 - ratio),
    }


def find_perimeters(
    labels: NDArray[np.int32], numbers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Add up each nucleus's border pixels, weighted by what lies beside them.

    Parameters
    ----------
    labels : array of int32
        (rows, columns).
    numbers : array of int64
        (nuclei,): the labels that there are, sorted.

    Returns
    -------
    array of float64
        (nuclei,): in pixels; the estimate of K. Benkrid and D. Crookes, "Design
        and FPGA implementation of a perimeter estimator", Queen's University of
        Belfast, as in scikit-image.
    """
    padded = np.pad(labels, 1)
    width = padded.shape[1]
    flat = padded.ravel()
    pixel = np.flatnonzero(flat)
    value = flat[pixel]
    inner = np.ones(len(pixel), bool)
    for step in (-1, 1, -width, width):
        inner &= flat[pixel + step] == value
    pixel, value = pixel[~inner], value[~inner]
    border = np.zeros(len(flat), bool)
    border[pixel] = True
    code = np.ones(len(pixel), np.int64)
    for weight, steps in (
        (2, (-1, 1, -width, width)),
        (10, (-width - 1, -width + 1, width - 1, width + 1)),
    ):
        for step in steps:
            other = pixel + step
            code += weight * (border[other] & (flat[other] == value))
    nucleus = np.searchsorted(numbers, value)
    return np.bincount(nucleus, _PERIMETER[code], len(numbers)).astype(np.float64)
