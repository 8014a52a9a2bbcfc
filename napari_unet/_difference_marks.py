"""What is drawn over the nuclei where two models are compared.

What the model before found has dashed outlines, faint where those of the present one
are the same; what it alone found is tinted, too, and its dashes are thick. What the
present one alone finds has a thick line without gaps, white on a dark image and black
on a bright one. So it does not take colour vision to tell them apart, nor from the
marks of proposals and reviews.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._marks import borders, outline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "AGREED",
    "BEFORE",
    "DIFFERENCE_COLORS",
    "DIFFERENCE_COLORS_ON_BRIGHT",
    "INSIDE",
    "ONLY_NOW",
    "draw_class_difference",
    "draw_difference",
    "middles",
]

BEFORE, ONLY_NOW, INSIDE, AGREED = 1, 2, 3, 4

DIFFERENCE_COLORS: dict[int | None, tuple[float, float, float, float]] = {
    None: (0.0, 0.0, 0.0, 0.0),
    0: (0.0, 0.0, 0.0, 0.0),
    BEFORE: (1.0, 0.42, 0.82, 1.0),
    ONLY_NOW: (1.0, 1.0, 1.0, 1.0),
    INSIDE: (1.0, 0.42, 0.82, 0.22),
    AGREED: (1.0, 0.42, 0.82, 0.45),
}

DIFFERENCE_COLORS_ON_BRIGHT: dict[int | None, tuple[float, float, float, float]] = {
    **DIFFERENCE_COLORS,
    BEFORE: (0.72, 0.0, 0.50, 1.0),
    ONLY_NOW: (0.0, 0.0, 0.0, 1.0),
    INSIDE: (0.72, 0.0, 0.50, 0.22),
    AGREED: (0.72, 0.0, 0.50, 0.45),
}
"""The same where the image is bright."""

_DASH_PX, _DRAWN = 9.0, 0.6


def draw_difference(
    before: NDArray[np.int32],
    now: NDArray[np.int32],
    alone_before: NDArray[np.bool_],
    alone_now: NDArray[np.bool_],
    width: int = 1,
) -> NDArray[np.uint8]:
    """Draw the nuclei before, and of the present ones those that are new.

    Parameters
    ----------
    before, now : array of int32
        (rows, columns): nuclei, numbered each for itself.
    alone_before, alone_now : array of bool
        By number, from 0: which of them the other model does not find.
    width : int
        Of thin lines, in pixels: 1, 2 or 4, as `_marks.line_width` says.

    Returns
    -------
    array of uint8
        (rows, columns): keys of `DIFFERENCE_COLORS`.
    """
    marks = np.zeros(before.shape, np.uint8)
    np.copyto(marks, np.uint8(ONLY_NOW), where=alone_now[now] & _thick(now, width))
    lost = alone_before[before]
    np.copyto(marks, np.uint8(INSIDE), where=lost)
    thin = outline(before, width)
    line = (before > 0) & np.where(lost, _thick(before, width), thin)
    dashes = line & _dashes(before, line, width)
    same = ~lost & outline(now, width)
    np.copyto(marks, np.where(same, np.uint8(AGREED), np.uint8(BEFORE)), where=dashes)
    return marks


def draw_class_difference(
    before: NDArray[np.int32], now: NDArray[np.int32], width: int = 1
) -> NDArray[np.uint8]:
    """Tint what was of another class before, and draw the edges that it had.

    Parameters
    ----------
    before, now : array of int32
        (rows, columns): classes.
    width : int
        Of lines, in pixels: 1, 2 or 4.

    Returns
    -------
    array of uint8
        (rows, columns): keys of `DIFFERENCE_COLORS`.
    """
    marks = np.zeros(before.shape, np.uint8)
    np.copyto(marks, np.uint8(INSIDE), where=before != now)
    line = (before > 0) & outline(before, width) & ~outline(now, width)
    np.copyto(marks, np.uint8(BEFORE), where=line & _dashes(before, line, width))
    return marks


def middles(labels: NDArray[np.int32]) -> tuple[NDArray[Any], ...]:
    """Give mean row and column, and area in pixels, of each number from 0."""
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns]
    count = int(labels.max(initial=0)) + 1
    areas = np.bincount(numbers, minlength=count)
    divided = np.maximum(areas, 1)
    row = np.bincount(numbers, weights=rows, minlength=count) / divided
    column = np.bincount(numbers, weights=columns, minlength=count) / divided
    return row, column, areas


def _thick(labels: NDArray[np.int32], width: int) -> NDArray[np.bool_]:
    """Give lines that are twice as wide as thin ones, and three pixels at least."""
    return outline(labels, 2 * width) | borders(labels, max(2 * width, 3))


def _dashes(
    labels: NDArray[np.int32], line: NDArray[np.bool_], width: int
) -> NDArray[np.bool_]:
    """Say what to draw of lines round areas: gaps are equal angles from the middle."""
    row, column, _ = middles(labels)
    rows, columns = np.nonzero(line)
    numbers = labels[rows, columns]
    edge = borders(labels, 1) & (labels > 0)
    length = np.bincount(labels[edge], minlength=len(row))
    dashes = np.maximum(np.round(length / (width * _DASH_PX)), 3)
    angle = np.arctan2(rows - row[numbers], columns - column[numbers]) / (2 * np.pi)
    drawn = np.zeros(labels.shape, bool)
    drawn[rows, columns] = (angle * dashes[numbers]) % 1 < _DRAWN
    return drawn
