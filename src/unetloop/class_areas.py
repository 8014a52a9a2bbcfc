"""How much of a plane each tissue class covers, and how sure the network is of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.classes import TissueClass

__all__ = ["CLASS_COLUMNS", "ClassTally"]

CLASS_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("label", "", "the class's number in the class map"),
    ("class", "", "its name"),
    ("area_px", "px", "number of its pixels"),
    ("area_um2", "µm²", "area; empty where the pixel size is not known"),
    ("share", "", "area over that of the plane, 0 to 1"),
    (
        "certainty_mean",
        "",
        "mean probability of the class in its own pixels, where nobody looked",
    ),
)
"""Name, unit and meaning of the columns of a plane's table of classes."""

_DOUBTFUL = 0.7
_CERTAINTY_DIGITS = 4  # as of nuclei


class ClassTally:
    """Counts the pixels of each class, region by region.

    Parameters
    ----------
    count : int
        Classes.
    """

    def __init__(self, count: int) -> None:
        self._pixels = np.zeros(count, np.int64)
        self._predicted = np.zeros(count, np.int64)
        self._sure = np.zeros(count)
        self._doubtful = self._size = 0

    def add(
        self,
        labels: NDArray[np.int32],
        maps: NDArray[np.floating],
        unseen: NDArray[np.bool_] | None = None,
    ) -> None:
        """Count a region.

        Parameters
        ----------
        labels : array of int32
            (rows, columns): 1..count; 0: of no class.
        maps : array of float
            (rows, columns, count): probability of each class.
        unseen : array of bool, optional
            (rows, columns): where nobody looked, and so the network counts; None:
            everywhere.
        """
        count = len(self._pixels)
        self._size += labels.size
        self._pixels += np.bincount(labels.ravel(), minlength=count + 1)[1:]
        sure = maps.max(-1)
        index, sure = (
            (labels.ravel(), sure.ravel())
            if unseen is None
            else (labels[unseen], sure[unseen])
        )
        self._predicted += np.bincount(index, minlength=count + 1)[1:]
        self._sure += np.bincount(index, sure, minlength=count + 1)[1:]
        self._doubtful += int(np.count_nonzero(sure < _DOUBTFUL))

    @property
    def doubtful(self) -> float:
        """Share of predicted pixels whose most probable class has less than 0.7."""
        return self._doubtful / max(int(self._predicted.sum()), 1)

    @property
    def certainty(self) -> float:
        """Mean probability of the class that was chosen, 0..1; NaN: all was looked at.

        What somebody said needs no network, and is no doubt of it.
        """
        count = int(self._predicted.sum())
        return float(self._sure.sum() / count) if count else float("nan")

    def columns(
        self, classes: Sequence[TissueClass], pixel_size: tuple[float, float] | None
    ) -> dict[str, NDArray[Any]]:
        """Give the table: one array a column of `CLASS_COLUMNS`, one row a class.

        Parameters
        ----------
        classes : sequence of TissueClass
            Their names.
        pixel_size : tuple of float or None
            Height and width of a pixel in µm.
        """
        pixel = float("nan") if pixel_size is None else pixel_size[0] * pixel_size[1]
        total = max(self._size, 1)
        with np.errstate(invalid="ignore"):  # a class that is nowhere: not known
            certainty = self._sure / self._predicted
        return {
            "label": np.arange(1, len(self._pixels) + 1),
            "class": np.array([tissue.name for tissue in classes]),
            "area_px": self._pixels.copy(),
            "area_um2": self._pixels * pixel,
            "share": self._pixels / total,
            "certainty_mean": np.round(certainty, _CERTAINTY_DIGITS),
        }
