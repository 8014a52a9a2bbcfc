"""One row a nucleus: place, size, shape, and intensity in every channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.hulls import hull_areas
from unetloop.shapes import find_moments, find_perimeters
from unetloop.windows import find_runs, iterate_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from unetloop.windows import Window


__all__ = [
    "COLUMNS",
    "INTENSITIES",
    "column_names",
    "measure_plane",
]

# Of certainties, as decimals; runtimes differ by some 1e-8 in the same job.
_CERTAINTY_DIGITS = 4

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("label", "", "the nucleus's number in the mask"),
    ("centroid_row", "px", "mean row of its pixels, from 0"),
    ("centroid_column", "px", "mean column of its pixels, from 0"),
    ("area_px", "px", "number of its pixels"),
    ("area_um2", "µm²", "area; empty where the pixel size is not known"),
    ("axis_major", "px", "long axis of the ellipse with the same second moments"),
    ("axis_minor", "px", "short axis of that ellipse"),
    ("eccentricity", "", "of that ellipse: 0 a circle, towards 1 a line"),
    ("solidity", "", "area over the area of its convex hull"),
    ("perimeter", "px", "length of the line through its border pixels"),
    ("touches_edge", "", "1 if it touches the edge of the image, else 0"),
    (
        "certainty_mean",
        "",
        "how sure the network is of it: mean foreground probability, the middle "
        "counting most, 0 to 1; may be empty",
    ),
    (
        "reviewed",
        "",
        "1 if somebody said in the project that it is right, or drew it, else 0",
    ),
)
"""Name, unit and meaning of the columns that every image has."""

INTENSITIES: tuple[tuple[str, str], ...] = (
    ("mean", "mean intensity"),
    ("median", "median intensity"),
    ("min", "lowest intensity"),
    ("max", "highest intensity"),
    ("sum", "sum of the intensities"),
)
"""Columns ``intensity_<name>_<channel>`` that each channel has, and their meaning."""


def column_names(channels: Iterable[str]) -> list[str]:
    """List the columns of a table of these channels, in order."""
    return [
        *(name for name, _, _ in COLUMNS),
        *(f"intensity_{kind}_{name}" for name in channels for kind, _ in INTENSITIES),
    ]


def measure_plane(
    labels: NDArray[np.int32],
    intensities: Mapping[str, Any],
    *,
    certainty: NDArray[np.float64] | None = None,
    pixel_size: tuple[float, float] | None = None,
    reviewed: NDArray[np.bool_] | None = None,
) -> dict[str, NDArray[Any]]:
    """Measure every nucleus of a plane.

    Parameters
    ----------
    labels : array of int32
        (rows, columns): 0 background, one number a nucleus, gaps allowed. May be
        memory-mapped: it is worked on in windows.
    intensities : mapping of str to array-like
        Each channel's name and pixels, (rows, columns); anything that gives
        numpy arrays for slices ``[r0:r1, c0:c1]``.
    certainty : array of float, optional
        (highest label + 1,), from `instances.nucleus_certainty`: 0 to 1.
    pixel_size : tuple of float, optional
        Height and width of a pixel in µm.
    reviewed : array of bool, optional
        (highest label + 1,): whether somebody said that it is right; None: none is.

    Returns
    -------
    dict of str to array
        One array a column of `column_names`, (nuclei,), ordered by label. Whole
        numbers are int64, all else is float64, as are sums that 64 bits do not
        hold; NaN: not known.

    Raises
    ------
    EngineError
        If the sizes differ.

    Notes
    -----
    Area, centroid, axes, eccentricity, solidity, perimeter and intensities are
    defined as in `skimage.measure.regionprops` (perimeter: Benkrid and Crookes,
    Queen's University of Belfast), and equal to it.

    Examples
    --------
    >>> nuclei = np.array([[1, 1, 0], [1, 1, 0]], np.int32)
    >>> measure_plane(nuclei, {}, pixel_size=(0.5, 0.5))["area_um2"].tolist()
    [1.0]
    """
    for name, array in intensities.items():
        if tuple(array.shape) != labels.shape:
            raise EngineError(
                "Nuclei and pixels to be measured must have the same size.",
                nuclei=labels.shape,
                pixels=tuple(array.shape),
                channel=name,
            )
    pixel_area = float("nan") if pixel_size is None else pixel_size[0] * pixel_size[1]
    names = column_names(intensities)
    parts = [
        _measure_window(window, labels.shape, intensities, pixel_area)
        for window in iterate_windows(labels)
    ]
    if not parts:
        return {name: np.zeros(0, _dtype(name, intensities)) for name in names}
    label = np.concatenate([part["label"] for part in parts])
    order = np.argsort(label)
    sure = np.full(len(label), np.nan)
    if certainty is not None:
        sure = np.round(certainty, _CERTAINTY_DIGITS)[label[order]]
    right = np.zeros(len(label), np.int64)
    if reviewed is not None:
        right = reviewed[label[order]].astype(np.int64)
    of_all = {"certainty_mean": sure, "reviewed": right}
    return {
        name: of_all[name]
        if name in of_all
        else np.concatenate([part[name] for part in parts])[order]
        for name in names
    }


def _dtype(name: str, intensities: Mapping[str, Any]) -> type:
    whole = name in ("label", "area_px", "touches_edge", "reviewed")
    for channel, pixels in intensities.items():
        if name in [f"intensity_{kind}_{channel}" for kind in ("min", "max", "sum")]:
            whole = np.dtype(pixels.dtype).kind in "bui"
    return np.int64 if whole else np.float64


def _measure_window(
    window: Window,
    plane: tuple[int, ...],
    intensities: Mapping[str, Any],
    pixel_area: float,
) -> dict[str, NDArray[Any]]:
    runs = find_runs(window.labels)
    first = np.flatnonzero(np.r_[True, np.diff(runs.label) != 0])
    rows, columns = window.labels.shape
    place = (
        slice(window.row, window.row + rows),
        slice(window.column, window.column + columns),
    )
    table: dict[str, NDArray[Any]] = {"label": runs.label[first]}
    table |= find_moments(runs, first, window)
    area = table["area_px"]
    table["area_um2"] = area * pixel_area
    table["solidity"] = area / hull_areas(runs, first)
    table["perimeter"] = find_perimeters(window.labels, table["label"])
    low_row = np.minimum.reduceat(runs.row, first) + window.row
    high_row = np.maximum.reduceat(runs.row, first) + window.row
    low = np.minimum.reduceat(runs.start, first) + window.column
    high = np.maximum.reduceat(runs.stop, first) + window.column
    edge = (low_row == 0) | (low == 0) | (high_row == plane[0] - 1) | (high == plane[1])
    table["touches_edge"] = edge.astype(np.int64)
    # Pixels of the same nucleus follow each other.
    length = runs.stop - runs.start
    pixel = np.repeat(
        runs.row * columns + runs.start - np.cumsum(length) + length, length
    )
    pixel += np.arange(len(pixel))
    starts = np.cumsum(area) - area
    for name, channel in intensities.items():
        values = np.asarray(channel[place]).ravel()[pixel]
        for kind, column in _intensity(values, area, starts).items():
            table[f"intensity_{kind}_{name}"] = column
    return table


def _can_be_added(values: NDArray[Any]) -> bool:
    """Whether whole numbers, and sums of billions of them, are whole in 64 bits."""
    if values.dtype.itemsize < 8:
        return True
    most = 1 << 31
    return bool(values.max() < most) and bool(values.min() > -most)


def _intensity(
    values: NDArray[Any], area: NDArray[np.int64], starts: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Mean, median, min, max and sum of values that are grouped by nucleus."""
    nucleus = np.repeat(np.arange(len(area)), area)
    whole = values.dtype.kind in "bui" and _can_be_added(values)
    if whole and values.dtype.itemsize <= 2:
        key = (nucleus << 17) + values + (1 << 16)  # int16 too stays above 0
        key.sort()
        values = (key & ((1 << 17) - 1)) - (1 << 16)
    else:
        values = values.astype(np.int64 if whole else np.float64)
        values = values[np.lexsort((values, nucleus))]
    with np.errstate(invalid="ignore"):  # of both infinities: not known
        total = np.add.reduceat(values, starts)
    low = values[starts + (area - 1) // 2]
    high = values[starts + area // 2]
    lowest, highest = values[starts], values[starts + area - 1]
    median = (low + high.astype(np.float64)) / 2
    if not whole:  # unknown pixels: NaN is sorted to the end
        unknown = np.isnan(total)
        lowest[unknown] = median[unknown] = np.nan
    return {
        "mean": total / area,
        "median": median,
        "min": lowest,
        "max": highest,
        "sum": total,
    }
