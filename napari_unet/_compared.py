"""The layer over the nuclei that shows what another model makes of the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from napari_unet._difference_marks import (
    DIFFERENCE_COLORS,
    DIFFERENCE_COLORS_ON_BRIGHT,
)
from napari_unet._screen import planes_of
from unetloop.pieces import enclosing

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet._redraw import Redraw
    from unetloop.pieces import Window

__all__ = ["Compared"]


class Compared:
    """Shows marks that are no nuclei of the project, and can't be edited.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    redraw : Redraw
        Draws what changed.
    """

    def __init__(self, viewer: Viewer, redraw: Redraw) -> None:
        self._viewer = viewer
        self._redraw = redraw
        self.layer: Labels | None = None
        self._drawn: tuple[int, Window] | None = None

    def show(
        self, name: str, shape: tuple[int, ...], bright: bool, how: dict[str, Any]
    ) -> None:
        """Have an empty layer, or go on with the one that there is.

        Parameters
        ----------
        name : str
            Of the layer.
        shape : tuple of int
            (planes..., rows, columns).
        bright : bool
            Whether the image is.
        how : dict
            Scale, units and names of axes.
        """
        if self.layer is not None:
            if self.layer.name != name:
                self.layer.name = name
            return
        layers = self._viewer.layers
        active = layers.selection.active
        colours = DIFFERENCE_COLORS_ON_BRIGHT if bright else DIFFERENCE_COLORS
        self.layer = self._viewer.add_labels(
            np.zeros(shape, np.uint8),
            name=name,
            opacity=1.0,
            colormap=DirectLabelColormap(color_dict=colours),
            **how,
        )
        self.layer.editable = False
        layers.selection.active = active  # the tools work on the nuclei

    def draw(self, plane: int, window: Window, marks: NDArray[np.uint8]) -> None:
        """Show the marks of a rectangle of a plane, and no others.

        Parameters
        ----------
        plane : int
            Which plane.
        window : tuple of slice
            Rows and columns.
        marks : array of uint8
            (rows, columns): keys of `DIFFERENCE_COLORS`.
        """
        if self.layer is None:
            return
        planes = planes_of(self.layer.data)
        drawn, self._drawn = self._drawn, (plane, window)
        if drawn is not None:
            planes[drawn[0]][drawn[1]] = 0
        planes[plane][window] = marks
        if drawn is not None and drawn[0] == plane:  # of both windows, once
            window = enclosing(window, drawn[1])
        self._redraw.draw(self.layer, plane, window)

    def clear(self) -> None:
        """Show no marks."""
        if self.layer is None or self._drawn is None:
            return
        plane, window = self._drawn
        self._drawn = None
        planes_of(self.layer.data)[plane][window] = 0
        self._redraw.draw(self.layer, plane, window)

    def lose(self, layer: Any) -> bool:
        """Take note that a layer was removed; say whether it was this one."""
        if layer is None or layer is not self.layer:
            return False
        self.layer = self._drawn = None
        return True

    def remove(self) -> None:
        """Take the layer away."""
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.layer = self._drawn = None
