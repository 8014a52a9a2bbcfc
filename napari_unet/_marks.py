"""What is drawn over the image: outlines, and what was reviewed or is ignored.

Proposals are thin, cool outlines; reviewed nuclei are filled and have thick, warm
outlines; what is to be ignored is hatched. Form and brightness differ as well as
colour, so that it does not take colour vision to tell them apart.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "COLORS",
    "COLORS_ON_BRIGHT",
    "FILL_COLORS",
    "HALO",
    "IGNORED",
    "LINE",
    "WIDEST",
    "borders",
    "draw_line",
    "draw_marks",
    "hatch",
    "line_width",
    "outline",
    "summary",
]

WIDEST = 4
"""Pixels of the image that an outline is wide at most."""
_MOST_DRAWN = 1 << 25
# What is nearly as wide as a pixel of the screen is on it.
_WHOLE = 0.95
HALO = 2 * WIDEST
"""How far, in pixels, a change of labels changes the marks round it."""

PROPOSED, REVIEWED, INSIDE, BACKGROUND, IGNORED, LINE = 1, 2, 3, 4, 5, 6

# Sky blue and orange of Okabe and Ito (2008), told apart by all.
COLORS: dict[int | None, tuple[float, float, float, float]] = {
    None: (0.0, 0.0, 0.0, 0.0),
    0: (0.0, 0.0, 0.0, 0.0),
    PROPOSED: (0.34, 0.80, 1.0, 0.95),
    REVIEWED: (1.0, 0.69, 0.0, 1.0),
    INSIDE: (1.0, 0.69, 0.0, 0.28),
    BACKGROUND: (1.0, 0.69, 0.0, 0.09),
    IGNORED: (0.75, 0.75, 0.75, 0.7),
    LINE: (1.0, 1.0, 1.0, 1.0),
}

COLORS_ON_BRIGHT: dict[int | None, tuple[float, float, float, float]] = {
    **COLORS,
    PROPOSED: (0.0, 0.27, 0.70, 1.0),
    REVIEWED: (0.80, 0.30, 0.0, 1.0),
    INSIDE: (1.0, 0.60, 0.0, 0.30),
    BACKGROUND: (1.0, 0.60, 0.0, 0.12),
    IGNORED: (0.25, 0.25, 0.25, 0.7),
    LINE: (0.0, 0.0, 0.0, 1.0),
}
"""The same where the image is bright."""

FILL_COLORS = [
    (0.34, 0.71, 0.91, 1.0),
    (0.20, 0.55, 0.85, 1.0),
    (0.45, 0.82, 0.80, 1.0),
    (0.36, 0.44, 0.80, 1.0),
    (0.15, 0.65, 0.70, 1.0),
    (0.55, 0.62, 0.92, 1.0),
    (0.25, 0.78, 0.95, 1.0),
    (0.48, 0.50, 0.88, 1.0),
]
"""Colours of filled nuclei: cool ones, so that neighbours differ."""


def draw_marks(
    segmentation: NDArray[np.int32],
    review: NDArray[np.uint8],
    corner: tuple[int, int] = (0, 0),
    width: int = 1,
) -> NDArray[np.uint8]:
    """Draw the marks of a plane, or of a rectangle of it.

    Parameters
    ----------
    segmentation, review : array
        (rows, columns), as in a project.
    corner : tuple of int
        Where the rectangle begins, so that hatching goes on across it.
    width : int
        Of outlines, in pixels: 1, 2 or 4; of reviewed nuclei twice that.

    Returns
    -------
    array of uint8
        (rows, columns): keys of `COLORS`.
    """
    nucleus = segmentation > 0
    right = review == 1
    marks = np.zeros(segmentation.shape, np.uint8)
    near = outline(segmentation, width)
    # copyto lets other threads work meanwhile; indexing by a mask does not.
    np.copyto(marks, PROPOSED, where=nucleus & near)
    if right.any():
        np.copyto(marks, BACKGROUND, where=right)
        inside = nucleus & right
        np.copyto(marks, INSIDE, where=inside)
        edge = inside & (near | borders(segmentation, 2 * width))
        np.copyto(marks, REVIEWED, where=edge)
    hatch(marks, review == 2, corner)
    return marks


def hatch(
    marks: NDArray[np.uint8], ignored: NDArray[np.bool_], corner: tuple[int, int]
) -> None:
    """Hatch what is ignored, in place; lines go on across rectangles."""
    if ignored.any():
        rows = np.arange(corner[0], corner[0] + ignored.shape[0])
        columns = np.arange(corner[1], corner[1] + ignored.shape[1])
        lines = np.add.outer(rows, columns) % 6 < 2
        np.copyto(marks, IGNORED, where=ignored & lines)


def summary(
    segmentation: NDArray[np.int32], review: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Draw filled nuclei in the colours of marks, for pictures too small for lines."""
    marks = np.where(segmentation > 0, PROPOSED, 0).astype(np.uint8)
    marks[(segmentation > 0) & (review == 1)] = REVIEWED
    marks[review == 2] = IGNORED
    return marks


