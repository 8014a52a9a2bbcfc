"""An annotated plane in the form that patches are cut from: four bytes a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.annotations import Targets

__all__ = ["WEIGHT_STEPS", "TrainingPlane", "find_centers", "make_plane"]

WEIGHT_STEPS = 16
"""Steps of a byte from one weight to the next whole one."""

_NUCLEUS_SHARE = 0.75
_MOST_CENTERS = 1 << 16
_STEPS_OF_DISTANCE = 255
_UNITS = np.array([1, 1 / _STEPS_OF_DISTANCE, 1 / WEIGHT_STEPS, 1], np.float32)


@dataclass(frozen=True)
class TrainingPlane:
    """One annotated plane at the model's scale, ready to be cut.

    Parameters
    ----------
    image : array of float32
        (channels, rows, columns).
    truth : array of uint32
        (rows, columns): four bytes a pixel, so that one look-up finds all. Of
        nuclei: foreground, distance, and the weights of both. Of classes: the low
        and the high byte of the class's index, its emphasis, whether it is known.
    centers : tuple of array of int
        Flat indices of reviewed pixels of each kind that there is (nuclei first,
        then background; or each class), a part of them where there are many;
        patches lie around them.
    chances : tuple of float
        How often a patch lies around a pixel of each kind; they add up to 1.
    reviewed : int
        Number of reviewed pixels.
    inside : int
        Those of them that lie in nuclei.
    class_pixels : tuple of int
        Those of them that each class has; empty where nuclei are learned.
    class_weights : array of float32, optional
        (classes,): how much a pixel of each class counts. None: nuclei.
    """

    image: NDArray[np.float32]
    truth: NDArray[np.uint32]
    centers: tuple[NDArray[np.intp], ...]
    chances: tuple[float, ...]
    reviewed: int
    inside: int = 0
    class_pixels: tuple[int, ...] = ()
    class_weights: NDArray[np.float32] | None = None

    def decode(self, layers: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn four bytes a pixel, (…, 4), into what a loss takes, (…, 4 or 2)."""
        if self.class_weights is None:
            return layers * _UNITS
        index = layers[..., 0] + layers[..., 1].astype(np.intp) * 256
        weight = self.class_weights[index] * (layers[..., 3] > 0)
        weight *= layers[..., 2] * np.float32(1 / WEIGHT_STEPS)
        return np.stack([index.astype(np.float32), weight], axis=-1)


def make_plane(image: NDArray[np.float32], targets: Targets) -> TrainingPlane:
    """Put an image and its targets into the form that patches are cut from.

    Parameters
    ----------
    image : array of float32
        (rows, columns, channels), normalised.
    targets : Targets
        Of the same rows and columns.

    Returns
    -------
    TrainingPlane
    """
    known = targets.valid[..., 0] > 0
    inside = targets.maps[..., 0] > 0
    layers = np.empty((*known.shape, 4), np.uint8)
    layers[..., 0] = inside
    layers[..., 1] = np.rint(targets.maps[..., 1] * _STEPS_OF_DISTANCE)
    weight = np.clip(np.rint(targets.emphasis * WEIGHT_STEPS), 0, 255)
    layers[..., 2] = np.where(known, weight, 0)
    layers[..., 3] = targets.valid[..., 1] > 0
    return TrainingPlane(
        image=np.ascontiguousarray(np.moveaxis(image, -1, 0)),
        truth=layers.view(np.uint32)[..., 0],
        **find_centers([known & inside, known & ~inside], (_NUCLEUS_SHARE,)),
        reviewed=int(np.count_nonzero(known)),
        inside=int(np.count_nonzero(known & inside)),
    )


def find_centers(
    masks: Sequence[NDArray[np.bool_]], first: tuple[float, ...] = ()
) -> dict[str, Any]:
    """List the pixels of each kind that patches lie around, and how often.

    Parameters
    ----------
    masks : sequence of array of bool
        (rows, columns) each; kinds without a pixel are left out.
    first : tuple of float
        Chances of the first kinds; the others share what is left.

    Returns
    -------
    dict
        ``centers`` and ``chances`` of a `TrainingPlane`.
    """
    rest = (1 - sum(first)) / max(len(masks) - len(first), 1)
    chances = [*first, *[rest] * (len(masks) - len(first))]
    kinds = [
        (centers, chance)
        for mask, chance in zip(masks, chances, strict=True)
        if len(centers := _centers(mask))
    ]
    total = sum(chance for _, chance in kinds)
    return {
        "centers": tuple(centers for centers, _ in kinds),
        "chances": tuple(chance / total for _, chance in kinds),
    }


def _centers(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Flat indices of a mask's pixels; an even choice where there are many."""
    indices = np.flatnonzero(mask)
    # A copy: a view would keep all of them in memory.
    return indices[:: 1 + len(indices) // _MOST_CENTERS].copy()
