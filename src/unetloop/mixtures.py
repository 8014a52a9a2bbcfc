"""What three colours are mixed to: their mean, or the light that a stain took away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ALL_COLOURS",
    "BESIDE_EOSIN",
    "BESIDE_RED",
    "HAEMATOXYLIN",
    "MIXTURES",
    "Light",
    "average_colours",
    "choose_mixture",
    "find_light",
    "separate_stain",
]

ALL_COLOURS, HAEMATOXYLIN, BESIDE_RED, BESIDE_EOSIN = -1, -2, -3, -4
"""Channels of an RGB image that are made of its colours: their numbers."""

MIXTURES = {
    ALL_COLOURS: "all colours",
    HAEMATOXYLIN: "haematoxylin",
    BESIDE_RED: "haematoxylin beside red",
    BESIDE_EOSIN: "haematoxylin beside eosin",
}
"""Their names to users."""

# How much of red, green and blue light stains take away: A. C. Ruifrok, D. A. Johnston,
# Anal Quant Cytol Histol 23:291-299 (2001). The red is the mean of AEC (.27, .68, .68)
# and Fast Red (.21, .85, .48), of G. Landini's Colour Deconvolution for ImageJ. Eosin
# is the mean of the first authors' (.07, .99, .11) and QuPath's (.22, .80, .56).
_BLUE = (0.65, 0.70, 0.29)  # haematoxylin
_BESIDE = {
    HAEMATOXYLIN: (0.27, 0.57, 0.78),
    BESIDE_RED: (0.24, 0.77, 0.58),
    BESIDE_EOSIN: (0.14, 0.90, 0.33),
}
_DARKEST = 1 / 255  # of the white; what is darker says nothing of a colour
_STAINED = 0.15  # mean optical density
_CLEARLY = 1.1
# Of blue light AEC takes as much as of green, published eosins .7 as much at most. Of
# red light AEC takes .4 as much, DAB over haematoxylin more, most eosins less than .1,
# and blood next to nothing (S. Prahl, https://omlc.org/spectra/hemoglobin).
_BRICK_BLUE = 0.95
_BRICK_RED = 0.5
_LEAST_RED = 0.25
# Eosin takes half as much red light as green at most, haematoxylin nearly as much.
# Where both are, what is pinker is paler: correlations are .35 to .59 in three slides.
# In 65 images of purple on lavender what is pinker is darker (-.24 to -.91).
_PINK = 0.55
_SOME = 0.05  # of the stained pixels
_SOME_BRICK = 0.08  # the same; DAB in nuclei may have as much of that colour as _SOME
_LEAST = 0.01  # of all pixels
# Where a third is brown it is no purple, and little is left to be blue.
_MUCH_BROWN, _LITTLE_BLUE = 0.3, 0.01
_WHITE = 99  # percentile
# Of 491 fluorescence images none has less than this between what is black and bright.
_FRAME, _FRAMED, _MOST_FRAMED = (0.06, 0.22), 0.02, 0.6
_FEWEST, _ENOUGH = 2, 1 << 17  # pixels to look at
_LIT = 0.25  # of the white: three pixels of four are brighter under a lamp
# A stain takes light of all colours away, so that they go together: correlations in
# slides are .54 and more, in overlays of stains that glow everywhere .09 at most.
_TOGETHER = 0.3


@dataclass(frozen=True)
class Light:
    """What a lamp shows of a slide.

    Parameters
    ----------
    white : array of float64
        (3,): red, green and blue where nothing takes light away, whatever its colour.
    frame : float
        What is no brighter than that in any colour is a black frame around the field;
        negative where there is none.
    """

    white: NDArray[np.float64]
    frame: float = -1.0

    def without_frame(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Give colours, (…, 3), with a frame as white as the light."""
        if self.frame < 0:
            return pixels
        framed = (pixels <= self.frame).all(-1, keepdims=True)
        return np.where(framed, self.white.astype(pixels.dtype), pixels)