def line_width(zoom: float, pixels: int) -> int:
    """Say how wide outlines must be to be seen whole; zoomed out, pixels are left out.

    Parameters
    ----------
    zoom : float
        Pixels of the screen per pixel of the image.
    pixels : int
        Of the plane. Of large ones all would be drawn anew for longer than a zoom
        takes, and nuclei are too small for lines where one sees all of them.

    Returns
    -------
    int
        1, 2 or 4 pixels of the image.

    Examples
    --------
    >>> [line_width(zoom, 1 << 20) for zoom in (3.0, 1.0, 0.7, 0.3, 0.01)]
    [1, 1, 2, 4, 4]
    """
    width = 1
    while pixels <= _MOST_DRAWN and width < WIDEST and width * zoom < _WHOLE:
        width *= 2
    return width


def outline(labels: NDArray[Any], width: int) -> NDArray[np.bool_]:
    """Say of each pixel whether it is so near to another number."""
    found = borders(labels, 1)
    step = 2
    while step <= width:
        found |= borders(labels, step)
        step *= 2
    return found


def borders(labels: NDArray[Any], step: int) -> NDArray[np.bool_]:
    """Say of each pixel whether another number lies ``step`` pixels beside it."""
    found = np.zeros(labels.shape, bool)
    rows = labels[step:] != labels[:-step]
    found[step:] |= rows
    found[:-step] |= rows
    columns = labels[:, step:] != labels[:, :-step]
    found[:, step:] |= columns
    found[:, :-step] |= columns
    return found


def draw_line(
    marks: NDArray[np.uint8], points: list[tuple[int, int]], width: int
) -> tuple[slice, slice] | None:
    """Draw a line into marks, in place; give the rectangle that it fills.

    Parameters
    ----------
    marks : array of uint8
        (rows, columns), as of `draw_marks`.
    points : list of tuple of int
        Rows and columns that it passes; those outside are left out.
    width : int
        In pixels.

    Returns
    -------
    tuple of slice or None
        Rows and columns that were written; None: nothing was.
    """
    corners = np.array(points)
    path = [corners[:1].astype(float)]
    for first, last in pairwise(corners):
        steps = int(np.abs(last - first).max())
        path.append(np.linspace(first, last, steps + 1))
    around = np.arange(width) - width // 2
    offsets = np.stack(np.meshgrid(around, around), -1).reshape(-1, 2)
    pixels = (np.round(np.concatenate(path))[:, None] + offsets).reshape(-1, 2)
    pixels = np.unique(pixels.astype(int), axis=0)
    pixels = pixels[np.all((pixels >= 0) & (pixels < marks.shape), axis=1)]
    if len(pixels) == 0:
        return None
    marks[pixels[:, 0], pixels[:, 1]] = LINE
    first, last = pixels.min(axis=0), pixels.max(axis=0) + 1
    return slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1]))
