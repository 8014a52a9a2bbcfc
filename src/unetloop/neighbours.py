"""How far each pixel is from the two nearest nuclei, and where each nucleus lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bounding_boxes", "padded", "two_nearest"]


def two_nearest(
    labels: NDArray[Any], reach: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the distances of each pixel to the nearest and second nearest nucleus.

    Parameters
    ----------
    labels : array of int
        (rows, columns): 0 background, one number a nucleus, gaps allowed.
    reach : int
        In pixels: nuclei further away than this need not be known.

    Returns
    -------
    nearest, second : array of float32
        (rows, columns), in pixels; infinite where there is none within reach. Within
        a nucleus the first is 0.
    """
    nearest = np.full(labels.shape, np.inf, np.float32)
    second = nearest.copy()
    for number, box in bounding_boxes(labels):
        window = padded(box, reach, labels.shape)
        distance = ndimage.distance_transform_edt(labels[window] != number)
        one, two = nearest[window], second[window]
        np.minimum(two, np.maximum(one, distance), out=two)
        np.minimum(one, distance, out=one)
    return nearest, second


def bounding_boxes(labels: NDArray[Any]) -> list[tuple[int, tuple[slice, slice]]]:
    """List each nucleus's number and box, whatever the largest number is."""
    if labels.size == 0:
        return []
    if labels.max() <= labels.size:
        numbers = range(1, int(labels.max()) + 1)
        dense = labels
    else:  # sparse numbers: a list up to the largest would not fit
        values, dense = np.unique(labels, return_inverse=True)
        dense = dense.reshape(labels.shape)
        offset = int(np.searchsorted(values, 1))
        numbers = values[offset:].tolist()
        dense = dense - (offset - 1)
    boxes = ndimage.find_objects(np.maximum(dense, 0))
    return [
        (int(number), box)
        for number, box in zip(numbers, boxes, strict=True)
        if box is not None
    ]


def padded(
    box: tuple[slice, slice], margin: int, shape: tuple[int, ...]
) -> tuple[slice, slice]:
    """Give a box with a margin, as far as the plane reaches."""
    rows, columns = (
        slice(max(side.start - margin, 0), min(side.stop + margin, size))
        for side, size in zip(box, shape, strict=True)
    )
    return rows, columns
