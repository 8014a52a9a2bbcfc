"""How noisy a plane is, and how far it is smoothed before a network sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NOISY", "find_noise", "left_of_noise", "smoothing_width"]

_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_GAIN = 6.0  # of the mask: the root of the sum of its squares
_MEDIAN_DEVIATION = 0.6745  # of a normal distribution, in standard deviations
NOISY = 0.05
"""Standard deviation of noise, as a share of the range of intensities, that is much."""

# The noisiest photographs that `nuclei` learned from have .025, most of them .006; what
# is left of noise by smoothing may be as strong.
_LEFT = 0.03
_WIDEST = 2.5
# White noise has so many times less behind a Gaussian of one pixel.
_NARROWING = float(np.sqrt(4 * np.pi))


def find_noise(pixels: NDArray[Any]) -> float:
    """Find the standard deviation of what differs from one pixel to the next.

    Edges and textures hardly count: a mask that sees neither planes nor straight lines
    is laid over all pixels, and the median is taken (Immerkær 1996, "Fast noise
    variance estimation", Computer Vision and Image Understanding 64, made robust).

    Parameters
    ----------
    pixels : array
        (rows, columns), neighbours in the image; all are numbers.

    Returns
    -------
    float
        In units of the pixels; 0 where there are less than three rows or columns.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(100, 5, (200, 200))
    >>> round(find_noise(noise + np.arange(200)), 1)
    5.0
    """
    if min(pixels.shape) < len(_MASK):
        return 0.0
    seen = np.abs(ndimage.convolve(pixels, _MASK, np.float32)[1:-1, 1:-1])
    return float(np.median(seen)) / (_GAIN * _MEDIAN_DEVIATION)


def smoothing_width(noise: float) -> float:
    """Say how far to smooth for little noise to be left.

    Parameters
    ----------
    noise : float
        Its standard deviation, as a share of the range of intensities.

    Returns
    -------
    float
        Standard deviation of a Gaussian, in pixels; 0 where there is little noise.
    """
    if not noise > NOISY:
        return 0.0
    return min(noise / _LEFT / _NARROWING, _WIDEST)


def left_of_noise(width: float) -> float:
    """Say which share of the noise a Gaussian of so many pixels leaves."""
    return min(1 / (_NARROWING * width), 1.0) if width > 0 else 1.0
