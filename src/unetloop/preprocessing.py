"""From a plane's intensities to what a network sees: normalised and resized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as PillowImage

from unetloop.colours import has_dark_tail
from unetloop.errors import EngineError
from unetloop.fills import find_fills

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.config import NormalizationConfig

__all__ = [
    "equivalent_diameters",
    "intensity_limits",
    "median_diameter",
    "normalize",
    "resize_labels",
    "resize_pixels",
]

_MOST_PIXELS = 1 << 22
_BRIGHTEST = 4.0


def intensity_limits(
    pixels: NDArray[Any], config: NormalizationConfig
) -> NDArray[np.float64]:
    """Find the intensities that become 0 and 1.

    Parameters
    ----------
    pixels : array
        The whole plane, (rows, columns, channels), any real dtype. Of more
        than four million pixels, an even grid of about that many is taken.
        NaN and infinite pixels are left out, and so is what no camera saw
        (`fills.find_fills`).
    config : NormalizationConfig
        The two percentiles, and whether nuclei are bright or dark. Where they
        may be either, the background is taken to be the larger part: an
        intensity distribution with its tail to the dark has dark nuclei.

    Returns
    -------
    array of float64
        (4, channels): intensities of 0 and of 1 in each channel. They differ
        even where a plane is constant; the first is the higher one where
        nuclei are dark. Where no pixel is a finite number, they are 0 and
        infinite. Then the lowest and the highest value that no camera saw, NaN where
        there is none.
    """
    step = max(
        1, int(np.ceil(np.sqrt(pixels.shape[0] * pixels.shape[1] / _MOST_PIXELS)))
    )
    grid = pixels[::step, ::step]
    limits = np.empty((4, pixels.shape[2]), np.float64)
    fills = limits[2:]
    for channel in range(pixels.shape[2]):
        values = grid[..., channel]
        fills[:, channel] = found = find_fills(values)
        if not np.isnan(found).all():
            values = values[(values != found[0]) & (values != found[1])]
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
        if values.size == 0:  # nothing is a number: all becomes 0
            limits[:2, channel] = 0, np.inf
            continue
        if values.dtype.kind == "b":
            values = values.astype(np.uint8)
        if config.nuclei == "dark" or (
            config.nuclei == "either" and has_dark_tail(values)
        ):
            shares = 100 - config.low, 100 - config.high
            furthest = float(values.min())
        else:
            shares = config.low, config.high
            furthest = float(values.max())
        zero, one = np.percentile(values, shares)
        if zero == one:  # few sparse spots, or a constant plane
            one = furthest if furthest != zero else zero + max(1, abs(zero))
        limits[:2, channel] = zero, one
    return limits


def normalize(pixels: NDArray[Any], limits: NDArray[np.float64]) -> NDArray[np.float32]:
    """Map intensities so that the limits become 0 and 1.

    Parameters
    ----------
    pixels : array
        (rows, columns, channels) of any real dtype.
    limits : array of float64
        (4, channels), from `intensity_limits`.

    Returns
    -------
    array of float32
        Same shape, clipped to -1..4; NaN becomes 0, and so does what no camera
        saw, and a plane whose pixels are all alike.
    """
    zero, one, *fills = limits
    if pixels.dtype.itemsize > 2 and pixels.dtype != np.float32:
        # Large numbers that differ little, or too large ones for 32 bits.
        wide = pixels.astype(np.float64) - zero
        with np.errstate(invalid="ignore"):
            wide /= one - zero
        result: NDArray[np.float32] = np.clip(wide, -1.0, _BRIGHTEST).astype(np.float32)
    else:
        result = pixels.astype(np.float32)
        result -= zero.astype(np.float32)
        with np.errstate(invalid="ignore"):  # where nothing is a number
            result /= (one - zero).astype(np.float32)
    if pixels.dtype.kind == "f":
        np.nan_to_num(result, copy=False, nan=0.0, posinf=_BRIGHTEST, neginf=-1.0)
    np.clip(result, -1.0, _BRIGHTEST, out=result)
    for fill in fills:
        if not np.isnan(fill).all():
            result[pixels == fill] = 0.0
    return result


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


def equivalent_diameters(labels: NDArray[Any]) -> NDArray[np.float64]:
    """Diameters of the discs that have the nuclei's areas, in pixels.

    Parameters
    ----------
    labels : array of int
        (rows, columns), 0 background.

    Returns
    -------
    array of float64
        One diameter a nucleus, in the order of their numbers.
    """
    inside = labels[labels > 0]
    if inside.size and inside.max() <= 16 * labels.size:
        areas = np.bincount(inside)
        areas = areas[areas > 0]
    else:  # sparse numbers
        areas = np.unique(inside, return_counts=True)[1]
    return np.asarray(np.sqrt(areas * (4 / np.pi)))


def median_diameter(labels: NDArray[Any]) -> float | None:
    """Typical nucleus diameter in pixels; None where there is no nucleus."""
    diameters = equivalent_diameters(labels)
    return float(np.median(diameters)) if diameters.size else None
