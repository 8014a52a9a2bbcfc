"""Connected pieces of a plane, found from a pixel, and lines as pixels.

Nothing here looks further than a piece reaches, so that it takes no longer on a
large plane than on a small one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "SQUARE",
    "Piece",
    "Window",
    "bounds",
    "box_window",
    "enclosing",
    "grown",
    "line_pixels",
    "overlap",
    "pieces_at",
    "pieces_in",
    "pieces_round",
    "shifted",
    "within",
]

Window = tuple[slice, slice]
"""Rows and columns of a rectangle."""

SQUARE = np.ones((3, 3), bool)
"""A pixel and its 8 neighbours."""

_FIRST_REACH = 32
# Nobody draws this far beyond an image; a line of that length would fill memory.
_FARTHEST = 2**20


@dataclass(frozen=True)
class Piece:
    """A connected piece (8 neighbours) of one number.

    Parameters
    ----------
    number : int
        Its value in the segmentation.
    window : tuple of slice
        The smallest rectangle that holds it.
    mask : array of bool
        (rows, columns) of the window: where it is.
    """

    number: int
    window: Window
    mask: NDArray[np.bool_]

    @property
    def corner(self) -> tuple[int, int]:
        """First row and column."""
        return self.window[0].start, self.window[1].start

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.mask.sum())

    def holds(self, pixels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say of each pixel, (n, 2) rows and columns, whether it lies in the piece."""
        local = pixels - self.corner
        inside = _inside(local, self.mask.shape)
        inside[inside] = self.mask[tuple(local[inside].T)]
        return inside


def pieces_at(
    segmentation: NDArray[np.int32], pixels: NDArray[np.int64]
) -> list[Piece]:
    """Find the pieces that have at least one of some pixels.

    Parameters
    ----------
    segmentation : array of int32
        (rows, columns): 0 background, one number a nucleus.
    pixels : array of int
        (n, 2): rows and columns in the plane; those on the background find
        nothing.

    Returns
    -------
    list of Piece
        Each once, in the order in which the pixels meet them.
    """
    left = pixels[segmentation[tuple(pixels.T)] > 0]
    pieces = []
    while len(left):
        pieces.append(_piece(segmentation, *left[0].tolist()))
        left = left[~pieces[-1].holds(left)]
    return pieces


def pieces_in(
    segmentation: NDArray[np.int32], window: Window, mask: NDArray[np.bool_]
) -> list[Piece]:
    """Find the pieces that have a pixel where a mask of a window is true.

    As `pieces_at`, but its time grows with the pixels and the pieces, not with
    their product.
    """
    left = np.ascontiguousarray(mask & (segmentation[window] > 0))
    flat = left.reshape(-1)  # the same memory
    pieces = []
    at = 0
    while flat[at:].any():
        at += int(flat[at:].argmax())
        row, column = divmod(at, left.shape[1])
        piece = _piece(segmentation, window[0].start + row, window[1].start + column)
        both = overlap(piece.window, window)
        left[within(both, window)] &= ~piece.mask[within(both, piece.window)]
        pieces.append(piece)
    return pieces


def pieces_round(segmentation: NDArray[np.int32], window: Window) -> list[Piece]:
    """Find the pieces that have a pixel just outside a window, each once."""
    rows, columns = grown(window, 1, segmentation.shape)
    strips = [
        (slice(rows.start, window[0].start), columns),
        (slice(window[0].stop, rows.stop), columns),
        (window[0], slice(columns.start, window[1].start)),
        (window[0], slice(window[1].stop, columns.stop)),
    ]
    pieces: list[Piece] = []
    for strip in strips:
        new = np.ones(segmentation[strip].shape, bool)
        for piece in pieces:
            both = overlap(piece.window, strip)
            new[within(both, strip)] &= ~piece.mask[within(both, piece.window)]
        pieces += pieces_in(segmentation, strip, new)
    return pieces


