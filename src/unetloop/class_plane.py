"""Planes with classes -> what patches are cut from, and how much each class counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.annotations import REVIEWED
from unetloop.errors import EngineError
from unetloop.training_plane import WEIGHT_STEPS, TrainingPlane, find_centers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["balance_planes", "make_class_plane"]

_RAREST = 1e-9


def make_class_plane(
    image: NDArray[np.float32],
    classes: NDArray[Any],
    count: int,
    review: NDArray[np.uint8] | None = None,
    emphasis: NDArray[np.float32] | None = None,
) -> TrainingPlane:
    """Put an image and its classes into the form that patches are cut from.

    Every class counts the same until `balance_planes` says otherwise, and patches
    lie around each as often as around any other.

    Parameters
    ----------
    image : array of float32
        (rows, columns, channels), normalised.
    classes : array of int
        (rows, columns): 0 not labelled, else 1..count.
    count : int
        Classes.
    review : array of uint8, optional
        (rows, columns): only where it is 1 is the class known. None: wherever it
        is labelled.
    emphasis : array of float32, optional
        (rows, columns): how much a pixel counts, 0 to 15. None: 1.

    Returns
    -------
    TrainingPlane

    Raises
    ------
    EngineError
        If there is a number without a class.
    """
    known = classes > 0
    if review is not None:
        known &= review == REVIEWED
    found = classes[known]
    if found.size and found.max() > count:
        raise EngineError(
            "A mask holds a number that is no class.",
            todo="Name as many classes as there are, or correct the mask.",
            classes=count,
            number=int(found.max()),
        )
    index = np.where(known, classes - 1, 0).astype(np.uint16)
    layers = np.empty((*known.shape, 4), np.uint8)
    layers[..., 0], layers[..., 1] = index & 255, index >> 8
    weight = np.ones(known.shape, np.float32) if emphasis is None else emphasis
    layers[..., 2] = np.clip(np.rint(weight * WEIGHT_STEPS), 0, 255)
    layers[..., 3] = known
    pixels = np.bincount(index[known], minlength=count)
    present = np.flatnonzero(pixels)
    return TrainingPlane(
        image=np.ascontiguousarray(np.moveaxis(image, -1, 0)),
        truth=layers.view(np.uint32)[..., 0],
        **find_centers([known & (index == number) for number in present]),
        reviewed=int(pixels.sum()),
        class_pixels=tuple(pixels.tolist()),
        class_weights=np.ones(count, np.float32),
    )


def balance_planes(
    planes: Sequence[TrainingPlane], share: float
) -> list[TrainingPlane]:
    """Weigh the classes of all planes together against how often they occur.

    Parameters
    ----------
    planes : sequence of TrainingPlane
        Of classes.
    share : float
        0: a pixel counts the same in every class; 1: every class counts the same,
        however few its pixels; between: the weight of 1 to the power of this.

    Returns
    -------
    list of TrainingPlane
        The same, with ``class_weights`` whose mean over the pixels is 1.
    """
    pixels = np.sum([plane.class_pixels for plane in planes], axis=0)
    present = pixels > 0
    frequency = pixels / max(pixels.sum(), 1)
    weights = np.where(present, np.maximum(frequency, _RAREST) ** -share, 0)
    weights /= max(float((weights * frequency).sum()), _RAREST)
    return [
        replace(plane, class_weights=weights.astype(np.float32)) for plane in planes
    ]
