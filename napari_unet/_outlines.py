"""The layer of the marks that are drawn round nuclei, and over classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet._marks import HALO, draw_line
from napari_unet._screen import planes_of
from unetloop.pieces import grown

if TYPE_CHECKING:
    import numpy as np
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet._current import Truth
    from napari_unet._redraw import Redraw
    from unetloop.pieces import Window

__all__ = ["Outlines"]


class Outlines:
    """Draws marks into their layer, ``layer``, while there is one.

    Parameters
    ----------
    redraw : Redraw
        Brings them to the screen.
    """

    def __init__(self, redraw: Redraw) -> None:
        self.layer: Labels | None = None
        self._redraw = redraw
        self._truth: Truth | None = None
        self._line: tuple[int, Window] | None = None

    def show(self, truth: Truth) -> None:
        """Draw what is recorded of another image from now on."""
        self._truth, self._line = truth, None

    def draw(
        self, plane: int, window: Window, marks: NDArray[np.uint8] | None = None
    ) -> None:
        """Draw a rectangle of a plane.

        Parameters
        ----------
        plane : int
            Which plane.
        window : tuple of slice
            Rows and columns.
        marks : array of uint8, optional
            Its marks, where they are known; if not, those round it may change, too.
        """
        if self.layer is None or self._truth is None:
            return
        if marks is None:
            wide = grown(window, HALO, self._truth.review.shape[1:])
            self._redraw.draw(self.layer, plane, wide, self._write)
        else:
            planes_of(self.layer.data)[plane][window] = marks
            self._redraw.draw(self.layer, plane, window)

    def draw_line(self, plane: int, points: list[tuple[int, int]], width: int) -> None:
        """Draw a line in place of the last one, or wipe that where there are no points.

        Parameters
        ----------
        plane : int
            Which plane.
        points : list of tuple
            Rows and columns.
        width : int
            Of the line, in pixels.
        """
        if self.layer is None or self._truth is None:
            return
        if self._line is not None:
            self.draw(*self._line)
            self._line = None
        if not points:
            return
        window = draw_line(planes_of(self.layer.data)[plane], points, width)
        if window is not None:
            self._line = (plane, window)
            self._redraw.draw(self.layer, plane, window)

    def _write(self, plane: int, window: Window) -> None:
        if self.layer is not None and self._truth is not None:
            marks = self._truth.draw_marks(plane, window)
            planes_of(self.layer.data)[plane][window] = marks
