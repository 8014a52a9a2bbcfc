"""Counts the nuclei of an image, and anew only where something changed."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["CELL", "Cell", "Census", "Count", "add_up", "cells_of"]

CELL = 256
"""Rows and columns of a cell, in pixels."""

_MOST_NUMBERS = 1 << 20

Cell = tuple[int, int, int]
"""Plane, and row and column in the grid of cells."""


@dataclass(frozen=True)
class Count:
    """What there is in an image, or on one of its planes.

    Parameters
    ----------
    nuclei, reviewed : int
        Nuclei, and how many of them have reviewed pixels.
    looked : bool
        Whether anything was reviewed or is ignored.
    done : bool
        Whether every pixel of a nucleus was.
    whole : bool
        Whether every pixel was.
    """

    nuclei: int
    reviewed: int
    looked: bool
    done: bool
    whole: bool = False

    def is_done(self, areas: bool) -> bool:
        """Whether there is nothing left to review: in nuclei, or in all areas."""
        return self.whole if areas else self.done and self.looked


@dataclass(frozen=True)
class _InCell:
    """Numbers of nuclei of a cell, of those with reviewed pixels, and the rest."""

    numbers: NDArray[np.int32]
    reviewed: NDArray[np.int32]
    looked: bool
    done: bool
    whole: bool


class Census:
    """Remembers what is in each cell; cells of which nothing is known are empty.

    ``others`` says what there is on planes that were not in memory when they were
    counted; None: nobody counted them yet. Cells know better.
    """

    def __init__(self) -> None:
        self._cells: dict[int, dict[Cell, _InCell]] = {}
        self._counts: dict[int, Count] = {}
        self._counting = Lock()  # one after the other: the last one looked last
        self.others: Mapping[int, Count] | None = None

    def count(
        self,
        segmentation: NDArray[np.int32],
        review: NDArray[np.uint8],
        changed: Iterable[Cell],
    ) -> Count:
        """Look at the cells that changed, and add up all.

        Parameters
        ----------
        segmentation, review : array
            (planes, rows, columns), as in a project.
        changed : iterable of Cell
            Cells to look at.
        """
        with self._counting:
            planes = set()
            for cell in changed:
                plane, row, column = cell
                window = (
                    slice(row * CELL, (row + 1) * CELL),
                    slice(column * CELL, (column + 1) * CELL),
                )
                # Cell by cell: each of numpy's calls keeps the event loop waiting.
                found = _look(segmentation[plane][window], review[plane][window])
                self._cells.setdefault(plane, {})[cell] = found
                planes.add(plane)
            # Whoever asks for counts meanwhile gets those before, and waits for nobody.
            added = {
                plane: _add_up_cells(self._cells[plane].values()) for plane in planes
            }
            self._counts = {**self._counts, **added}
        return add_up(self.planes().values())

    def planes(self) -> dict[int, Count]:
        """Say what there is on each plane of which something is known."""
        return {**(self.others or {}), **self._counts}


def add_up(planes: Collection[Count]) -> Count:
    """Say what there is on planes together."""
    return Count(
        sum(plane.nuclei for plane in planes),
        sum(plane.reviewed for plane in planes),
        any(plane.looked for plane in planes),
        all(plane.done for plane in planes),
        all(plane.whole for plane in planes),
    )


def cells_of(plane: int, window: tuple[slice, slice]) -> set[Cell]:
    """List the cells that a rectangle of a plane touches."""
    rows, columns = (
        range(part.start // CELL, -(-part.stop // CELL)) for part in window
    )
    return {(plane, row, column) for row in rows for column in columns}


def _add_up_cells(cells: Collection[_InCell]) -> Count:
    """Say what there is on a plane, of which nuclei lie in several cells."""
    return Count(
        _different([found.numbers for found in cells]),
        _different([found.reviewed for found in cells]),
        any(found.looked for found in cells),
        all(found.done for found in cells),
        all(found.whole for found in cells),
    )


def _look(labels: NDArray[np.int32], review: NDArray[np.uint8]) -> _InCell:
    looked = bool(review.any())
    numbers = _numbers(labels)
    if not looked:
        empty = numbers.size == 0
        return _InCell(numbers, numbers[:0], looked, done=empty, whole=False)
    reviewed = _numbers(np.where(review == 1, labels, 0))
    done = not bool(np.any((labels > 0) & (review == 0)))
    return _InCell(numbers, reviewed, looked, done, bool(review.all()))


def _numbers(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """List the numbers above 0, each once."""
    highest = int(labels.max(initial=0))
    if highest <= 0:
        return np.empty(0, np.int32)
    lowest = int(labels.min(where=labels > 0, initial=highest))
    if highest - lowest > _MOST_NUMBERS:
        found = np.unique(labels)
        return found[found > 0].astype(np.int32)
    there = np.zeros(highest - lowest + 2, bool)
    there[np.maximum(labels, lowest - 1) - (lowest - 1)] = True
    return (np.flatnonzero(there[1:]) + lowest).astype(np.int32)


def _different(numbers: list[NDArray[np.int32]]) -> int:
    return int(np.unique(np.concatenate(numbers)).size) if numbers else 0
