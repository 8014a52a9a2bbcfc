"""What is drawn over an image of tissue classes, in the colours of the classes.

Proposals have thin edges; what was painted is filled, with a line round it that is
white on a dark image and black on a bright one; what is to be ignored is hatched. So
it does not take colour vision to tell them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_unet._marks import COLORS, COLORS_ON_BRIGHT, LINE, hatch, outline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.classes import TissueClass

__all__ = ["class_mark_colours", "class_summary", "draw_class_marks", "rgb"]

_FIRST = 8
_MOST = 120  # so many have marks of their own in a byte; the others share them
_INSIDE = 0.75


def draw_class_marks(
    segmentation: NDArray[np.int32],
    review: NDArray[np.uint8],
    corner: tuple[int, int] = (0, 0),
    width: int = 1,
) -> NDArray[np.uint8]:
    """Draw the marks of a plane of classes, or of a rectangle of it.

    Parameters
    ----------
    segmentation, review : array
        (rows, columns), as in a project of classes.
    corner : tuple of int
        Where the rectangle begins, so that hatching goes on across it.
    width : int
        Of edges, and of the lines round what was painted, in pixels: 1, 2 or 4.

    Returns
    -------
    array of uint8
        (rows, columns): keys of `class_mark_colours`.
    """
    marks = np.zeros(segmentation.shape, np.uint8)
    labelled = segmentation > 0
    own = _own(segmentation)
    np.copyto(marks, own, where=labelled & outline(segmentation, width))
    right = review == 1
    if right.any():
        np.copyto(marks, own + np.uint8(1), where=right & labelled)
        np.copyto(marks, LINE, where=~right & outline(right, width))
    hatch(marks, review == 2, corner)
    return marks


def class_summary(
    segmentation: NDArray[np.int32], review: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Fill all classes, for pictures too small for lines."""
    return np.where(segmentation > 0, _own(segmentation) + np.uint8(1), 0).astype(
        np.uint8
    )


def class_mark_colours(
    classes: Sequence[TissueClass], bright: bool
) -> dict[int | None, tuple[float, float, float, float]]:
    """Give the colours of marks on a dark or a bright image, by number."""
    colours = dict(COLORS_ON_BRIGHT if bright else COLORS)
    for index, tissue in enumerate(classes[:_MOST]):
        colour = rgb(tissue.color)
        colours[_FIRST + 2 * index] = (*colour, 1.0)
        colours[_FIRST + 2 * index + 1] = (*colour, _INSIDE)
    return colours


def rgb(color: str) -> tuple[float, float, float]:
    """Read ``"#rrggbb"`` as red, green and blue, 0..1.

    Examples
    --------
    >>> rgb("#ff0033")
    (1.0, 0.0, 0.2)
    """
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _own(segmentation: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Give the number of each class's own mark; of no class, any."""
    index = (np.maximum(segmentation, 1) - 1) % _MOST
    return (_FIRST + 2 * index).astype(np.uint8)
