"""How well predicted classes match the true ones, pixel by pixel.

Definitions: IoU (Jaccard) of a class is TP / (TP + FP + FN), and mean IoU its mean
over the classes that occur, as in PASCAL VOC (Everingham 2010,
doi:10.1007/s11263-009-0275-4); Dice is 2 TP / (2 TP + FP + FN) (Dice 1945,
doi:10.2307/1932409).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["ClassScore", "compare_classes", "pool_classes"]


@dataclass(frozen=True)
class ClassScore:
    """Pixels by true and predicted class; every figure follows from them.

    Parameters
    ----------
    pixels : array of int64
        (classes, classes): of the true class (row) that were predicted as a
        class (column).
    """

    pixels: NDArray[np.int64]

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels that are right; nan without pixels."""
        return _ratio(float(np.trace(self.pixels)), float(self.pixels.sum()))

    @property
    def iou(self) -> tuple[float, ...]:
        """IoU of each class; nan for one that occurs in neither."""
        right, true, found = self._counts()
        return tuple(map(_ratio, right, true + found - right))

    @property
    def dice(self) -> tuple[float, ...]:
        """Dice of each class; nan for one that occurs in neither."""
        right, true, found = self._counts()
        return tuple(map(_ratio, 2 * right, true + found))

    @property
    def mean_iou(self) -> float:
        """Mean of the IoU over the classes that occur in either."""
        return _mean(self.iou)

    @property
    def mean_dice(self) -> float:
        """Mean of the Dice over the classes that occur in either."""
        return _mean(self.dice)

    def figures(self, names: Sequence[str] = ()) -> dict[str, float]:
        """Give every figure by its name, those of a class as ``iou@name``.

        Parameters
        ----------
        names : sequence of str
            Of the classes; left out: their numbers.
        """
        titles = names or [str(number) for number in range(len(self.pixels))]
        return {
            "pixel_accuracy": self.pixel_accuracy,
            "mean_iou": self.mean_iou,
            "mean_dice": self.mean_dice,
            **dict(zip((f"iou@{title}" for title in titles), self.iou, strict=True)),
            **dict(zip((f"dice@{title}" for title in titles), self.dice, strict=True)),
        }

    def _counts(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Of each class: pixels that are right, true, predicted."""
        return np.diag(self.pixels), self.pixels.sum(1), self.pixels.sum(0)


def compare_classes(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    count: int,
    valid: NDArray[np.bool_] | None = None,
) -> ClassScore:
    """Count the pixels of each pair of true and predicted class.

    Parameters
    ----------
    truth, predicted : array of int
        Class numbers 0..count - 1, of one shape.
    count : int
        Classes.
    valid : array of bool, optional
        Where the truth is known; pixels elsewhere count for nothing.

    Returns
    -------
    ClassScore

    Raises
    ------
    EngineError
        If the shapes differ, or a number is no class.

    Examples
    --------
    >>> score = compare_classes(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    >>> score.iou
    (0.5, 0.5)
    """
    if truth.shape != predicted.shape:
        raise EngineError(
            "Truth and prediction must have the same size.",
            truth=truth.shape,
            predicted=predicted.shape,
        )
    if valid is not None:
        truth, predicted = truth[valid], predicted[valid]
    true, found = truth.ravel().astype(np.int64), predicted.ravel().astype(np.int64)
    for values in (true, found):
        if values.size and (values.min() < 0 or values.max() >= count):
            raise EngineError(
                "There is a class number without a class.",
                classes=count,
                numbers=(int(values.min()), int(values.max())),
            )
    pixels = np.bincount(true * count + found, minlength=count * count)
    return ClassScore(pixels.reshape(count, count).astype(np.int64))


def pool_classes(scores: Sequence[ClassScore]) -> ClassScore:
    """Add up the pixels of several images, as if they were one.

    Raises
    ------
    EngineError
        If there are none.
    """
    if not scores:
        raise EngineError("There is no image to score.")
    return ClassScore(np.sum([score.pixels for score in scores], axis=0))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
