"""What each tool makes of a plane's segmentation and review.

Pure functions: they change none of their arrays and give the rectangle that
becomes different. A nucleus is the connected piece (8 neighbours) under the
pointer; far pieces of the same number are left alone, since finding them would
take a pass over the whole plane. So all answer at once on any plane.

In all of them, ``segmentation`` is an array of int32, (rows, columns), with 0
for background and one number a nucleus; ``review`` is an array of uint8 of the
same size with 0 where nobody has looked, 1 right, 2 ignore. Points and lines
are rows and columns in pixels, where whole numbers are pixel centres.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from unetloop.annotations import IGNORED, REVIEWED, UNREVIEWED
from unetloop.changes import RING, Change, Draft
from unetloop.cuts import bridge, cut_off, divide, lengthen
from unetloop.errors import EngineError
from unetloop.pieces import (
    SQUARE,
    Piece,
    bounds,
    box_window,
    enclosing,
    grown,
    line_pixels,
    overlap,
    pieces_at,
    pieces_in,
    pieces_round,
    shifted,
    within,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Change",
    "accept",
    "accept_box",
    "delete",
    "free_number",
    "ignore",
    "join",
    "split",
    "touched",
]


def accept(
    segmentation: NDArray[np.int32], review: NDArray[np.uint8], point: ArrayLike
) -> Change | None:
    """Say that a nucleus is right: its pixels and a ring of background round it.

    The ring takes only what is background and not ignored.

    Returns
    -------
    Change or None
        None if there is no nucleus, or all this is reviewed already.
    """
    piece = _under(segmentation, point)
    if piece is None:
        return None
    draft = Draft(segmentation, review, piece.window)
    draft.approve(draft.mask(piece))
    if np.array_equal(draft.review, review[draft.window]):
        return None
    return draft.change("accept", piece.number)


def delete(
    segmentation: NDArray[np.int32], review: NDArray[np.uint8], point: ArrayLike
) -> Change | None:
    """Make a nucleus background; what it covered is reviewed.

    Returns
    -------
    Change or None
        None if there is no nucleus.
    """
    piece = _under(segmentation, point)
    if piece is None:
        return None
    draft = Draft(segmentation, review, piece.window)
    mask = draft.mask(piece)
    draft.segmentation[mask] = 0
    draft.review[mask] = REVIEWED
    return draft.change("delete")


def ignore(
    segmentation: NDArray[np.int32], review: NDArray[np.uint8], point: ArrayLike
) -> Change | None:
    """Leave a nucleus out of training and scores, or bring it back.

    One that is brought back is a proposal again: nobody has said it is right.

    Returns
    -------
    Change or None
        None if there is no nucleus.
    """
    piece = _under(segmentation, point)
    if piece is None:
        return None
    draft = Draft(segmentation, review, piece.window)
    mask = draft.mask(piece)
    again = (draft.review[mask] == IGNORED).all()
    draft.review[mask] = UNREVIEWED if again else IGNORED
    return draft.change("ignore", piece.number)


def split(
    segmentation: NDArray[np.int32],
    review: NDArray[np.uint8],
    line: ArrayLike,
    *,
    free: int | None = None,
) -> Change | None:
    """Cut the nucleus in which most of a line lies; the parts are reviewed.

    An end of the line that lies in the nucleus is lengthened to its edge. The
    largest part keeps the number; crumbs beside the cut go to the next part.

    Parameters
    ----------
    segmentation, review, line
        As above; the line is (n, 2).
    free : int, optional
        No nucleus of the plane has this number or a larger one; left out, it
        is searched, which takes a pass over the plane.

    Returns
    -------
    Change or None
        None if there is no nucleus, or the line does not divide it.
    """
    pixels = line_pixels(line, segmentation.shape)
    pieces = pieces_at(segmentation, pixels)
    if len(pixels) < 2 or not pieces:
        return None
    piece = max(pieces, key=lambda piece: int(piece.holds(pixels).sum()))
    ranks = divide(piece, lengthen(pixels, piece, segmentation.shape))
    if not ranks.any():
        return None
    first = free_number(segmentation) if free is None else free
    draft = Draft(segmentation, review, piece.window)
    mask = draft.mask(piece)
    draft.segmentation[mask] = np.where(ranks > 0, first - 1 + ranks, piece.number)
    draft.approve(mask)
    return draft.change("split", piece.number)


def join(
    segmentation: NDArray[np.int32], review: NDArray[np.uint8], line: ArrayLike
) -> Change | None:
    """Make all nuclei that a line crosses one, without gaps along the line.

    It gets the number of the first one. Only background is filled: along the
    line, in the notches beside it (a morphological closing), and in holes that
    are enclosed. It is reviewed.

    Returns
    -------
    Change or None
        None if the line crosses fewer than two nuclei.
    """
    pixels = line_pixels(line, segmentation.shape)
    pieces = pieces_at(segmentation, pixels)
    if len(pieces) < 2:
        return None
    in_nuclei = np.flatnonzero(segmentation[tuple(pixels.T)])
    between = pixels[in_nuclei[0] : in_nuclei[-1] + 1]
    rows, columns = (slice(int(side.min()), int(side.max()) + 1) for side in between.T)
    windows = (piece.window for piece in pieces)
    draft = Draft(segmentation, review, (rows, columns), *windows)
    mask, background = draft.mask(*pieces), draft.segmentation == 0
    path = np.zeros_like(mask)
    path[tuple((between - draft.corner).T)] = True
    mask = bridge(mask, path, background, RING)
    draft.segmentation[mask] = pieces[0].number
    draft.approve(mask)
    return draft.change("join", pieces[0].number)


def accept_box(
    segmentation: NDArray[np.int32], review: NDArray[np.uint8], box: ArrayLike
) -> Change | None:
    """Say that all is right in a box: nuclei and background.

    We learn from whole nuclei: one that the box's edge cuts is reviewed as a
    whole if more than half of it lies in the box, else not at all. What is
    ignored stays ignored.

    Parameters
    ----------
    segmentation, review
        As above.
    box : sequence of float
        First row and column, and last row and column + 1; clipped to the plane.

    Returns
    -------
    Change or None
        None if nothing of the box lies in the plane, or all is reviewed. Its
        segmentation is a view of the plane that can't be written: nothing of it
        changes, and 16 million pixels take their time to be copied.
    """
    inside = box_window(box, segmentation.shape)
    if inside is None:
        return None
    # Who has a pixel just outside reaches out of the box, or is not in it at all.
    pieces = pieces_round(segmentation, inside)
    window = enclosing(inside, *(piece.window for piece in pieces))
    after = np.array(review[window], np.uint8)
    seen = after[within(inside, window)]
    np.copyto(seen, REVIEWED, where=seen != IGNORED)
    for piece in pieces:
        before = review[piece.window]
        part = after[within(piece.window, window)]
        here = within(overlap(piece.window, inside), piece.window)
        if np.count_nonzero(piece.mask[here]) > np.count_nonzero(piece.mask) / 2:
            part[piece.mask & (before != IGNORED)] = REVIEWED
        else:
            part[piece.mask] = before[piece.mask]
    if np.array_equal(after, review[window]):
        return None
    same = segmentation[window]
    same.flags.writeable = False
    return Change("box", window[0].start, window[1].start, same, after)


def touched(
    before: NDArray[np.int32],
    segmentation: NDArray[np.int32],
    review: NDArray[np.uint8],
    corner: tuple[int, int] = (0, 0),
    *,
    free: int | None = None,
) -> Change | None:
    """Review what a stroke of the viewer's own brush, fill or eraser has touched.

    Every nucleus that gained or lost pixels is right now, with its ring; what
    was erased is background for sure. Where a nucleus was cut, its largest
    piece keeps the number (and crumbs do).

    Parameters
    ----------
    before : array of int32
        (rows, columns) of a window that holds the stroke, as it was.
    segmentation, review
        The whole plane as it is after the stroke.
    corner : tuple of int
        First row and column of the window in the plane.
    free : int, optional
        As for `split`, after the stroke; needed only where a nucleus was cut.

    Returns
    -------
    Change or None
        Its rectangle holds the whole stroke. None if the stroke changed nothing.

    Raises
    ------
    EngineError
        If the window reaches beyond the plane.
    """
    height, width = before.shape
    stroke = shifted((slice(0, height), slice(0, width)), *corner)
    if grown(stroke, 0, segmentation.shape) != stroke:
        raise EngineError(
            "The window must lie within the plane.",
            corner=corner,
            window=before.shape,
            plane=segmentation.shape,
        )
    changed = before != segmentation[stroke]
    if not changed.any():
        return None
    small = bounds(changed)
    changed, before = changed[small], before[small]
    stroke = shifted(small, *corner)
    after = segmentation[stroke]
    numbers, counts = np.unique(after[changed], return_counts=True)

    around = grown(stroke, 1, segmentation.shape)
    near = np.zeros(segmentation[around].shape, bool)
    near[within(stroke, around)] = changed
    near = ndimage.binary_dilation(near, SQUARE)
    near &= np.isin(segmentation[around], np.union1d(numbers, before[changed]))
    pieces = pieces_in(segmentation, around, near)

    draft = Draft(segmentation, review, stroke, *(piece.window for piece in pieces))
    new = cut_off(pieces, before, segmentation, stroke)
    if new:
        first = free_number(segmentation) if free is None else free
        for number, piece in enumerate(new, first):
            draft.segmentation[within(piece.window, draft.window)][piece.mask] = number
    draft.review[within(stroke, draft.window)][changed] = REVIEWED
    draft.approve(draft.mask(*pieces))
    return draft.change("paint", int(numbers[counts.argmax()]))


def free_number(segmentation: NDArray[np.int32]) -> int:
    """Give a number that no nucleus of a plane has, nor any of the next numbers.

    It is one more than the largest; where that is the largest of all int32, it
    is the first in the widest gap.
    """
    largest = int(segmentation.max(initial=0))
    if largest < np.iinfo(np.int32).max - segmentation.size:
        return largest + 1
    values = np.unique(np.append(segmentation, 0))
    return int(values[np.diff(values.astype(np.int64)).argmax()]) + 1


def _under(segmentation: NDArray[np.int32], point: ArrayLike) -> Piece | None:
    """Find the nucleus under the pointer."""
    return next(
        iter(pieces_at(segmentation, line_pixels(point, segmentation.shape))), None
    )
