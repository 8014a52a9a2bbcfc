"""Where lines and strokes cut nuclei, and bridges that heal them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from unetloop.pieces import (
    SQUARE,
    Piece,
    Window,
    enclosing,
    line_pixels,
    overlap,
    shifted,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["bridge", "cut_off", "divide", "lengthen"]

_CROSS = ndimage.generate_binary_structure(2, 1)
# Smaller parts, as a share of the nucleus, are crumbs of a cut, not nuclei.
_CRUMB = 0.01
# How far back along a line its direction is taken from, in pixels.
_AIM = 15


def lengthen(
    pixels: NDArray[np.int64], piece: Piece, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Let a line go on, in its direction, at each end that lies in a piece.

    Parameters
    ----------
    pixels : array of int
        (n, 2): rows and columns of the line, at least one.
    piece : Piece
        Each new end is the first pixel outside of it.
    shape : tuple of int
        Of the plane.

    Returns
    -------
    array of int
        (m, 2): the longer line.
    """
    for _ in range(2):
        end = pixels[-1]
        aim = end - pixels[max(len(pixels) - 1 - _AIM, 0)]
        ray = line_pixels([end, end + aim * sum(piece.mask.shape)], shape)
        inside = int(np.cumprod(piece.holds(ray)).sum())
        pixels = np.concatenate([pixels, ray[1 : inside + 1]])[::-1]
    return pixels


def divide(piece: Piece, pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut a piece along a line, without leaving a gap.

    The pixels of the cut, and crumbs beside it, go to the part that is nearer.

    Parameters
    ----------
    piece : Piece
        What is cut.
    pixels : array of int
        (n, 2): rows and columns of the line, each a neighbour (of 8) of the last.

    Returns
    -------
    array of int
        For each pixel of the piece, in the order of its mask, which part it
        belongs to: 0 the largest, 1 the next …; all 0 where nothing is divided.
    """
    # A corner at each diagonal step: 8 neighbours can't slip through.
    corners = np.stack([pixels[1:, 0], pixels[:-1, 1]], axis=1)
    cut = np.concatenate([pixels, corners])
    rest = piece.mask.copy()
    rest[tuple((cut[piece.holds(cut)] - piece.corner).T)] = False
    parts, _ = ndimage.label(rest, SQUARE)
    parts[_are_crumbs(parts, rest, piece.area)[parts]] = 0
    while parts.any() and (left := piece.mask & (parts == 0)).any():
        spread = ndimage.maximum_filter(parts, footprint=_CROSS)
        if not spread[left].any():  # hangs on by a corner
            spread = ndimage.maximum_filter(parts, footprint=SQUARE)
        parts[left] = spread[left]
    _, index, sizes = np.unique(
        parts[piece.mask], return_inverse=True, return_counts=True
    )
    order = np.argsort(-sizes, kind="stable")
    ranks: NDArray[np.int64] = np.argsort(order)[index]
    return ranks


def _are_crumbs(
    parts: NDArray[np.int32], rest: NDArray[np.bool_], area: int
) -> NDArray[np.bool_]:
    """Say which parts are none: next to nothing, or beside two others a cut's width."""
    sizes = np.bincount(parts[rest], minlength=1)
    crumbs = sizes < _CRUMB * area
    later = np.argsort(-sizes, kind="stable")[2:]
    crumbs[later] |= sizes[later] < area - np.count_nonzero(rest)
    return crumbs


def bridge(
    nuclei: NDArray[np.bool_],
    path: NDArray[np.bool_],
    background: NDArray[np.bool_],
    disc: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Make nuclei one: fill the gaps along a path, and holes that this encloses.

    Parameters
    ----------
    nuclei : array of bool
        (rows, columns): what is to become one.
    path : array of bool
        The same: pixels that lead from each to the next. Where they are
        background, the bridge is three pixels wide.
    background : array of bool
        The same: what may be filled.
    disc : array of bool
        (n, n): notches within its radius of a gap are filled too, by a
        morphological closing.

    Returns
    -------
    array of bool
        (rows, columns): the nuclei and what was added.
    """
    gap = path & background
    notches = ndimage.binary_closing(nuclei, disc) & ndimage.binary_dilation(gap, disc)
    whole = nuclei | background & (notches | ndimage.binary_dilation(gap, SQUARE))
    whole |= background & ndimage.binary_fill_holes(whole)
    # Without specks of a notch that lie behind another nucleus.
    connected: NDArray[np.bool_] = ndimage.binary_propagation(
        nuclei, SQUARE, mask=whole
    )
    return connected


def cut_off(
    pieces: list[Piece],
    before: NDArray[np.int32],
    segmentation: NDArray[np.int32],
    stroke: Window,
) -> list[Piece]:
    """Choose the pieces that a stroke cut off from a larger one.

    Parameters
    ----------
    pieces : list of Piece
        All that the stroke touched, as they are after it.
    before : array of int32
        (rows, columns) of the stroke's window, as it was.
    segmentation : array of int32
        (rows, columns): the plane after the stroke.
    stroke : tuple of slice
        Window that holds all that was changed.

    Returns
    -------
    list of Piece
        Of those that hung together, all but the largest and crumbs of it.
    """
    same_number: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        same_number[piece.number].append(piece)
    several = {
        number: members for number, members in same_number.items() if len(members) > 1
    }
    chosen: list[Piece] = []
    for number, box in _boxes_of(sorted(several), before):
        members = several[number]
        window = enclosing(
            shifted(box, stroke[0].start, stroke[1].start),
            *(piece.window for piece in members),
        )
        earlier = segmentation[window] == number
        both = overlap(stroke, window)
        earlier[within(both, window)] = before[within(both, stroke)] == number
        connected, _ = ndimage.label(earlier, SQUARE)
        same_whole: dict[int, list[Piece]] = defaultdict(list)
        for piece in members:
            whole = connected[within(piece.window, window)][piece.mask].max()
            if whole:  # 0: painted apart, not cut off
                same_whole[int(whole)].append(piece)
        for parts in same_whole.values():
            parts.sort(key=lambda part: part.area, reverse=True)
            least = _CRUMB * sum(part.area for part in parts)
            chosen += [part for part in parts[1:] if part.area >= least]
    return chosen


def _boxes_of(
    numbers: list[int], segmentation: NDArray[np.int32]
) -> Iterator[tuple[int, Window]]:
    """Find the bounding boxes of some numbers, of those that exist."""
    if not numbers:
        return
    index = np.searchsorted(numbers, segmentation).clip(max=len(numbers) - 1)
    index[np.array(numbers)[index] != segmentation] = -1
    for number, box in zip(numbers, ndimage.find_objects(index + 1), strict=False):
        if box is not None:
            yield number, box
