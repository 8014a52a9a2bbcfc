"""A plane as a network sees it: some channels, normalised, read as needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unetloop.boxes import box_slices, grown_box, middle_box
from unetloop.preprocessing import intensity_limits, normalize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.boxes import Box
    from unetloop.config import NormalizationConfig
    from unetloop.image_planes import Image
    from unetloop.preprocessing import Limits

__all__ = ["PlaneView"]

_LIMITS_PIXELS = 1 << 22
_NEAR = 2048  # rows and columns that are neighbours


@dataclass(frozen=True)
class PlaneView:
    """One plane of an open image, seen through the channels of a network.

    Parameters
    ----------
    image : Image
        An open image.
    plane : int
        Which plane.
    channels : tuple of int
        Which channels.
    limits : Limits
        Those of the whole plane.
    """

    image: Image
    plane: int
    channels: tuple[int, ...]
    limits: Limits

    @classmethod
    def of(
        cls,
        image: Image,
        plane: int,
        channels: tuple[int, ...],
        config: NormalizationConfig,
    ) -> PlaneView:
        """Look over the whole plane, strip by strip, for its intensity limits."""
        height, width = image.info.height, image.info.width
        step = max(1, int(np.ceil(np.sqrt(height * width / _LIMITS_PIXELS))))
        rows = max(1, (1 << 24) // max(width, 1) // step) * step
        strips = [
            image.read_plane(
                plane, channels, (start, 0, min(start + rows, height), width)
            )[::step, ::step]
            for start in range(0, height, rows)
        ]
        middle = image.read_plane(plane, channels, middle_box((height, width), _NEAR))
        limits = intensity_limits(np.concatenate(strips), config, middle)
        return cls(image, plane, channels, limits)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.image.info.height, self.image.info.width

    def read(self, box: Box) -> NDArray[np.float32]:
        """Read a rectangle, normalised: (rows, columns, channels)."""
        top, left, *_ = wide = grown_box(box, self.limits.reach, self.shape)
        pixels = self.image.read_plane(self.plane, self.channels, wide)
        inside = box[0] - top, box[1] - left, box[2] - top, box[3] - left
        return normalize(pixels, self.limits)[box_slices(inside)]

    @property
    def blank(self) -> bool:
        """Whether there is nothing to see: pixels are all alike, or no numbers."""
        height, width = self.shape
        rows = max(1, _LIMITS_PIXELS // max(width, 1))
        return not any(
            self.read((start, 0, min(start + rows, height), width)).any()
            for start in range(0, height, rows)
        )

    def lively_box(self, size: int) -> Box:
        """Find the window with most contrast, of nine that are evenly spread.

        Parameters
        ----------
        size : int
            Rows and columns of a window; the plane may be smaller.

        Returns
        -------
        tuple of int
            First row, first column, and the row and column behind the last.
        """
        rows, columns = self.shape
        starts = [
            sorted({round((total - side) * part) for part in (0.0, 0.5, 1.0)})
            for total, side in ((rows, min(size, rows)), (columns, min(size, columns)))
        ]
        boxes = [
            (row, column, min(row + size, rows), min(column + size, columns))
            for row in starts[0]
            for column in starts[1]
        ]
        if len(boxes) == 1:
            return boxes[0]
        return max(boxes, key=lambda box: float(self.read(box).std()))
