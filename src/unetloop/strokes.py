"""What a stroke of the viewer's own brush, fill or eraser makes of a plane.

The arrays are those of `corrections`: a segmentation of int32 and a review of uint8,
(rows, columns), and neither is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from unetloop.annotations import REVIEWED
from unetloop.changes import Draft
from unetloop.cuts import cut_off
from unetloop.errors import EngineError
from unetloop.numbering import free_number
from unetloop.pieces import SQUARE, bounds, grown, pieces_in, shifted, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.changes import Change

__all__ = ["touched"]

# No stroke draws as many: they are labels that somebody had.
_MANY = 10


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
        Its rectangle holds the whole stroke; ``"labels"`` where ten nuclei or more
        are drawn at once. None if the stroke changed nothing.

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
    action = "labels" if np.count_nonzero(numbers) >= _MANY else "paint"
    return draft.change(action, int(numbers[counts.argmax()]))
