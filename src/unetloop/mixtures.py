"""What three colours are mixed to: their mean, or the light that a stain took away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ALL_COLOURS", "HAEMATOXYLIN", "MIXTURES", "mix_colours", "shows_chromogen"]

ALL_COLOURS, HAEMATOXYLIN = -1, -2
"""Channels of an RGB image that are made of its colours: their numbers."""

MIXTURES = {ALL_COLOURS: "all colours", HAEMATOXYLIN: "haematoxylin"}
"""Their names to users."""

# How much of red, green and blue light haematoxylin, AEC and Fast Red take away: A. C.
# Ruifrok, D. A. Johnston, Anal Quant Cytol Histol 23:291-299 (2001), and G. Landini's
# Colour Deconvolution for ImageJ. DAB (.27, .57, .78), and eosin as QuPath has it (.22,
# .80, .56), lie nearly in a plane with the last two: neither is taken for haematoxylin.
_STAINS = np.array([[0.65, 0.70, 0.29], [0.27, 0.68, 0.68], [0.21, 0.85, 0.48]])
_DARKEST = 1 / 255  # of the white; what is darker says nothing of a colour
_STAINED = 0.15  # mean optical density
_CLEARLY = 1.1
# Of blue light AEC takes as much as of green, published eosins .7 as much at most. Of
# red light AEC takes .4 as much, DAB over haematoxylin more, most eosins less than .1,
# and blood next to nothing (S. Prahl, https://omlc.org/spectra/hemoglobin).
_BRICK_BLUE = 0.95
_BRICK_RED = 0.5
_LEAST_RED = 0.25
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
        logarithm) beside a brown or red dye, nowhere below 0; nuclei are bright.

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


def shows_chromogen(pixels: NDArray[Any]) -> bool:
    """Whether tissue under a lamp is stained brown or brick red, and blue elsewhere.

    The brown (DAB) or red (AEC) is what an antibody found, mostly not the nuclei; these
    are blue with haematoxylin. In stains of haematoxylin and eosin hardly anything
    takes as much blue light away as green, and much red. Redder dyes (Fast Red, Vector
    Red) can't be told from eosin.

    Parameters
    ----------
    pixels : array
        (pixels, 3): finite red, green and blue of some that stand for an image.

    Returns
    -------
    bool
        Whether a twentieth of what is stained is brown or brick red, and a twentieth
        blue. Where most of the image is dark, as in fluorescence, it is not.
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
    brick = (blue > _BRICK_BLUE * green) & (red < _BRICK_RED * green)
    dyed = (brown | brick) & (red > _LEAST_RED * green)
    return bool(min(dyed.mean(), (red > _CLEARLY * blue).mean()) > _SOME)


def _density(pixels: NDArray[Any], white: Any) -> NDArray[np.float32]:
    """Give optical densities, by natural logarithms."""
    share = pixels.astype(np.float32) / np.asarray(white, np.float32)
    density: NDArray[np.float32] = -np.log(np.maximum(share, _DARKEST))
    return density


_UNMIXING = np.linalg.inv(
    _STAINS / np.linalg.norm(_STAINS, axis=1, keepdims=True)
).astype(np.float32)
"""(3, 3): what a colour's density says of each stain."""
