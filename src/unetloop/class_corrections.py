"""What each tool makes of a plane of tissue classes.

As `corrections` for nuclei: pure functions that give the rectangle that becomes
different. Here ``segmentation`` is an array of int32, (rows, columns), with class
numbers from 1 and 0 where there is none yet; ``review`` is an array of uint8 of the
same size with 0 where nobody has looked, 1 right, 2 ignore. What is painted is right
and nothing beside it: a class has no edge of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unetloop.annotations import IGNORED, REVIEWED, UNREVIEWED
from unetloop.changes import Change
from unetloop.pieces import box_window

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ERASE", "NOTHING", "accept_box", "ignore_box", "paint", "painted_class"]

NOTHING = -1
"""In a stroke: this pixel was not painted."""

ERASE = "erase"
"""Action of a stroke that took truth away."""

_CLASS = "class "


def paint(
    segmentation: NDArray[np.int32],
    review: NDArray[np.uint8],
    stroke: NDArray[np.int32],
    corner: tuple[int, int],
    count: int,
) -> Change | None:
    """Take over a stroke of the viewer's own brush, fill, polygon or eraser.

    What is painted is truth, also where a proposal said the same before. What is
    erased is truth no more: nobody has looked at it.

    Parameters
    ----------
    segmentation, review
        The whole plane as it was before the stroke.
    stroke : array of int32
        (rows, columns) of a rectangle: `NOTHING`, 0 where it was erased, else the
        class that was painted. Numbers above ``count`` are left out.
    corner : tuple of int
        First row and column of the rectangle in the plane.
    count : int
        Classes.

    Returns
    -------
    Change or None
        Its action is ``"erase"``, or ``"class 2"`` if that is what most of the stroke
        painted. None if the stroke changes nothing.
    """
    window = (
        slice(corner[0], corner[0] + stroke.shape[0]),
        slice(corner[1], corner[1] + stroke.shape[1]),
    )
    here, seen = segmentation[window].copy(), review[window].copy()
    erased = (stroke == 0) & ((seen != UNREVIEWED) | (here > 0))
    new = (stroke > 0) & (stroke <= count)
    new &= (here != stroke) | (seen != REVIEWED)
    if not (erased.any() or new.any()):
        return None
    here[erased], seen[erased] = 0, UNREVIEWED
    here[new], seen[new] = stroke[new], REVIEWED
    if not new.any():
        return Change(ERASE, *corner, here, seen)
    number = int(np.bincount(stroke[new]).argmax())
    return Change(f"{_CLASS}{number}", *corner, here, seen, number)


def painted_class(action: str) -> int:
    """Say which class an action painted; 0: none.

    Examples
    --------
    >>> painted_class("class 2"), painted_class("box")
    (2, 0)
    """
    number = action.removeprefix(_CLASS)
    return int(number) if number != action and number.isdecimal() else 0


def accept_box(
    segmentation: NDArray[np.int32], review: NDArray[np.uint8], box: ArrayLike
) -> Change | None:
    """Say that the class map is right in a box; what is ignored stays ignored.

    Parameters
    ----------
    segmentation, review
        As above.
    box : sequence of float
        First row and column, and last row and column + 1; clipped to the plane.

    Returns
    -------
    Change or None
        None if nothing of the box lies in the plane, or nothing is new there.
    """
    window = box_window(box, segmentation.shape)
    if window is None:
        return None
    here, seen = segmentation[window].copy(), review[window].copy()
    new = (here > 0) & (seen == UNREVIEWED)
    if not new.any():
        return None
    seen[new] = REVIEWED
    return Change("box", window[0].start, window[1].start, here, seen)


def ignore_box(
    segmentation: NDArray[np.int32], review: NDArray[np.uint8], box: ArrayLike
) -> Change | None:
    """Leave a box out of training and scores; one that is left out comes back.

    What comes back is a proposal: nobody has said that it is right.

    Parameters
    ----------
    segmentation, review, box
        As for `accept_box`.

    Returns
    -------
    Change or None
        None if nothing of the box lies in the plane.
    """
    window = box_window(box, segmentation.shape)
    if window is None:
        return None
    again = bool((review[window] == IGNORED).all())
    seen = np.full_like(review[window], UNREVIEWED if again else IGNORED)
    here = segmentation[window].copy()
    return Change("ignore", window[0].start, window[1].start, here, seen)
