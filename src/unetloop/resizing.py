"""Planes of another size: pixels are interpolated, numbers are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["resize_labels", "resize_pixels"]


def resize_pixels(
    pixels: NDArray[np.float32],
    shape: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
) -> NDArray[np.float32]:
    """Resize by linear interpolation, averaging when it gets smaller.

    Parameters
    ----------
    pixels : array of float32
        (rows, columns, channels): an image or network maps.
    shape : tuple of int
        New rows and columns, at least 1 each.
    box : tuple of float, optional
        What of it: first row and column, and where the last ones end, also between
        pixels. None: all.

    Returns
    -------
    array of float32
        (new rows, new columns, channels).
    """
    from PIL import Image as PillowImage  # most images are opened without it

    if box is None:
        box = 0, 0, *pixels.shape[:2]
    if box == (0, 0, *shape) and pixels.shape[:2] == shape:
        return pixels
    if pixels.shape[0] == 0 or pixels.shape[1] == 0:
        raise EngineError(
            "An image without pixels can't be resized.", shape=pixels.shape
        )
    size, place = (shape[1], shape[0]), (box[1], box[0], box[3], box[2])
    result = np.empty((*shape, pixels.shape[2]), np.float32)
    for channel in range(pixels.shape[2]):
        plane = PillowImage.fromarray(np.ascontiguousarray(pixels[..., channel]))
        resized = plane.resize(size, PillowImage.Resampling.BILINEAR, box=place)
        result[..., channel] = np.asarray(resized)
    return result


def resize_labels(labels: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Resize label numbers by taking the nearest pixel; no number is mixed.

    Parameters
    ----------
    labels : array of int
        (rows, columns).
    shape : tuple of int
        New rows and columns.

    Returns
    -------
    array of int32
        (new rows, new columns).
    """
    if labels.shape == shape:
        return np.ascontiguousarray(labels, np.int32)
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * (old / new)).astype(np.intp), old - 1)
        for old, new in zip(labels.shape, shape, strict=True)
    )
    return np.ascontiguousarray(labels[np.ix_(rows, columns)], np.int32)
