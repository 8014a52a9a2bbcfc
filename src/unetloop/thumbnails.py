"""A small picture of the most doubtful place of an image, for the report."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as PillowImage
from scipy import ndimage

from unetloop.resizing import resize_labels, resize_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["doubtful_window", "draw_outlines", "to_jpeg"]

_NUCLEI_ACROSS = 12
_LEAST_SIDE = 64
_SIDE = 256
_OUTLINE = (255, 200, 0)
_QUALITY = 80


def doubtful_window(
    maps: NDArray[np.floating], diameter: float
) -> tuple[float, tuple[slice, slice]]:
    """Find where a network is least sure of what is nucleus.

    Parameters
    ----------
    maps : array of float
        (rows, columns, 2); the first is the foreground probability.
    diameter : float
        Of a nucleus, in pixels; the window is twelve of them wide.

    Returns
    -------
    doubt : float
        Mean of p (1 - p) in the window, 0..0.25.
    window : tuple of slice
        Rows and columns.
    """
    rows, columns = maps.shape[:2]
    side = max(_LEAST_SIDE, round(_NUCLEI_ACROSS * diameter))
    height, width = min(side, rows), min(side, columns)
    step = max(1, min(height, width) // 32)
    coarse = np.asarray(maps[::step, ::step, 0], np.float32)
    doubt = ndimage.uniform_filter(
        coarse * (1 - coarse),
        (max(height // step, 1), max(width // step, 1)),
        mode="constant",
    )
    row, column = np.unravel_index(int(doubt.argmax()), doubt.shape)
    top = int(np.clip(row * step - height // 2, 0, rows - height))
    left = int(np.clip(column * step - width // 2, 0, columns - width))
    return float(doubt.max()), (slice(top, top + height), slice(left, left + width))


def draw_outlines(
    pixels: NDArray[np.float32], labels: NDArray[np.integer[Any]], side: int = _SIDE
) -> NDArray[np.uint8]:
    """Draw a part of an image, at most so many pixels wide, with its nuclei outlined.

    Parameters
    ----------
    pixels : array of float32
        (rows, columns, channels), normalised: 0 is drawn black and 1 white.
    labels : array of int
        (rows, columns).
    side : int
        Of the picture, at most.

    Returns
    -------
    array of uint8
        (rows, columns, 3).
    """
    zoom = side / max(labels.shape)
    shape = (
        max(1, round(labels.shape[0] * zoom)),
        max(1, round(labels.shape[1] * zoom)),
    )
    gray = resize_pixels(np.ascontiguousarray(pixels[..., :1], np.float32), shape)
    drawn = np.repeat((np.clip(gray, 0, 1) * 255).astype(np.uint8), 3, axis=-1)
    small = resize_labels(labels, shape)
    edge = np.zeros(shape, bool)
    edge[:, :-1] |= small[:, :-1] != small[:, 1:]
    edge[:-1] |= small[:-1] != small[1:]
    drawn[edge] = _OUTLINE
    return drawn


def to_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Compress a picture, (rows, columns, 3)."""
    stream = io.BytesIO()
    PillowImage.fromarray(picture).save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
