"""What changes in a project's arrays: rectangles, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["DTYPES", "Edit", "Patch", "PlaneKey"]

PlaneKey = tuple[str, int, str]
"""An array: id of its image, plane, and ``"segmentation"`` or ``"review"``."""

DTYPES: Mapping[str, np.dtype[Any]] = {
    "segmentation": np.dtype(np.int32),
    "review": np.dtype(np.uint8),
}
"""Arrays that are edited, and what they hold."""


@dataclass(frozen=True)
class Edit:
    """A rectangle of an array that was changed.

    Parameters
    ----------
    image : str
        Id of the project's image.
    plane : int
        Which plane.
    array : str
        ``"segmentation"`` or ``"review"``.
    row, column : int
        Upper left corner.
    before, after : array
        (rows, columns) of int32 or uint8: what was there, and what is now.
    """

    image: str
    plane: int
    array: str
    row: int
    column: int
    before: NDArray[Any]
    after: NDArray[Any]


@dataclass(frozen=True)
class Patch:
    """Proposals of a rectangle of a segmentation.

    Parameters
    ----------
    image : str
        Id of the project's image.
    plane : int
        Which plane.
    row, column : int
        Upper left corner.
    values : array of int32
        (rows, columns).
    """

    image: str
    plane: int
    row: int
    column: int
    values: NDArray[np.int32]
