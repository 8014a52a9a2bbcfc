"""What segmentation and review mean for training: targets and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from unetloop.errors import EngineError
from unetloop.neighbours import bounding_boxes, padded, two_nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "IGNORED",
    "MAPS",
    "REVIEWED",
    "UNREVIEWED",
    "Targets",
    "distance_to_edge",
    "make_targets",
    "touching_weight",
]

UNREVIEWED, REVIEWED, IGNORED = 0, 1, 2
"""Values of the review array."""

MAPS = ("foreground", "distance")
"""What the network predicts, in this order."""

_TOUCHING_WEIGHT = 10.0
_TOUCHING_SIGMA = 3.0


@dataclass(frozen=True)
class Targets:
    """What a network should say of a plane, and how much each pixel counts.

    Parameters
    ----------
    maps : array of float32
        (rows, columns, 2): foreground (0 or 1), and the distance to the
        nucleus's own edge divided by its maximum in that nucleus (0..1).
    valid : array of float32
        (rows, columns, 2): 1 where that map is known, else 0.
    emphasis : array of float32
        (rows, columns): weight of the foreground, above 1 between touching
        nuclei.
    """

    maps: NDArray[np.float32]
    valid: NDArray[np.float32]
    emphasis: NDArray[np.float32]


def make_targets(
    segmentation: NDArray[Any], review: NDArray[np.uint8] | None = None
) -> Targets:
    """Turn a segmentation and its review into targets and weights.

    Only pixels with review 1 count. The distance map of a nucleus is known
    only if the whole nucleus is reviewed, since an unreviewed part is a
    proposal whose edge is not the truth.

    Parameters
    ----------
    segmentation : array of int
        (rows, columns): 0 background, one number a nucleus.
    review : array of uint8, optional
        (rows, columns): 0 nobody has looked, 1 right, 2 ignore. None: all
        right, as in a folder of complete masks.

    Returns
    -------
    Targets

    Raises
    ------
    EngineError
        If the two arrays differ in shape or are not planes.
    """
    if segmentation.ndim != 2:
        raise EngineError("A mask must have two axes.", shape=segmentation.shape)
    if review is not None and review.shape != segmentation.shape:
        raise EngineError(
            "Mask and review must have the same size.",
            mask=segmentation.shape,
            review=review.shape,
        )
    known = np.ones(segmentation.shape, bool) if review is None else review == REVIEWED
    distance, extent = distance_to_edge(segmentation)
    maps = np.stack([(segmentation > 0).astype(np.float32), distance / extent], axis=-1)
    doubtful = np.unique(segmentation[~known])
    whole = known & ~(np.isin(segmentation, doubtful) & (segmentation > 0))
    return Targets(
        maps=maps,
        valid=np.stack([known, whole], axis=-1).astype(np.float32),
        emphasis=1 + touching_weight(segmentation),
    )


def distance_to_edge(
    segmentation: NDArray[Any],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distance of each nucleus's pixels to its own edge, touching or not.

    The image's border is no edge: a nucleus that it cuts goes on behind it.

    Parameters
    ----------
    segmentation : array of int
        (rows, columns).

    Returns
    -------
    distance : array of float32
        In pixels, 0 on the background.
    extent : array of float32
        The largest distance in the pixel's nucleus, 1 on the background.
    """
    distance = np.zeros(segmentation.shape, np.float32)
    extent = np.ones(segmentation.shape, np.float32)
    for number, box in bounding_boxes(segmentation):
        window = padded(box, 1, segmentation.shape)
        mask = segmentation[window] == number
        if mask.all():  # a nucleus that fills the image has no edge in it
            values = np.ones(mask.shape, np.float32)
        else:
            values = ndimage.distance_transform_edt(mask).astype(np.float32)
        distance[window][mask] = values[mask]
        extent[window][mask] = values[mask].max()
    return distance, extent


def touching_weight(
    segmentation: NDArray[Any],
    weight: float = _TOUCHING_WEIGHT,
    sigma: float = _TOUCHING_SIGMA,
) -> NDArray[np.float32]:
    """Extra weight between nuclei that nearly touch.

    ``weight * exp(-(d1 + d2)² / (2 sigma²))``, where d1 and d2 are the
    distances to the nearest and second nearest nucleus; for pixels of a
    nucleus d1 is 0 and d2 the distance to its neighbour. Source: equation 2 of
    Ronneberger, Fischer, Brox, https://arxiv.org/abs/1505.04597 (there
    weight = 10 and sigma = 5 on images of larger cells).

    Parameters
    ----------
    segmentation : array of int
        (rows, columns).
    weight : float
        Largest extra weight.
    sigma : float
        Reach in pixels.

    Returns
    -------
    array of float32
        (rows, columns), 0 far from any pair of nuclei.
    """
    nearest, second = two_nearest(segmentation, int(np.ceil(3 * sigma)))
    total = nearest + second
    return np.asarray(weight * np.exp(-(total**2) / (2 * sigma**2)), np.float32)
