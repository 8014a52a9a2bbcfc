"""Where a new prediction of a field meets what is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.boxes import Box

__all__ = ["has_room", "place_classes", "place_proposals", "where_most_is_left"]

_MOST_NUMBERS = 1 << 22
_LOOKED_AT = 1024
# Two fields draw a nucleus alike, and not the same: by so many pixels both may have
# it, the second one takes the place of the first, and none is left to the other.
_SLACK = 2.0


def place_proposals(
    segmentation: NDArray[np.int32],
    review: NDArray[np.uint8],
    labels: NDArray[np.int32],
    core: Box,
    first: int,
) -> NDArray[np.int32]:
    """Put the nuclei of a predicted field among those of the fields beside it.

    A field is predicted with a margin round its core. A nucleus belongs to the
    field in whose core its centre lies, and is written whole, so that fields side by
    side cut none, double none and lose none, not even where four of them meet. What
    somebody looked at stays; a new nucleus is left out where most of it was looked at
    or belongs to others.

    Parameters
    ----------
    segmentation : array of int32
        (rows, columns) of the field with its margin, as it is.
    review : array of uint8
        The same size: where it is right (1) or ignored (2), all stays.
    labels : array of int32
        The same size: 0 background, 1..N predicted nuclei.
    core : tuple of int
        First row, first column, and the row and column behind the last, within
        the arrays.
    first : int
        New nuclei get numbers above this one.

    Returns
    -------
    array of int32
        (rows, columns): what the field becomes.
    """
    reviewed = review > 0
    old = np.where(reviewed, 0, segmentation)
    compact = _compact(old)
    ours = _centred_in(compact, core)
    result = segmentation.copy()
    result[ours[compact] & ~reviewed] = 0
    new = _centred_in(labels, core)
    free = ~reviewed & (result == 0)
    areas = np.bincount(labels.ravel(), minlength=len(new))
    room = np.bincount(labels[free], minlength=len(new))
    new &= has_room(areas, room)
    kept = np.zeros(len(new), np.int32)
    kept[new] = np.arange(first + 1, first + 1 + int(new.sum()), dtype=np.int32)
    written = kept[labels]
    return np.where(free & (written > 0), written, result).astype(np.int32)


def has_room(
    areas: NDArray[np.integer[Any]], room: NDArray[np.integer[Any]]
) -> NDArray[np.bool_]:
    """Say which predicted nuclei are shown: at least half of each must be free.

    Parameters
    ----------
    areas, room : array of int
        (highest number + 1,): pixels of each number, and those of them where nobody
        looked and nothing else is. That of 0, the background, is never shown.
    """
    result: NDArray[np.bool_] = room * 2 >= areas
    result[0] = False
    return result


def place_classes(
    segmentation: NDArray[np.int32],
    review: NDArray[np.uint8],
    labels: NDArray[np.int32],
    core: Box,
) -> NDArray[np.int32]:
    """Put the classes of a predicted field where nobody has looked.

    Parameters
    ----------
    segmentation, review
        As for `place_proposals`.
    labels : array of int32
        The same size: predicted class numbers.
    core : tuple of int
        First row, first column, and the row and column behind the last, within
        the arrays: the margin round it is left to the fields beside it.

    Returns
    -------
    array of int32
        (rows, columns): what the field becomes.
    """
    result = segmentation.copy()
    inside = slice(core[0], core[2]), slice(core[1], core[3])
    np.copyto(result[inside], labels[inside], where=review[inside] == 0)
    return result


def where_most_is_left(
    segmentation: NDArray[np.int32],
    review: NDArray[np.uint8],
    view: Box,
) -> tuple[float, float] | None:
    """Find the view with most proposals that nobody has looked at.

    Parameters
    ----------
    segmentation, review : array
        (rows, columns) of a plane.
    view : tuple of int
        What is on the screen; views of this size side by side are compared.

    Returns
    -------
    tuple of float or None
        Row and column of its middle; None if nothing is left.
    """
    step = max(1, max(segmentation.shape) // _LOOKED_AT)
    left = (segmentation[::step, ::step] > 0) & (review[::step, ::step] == 0)
    if not left.any():
        return None
    sides = [max(1, (view[2 + axis] - view[axis]) // step) for axis in (0, 1)]
    rows, columns = (
        np.arange(0, size, side) for size, side in zip(left.shape, sides, strict=True)
    )
    sums = np.add.reduceat(np.add.reduceat(left, rows, 0, int), columns, 1)
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    return (
        min((int(row) + 0.5) * sides[0] * step, segmentation.shape[0] - 1.0),
        min((int(column) + 0.5) * sides[1] * step, segmentation.shape[1] - 1.0),
    )


def _compact(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give labels numbers low enough to be counted; 0 stays 0."""
    inside = labels > 0
    if not inside.any():
        return labels
    lowest, highest = int(labels[inside].min()), int(labels.max())
    if highest - lowest < _MOST_NUMBERS:
        return np.where(inside, labels - (lowest - 1), 0).astype(np.int32)
    result = np.zeros_like(labels)
    result[inside] = np.unique(labels[inside], return_inverse=True)[1] + 1
    return result


def _centred_in(labels: NDArray[np.int32], core: Box) -> NDArray[np.bool_]:
    """Say of each number whether its centre lies in the core; not of 0."""
    areas = np.maximum(np.bincount(labels.ravel(), minlength=1), 1)
    result = np.ones(len(areas), bool)
    for axis, size in enumerate(labels.shape):
        places = np.arange(size, dtype=float)
        weights = np.broadcast_to(
            places[:, None] if axis == 0 else places, labels.shape
        )
        centre = np.bincount(labels.ravel(), weights.ravel(), len(areas)) / areas + 0.5
        first, behind = core[axis], core[axis + 2]
        result &= (centre >= first - _SLACK) & (centre <= behind + _SLACK)
    result[0] = False
    return result
