"""How deep inside a piece of foreground each pixel lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["add_distance"]

_INSIDE = 0.5


def add_distance(foreground: NDArray[np.floating]) -> NDArray[np.float32]:
    """Put the distance to the edge beside a map of the foreground.

    What a network that tells only foreground from background does not say: with it,
    nuclei that touch are divided where the foreground has a waist, by the watershed
    of `instances.label_nuclei` (Beucher and Lantuéjoul 1979, "Use of watersheds in
    contour detection").

    Parameters
    ----------
    foreground : array of float
        (rows, columns, 1): probability, 0..1.

    Returns
    -------
    array of float32
        (rows, columns, 2): the same, and the distance to the edge of the connected
        piece over its largest in the piece, 0..1. The image's border is no edge.
    """
    inside = foreground[..., 0] > _INSIDE
    depth = np.ones(inside.shape, np.float32)
    if not inside.all():  # or else there is no edge to be far from
        distance = ndimage.distance_transform_edt(inside)
        pieces, count = ndimage.label(inside)
        numbers = np.arange(count + 1)
        peaks = np.maximum(ndimage.maximum(distance, pieces, numbers), 1)
        depth = (distance / peaks[pieces]).astype(np.float32)
    return np.stack([foreground[..., 0].astype(np.float32), depth], axis=-1)
