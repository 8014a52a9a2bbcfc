"""In which of its colours an image shows its nuclei."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unetloop.mixtures import ALL_COLOURS, choose_mixture
from unetloop.polarity import median_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.image_planes import Image

__all__ = ["nuclear_colour"]

_BLUE = 2
_SIGNAL = 0.15  # of the strongest colour's range; below it a colour is empty
_DARK = 0.25
_OWN = 0.1  # of a colour's variance that the other two do not explain
_BINS = 32


def nuclear_colour(image: Image) -> int:
    """Find the colour of an RGB image that shows the nuclei.

    Stained tissue has them in all colours, unless an antibody is seen in it; and so has
    a grey image that was saved in colours. An overlay of several fluorescent stains,
    on black, has not; there the stains of DNA (DAPI, Hoechst) are blue, as they are
    under the microscope.

    Parameters
    ----------
    image : Image
        An open RGB image. A part of its plane `ImageInfo.first_shown` is read, about
        a million pixels, so that all planes are seen through the same colour.

    Returns
    -------
    int
        2, blue: the background is dark, blue shows something, and some colour shows
        what the others do not. (In one stain, grey, tinted or by a colour table, two
        colours say what the third is.) Otherwise as
        `mixtures.choose_mixture` says.
    """
    pixels = image.colours
    mixture = choose_mixture(pixels)
    if mixture != ALL_COLOURS:
        return mixture
    if len(pixels) == 0 or median_level(pixels.mean(-1)) > 0.5:
        return ALL_COLOURS
    low, quarter, high = np.percentile(pixels, (1, 25, 99.8), axis=0)
    spans = high - low
    seen = spans > _SIGNAL * spans.max()
    if not seen[_BLUE] or quarter[_BLUE] - low[_BLUE] > _DARK * spans[_BLUE]:
        return ALL_COLOURS
    if seen.sum() < 2:
        return ALL_COLOURS
    levels = np.clip((pixels - low) / np.maximum(spans, 1e-12), 0, 1)
    several = any(
        _own_share(levels, int(colour)) > _OWN for colour in seen.nonzero()[0]
    )
    return _BLUE if several else ALL_COLOURS


def _own_share(levels: NDArray[np.float32], colour: int) -> float:
    """Share of a colour's variance that is left where the other two are the same."""
    values = levels[:, colour].astype(np.float64)
    steps = np.delete((levels * (_BINS - 1)).round().astype(np.intp), colour, axis=1)
    place = steps[:, 0] * _BINS + steps[:, 1]
    counts = np.bincount(place)
    sums = np.bincount(place, values)
    explained = float((sums**2 / np.maximum(counts, 1)).sum())
    power, mean = float((values**2).sum()), float(values.mean())
    return (power - explained) / max(power - len(values) * mean**2, 1e-12)
