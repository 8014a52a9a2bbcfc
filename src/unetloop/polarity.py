"""Whether the nuclei of a plane are bright or dark, where nobody says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter

from unetloop.resizing import resize_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["has_dark_blobs", "is_doubtful", "median_level"]

# Median levels: below, nuclei stand on a dark background, above on a bright one.
_DARK, _BRIGHT = 0.3, 0.8
_ENOUGH = 1 << 18  # intensities
_BELOW, _ABOVE = -0.5, 1.5  # of the range between the percentiles
_SIDE = 384  # pixels, of a square: a larger plane is looked at in as many
_SCALES = (2.0, 3.0, 4.5, 7.0)  # standard deviations in pixels


def median_level(values: NDArray[Any]) -> float:
    """Say where the median lies between the 1st and the 99th percentile, 0 to 1.

    Parameters
    ----------
    values : array
        Finite intensities of one channel, of any shape.

    Returns
    -------
    float
        Near 0 on a dark background, near 1 on a bright one; 0 where all is alike.
    """
    if values.size == 0:
        return 0.0
    some = values.reshape(-1)[:: 1 + values.size // _ENOUGH]
    low, middle, high = np.percentile(some, (1, 50, 99))
    return float((middle - low) / (high - low)) if high > low else 0.0


def is_doubtful(levels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which median levels leave open what is nuclei and what lies around them."""
    return (levels >= _DARK) & (levels <= _BRIGHT)


def has_dark_blobs(plane: NDArray[np.float32]) -> bool:
    """Say whether what is blob-like in a plane is darker than what lies around it.

    Nuclei are convex, and what lies between them is not, however much of a plane they
    cover. So the determinant of the Hessian, which is large in the middle of blobs and
    negative on ridges and saddles, is added up over bright blobs and over dark ones,
    at several scales (Lindeberg 1998, Int. J. Comput. Vis. 30, "Feature detection with
    automatic scale selection").

    Parameters
    ----------
    plane : array of float32
        (rows, columns), finite, in which most intensities lie between 0 and 1.

    Returns
    -------
    bool
        False where all is alike.
    """
    plane = np.clip(plane, _BELOW, _ABOVE)
    if (zoom := _SIDE / np.sqrt(plane.size)) < 1:
        rows, columns = (max(1, round(zoom * size)) for size in plane.shape)
        plane = resize_pixels(plane[..., None], (rows, columns))[..., 0]
    bright = dark = 0.0
    for scale in _SCALES:
        smooth = gaussian_filter(plane, scale, truncate=3.0) * scale**2
        down = np.diff(smooth, axis=0)
        across = np.diff(down, axis=0)[:, 1:-1]
        along = np.diff(smooth, n=2, axis=1)[1:-1]
        mixed = np.diff(down, axis=1)
        mixed = (mixed[1:, 1:] + mixed[:-1, 1:] + mixed[1:, :-1] + mixed[:-1, :-1]) / 4
        blobs = np.maximum(across * along - mixed**2, 0)
        valley = across + along > 0
        dark += float(blobs[valley].sum())
        bright += float(blobs[~valley].sum())
    return dark > bright
