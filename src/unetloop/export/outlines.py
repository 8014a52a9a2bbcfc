"""Outlines along the edges of pixels: filled again, they give the same mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from skimage.measure import label as find_pieces

from unetloop.windows import iterate_windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from unetloop.windows import Window

    Ring = NDArray[np.int64]

__all__ = ["Outline", "iterate_outlines"]

# Sides of a pixel, clockwise from the top: the corner of the pixel where a walk
# along the side begins that has the pixel on its right, in (x, y).
_CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])


@dataclass(frozen=True)
class Outline:
    """The edge of one nucleus.

    Parameters
    ----------
    label : int
        Its number.
    polygons : tuple of tuple of array
        One polygon for each piece whose pixels touch by a side: its outer ring,
        then its holes. A ring is (corners, 2), x and y in pixels from the upper
        left corner of the image; corners are whole numbers, the first is not
        repeated. Rings do not cross or touch themselves; outer ones go round
        with rising angle in (x, y), which is clockwise on the screen, holes the
        other way.
    """

    label: int
    polygons: tuple[tuple[Ring, ...], ...]


def iterate_outlines(labels: NDArray[np.int32]) -> Iterator[Outline]:
    """Trace every nucleus of a plane, along the edges of its pixels.

    The outline holds exactly the nucleus's pixels: whoever fills it gets the mask
    back, with its holes and pieces.

    Parameters
    ----------
    labels : array of int32
        (rows, columns), memory-mapped for instance: 0 background, one number a
        nucleus, gaps allowed.

    Yields
    ------
    Outline
        Ordered by label within each strip of the plane.
    """
    for window in iterate_windows(labels):
        yield from _trace_window(window)


def _trace_window(window: Window) -> Iterator[Outline]:
    pieces = np.pad(find_pieces(window.labels, connectivity=1), 1)
    corners, owner = _trace_rings(pieces)
    corners += (window.column - 1, window.row - 1)
    # Each piece's number and the nucleus that it belongs to.
    inside = np.flatnonzero(window.labels)
    piece = pieces[1:-1, 1:-1].ravel()[inside]
    nucleus = np.zeros(int(piece.max()) + 1, np.int64)
    nucleus[piece] = window.labels.ravel()[inside]
    first = np.flatnonzero(np.r_[True, np.diff(owner[:, 0]) != 0])
    polygons: dict[int, list[tuple[Ring, ...]]] = {}
    for rings in np.split(np.arange(len(owner)), first[1:]):
        found = [
            ring
            for index in rings
            for ring in _untangle(corners[owner[index, 1] : owner[index, 2]])
        ]
        if len(found) > 1:  # the largest is the outer one
            found.sort(key=_signed_area, reverse=True)
        number = int(nucleus[owner[rings[0], 0]])
        polygons.setdefault(number, []).append(tuple(found))
    for number in sorted(polygons):
        yield Outline(number, tuple(polygons[number]))


def _trace_rings(
    pieces: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Follow the edges of all pieces at once.

    Parameters
    ----------
    pieces : array of int
        (rows, columns): connected by sides, with a frame of zeros.

    Returns
    -------
    corners : array of int64
        (corners, 2): x and y, ring after ring.
    owner : array of int64
        (rings, 3): piece, first corner, corner behind the last; by piece.
    """
    width = pieces.shape[1]
    flat = pieces.ravel()
    pixel = np.flatnonzero(flat)
    beside = np.array([-width, 1, width, -1])  # by side: what lies beyond it
    open_sides = [pixel[flat[pixel + step] != flat[pixel]] for step in beside]
    pixel = np.concatenate(open_sides)
    side = np.repeat(np.arange(4), [len(found) for found in open_sides])
    # At its end an edge turns right round its own pixel, unless the pixel ahead is
    # of the piece; then it turns left round the one beyond, if that is, too.
    ahead = pixel + beside[(side + 1) % 4]
    beyond = ahead + beside[side]
    straight = flat[ahead] == flat[pixel]
    left = straight & (flat[beyond] == flat[pixel])
    next_pixel = np.where(left, beyond, np.where(straight, ahead, pixel))
    next_side = (side + np.where(left, 3, np.where(straight, 0, 1))) % 4
    code = pixel * 4 + side
    order = np.argsort(code)
    code, pixel, side = code[order], pixel[order], side[order]
    following = np.searchsorted(code, (next_pixel * 4 + next_side)[order])
    edges, ends = _walk(following)
    pixel, side = pixel[edges], side[edges]
    y, x = np.divmod(pixel, width)
    corners = np.stack([x, y], axis=1) + _CORNERS[side]
    begins = np.r_[0, ends[:-1]]
    # Only corners are kept: edges that go another way than the one before.
    previous = np.arange(-1, len(edges) - 1)
    previous[begins] = ends - 1
    corner = side != side[previous]
    kept = np.r_[0, np.cumsum(corner)]
    owner = np.stack([flat[pixel[begins]], kept[begins], kept[ends]], axis=1)
    return corners[corner], owner[np.argsort(owner[:, 0], kind="stable")]


def _walk(following: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the cycles of a permutation one after the other, and where each ends."""
    follow = following.tolist()
    seen = bytearray(len(follow))
    order: list[int] = []
    ends: list[int] = []
    for begin in range(len(follow)):
        if seen[begin]:
            continue
        at = begin
        while not seen[at]:
            seen[at] = 1
            order.append(at)
            at = follow[at]
        ends.append(len(order))
    return np.array(order, np.int64), np.array(ends, np.int64)


def _untangle(ring: Ring) -> list[Ring]:
    """Cut a ring that touches itself at corners into rings that don't."""
    points = list(map(tuple, ring.tolist()))
    if len(set(points)) == len(points):
        return [ring]
    found: list[Ring] = []
    open_points: list[tuple[int, ...]] = []
    at: dict[tuple[int, ...], int] = {}
    for point in points:
        if point in at:
            begin = at[point]
            found.append(np.array(open_points[begin:], np.int64))
            for closed in open_points[begin:]:
                del at[closed]
            del open_points[begin:]
        at[point] = len(open_points)
        open_points.append(point)
    found.append(np.array(open_points, np.int64))
    return found


def _signed_area(ring: Ring) -> int:
    x, y = ring[:, 0], ring[:, 1]
    return int(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
