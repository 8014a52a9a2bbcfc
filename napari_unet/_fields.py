"""Which fields of a plane are predicted already, and which one comes next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from unetloop.boxes import clipped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.boxes import Box

__all__ = ["OTHER_SIZE", "Field", "Fields", "StoredMaps"]

OTHER_SIZE = "The image on the disk has another size now: put the old file back."
"""What is wrong where a field's maps are not as large as the field."""

CELL = 256
MOST_CELLS = 4
_LEAST_MARGIN = 48
_MARGIN_DIAMETERS = 1.5
_MAP_BYTES = 256 << 20


@dataclass(frozen=True)
class Field:
    """A rectangle to predict.

    Parameters
    ----------
    core : Box
        What will be known then.
    box : Box
        The same with a margin, so that nuclei on the core's edge are whole.
    """

    core: Box
    box: Box

    @property
    def core_in_box(self) -> Box:
        """The core, counted from the box's corner."""
        top, left = self.box[:2]
        row0, column0, row1, column1 = self.core
        return row0 - top, column0 - left, row1 - top, column1 - left


@dataclass(frozen=True)
class StoredMaps:
    """Maps of a field, from which nuclei are made anew without the network."""

    field: Field
    maps: NDArray[np.float16]
    diameter: float


@dataclass
class Fields:
    """What one model has predicted, on a grid of cells, plane by plane."""

    _known: dict[tuple[str, int], set[tuple[int, int]]] = field(default_factory=dict)
    _maps: dict[tuple[str, int], list[StoredMaps]] = field(default_factory=dict)

    def forget(self) -> None:
        """Start again: another model predicts from now on."""
        self._known.clear()
        self._maps.clear()

    def forget_plane(self, image: str, plane: int) -> None:
        """Start again on one plane."""
        self._known.pop((image, plane), None)
        self._maps.pop((image, plane), None)

    def forget_field(self, image: str, plane: int, field: Field) -> None:
        """Start again on one field of a plane."""
        core = field.core
        known = self._known.get((image, plane), set())
        known.difference_update(_cells(core, core[2:]))

    def next(
        self,
        image: str,
        plane: int,
        shape: tuple[int, int],
        visible: Box,
        diameter: float | None,
    ) -> Field | None:
        """Choose what to predict next: what is in view, from its middle outwards.

        Parameters
        ----------
        image, plane
            What is on the screen.
        shape : tuple of int
            Rows and columns of the plane.
        visible : Box
            What the user sees.
        diameter : float, optional
            Of a nucleus, in pixels; the margin goes by it.

        Returns
        -------
        Field or None
            None: all that is in view is known.
        """
        known = self._known.get((image, plane), set())
        cells = _cells(visible, shape)
        missing = [cell for cell in cells if cell not in known]
        if not missing:
            return None
        row, column = _middle(visible)
        nearest = min(
            missing,
            key=lambda cell: (
                ((cell[0] + 0.5) * CELL - row) ** 2
                + ((cell[1] + 0.5) * CELL - column) ** 2
            ),
        )
        rows = _span(nearest[0], [cell[0] for cell in missing])
        columns = _span(nearest[1], [cell[1] for cell in missing])
        inside = [
            cell
            for cell in missing
            if rows[0] <= cell[0] <= rows[1] and columns[0] <= cell[1] <= columns[1]
        ]
        return _field(inside, shape, diameter)

    def view(
        self,
        shape: tuple[int, int],
        visible: Box,
        diameter: float | None,
        most: int = MOST_CELLS,
    ) -> Field:
        """Give the middle of what is in view, known or not; at most so many cells."""
        row, column = _middle(visible)
        half = CELL * (most - 1) // 2
        near = (
            max(visible[0], int(row) - half),
            max(visible[1], int(column) - half),
            min(visible[2], int(row) + half),
            min(visible[3], int(column) + half),
        )
        return _field(_cells(near, shape), shape, diameter)

    def add(
        self, image: str, plane: int, shape: tuple[int, int], stored: StoredMaps
    ) -> None:
        """Remember that a field was predicted, and its maps."""
        core = stored.field.core
        self._known.setdefault((image, plane), set()).update(_cells(core, shape))
        here = self._maps.setdefault((image, plane), [])
        here[:] = [item for item in here if not _within(item.field.core, core)]
        here.append(stored)
        self._drop_old()

    def maps(self, image: str, plane: int) -> list[StoredMaps]:
        """Give the maps of the fields of a plane, oldest first."""
        return list(self._maps.get((image, plane), []))

    def meeting(self, image: str, plane: int, field: Field) -> list[StoredMaps]:
        """Give the maps that know something of a field, oldest first."""
        return [
            item
            for item in self.maps(image, plane)
            if clipped(item.field.core, field.box) is not None
        ]

    def joined(self, image: str, plane: int, field: Field) -> StoredMaps | None:
        """Put the maps of a field together from those of others, if all are known."""
        top, left, bottom, right = field.box
        row0, column0, row1, column1 = field.core_in_box
        meeting = self.meeting(image, plane, field)
        known = np.zeros((bottom - top, right - left), bool)
        for item in meeting:
            if (area := clipped(item.field.core, field.box)) is not None:
                known[_counted_from(field.box, area)] = True
        if not meeting or not known[row0:row1, column0:column1].all():
            return None
        maps = np.zeros((*known.shape, meeting[0].maps.shape[-1]), np.float16)
        # Margins know less than cores: those are put over them.
        parts = [(item, item.field.box) for item in meeting]
        parts += [(item, item.field.core) for item in meeting]
        for item, part in parts:
            if (area := clipped(part, field.box)) is not None:
                inner = item.maps[_counted_from(item.field.box, area)]
                maps[_counted_from(field.box, area)] = inner
        return StoredMaps(field, maps, meeting[-1].diameter)

    def _drop_old(self) -> None:
        total = sum(item.maps.nbytes for here in self._maps.values() for item in here)
        for key in list(self._maps):
            here = self._maps[key]
            while here and total > _MAP_BYTES:
                total -= here.pop(0).maps.nbytes
            if not here:
                del self._maps[key]


