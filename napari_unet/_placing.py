"""What a predicted field becomes among its neighbours and reviews; runs in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet._marks import HALO, draw_marks, grown
from unetloop.proposals import place_proposals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet._current import Truth
    from napari_unet._fields import Field
    from napari_unet._strokes import Window

__all__ = ["Labelled", "Placed", "place"]


@dataclass(frozen=True)
class Labelled:
    """A field's proposals, before they are put among the others."""

    image: str
    plane: int
    field: Field
    labels: NDArray[np.int32]


@dataclass(frozen=True)
class Placed:
    """A rectangle as it shall be.

    Parameters
    ----------
    plane : int
        Which plane.
    window : tuple of slice
        Rows and columns: the field, and as far round it as its marks reach.
    segmentation, marks : array
        Of the rectangle.
    before, after : int
        Highest number of a nucleus of the plane before and afterwards.
    """

    plane: int
    window: Window
    segmentation: NDArray[np.int32]
    marks: NDArray[np.uint8]
    before: int
    after: int


def place(truth: Truth, new: Labelled) -> Placed:
    """Put a field's proposals where nobody has looked; the truth is only read."""
    plane, review = truth.segmentation[new.plane], truth.review[new.plane]
    top, left, bottom, right = new.field.box
    window = slice(top, bottom), slice(left, right)
    wide = grown(window, HALO, plane.shape)
    seen = grown(wide, HALO, plane.shape)
    before = int(plane.max(initial=0))
    around = plane[seen].copy()
    inner = _within(window, seen)
    around[inner] = place_proposals(
        plane[window], review[window], new.labels, new.field.core_in_box, before
    )
    marks = draw_marks(around, review[seen], (seen[0].start, seen[1].start))
    shown = _within(wide, seen)
    after = max(before, int(around.max(initial=0)))
    return Placed(new.plane, wide, around[shown], marks[shown], before, after)


def _within(inner: Window, outer: Window) -> Window:
    rows, columns = (
        slice(one.start - other.start, one.stop - other.start)
        for one, other in zip(inner, outer, strict=True)
    )
    return rows, columns
