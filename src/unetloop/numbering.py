"""Numbers of nuclei: which are free, and which a segmentation can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_numbers", "free_number"]


def free_number(segmentation: NDArray[np.int32]) -> int:
    """Give a number that no nucleus of a plane has, nor any of the next numbers.

    It is one more than the largest; where that is the largest of all int32, it
    is the first in the widest gap.
    """
    largest = int(segmentation.max(initial=0))
    if largest < np.iinfo(np.int32).max - segmentation.size:
        return largest + 1
    values = np.unique(np.append(segmentation, 0))
    return int(values[np.diff(values.astype(np.int64)).argmax()]) + 1


def fit_numbers(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Give nuclei numbers that a segmentation can hold.

    Parameters
    ----------
    labels : array of int or bool
        Any shape; 0 is background.

    Returns
    -------
    array of int32
        The same, or itself if it is of this type. In place of numbers below 0 or
        beyond 32 bits are others, each of which no nucleus had.
    """
    lowest, highest = labels.min(initial=0), labels.max(initial=0)
    most = np.iinfo(np.int32).max
    if lowest >= 0 and highest <= most:
        return labels.astype(np.int32, copy=False)
    numbers, place = np.unique(labels, return_inverse=True)
    fits = (numbers >= 0) & (numbers <= most)
    fresh = np.where(fits, numbers, 0).astype(np.int32)
    free = np.setdiff1d(np.arange(1, len(numbers) + 1), fresh)
    fresh[~fits] = free[: np.count_nonzero(~fits)]
    return fresh[place].reshape(labels.shape)