def find_light(pixels: NDArray[Any]) -> Light:
    """Find the light of a slide.

    Parameters
    ----------
    pixels : array
        (pixels, 3): finite red, green and blue of some that stand for an image.

    Returns
    -------
    Light
        Its white is the 99th percentile of each colour, 1 where there are no pixels. A
        frame is a fiftieth to six tenths of the pixels (saturated nuclei on black have
        more of it around them), with next to nothing between its black and a fifth of
        the white.
    """
    if len(pixels) == 0:
        return Light(np.ones(3))
    pixels = pixels[:: 1 + len(pixels) // _ENOUGH]
    white = np.percentile(pixels, _WHITE, axis=0)
    brightest = pixels.max(-1)
    black, dim = (share * white.max() for share in _FRAME)
    framed = (brightest <= black).mean()
    between = (brightest <= dim).mean() - framed
    alone = framed > _FRAMED > between
    return Light(white, float(black) if alone and framed < _MOST_FRAMED else -1.0)


def average_colours(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Mix red, green and blue to their mean.

    A stain that is saved as pure blue would all but vanish in the luminance.

    Parameters
    ----------
    pixels : array
        (rows, columns, 3), any real dtype.

    Returns
    -------
    array of float32
        (rows, columns, 1).
    """
    return np.asarray(pixels.mean(-1, np.float32, keepdims=True))


def separate_stain(
    pixels: NDArray[Any], mixture: int, white: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Find how much haematoxylin there is beside another dye.

    Parameters
    ----------
    pixels : array
        (rows, columns, 3): red, green and blue, any real dtype.
    mixture : int
        `HAEMATOXYLIN` beside brown DAB, `BESIDE_RED` a red dye, or `BESIDE_EOSIN`.
    white : array of float64
        (3,): of the image, of `find_light`.

    Returns
    -------
    array of float32
        (rows, columns, 1): optical density (natural logarithm), nowhere below 0;
        nuclei are bright.
    """
    density = _density(pixels, white)
    result: NDArray[np.float32] = np.maximum(density @ _UNMIXING[mixture], 0)
    return result


def choose_mixture(pixels: NDArray[Any]) -> int:
    """Say which mixture shows the nuclei of tissue under a lamp.

    A brown (DAB) or brick red (AEC) beside blue is what an antibody found, mostly not
    the nuclei; these are blue with haematoxylin. In stains of haematoxylin and eosin
    hardly anything takes as much blue light away as green, and much red; there what is
    pink is paler than what is blue. Redder dyes of antibodies (Fast Red, Vector Red)
    can't be told from eosin.

    Parameters
    ----------
    pixels : array
        (pixels, 3): finite red, green and blue of some that stand for an image.

    Returns
    -------
    int
        `HAEMATOXYLIN` where a twentieth of what is stained is brown, `BESIDE_RED` where
        more of it is brick red, and a twelfth at least; `BESIDE_EOSIN` where a
        twentieth is pink, and what is pinker is paler; and a twentieth blue. Else, and
        where most of the image is dark or its colours do not go together, as in
        fluorescence, `ALL_COLOURS`.
    """
    if len(pixels) < _FEWEST:
        return ALL_COLOURS
    pixels = pixels[:: 1 + len(pixels) // _ENOUGH]
    light = find_light(pixels)
    white = light.white
    if not white.min() > 0:
        return ALL_COLOURS
    pixels = pixels[pixels.max(-1) > light.frame]
    if np.percentile(pixels.max(-1), 25) < _LIT * white.max():
        return ALL_COLOURS
    with np.errstate(divide="ignore", invalid="ignore"):  # all alike
        together = np.corrcoef(pixels, rowvar=False).min()
    if not together > _TOGETHER:
        return ALL_COLOURS
    density = _density(pixels, white)
    stained = density[density.mean(-1) > _STAINED]
    if len(stained) < max(_FEWEST, _LEAST * len(pixels)):
        return ALL_COLOURS
    red, green, blue = stained.T
    bluish = red > _CLEARLY * blue
    dyed = red > _LEAST_RED * green
    brown = dyed & (blue > _CLEARLY * green) & (green > _CLEARLY * red)
    brick = dyed & (blue > _BRICK_BLUE * green) & (red < _BRICK_RED * green) & ~brown
    if bluish.mean() > (_SOME if brown.mean() < _MUCH_BROWN else _LITTLE_BLUE):
        if brick.mean() > max(brown.mean(), _SOME_BRICK):
            return BESIDE_RED
        if brown.mean() > _SOME:
            return HAEMATOXYLIN
    blueness = np.clip(red / np.maximum(green, _DARKEST), _DARKEST, 1 / _DARKEST)
    pink = blueness < _PINK
    if pink.mean() <= _SOME or (bluish | ~pink).mean() <= _SOME:
        return ALL_COLOURS
    darker = np.cov(np.log(blueness), np.log(stained.mean(-1)))[0, 1] > 0
    return BESIDE_EOSIN if darker else ALL_COLOURS


def _density(pixels: NDArray[Any], white: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give optical densities, by natural logarithms."""
    white = np.maximum(white, np.finfo(np.float32).tiny)  # a colour may be nowhere
    share = pixels.astype(np.float32) / white.astype(np.float32)
    density: NDArray[np.float32] = -np.log(np.maximum(share, _DARKEST))
    return density


def _unmixing(beside: tuple[float, float, float]) -> NDArray[np.float32]:
    """Give (3, 1): what a colour's density says of haematoxylin beside a dye."""
    stains = np.array([_BLUE, beside])
    stains /= np.linalg.norm(stains, axis=1, keepdims=True)
    unmixing = np.linalg.inv([*stains, np.cross(*stains)])
    return unmixing[:, :1].astype(np.float32)


_UNMIXING = {mixture: _unmixing(beside) for mixture, beside in _BESIDE.items()}
