"""Rectangles of pixels as four numbers."""

from __future__ import annotations

__all__ = ["Box", "box_slices", "clipped", "grown_box", "middle_box"]

Box = tuple[int, int, int, int]
"""First row, first column, and the row and column behind the last."""


def clipped(area: Box, box: Box) -> Box | None:
    """Give what two boxes have in common; None if they share no pixel.

    Examples
    --------
    >>> clipped((0, 0, 4, 6), (2, 3, 9, 9)), clipped((0, 0, 4, 6), (4, 0, 9, 9))
    ((2, 3, 4, 6), None)
    """
    top, left = max(area[0], box[0]), max(area[1], box[1])
    bottom, right = min(area[2], box[2]), min(area[3], box[3])
    return (top, left, bottom, right) if top < bottom and left < right else None


def box_slices(box: Box) -> tuple[slice, slice]:
    """Give a box's rows and columns, to index an array with."""
    return slice(box[0], box[2]), slice(box[1], box[3])


def grown_box(box: Box, margin: int, shape: tuple[int, int]) -> Box:
    """Give a box with so many more pixels on each side, as far as a plane has them.

    Examples
    --------
    >>> grown_box((2, 5, 4, 8), 3, (50, 10))
    (0, 2, 7, 10)
    """
    top, left, bottom, right = box
    ends = min(bottom + margin, shape[0]), min(right + margin, shape[1])
    return max(top - margin, 0), max(left - margin, 0), *ends


def middle_box(shape: tuple[int, int], side: int) -> Box:
    """Give the middle of a plane of this shape: at most ``side`` rows and columns."""
    top, left = (max(size - side, 0) // 2 for size in shape)
    return top, left, min(top + side, shape[0]), min(left + side, shape[1])
