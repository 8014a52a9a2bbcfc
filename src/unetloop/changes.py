"""A rectangle of a plane's two arrays while it is corrected, and afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from unetloop.annotations import IGNORED, REVIEWED
from unetloop.pieces import Piece, Window, enclosing, grown, shifted, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RING", "Change", "Draft"]

RING = np.hypot(*np.ogrid[-3:4, -3:4]) <= 3
"""A disc, 3 pixels in radius: what lies so near a reviewed nucleus is reviewed."""


@dataclass(frozen=True)
class Change:
    """What a correction makes of one rectangle.

    Parameters
    ----------
    action : str
        ``"accept"``, ``"delete"``, ``"split"``, ``"join"``, ``"ignore"``,
        ``"box"``, ``"paint"`` or ``"labels"`` (many nuclei drawn at once).
    row, column : int
        Upper left corner.
    segmentation : array of int32
        (rows, columns): the rectangle afterwards. Where a tool leaves it alone it may
        be a view of the plane, which can't be written.
    review : array of uint8
        The same.
    number : int
        Nucleus that is of interest afterwards; 0: none.
    """

    action: str
    row: int
    column: int
    segmentation: NDArray[np.int32]
    review: NDArray[np.uint8]
    number: int = 0

    @property
    def window(self) -> Window:
        """The rectangle, to index a plane with."""
        height, width = self.segmentation.shape
        return shifted((slice(0, height), slice(0, width)), self.row, self.column)


class Draft:
    """Copies of both arrays, in a rectangle with room for rings, to be worked on.

    Parameters
    ----------
    segmentation, review : array
        (rows, columns) of the plane, int32 and uint8; they stay as they are.
    *windows : tuple of slice
        What the rectangle must hold.
    """

    def __init__(
        self,
        segmentation: NDArray[np.int32],
        review: NDArray[np.uint8],
        *windows: Window,
    ) -> None:
        self.window = grown(enclosing(*windows), len(RING) // 2, segmentation.shape)
        self.corner = self.window[0].start, self.window[1].start
        self.segmentation = np.array(segmentation[self.window], np.int32)
        self.review = np.array(review[self.window], np.uint8)

    def mask(self, *pieces: Piece) -> NDArray[np.bool_]:
        """Say where these pieces are in the rectangle."""
        mask = np.zeros(self.review.shape, bool)
        for piece in pieces:
            mask[within(piece.window, self.window)] |= piece.mask
        return mask

    def approve(self, mask: NDArray[np.bool_]) -> None:
        """Review nuclei and the background round them that is not ignored."""
        ring = ndimage.binary_dilation(mask, RING)
        ring &= (self.segmentation == 0) & (self.review != IGNORED)
        self.review[ring | mask] = REVIEWED

    def change(self, action: str, number: int = 0) -> Change:
        """Give what was made of it."""
        return Change(action, *self.corner, self.segmentation, self.review, number)
