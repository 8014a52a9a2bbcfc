"""An image's results as layers: pixels, nuclei or classes, and the selected one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from napari_unet._backdrop import Backdrop
from napari_unet._palette import fill_colours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet._pixels import Channel, Pixels
    from unetloop.classes import TissueClass

    Columns = Mapping[str, NDArray[Any]]

__all__ = ["ResultLayers"]

_OUTLINE, _SELECTED = (0.34, 0.71, 0.91, 1.0), (0.9, 0.62, 0.0, 0.6)
_NOTHING = (0.0, 0.0, 0.0, 0.0)
_CLASS_OPACITY = 0.5
_CENTRE = ("centroid_row", "centroid_column")


class ResultLayers:
    """The layers of one image's results.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._backdrop = Backdrop(viewer)
        self.nuclei: Labels | None = None
        self.selection: Labels | None = None
        self.ours = False
        """Whether what happens to layers now is our doing."""
        self._labels: NDArray[Any] = np.zeros((1, 1), np.int32)
        self._how: dict[str, Any] = {}
        self._classes: tuple[TissueClass, ...] = ()
        self._hidden: list[Any] = []
        self._active: Any = None

    @contextmanager
    def doing(self) -> Iterator[None]:
        """Say that what happens to layers meanwhile is our doing."""
        before, self.ours = self.ours, True
        try:
            yield
        finally:
            self.ours = before

    def show(
        self,
        name: str,
        pixels: Pixels | None,
        labels: NDArray[Any] | list[NDArray[Any]],
        features: Any,
        classes: Sequence[TissueClass] = (),
    ) -> None:
        """Show an image and its masks in place of the last one's.

        Parameters
        ----------
        name : str
            Of the image.
        pixels : Pixels or None
            What was read of it; None: it is away, and only the masks are shown.
        labels : array of int
            (planes..., rows, columns): nuclei, or class numbers; or a list of ever
            coarser copies, of `make_label_pyramid`.
        features : pandas.DataFrame or None
            What napari is to know of each number.
        classes : sequence of TissueClass
            What the numbers mean; none: they number nuclei.
        """
        self._labels = labels[0] if isinstance(labels, list) else labels
        self._classes = tuple(classes)
        with self.doing():
            self._hide_others()
            if pixels is None or not self._backdrop.fits(pixels):
                self._backdrop.remove()
            self._remove_labels()
            self._how = {}
            if pixels is not None:
                self._how = pixels.placement
                self._backdrop.show(name, pixels, self._how)
            what = "classes" if classes else "nuclei"
            self.nuclei = self._viewer.add_labels(
                labels,
                name=f"{what} of {name}",
                features=features,
                opacity=_CLASS_OPACITY if classes else 1.0,
                colormap=fill_colours(classes) if classes else _one_colour(_OUTLINE),
                **self._how,
            )
            self.nuclei.contour = 0 if classes else 1
        self.nuclei.editable = False
        self._viewer.layers.selection.active = self.nuclei
        self._viewer.reset_view()

    def show_channel(self, number: int, channel: Channel) -> None:
        """Show another channel of the image, hidden at first."""
        with self.doing():
            self._backdrop.show_channel(number, channel, self._how)

    def lose(self, layer: Any) -> None:
        """Take note that a layer was removed."""
        self._backdrop.lose(layer)
        if layer is self.nuclei:
            self.nuclei = None
        if layer is self.selection:
            self.selection = None

    def remove(self) -> None:
        """Take the layers away, and bring back what they covered."""
        with self.doing():
            self._backdrop.remove()
            self._remove_labels()
        for layer in self._hidden:
            if layer in self._viewer.layers:
                layer.visible = True
        self._hidden = []
        if self._active in self._viewer.layers:
            self._viewer.layers.selection.active = self._active
        self._active = None

    # Selecting

    @property
    def plane(self) -> int:
        """Which plane is on the screen."""
        layer, lead = self.nuclei, self._labels.shape[:-2]
        if layer is None or not lead:
            return 0
        point = np.round(layer.world_to_data(self._viewer.dims.point)).astype(int)
        step = np.clip(point[:-2], 0, np.array(lead) - 1)
        return int(np.ravel_multi_index(tuple(step), lead))

    def label_at(self, position: Any) -> int:
        """Give the number that lies at a place of the world, 0: none."""
        layer = self.nuclei
        if layer is None or not layer.visible or self._viewer.dims.ndisplay != 2:
            return 0
        value = layer.get_value(position, world=True)
        if isinstance(value, tuple):  # which of the copies, and what it says
            value = value[1]
        return int(value or 0)

    def mark(self, columns: Columns, row: int) -> None:
        """Highlight the nucleus, or class, of a row of the measurements; -1: none."""
        layer = self.nuclei
        if layer is None:
            return
        with self.doing():
            layer.selected_label = int(columns["label"][row]) if row >= 0 else 0
            if self._classes:
                layer.show_selected_label = row >= 0
            elif row >= 0:
                self._fill(layer, columns, row)
            elif self.selection is not None:
                self.selection.visible = False

    def look_at(self, columns: Columns, row: int) -> None:
        """Bring a nucleus into view; the camera rests where it is there already."""
        layer = self.nuclei
        if layer is None:
            return
        lead = self._labels.shape[:-2]
        point = np.zeros(layer.ndim)
        if lead:
            point[:-2] = np.unravel_index(int(columns["plane"][row]), lead)
            world = layer.data_to_world(point)
            for axis in range(len(lead)):
                place = self._viewer.dims.ndim - layer.ndim + axis
                self._viewer.dims.set_point(place, float(world[axis]))
        if self._classes:  # which are all over the image
            return
        point[-2:] = centre = [float(columns[name][row]) for name in _CENTRE]
        corners = layer.corner_pixels
        if layer.multiscale:  # they are those of the copy that is shown
            corners = corners * layer.downsample_factors[layer.data_level]
        if not all(
            low <= value <= high
            for low, value, high in zip(
                corners[0][-2:], centre, corners[1][-2:], strict=True
            )
        ):
            world = layer.data_to_world(point)
            self._viewer.scene.camera.center = (
                0.0,
                float(world[-2]),
                float(world[-1]),
            )

    def _fill(self, layer: Labels, columns: Columns, row: int) -> None:
        """Fill a nucleus: a layer of its size, so that large planes stay quick."""
        labels = self._labels
        lead = labels.shape[:-2]
        at = np.unravel_index(int(columns["plane"][row]), lead) if lead else ()
        # The axes are those of an ellipse: odd shapes reach a little further.
        reach = 2 * int(np.nan_to_num(columns["axis_major"][row])) + 4
        corner, window = [], []
        for name, size in zip(_CENTRE, labels.shape[-2:], strict=True):
            middle = round(float(columns[name][row]))
            low = max(middle - reach, 0)
            corner.append(low)
            window.append(slice(low, min(middle + reach + 1, size)))
        place_of: tuple[Any, ...] = (*at, *window)
        found = labels[place_of] == columns["label"][row]
        mask = found.astype(np.uint8).reshape((1,) * len(lead) + found.shape)
        place = layer.data_to_world((*at, *corner))
        if self.selection is None:
            self.selection = self._viewer.add_labels(
                mask,
                name="selected nucleus",
                opacity=1.0,
                colormap=_one_colour(_SELECTED),
                scale=layer.scale,
                translate=place,
                units=layer.units,
                axis_labels=layer.axis_labels,
            )
            self.selection.editable = False
            self._viewer.layers.selection.active = layer
        else:
            self.selection.data = mask
            self.selection.translate = place
        self.selection.visible = True

    def _hide_others(self) -> None:
        """Hide what would cover the results; `remove` shows it again."""
        active = self._viewer.layers.selection.active
        if active not in (self.nuclei, self.selection) or active is None:
            self._active = active
        for layer in self._viewer.layers:
            ours = layer in (self.nuclei, self.selection)
            ours = ours or self._backdrop.holds(layer)
            if layer.visible and not ours:
                layer.visible = False
                self._hidden.append(layer)

    def _remove_labels(self) -> None:
        for layer in (self.nuclei, self.selection):
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self.nuclei = self.selection = None


def _one_colour(colour: tuple[float, ...]) -> DirectLabelColormap:
    return DirectLabelColormap(color_dict={None: colour, 0: _NOTHING})
