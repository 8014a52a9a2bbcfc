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

from unetloop.annotations import IGNORED, REVIEWED, UNREVIEWED
from unetloop.changes import RING, Change, Draft
from unetloop.cuts import bridge, divide, lengthen
from unetloop.numbering import free_number
from unetloop.pieces import (
    Piece,
    box_window,
    enclosing,
    line_pixels,
    overlap,
    pieces_at,
    pieces_round,
    within,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Change",
    "accept",
    "accept_box",
    "delete",
    "ignore",
    "join",
    "split",
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


def _under(segmentation: NDArray[np.int32], point: ArrayLike) -> Piece | None:
    """Find the nucleus under the pointer."""
    return next(
        iter(pieces_at(segmentation, line_pixels(point, segmentation.shape))), None
    )
