"""What three colours are mixed to: their mean, or the light that a stain took away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ALL_COLOURS", "HAEMATOXYLIN", "MIXTURES", "mix_colours", "shows_dab"]

ALL_COLOURS, HAEMATOXYLIN = -1, -2
"""Channels of an RGB image that are made of its colours: their numbers."""

MIXTURES = {ALL_COLOURS: "all colours", HAEMATOXYLIN: "haematoxylin"}
"""Their names to users."""

# How much of red, green and blue light haematoxylin and diaminobenzidine (DAB) take
# away: A. C. Ruifrok, D. A. Johnston, Anal Quant Cytol Histol 23:291-299 (2001).
_STAINS = np.array([[0.65, 0.70, 0.29], [0.27, 0.57, 0.78]])
_DARKEST = 1 / 255  # of the white; what is darker says nothing of a colour
_STAINED = 0.15  # mean optical density
_CLEARLY = 1.1
_SOME = 0.05  # of the stained pixels
_LEAST = 0.01  # of all pixels
_ENOUGH = 1 << 17  # pixels to look at
_LIT = 0.25  # of the white: three pixels of four are brighter under a lamp


def mix_colours(pixels: NDArray[Any], mixture: int) -> NDArray[np.float32]:
    """Mix red, green and blue to one channel.

    Parameters
    ----------
    pixels : array
        (rows, columns, 3), any real dtype. The white is the highest value of whole
        numbers, and 1 of others.
    mixture : int
        `ALL_COLOURS`: the mean. A stain that is saved as pure blue would all but
        vanish in the luminance. `HAEMATOXYLIN`: its optical density (natural
        logarithm) beside a brown stain, nowhere below 0; nuclei are bright.

    Returns
    -------
    array of float32
        (rows, columns, 1).
    """
    if mixture == ALL_COLOURS:
        return np.asarray(pixels.mean(-1, np.float32, keepdims=True))
    whole = pixels.dtype.kind in "ui"
    density = _density(pixels, np.iinfo(pixels.dtype).max if whole else 1.0)
    result: NDArray[np.float32] = np.maximum(density @ _UNMIXING[:, :1], 0)
    return result


def shows_dab(pixels: NDArray[Any]) -> bool:
    """Whether tissue under a lamp is stained brown with DAB, and blue elsewhere.

    The brown is what an antibody found, mostly not the nuclei; these are blue with
    haematoxylin. In stains of haematoxylin and eosin nothing takes more blue light
    away than green.

    Parameters
    ----------
    pixels : array
        (pixels, 3): finite red, green and blue of some that stand for an image.

    Returns
    -------
    bool
        Whether a twentieth of what is stained is brown, and a twentieth blue. Where
        most of the image is dark, as in fluorescence, it is not.
    """
    if len(pixels) == 0:
        return False
    pixels = pixels[:: 1 + len(pixels) // _ENOUGH]
    white = np.percentile(pixels, 99, axis=0)
    if not white.min() > 0:
        return False
    if np.percentile(pixels.max(-1), 25) < _LIT * white.max():
        return False
    density = _density(pixels, white)
    stained = density[density.mean(-1) > _STAINED]
    if len(stained) < _LEAST * len(pixels):
        return False
    red, green, blue = stained.T
    brown = (blue > _CLEARLY * green) & (green > _CLEARLY * red)
    return bool(min(brown.mean(), (red > _CLEARLY * blue).mean()) > _SOME)


def _density(pixels: NDArray[Any], white: Any) -> NDArray[np.float32]:
    """Give optical densities, by natural logarithms."""
    share = pixels.astype(np.float32) / np.asarray(white, np.float32)
    density: NDArray[np.float32] = -np.log(np.maximum(share, _DARKEST))
    return density


def _unmixing() -> NDArray[np.float32]:
    """Give (3, 3): what a colour's density says of the two stains, and of the rest."""
    known = _STAINS / np.linalg.norm(_STAINS, axis=1, keepdims=True)
    rest = np.cross(*known)
    return np.linalg.inv([*known, rest / np.linalg.norm(rest)]).astype(np.float32)


_UNMIXING = _unmixing()
