"""Strips of a label plane that hold each of their nuclei whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Runs", "Window", "find_runs", "iterate_windows"]

_WINDOW_PIXELS = 1 << 22
_LEAST_ROWS = 128


@dataclass(frozen=True)
class Runs:
    """Stretches of one label within one row, ordered by label, row, column.

    Parameters
    ----------
    label, row, start, stop : array of int64
        (runs,): columns ``start`` to ``stop - 1`` of the row have the label.
    """

    label: NDArray[np.int64]
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """Rows of a plane, and the nuclei that are worked on there.

    Parameters
    ----------
    row, column : int
        Where the rectangle begins in the plane.
    labels : array of int32
        (rows, columns): the window's own nuclei, each whole; 0 elsewhere.
    """

    row: int
    column: int
    labels: NDArray[np.int32]


def find_runs(labels: NDArray[Any]) -> Runs:
    """List the stretches of equal label in each row, without background.

    Parameters
    ----------
    labels : array of int
        (rows, columns).

    Returns
    -------
    Runs
    """
    inside = np.flatnonzero(labels)  # a fraction of the pixels, as a rule
    values = labels.ravel()[inside]
    if len(inside) == 0:
        none = np.zeros(0, np.int64)
        return Runs(none, none, none, none)
    columns = labels.shape[1]
    first = np.empty(len(inside), bool)
    first[0] = True
    first[1:] = (values[1:] != values[:-1]) | (np.diff(inside) != 1)
    first |= inside % columns == 0
    begins = np.flatnonzero(first)
    lengths = np.diff(begins, append=len(inside))
    label = values[begins].astype(np.int64)
    order = np.argsort(label, kind="stable")
    row, start = np.divmod(inside[begins], columns)
    return Runs(label[order], row[order], start[order], start[order] + lengths[order])


def iterate_windows(
    labels: NDArray[np.int32], pixels: int = _WINDOW_PIXELS
) -> Iterator[Window]:
    """Go through a plane so that every nucleus comes up once, and whole.

    A window takes the nuclei that begin in a strip of rows, and is as much
    taller than the strip as they need. A nucleus that is taller than a strip
    gets a window of its own, of its bounding box.

    Parameters
    ----------
    labels : array of int32
        (rows, columns), memory-mapped for instance: 0 background, one number a
        nucleus, gaps allowed.
    pixels : int
        Size of a strip; memory is bounded by a few times this.

    Yields
    ------
    Window
        From the top; none where there is no nucleus.
    """
    rows, columns = labels.shape
    step = max(_LEAST_ROWS, pixels // max(columns, 1))
    if rows <= step:
        if labels.any():
            yield Window(0, 0, np.ascontiguousarray(labels))
        return
    numbers, boxes = _find_boxes(labels, step)
    tall = boxes[:, 2] - boxes[:, 0] > step
    for begin in range(0, rows, step):
        here = (boxes[:, 0] >= begin) & (boxes[:, 0] < begin + step)
        own = here & ~tall
        if own.any():
            window = np.array(labels[begin : boxes[own, 2].max()])
            yield Window(begin, 0, _keep(window, numbers[own]))
        for number, box in zip(numbers[here & tall], boxes[here & tall], strict=True):
            crop = labels[box[0] : box[2], box[1] : box[3]]
            alone = np.where(crop == number, crop, 0)
            yield Window(int(box[0]), int(box[1]), alone)


def _find_boxes(
    labels: NDArray[np.int32], step: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find each label's bounding box (r0, c0, r1, c1), strip by strip."""
    found = []
    for begin in range(0, labels.shape[0], step):
        runs = find_runs(np.asarray(labels[begin : begin + step]))
        if len(runs.label):
            first = _first_of_groups(runs.label)
            found.append(
                np.stack(
                    [
                        runs.label[first],
                        np.minimum.reduceat(runs.row, first) + begin,
                        np.minimum.reduceat(runs.start, first),
                        np.maximum.reduceat(runs.row, first) + begin + 1,
                        np.maximum.reduceat(runs.stop, first),
                    ],
                    axis=1,
                )
            )
    if not found:
        return np.zeros(0, np.int64), np.zeros((0, 4), np.int64)
    parts = np.concatenate(found)
    parts = parts[np.argsort(parts[:, 0], kind="stable")]
    first = _first_of_groups(parts[:, 0])
    low = np.minimum.reduceat(parts[:, 1:3], first)
    high = np.maximum.reduceat(parts[:, 3:5], first)
    return parts[first, 0], np.concatenate([low, high], axis=1)


def _first_of_groups(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where a new value begins in sorted values."""
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]])


def _keep(labels: NDArray[np.int32], numbers: NDArray[np.int64]) -> NDArray[np.int32]:
    """Clear every label that is not among the sorted numbers, in place."""
    inside = np.flatnonzero(labels)
    values = labels.ravel()[inside]
    place = np.minimum(np.searchsorted(numbers, values), len(numbers) - 1)
    labels.ravel()[inside[numbers[place] != values]] = 0
    return labels
