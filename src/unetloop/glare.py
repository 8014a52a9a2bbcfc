"""What outshines all nuclei, and intensities drawn together so that they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OUTSHONE", "find_glare", "without_glare"]

# Of the range of intensities: what outshines, and what can be outshone. The faintest
# typical nuclei that `nuclei` learned from are at .17 of their image's range.
_BRIGHT, _LEAST = 0.25, 0.005
OUTSHONE = 0.2
"""Share of the range of intensities that is little for all nuclei."""

_MOST_BRIGHT = 0.05  # of the pixels
_NEAR, _FAR = 2, 4  # radii of the largest bright piece
_LEAST_FAR = 0.2  # of the pixels
_HIGH, _CLEAR = 99.8, 12.0
_SOME, _STAYS, _MORE = 1 / 3, 0.6, 1
_SMOOTH, _SHARP = 24, 0.5  # pixels; of the level


def find_glare(plane: NDArray[np.float32], noise: float) -> float:
    """Find whether few bright things leave next to nothing of the range to all others.

    Dead cells, dust and crystals may shine ten times as bright as nuclei. They cover
    little of an image, while what they outshine covers more, stands clear of the noise
    and of uneven light, and is there at any distance from them, as their own light is
    not.

    Parameters
    ----------
    plane : array of float32
        (rows, columns), intensities of which most are between 0 and 1; an even grid
        of some 256 x 256 pixels of an image is enough.
    noise : float
        Its standard deviation, in the same unit.

    Returns
    -------
    float
        How bright the others are above the middle of the intensities, .005 to .2; 0
        where nothing is outshone.
    """
    bright = plane > _BRIGHT
    share = np.count_nonzero(bright) / max(plane.size, 1)
    if not 0 < share <= _MOST_BRIGHT:
        return 0.0
    radius = ndimage.distance_transform_edt(bright).max()
    distance = ndimage.distance_transform_edt(~bright)
    near, far = (distance > 1 + times * radius for times in (_NEAR, _FAR))
    if np.count_nonzero(far) < _LEAST_FAR * plane.size:
        return 0.0
    above = plane - np.median(plane)
    level = float(np.percentile(above[near], _HIGH))
    if not max(_LEAST, _CLEAR * noise) < level < OUTSHONE:
        return 0.0
    outshone, still = (np.mean(above[part] > _SOME * level) for part in (near, far))
    if outshone < _MORE * share or still < _STAYS * outshone:
        return 0.0
    sharp = (above - _light(above, near))[near]
    return level if np.percentile(sharp, _HIGH) > _SHARP * level else 0.0


def _light(plane: NDArray[np.float32], where: NDArray[np.bool_]) -> Any:
    """Smooth a plane; only some of its pixels count."""
    counted = where.astype(np.float32)
    weight = ndimage.gaussian_filter(counted, _SMOOTH)
    smooth = ndimage.gaussian_filter(plane * counted, _SMOOTH)
    return smooth / np.maximum(weight, np.finfo(np.float32).tiny)


def without_glare(plane: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Draw bright intensities together: 0 and 1 stay, what is between is lifted.

    Linear far below the level and logarithmic far above it, by the inverse hyperbolic
    sine (Lupton 1999, "A modified magnitude system", Astronomical Journal 118).

    Parameters
    ----------
    plane : array of float32
        Any shape.
    level : float
        From `find_glare`, above 0.

    Returns
    -------
    array of float32
        Same shape.
    """
    scale = np.float32(1 / np.arcsinh(1 / level))
    result: NDArray[np.float32] = np.arcsinh(plane / np.float32(level)) * scale
    return result
