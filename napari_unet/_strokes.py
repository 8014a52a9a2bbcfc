"""What a stroke of napari's own brush, fill, polygon or eraser changed."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.class_corrections import NOTHING
from unetloop.numbering import free_number
from unetloop.pieces import grown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.pieces import Window

__all__ = [
    "apply_stroke",
    "changed_windows",
    "number_apart",
    "read_stroke",
]


def changed_windows(item: list[Any], lead: tuple[int, ...]) -> dict[int, Window]:
    """Find which rectangle of which plane an item of napari's history changed.

    Parameters
    ----------
    item : list
        What the layer's event ``paint`` carries.
    lead : tuple of int
        Sizes of the axes in front of rows and columns.

    Returns
    -------
    dict
        Plane: slices of rows and columns.
    """
    boxes: dict[int, list[int]] = {}
    for atom in item:
        for plane, box in _boxes(atom, lead):
            known = boxes.setdefault(plane, list(box))
            known[:2] = [min(pair) for pair in zip(known[:2], box[:2], strict=True)]
            known[2:] = [max(pair) for pair in zip(known[2:], box[2:], strict=True)]
    return {
        plane: (slice(box[0], box[2]), slice(box[1], box[3]))
        for plane, box in boxes.items()
    }


def _boxes(
    atom: Any, lead: tuple[int, ...]
) -> list[tuple[int, tuple[int, int, int, int]]]:
    key = getattr(atom, "slice_key", None)
    if key is not None:
        rows, columns = key[-2:]
        box = (rows.start, columns.start, rows.stop, columns.stop)
        places = product(*(range(part.start, part.stop) for part in key[:-2]))
        planes = [np.ravel_multi_index(place, lead) if lead else 0 for place in places]
        return [(int(plane), box) for plane in planes]
    indices = [np.ravel(part) for part in atom[0]]
    if indices[0].size == 0:
        return []
    numbers = np.ravel_multi_index(tuple(indices[:-2]), lead) if lead else 0
    box = (
        int(indices[-2].min()),
        int(indices[-1].min()),
        int(indices[-2].max()) + 1,
        int(indices[-1].max()) + 1,
    )
    return [(int(plane), box) for plane in np.unique(numbers)]


def apply_stroke(
    item: list[Any],
    plane: int,
    lead: tuple[int, ...],
    window: Window,
    labels: NDArray[np.int32],
) -> None:
    """Write a stroke into a rectangle of a plane, in place; twice does no harm."""
    place = np.unravel_index(plane, lead) if lead else ()
    for atom in item:
        _apply(atom, labels, place, window)


def read_stroke(
    item: list[Any], plane: int, lead: tuple[int, ...], window: Window
) -> NDArray[np.int32]:
    """Give what a stroke wrote into a rectangle of a plane, `NOTHING` elsewhere."""
    rows, columns = window
    shape = rows.stop - rows.start, columns.stop - columns.start
    stroke = np.full(shape, NOTHING, np.int32)
    apply_stroke(item, plane, lead, window, stroke)
    return stroke


def number_apart(
    recorded: NDArray[np.int32],
    painted: NDArray[np.int32],
    window: Window,
    number: int,
) -> int:
    """Give a stroke a number of its own where it touches nothing that has its number.

    No nucleus lies in two places: whoever goes on painting elsewhere means another.

    Parameters
    ----------
    recorded, painted : array of int32
        A plane before and after the stroke; the second is written to.
    window : tuple of slice
        Rows and columns that hold the stroke.
    number : int
        What it painted.

    Returns
    -------
    int
        The stroke's number now.
    """
    wide = grown(window, 1, recorded.shape)
    old, after = recorded[wide] == number, painted[wide]
    new = (after == number) & ~old
    rows, columns = new.shape
    padded = np.pad(new, 1)
    near = [
        padded[row : row + rows, column : column + columns]
        for row, column in product(range(3), repeat=2)
    ]
    touches = bool((np.any(near, axis=0) & old).any())
    if touches or not new.any() or not (recorded == number).any():
        return number
    fresh = free_number(recorded)
    after[new] = fresh
    return fresh


def _apply(
    atom: Any, labels: NDArray[np.int32], place: tuple[Any, ...], window: Window
) -> None:
    """Write one change of napari's history into a copy of a rectangle."""
    top, left = window[0].start, window[1].start
    key = getattr(atom, "slice_key", None)
    if key is not None:
        offsets = [
            int(index) - part.start for index, part in zip(place, key[:-2], strict=True)
        ]
        sizes = [part.stop - part.start for part in key[:-2]]
        if any(not 0 <= o < s for o, s in zip(offsets, sizes, strict=True)):
            return
        rows, columns = key[-2:]
        part = labels[
            rows.start - top : rows.stop - top,
            columns.start - left : columns.stop - left,
        ]
        if atom.mask is None:
            part[:] = atom.new_value
        else:
            part[atom.mask[tuple(offsets)]] = atom.new_value
        return
    indices = [np.ravel(part) for part in atom[0]]
    here = np.ones(indices[0].shape, bool)
    for index, axis in zip(place, indices[:-2], strict=True):
        here &= axis == index
    values = np.broadcast_to(np.ravel(atom[2]), indices[0].shape)
    labels[indices[-2][here] - top, indices[-1][here] - left] = values[here]
