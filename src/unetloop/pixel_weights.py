"""How much each pixel of a plane counts in a loss of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.neighbours import two_nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["balance_classes", "border_weights"]

_NEGLIGIBLE = 1e-6


def balance_classes(
    classes: NDArray[Any], count: int, known: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Weigh classes so that all those that occur count the same.

    Parameters
    ----------
    classes : array of int
        Class numbers 0..count - 1, of any shape.
    count : int
        Classes.
    known : array of bool, optional
        Which pixels count; None: all.

    Returns
    -------
    array of float32
        (count,): pixels over classes that occur over pixels of this class, so
        that the mean over pixels is 1; 0 for a class that does not occur.

    Raises
    ------
    EngineError
        If there is a class number that is none of them.

    Examples
    --------
    >>> balance_classes(np.array([0, 0, 0, 1]), 2).round(3).tolist()
    [0.667, 2.0]
    """
    values = classes.ravel() if known is None else classes[known]
    if values.size and (values.min() < 0 or values.max() >= count):
        raise EngineError(
            "There is a class number without a class.",
            classes=count,
            number=int(values.max() if values.max() >= count else values.min()),
        )
    pixels = np.bincount(values, minlength=count)
    present = np.count_nonzero(pixels)
    weights = values.size / np.maximum(present * pixels, 1)
    return np.where(pixels > 0, weights, 0).astype(np.float32)


def border_weights(
    labels: NDArray[Any],
    w0: float = 10.0,
    sigma: float = 5.0,
    class_weights: Sequence[float] | None = None,
) -> NDArray[np.float32]:
    """Weight map of the original U-Net: what divides touching cells counts most.

    ``w(x) = w_c(x) + w0 exp(-(d1(x) + d2(x))² / (2 sigma²))``, equation 2 of
    Ronneberger, Fischer, Brox 2015, https://arxiv.org/abs/1505.04597. w_c
    balances background and cells; d1 and d2 are the distances to the nearest
    and the second nearest cell, of which d1 is 0 within a cell.

    Parameters
    ----------
    labels : array of int
        (rows, columns): 0 background, one number a cell, gaps allowed.
    w0 : float
        Largest extra weight.
    sigma : float
        Reach, in pixels.
    class_weights : sequence of float, optional
        Weights of background and cells; None: balanced in this plane.

    Returns
    -------
    array of float32
        (rows, columns). What would add less than a millionth of ``w0`` adds 0.

    Raises
    ------
    EngineError
        If the mask is no plane or a number is out of range.
    """
    if labels.ndim != 2:
        raise EngineError("A mask must have two axes.", shape=labels.shape)
    if not (w0 >= 0 and sigma > 0):
        raise EngineError(
            "w0 must be 0 or more, and sigma above 0.", w0=w0, sigma=sigma
        )
    inside = (labels > 0).astype(np.intp)
    if class_weights is None:
        balance = balance_classes(inside, 2)
    else:
        balance = np.asarray(class_weights, np.float32)
    reach = int(np.ceil(sigma * np.sqrt(-2 * np.log(_NEGLIGIBLE))))
    nearest, second = two_nearest(labels, reach)
    extra = w0 * np.exp(-((nearest + second) ** 2) / (2 * sigma**2))
    return np.asarray(balance[inside] + extra, np.float32)
