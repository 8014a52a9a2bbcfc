"""Planes drawn by hand, and what a correction makes of them."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from unetloop.changes import Change


def draw(picture: str) -> np.ndarray:
    """Turn a drawing into a plane: ``.`` is 0, a digit is itself."""
    lines = dedent(picture).split()
    return np.array(
        [[0 if sign == "." else int(sign) for sign in line] for line in lines], np.int32
    )


def blank(segmentation: np.ndarray) -> np.ndarray:
    return np.zeros(segmentation.shape, np.uint8)


def after(
    change: Change | None, segmentation: np.ndarray, review: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both planes with a change in its place."""
    assert change is not None
    segmentation, review = segmentation.copy(), review.copy()
    assert segmentation[change.window].shape == change.segmentation.shape
    segmentation[change.window] = change.segmentation
    review[change.window] = change.review
    assert change.segmentation.dtype == np.int32
    assert change.review.dtype == np.uint8
    return segmentation, review


def pieces(mask: np.ndarray) -> int:
    return int(ndimage.label(mask, np.ones((3, 3)))[1])


def distance_to(mask: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.distance_transform_edt(~mask))


def discs(*circles: tuple[int, int, int], size: int = 80) -> np.ndarray:
    """Nuclei 1, 2 … as discs: row, column, radius."""
    rows, columns = np.ogrid[:size, :size]
    plane = np.zeros((size, size), np.int32)
    for number, (row, column, radius) in enumerate(circles, 1):
        plane[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = number
    return plane
