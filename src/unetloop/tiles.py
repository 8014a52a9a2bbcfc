"""An image as overlapping tiles of one shape, and back: pure geometry.

::

      0         tile                     the image's rows (or columns)
      |-----------|
      |      |-----------|               neighbours share ``overlap`` pixels
      |      |      |-----------|
      |------|ramp|-----|ramp|--|        weights: 1, then a straight ramp to 0

The weights of all tiles add up to 1 at every pixel, so that no seam shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Tile", "Tiling", "tile_side"]

_STEP = 16
# 96 of 208 pixels: as far as a U-Net of five levels sees noticeably.
_OUTER = 6 / 13


def tile_side(size: int, tile: int, overlap: int) -> tuple[int, int]:
    """How many tiles cover an image's side, and how large each has to be.

    Sides are rounded up to a sixteenth of the power of two below, so that many
    sizes of image make few shapes of tile, and little is computed twice.

    Parameters
    ----------
    size : int
        Of the image, in pixels.
    tile : int
        Largest side of a tile, a multiple of 16.
    overlap : int
        Pixels that neighbours share at least.

    Returns
    -------
    count, side : int
    """
    size = _up(size, _STEP)
    count = max(1, -(-(size - overlap) // (tile - overlap)))
    side = -(-(size + (count - 1) * overlap) // count)
    step = max(_STEP, 1 << max(side.bit_length() - 5, 0))
    return count, min(_up(side, step), tile)


@dataclass(frozen=True)
class Tile:
    """One tile: where it starts, and its weights along rows and columns."""

    row: int
    column: int
    row_weights: NDArray[np.float32]
    column_weights: NDArray[np.float32]


@dataclass(frozen=True)
class Tiling:
    """How an image is cut into tiles.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    tile : int
        Largest side of a tile, a multiple of 16.
    overlap : int
        Pixels that neighbours share, less than ``tile``.
    """

    shape: tuple[int, int]
    tile: int
    overlap: int

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise EngineError("An image without pixels has no tiles.", shape=self.shape)
        if not 0 <= self.overlap < self.tile:
            raise EngineError("overlap must be less than a tile.", overlap=self.overlap)

    @cached_property
    def sides(self) -> tuple[int, int]:
        """Rows and columns of every tile."""
        rows, columns = (
            tile_side(size, self.tile, self.overlap)[1] for size in self.shape
        )
        return rows, columns

    def __len__(self) -> int:
        return len(self._starts(0)) * len(self._starts(1))

    def __iter__(self) -> Iterator[Tile]:
        columns = list(zip(self._starts(1), self._weights(1), strict=True))
        for row, row_weights in zip(self._starts(0), self._weights(0), strict=True):
            for column, column_weights in columns:
                yield Tile(row, column, row_weights, column_weights)

    def cut(self, image: NDArray[np.float32], tile: Tile) -> NDArray[np.float32]:
        """Cut a tile out of (rows, columns, channels), mirrored behind the border."""
        part = image[
            tile.row : tile.row + self.sides[0],
            tile.column : tile.column + self.sides[1],
        ]
        missing = [
            (0, side - size) for side, size in zip(self.sides, part.shape, strict=False)
        ]
        if any(after for _, after in missing):
            part = np.pad(part, [*missing, (0, 0)], mode="symmetric")
        return part

    def add(
        self, total: NDArray[np.float32], tile: Tile, maps: NDArray[np.float32]
    ) -> None:
        """Add a tile's maps to the image's, weighted, in place."""
        rows = slice(tile.row, min(tile.row + self.sides[0], self.shape[0]))
        columns = slice(tile.column, min(tile.column + self.sides[1], self.shape[1]))
        height, width = rows.stop - rows.start, columns.stop - columns.start
        weights = np.multiply.outer(
            tile.row_weights[:height], tile.column_weights[:width]
        )
        total[rows, columns] += maps[:height, :width] * weights[..., None]

    def _starts(self, axis: int) -> list[int]:
        """Evenly spread, on multiples of 16: all tiles are pooled alike."""
        size = self.shape[axis]
        count, side = tile_side(size, self.tile, self.overlap)
        room = max(_up(size, _STEP) - side, 0)
        return [
            room * index // max(count - 1, 1) // _STEP * _STEP for index in range(count)
        ]

    def _weights(self, axis: int) -> list[NDArray[np.float32]]:
        starts, side = self._starts(axis), self.sides[axis]
        weights = []
        for index, start in enumerate(starts):
            weight = np.ones(side)
            if index > 0:
                shared = starts[index - 1] + side - start
                weight[:shared] *= _ramp(shared)
            if index + 1 < len(starts):
                shared = start + side - starts[index + 1]
                weight[side - shared :] *= _ramp(shared)[::-1]
            weights.append(weight)
        # Where overlaps are large, three tiles meet: share exactly.
        total = np.zeros(starts[-1] + side)
        for start, weight in zip(starts, weights, strict=True):
            total[start : start + side] += weight
        return [
            (weight / total[start : start + side]).astype(np.float32)
            for start, weight in zip(starts, weights, strict=True)
        ]


def _up(size: int, step: int) -> int:
    """Round up to a multiple."""
    return -(-size // step) * step


def _ramp(size: int) -> NDArray[np.float64]:
    """Rise from 0 to 1 such that a ramp and its mirror add up to 1."""
    ramp: NDArray[np.float64] = (np.arange(size) + 0.5) / size
    # The outer part sees the tile's border: leave it to the neighbour.
    return np.clip((ramp - _OUTER) / (1 - 2 * _OUTER), 0.0, 1.0)