def _cells(box: Box, shape: tuple[int, int]) -> list[tuple[int, int]]:
    """List the cells that a box touches."""
    rows = range(max(box[0], 0) // CELL, -(-min(box[2], shape[0]) // CELL))
    columns = range(max(box[1], 0) // CELL, -(-min(box[3], shape[1]) // CELL))
    return [(row, column) for row in rows for column in columns]


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _span(start: int, candidates: list[int]) -> tuple[int, int]:
    """Choose up to MOST_CELLS cells in a row round one of them."""
    lowest, highest = min(candidates), max(candidates)
    first = max(lowest, min(start - MOST_CELLS // 2, highest - MOST_CELLS + 1))
    return first, min(first + MOST_CELLS - 1, highest)


def _field(
    cells: list[tuple[int, int]], shape: tuple[int, int], diameter: float | None
) -> Field:
    rows, columns = zip(*cells, strict=True)
    core = (
        min(rows) * CELL,
        min(columns) * CELL,
        min((max(rows) + 1) * CELL, shape[0]),
        min((max(columns) + 1) * CELL, shape[1]),
    )
    margin = max(_LEAST_MARGIN, round(_MARGIN_DIAMETERS * (diameter or 0)))
    box = (
        max(core[0] - margin, 0),
        max(core[1] - margin, 0),
        min(core[2] + margin, shape[0]),
        min(core[3] + margin, shape[1]),
    )
    return Field(core, box)


def _counted_from(box: Box, area: Box) -> tuple[slice, slice]:
    """Give rows and columns of an area, counted from a box's corner."""
    top, left = box[:2]
    return (
        slice(area[0] - top, area[2] - top),
        slice(area[1] - left, area[3] - left),
    )


def _within(inner: Box, outer: Box) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )
