"""From a plane's intensities to numbers near 0..1, and the size of its nuclei."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter

from unetloop.boxes import box_slices, middle_box
from unetloop.fills import find_fills
from unetloop.glare import find_glare, without_glare
from unetloop.noise import find_noise, left_of_noise, smoothing_width
from unetloop.polarity import has_dark_blobs, is_doubtful, median_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.config import NormalizationConfig

__all__ = [
    "Limits",
    "equivalent_diameters",
    "intensity_limits",
    "median_diameter",
    "normalize",
]

_MOST_PIXELS, _COARSE_PIXELS = 1 << 22, 1 << 16
_BRIGHTEST = 4.0
# Rows and columns in the middle that tell whether a plane is noisy, and what is then
# left: of noise alone a range of 5 to 7.5 standard deviations of what is left of it,
# whatever its distribution, with nuclei 11 and more.
_MIDDLE, _MOST_ROWS = 512, 2048
_CLEAR = 9.0
_GAUSSIAN_ENDS = 3.0  # standard deviations


@dataclass(frozen=True)
class Limits:
    """How a plane's intensities become numbers near 0..1; each of every channel.

    Parameters
    ----------
    zero, one : array of float64
        (channels,): intensities of 0 and of 1. They differ even where a plane is
        constant; the first is the higher one where nuclei are dark. Where no pixel is
        a finite number, they are 0 and infinite.
    fills : array of float64
        (2, channels): the lowest and the highest value that no camera saw, NaN where
        there is none.
    smoothing : array of float64
        (channels,): by a Gaussian of this standard deviation in pixels; mostly 0.
    glare : array of float64
        (channels,): how bright, between 0 and 1, is what few things outshine
        (`glare.find_glare`); mostly 0.
    """

    zero: NDArray[np.float64]
    one: NDArray[np.float64]
    fills: NDArray[np.float64]
    smoothing: NDArray[np.float64]
    glare: NDArray[np.float64]

    @property
    def reach(self) -> int:
        """How far around a pixel others count, in pixels."""
        return int(np.ceil(_GAUSSIAN_ENDS * self.smoothing.max(initial=0)))


def intensity_limits(
    pixels: NDArray[Any],
    config: NormalizationConfig,
    neighbours: NDArray[Any] | None = None,
) -> Limits:
    """Find the intensities that become 0 and 1, and what else is to be done.

    Parameters
    ----------
    pixels : array
        The whole plane, (rows, columns, channels), any real dtype. Of more
        than four million pixels, an even grid of about that many is taken.
        NaN and infinite pixels are left out, and so is what no camera saw
        (`fills.find_fills`).
    config : NormalizationConfig
        The two percentiles, and whether nuclei are bright or dark. Where they
        may be either, `polarity` says what they are.
    neighbours : array, optional
        A part of the plane, by which is told how noisy it is, where ``pixels`` are
        not neighbours in the image.

    Returns
    -------
    Limits
    """
    grid = _even_grid(pixels, _MOST_PIXELS)
    values, fills = zip(*map(_seen_values, np.moveaxis(grid, -1, 0)), strict=True)
    dark = np.full(grid.shape[2], config.nuclei == "dark")
    limits = _find_limits(values, np.array(fills).T, config, dark)
    if config.nuclei == "either":
        dark = _find_dark(values, grid, limits)
        if dark.any():
            limits = _find_limits(values, np.array(fills).T, config, dark)
    close = pixels if neighbours is None else neighbours
    part = box_slices(middle_box((close.shape[0], close.shape[1]), _MIDDLE))
    noise = [find_noise(plane) for plane in _channels(close[part], limits)]
    if any(map(smoothing_width, noise)):
        limits = _without_noise(limits, config, close, noise)
    coarse = _even_grid(grid, _COARSE_PIXELS)
    glare = [
        # Dark nuclei are never outshone: no stain takes more than all light.
        0.0 if dark[channel] else find_glare(plane, noise[channel])
        for channel, plane in enumerate(_channels(coarse, limits))
    ]
    return replace(limits, glare=np.array(glare)) if any(glare) else limits


def _seen_values(plane: NDArray[Any]) -> tuple[NDArray[Any], tuple[float, float]]:
    """Give the intensities of a plane, and its two values that no camera saw."""
    fills = find_fills(plane)
    values = plane.reshape(-1)
    if not np.isnan(fills).all():
        values = values[(values != fills[0]) & (values != fills[1])]
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    return values.astype(np.uint8) if values.dtype.kind == "b" else values, fills


def _find_limits(
    values: Sequence[NDArray[Any]],
    fills: NDArray[np.float64],
    config: NormalizationConfig,
    dark: NDArray[np.bool_],
) -> Limits:
    """Find what becomes 0 and 1, where nuclei are dark or not."""
    zero, one, nothing = np.zeros((3, len(values)))
    for channel, seen in enumerate(values):
        if seen.size == 0:  # nothing is a number: all becomes 0
            one[channel] = np.inf
            continue
        shares = np.array([config.low, config.high])
        low, high = np.percentile(seen, 100 - shares if dark[channel] else shares)
        if low == high:  # few sparse spots, or a constant plane
            high = seen.min() if dark[channel] else seen.max()
            high = high if high != low else low + max(1, abs(low))
        zero[channel], one[channel] = low, high
    return Limits(zero, one, fills, smoothing=nothing, glare=nothing)


def _find_dark(
    values: Sequence[NDArray[Any]], grid: NDArray[Any], limits: Limits
) -> NDArray[np.bool_]:
    """Say of each channel whether its nuclei are dark."""
    levels = np.array([median_level(each) for each in values])
    dark, doubtful = levels > 0.5, is_doubtful(levels)
    if doubtful.any():
        planes = _channels(grid, limits)[doubtful]
        dark[doubtful] = [has_dark_blobs(plane) for plane in planes]
    return dark


def _without_noise(
    limits: Limits,
    config: NormalizationConfig,
    pixels: NDArray[Any],
    noise: list[float],
) -> Limits:
    """Smooth where there is much noise, and something else; both widen the range."""
    block = box_slices(middle_box((pixels.shape[0], pixels.shape[1]), _MOST_ROWS))
    zero, one, smoothing = limits.zero.copy(), limits.one.copy(), np.zeros(len(noise))
    for channel, plane in enumerate(_channels(pixels[block], limits)):
        width = smoothing_width(noise[channel])
        smooth = gaussian_filter(plane, width) if width else plane
        shares = config.low, config.high
        before, after = np.percentile(plane, shares), np.percentile(smooth, shares)
        left = noise[channel] * left_of_noise(width)
        if not width or after[1] - after[0] < _CLEAR * left:
            continue
        moved = (after - before) * (one[channel] - zero[channel])
        zero[channel] += moved[0]
        one[channel] += moved[1]
        smoothing[channel] = width
    return replace(limits, zero=zero, one=one, smoothing=smoothing)


def _even_grid(pixels: NDArray[Any], most: int) -> NDArray[Any]:
    step = max(1, int(np.ceil(np.sqrt(pixels.shape[0] * pixels.shape[1] / most))))
    return pixels[::step, ::step]


def _channels(pixels: NDArray[Any], limits: Limits) -> NDArray[np.float32]:
    return np.moveaxis(normalize(pixels, limits), -1, 0)


def normalize(pixels: NDArray[Any], limits: Limits) -> NDArray[np.float32]:
    """Map intensities so that the limits become 0 and 1.

    Parameters
    ----------
    pixels : array
        (rows, columns, channels) of any real dtype.
    limits : Limits
        From `intensity_limits`.

    Returns
    -------
    array of float32
        Same shape, clipped to -1..4; NaN becomes 0, and so does what no camera
        saw, and a plane whose pixels are all alike.
    """
    zero, one = limits.zero, limits.one
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
        np.nan_to_num(result, copy=False)
    np.clip(result, -1.0, _BRIGHTEST, out=result)
    for fill in limits.fills:
        if not np.isnan(fill).all():
            result[pixels == fill] = 0.0
    for channel, level in enumerate(limits.glare):
        if level:
            result[..., channel] = without_glare(result[..., channel], level)
    for channel, width in enumerate(limits.smoothing):
        if width:
            plane = result[..., channel]
            result[..., channel] = gaussian_filter(
                plane, width, truncate=_GAUSSIAN_ENDS
            )
    return result


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