def line_pixels(line: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Turn a line through points into pixels, each a neighbour (of 8) of the last.

    Parameters
    ----------
    line : array of float
        (n, 2), or (2,) for one point: rows and columns; pixel centres are whole
        numbers. Points that are not finite, or absurdly far away, are left out.
    shape : tuple of int
        Of the plane.

    Returns
    -------
    array of int
        (m, 2): rows and columns of those that lie in the plane.

    Examples
    --------
    >>> line_pixels([(0, -1), (1.2, 3.4)], (9, 9)).tolist()
    [[0, 0], [1, 1], [1, 2], [1, 3]]
    """
    points = np.asarray(line, float).reshape(-1, 2)
    points = np.floor(points[(np.abs(points) < _FARTHEST).all(axis=1)] + 0.5)
    if not len(points):
        return np.zeros((0, 2), np.int64)
    steps = np.abs(np.diff(points, axis=0)).max(axis=1)
    points = points[np.append(True, steps > 0)]
    at = np.append(0, np.cumsum(steps[steps > 0]))
    index = np.arange(at[-1] + 1)
    exact = [np.interp(index, at, points[:, axis]) for axis in (0, 1)]
    pixels = np.floor(np.stack(exact, axis=1) + 0.5).astype(np.int64)
    return pixels[_inside(pixels, shape)]


def box_window(box: ArrayLike, shape: tuple[int, ...]) -> Window | None:
    """Turn a box into the window of it that lies in a plane; None: nothing does.

    Parameters
    ----------
    box : sequence of float
        Row and column of a corner, row and column of the opposite one; the
        first are inside, the last are not.
    shape : tuple of int
        Of the plane.
    """
    corners = np.asarray(box, float).reshape(2, 2)
    if np.isnan(corners).any():
        return None
    corners = np.clip(np.floor(np.sort(corners, axis=0) + 0.5), 0, shape)
    (top, left), (bottom, right) = corners.astype(int).tolist()
    if top == bottom or left == right:
        return None
    return slice(top, bottom), slice(left, right)


def bounds(mask: NDArray[np.bool_]) -> Window:
    """Give the smallest rectangle that holds all that is true; something must be."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(
        int(columns[0]), int(columns[-1]) + 1
    )


def grown(window: Window, margin: int, shape: tuple[int, ...]) -> Window:
    """Add a margin to a window, as far as the plane reaches."""
    rows, columns = (
        slice(max(side.start - margin, 0), min(side.stop + margin, size))
        for side, size in zip(window, shape, strict=True)
    )
    return rows, columns


def enclosing(*windows: Window) -> Window:
    """Give the smallest window that holds all of these."""
    rows, columns = (
        slice(min(side.start for side in sides), max(side.stop for side in sides))
        for sides in zip(*windows, strict=True)
    )
    return rows, columns


def overlap(window: Window, other: Window) -> Window:
    """Give what two windows have in common; of no height or width: nothing."""
    rows, columns = (
        slice(start := max(one.start, two.start), max(start, min(one.stop, two.stop)))
        for one, two in zip(window, other, strict=True)
    )
    return rows, columns


def shifted(window: Window, rows: int, columns: int) -> Window:
    """Move a window."""
    return (
        slice(window[0].start + rows, window[0].stop + rows),
        slice(window[1].start + columns, window[1].stop + columns),
    )


def within(window: Window, outer: Window) -> Window:
    """Give a window as it is counted from the corner of another that holds it."""
    return shifted(window, -outer[0].start, -outer[1].start)


def _piece(segmentation: NDArray[np.int32], row: int, column: int) -> Piece:
    """Look further and further round a pixel, until its piece ends within sight."""
    number = int(segmentation[row, column])
    pixel = (slice(row, row + 1), slice(column, column + 1))
    reach = _FIRST_REACH
    while True:
        window = grown(pixel, reach, segmentation.shape)
        labels, _ = ndimage.label(segmentation[window] == number, SQUARE)
        mask = labels == labels[within(pixel, window)]
        found = bounds(mask)
        box = shifted(found, window[0].start, window[1].start)
        # With a rim of other pixels, or at the plane's border, it is complete.
        if enclosing(window, grown(box, 1, segmentation.shape)) == window:
            return Piece(number, box, mask[found])
        reach *= 2


def _inside(pixels: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = pixels.T
    inside: NDArray[np.bool_] = (rows >= 0) & (rows < shape[0])
    inside &= (columns >= 0) & (columns < shape[1])
    return inside
