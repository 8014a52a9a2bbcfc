"""Results of a batch in a viewer: an image, its nuclei, and the selected one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QObject, Signal

from napari_unet._backdrop import Backdrop
from napari_unet._pixels import read_pixels
from napari_unet._results import features_of, read_labels_of, read_results

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet._background import Background
    from napari_unet._pixels import Pixels
    from napari_unet._results import Results
    from unetloop.errors import EngineError

__all__ = ["ResultsView"]

_OUTLINE, _SELECTED = (0.34, 0.71, 0.91, 1.0), (0.9, 0.62, 0.0, 0.6)
_NOTHING = (0.0, 0.0, 0.0, 0.0)
_CENTRE = ("centroid_row", "centroid_column")


class ResultsView(QObject):
    """Shows one image of an output folder at a time.

    Signals: ``opened(Results)``; ``shown(image)`` with its place in the results;
    ``selected(row)`` of the measurements, -1: none; ``problem(text)``; ``closed()``.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    background : Background
        Reads files.
    """

    opened = Signal(object)
    shown = Signal(int)
    selected = Signal(int)
    problem = Signal(str)
    closed = Signal()

    def __init__(
        self, viewer: Viewer, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._background = background
        self._backdrop = Backdrop(viewer)
        self.results: Results | None = None
        self.image = -1
        self.row = -1
        self.nuclei: Labels | None = None
        self.selection: Labels | None = None
        self._turn = 0
        self._ours = False
        self._hidden: list[Any] = []
        self._active: Any = None
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.mouse_drag_callbacks.append(self._on_click)

    def open(self, folder: Path, image: str = "") -> None:
        """Read an output folder, and show the image with this path, or the first."""
        self._turn += 1
        turn = self._turn

        def then(results: Results) -> None:
            if turn != self._turn:
                return
            self.results, self.image, self.row = results, -1, -1
            self.opened.emit(results)
            paths = [str(item.path) for item in results.images]
            if paths:
                self.show(paths.index(image) if image in paths else 0)

        self._background.run(lambda: read_results(folder), then, self._on_failed)

    def show(self, image: int, row: int = -1) -> None:
        """Show an image, by its place in the results, and select a nucleus of it."""
        results = self.results
        if results is None:
            return
        if image == self.image and self.nuclei is not None:
            self._select(row)
            return
        self._turn += 1
        turn, item = self._turn, results.images[image]

        def work() -> tuple[Pixels | None, NDArray[Any], Any]:
            pixels = None
            if item.path is not None:
                pixels = read_pixels(item.path, results.channel or None)
            return pixels, read_labels_of(item), features_of(results, image)

        def then(found: tuple[Pixels | None, NDArray[Any], Any]) -> None:
            if turn == self._turn:
                self._on_read(image, *found)
                self._select(row)

        self._background.run(work, then, self._on_failed)

    def select(self, row: int) -> None:
        """Highlight the nucleus of a row of the measurements; -1: none."""
        if self.results is None or row == self.row:
            return
        if row < 0:
            self._select(-1)
        else:
            self.show(int(self.results.columns["image"][row]), row)

    def close(self) -> None:
        """Take the results away, and bring back what they covered."""
        self._turn += 1
        if self.results is None:
            return
        self.results, self.image, self.row = None, -1, -1
        self._remove()
        for layer in self._hidden:
            if layer in self._viewer.layers:
                layer.visible = True
        self._hidden = []
        if self._active in self._viewer.layers:
            self._viewer.layers.selection.active = self._active
        self.closed.emit()

    def let_go(self) -> None:
        """Listen no more."""
        self._turn += 1
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        if self._on_click in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_click)

    # Showing

    def _on_failed(self, error: EngineError) -> None:
        self.problem.emit(str(error))

    def _on_read(
        self, image: int, pixels: Pixels | None, labels: NDArray[Any], features: Any
    ) -> None:
        results = self.results
        if results is None:
            return
        item = results.images[image]
        name = item.name.rsplit("/", 1)[-1]
        self._ours = True
        try:
            self._hide_others()
            if pixels is None or not self._backdrop.fits(pixels):
                self._backdrop.remove()
            self._remove_labels()
            how: dict[str, Any] = {}
            if pixels is not None:
                how = _place(pixels)
                self._backdrop.show(name, pixels, how)
            self.nuclei = self._viewer.add_labels(
                labels,
                name=f"nuclei of {name}",
                features=features,
                opacity=1.0,
                colormap=_one_colour(_OUTLINE),
                **how,
            )
            self.nuclei.contour = 1
        finally:
            self._ours = False
        self.nuclei.editable = False
        self.nuclei.events.selected_label.connect(self._on_selected_label)
        self._viewer.layers.selection.active = self.nuclei
        self._viewer.reset_view()
        self.image, self.row = image, -1
        if item.path is None:
            self.problem.emit(
                f"The image {item.name} is not where it was; only its nuclei are shown."
            )
        self.shown.emit(image)

    def _hide_others(self) -> None:
        """Hide what would cover the results; `close` shows it again."""
        active = self._viewer.layers.selection.active
        if active not in (self.nuclei, self.selection) or active is None:
            self._active = active
        for layer in self._viewer.layers:
            ours = layer in (self.nuclei, self.selection)
            ours = ours or self._backdrop.holds(layer)
            if layer.visible and not ours:
                layer.visible = False
                self._hidden.append(layer)

    def _remove(self) -> None:
        self._ours = True
        try:
            self._backdrop.remove()
            self._remove_labels()
        finally:
            self._ours = False

    def _remove_labels(self) -> None:
        for layer in (self.nuclei, self.selection):
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self.nuclei = self.selection = None

    def _on_removed(self, event: Any) -> None:
        if not self._ours:
            self._backdrop.lose(event.value)
            if event.value is self.nuclei:
                self.nuclei = None
            if event.value is self.selection:
                self.selection = None

    # Selecting

    def _select(self, row: int) -> None:
        if self.results is None or self.nuclei is None:
            return
        self.row = row
        label = int(self.results.columns["label"][row]) if row >= 0 else 0
        self._ours = True
        try:
            self.nuclei.selected_label = label
            self._highlight(row)
        finally:
            self._ours = False
        if row >= 0:
            self._look_at(row)
        self.selected.emit(row)

    def _highlight(self, row: int) -> None:
        """Fill a nucleus: a layer of its size, so that large planes stay quick."""
        if self.results is None or self.nuclei is None:
            return
        if row < 0:
            if self.selection is not None:
                self.selection.visible = False
            return
        columns, layer = self.results.columns, self.nuclei
        lead = layer.data.shape[:-2]
        at = np.unravel_index(int(columns["plane"][row]), lead) if lead else ()
        # The axes are those of an ellipse: odd shapes reach a little further.
        reach = 2 * int(np.nan_to_num(columns["axis_major"][row])) + 4
        corner, window = [], []
        for name, size in zip(_CENTRE, layer.data.shape[-2:], strict=True):
            middle = round(float(columns[name][row]))
            low = max(middle - reach, 0)
            corner.append(low)
            window.append(slice(low, min(middle + reach + 1, size)))
        found = layer.data[(*at, *window)] == columns["label"][row]
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

    def _look_at(self, row: int) -> None:
        """Bring a nucleus into view; the camera rests where it is there already."""
        if self.results is None or self.nuclei is None:
            return
        columns, layer = self.results.columns, self.nuclei
        point = np.zeros(layer.ndim)
        lead = layer.data.shape[:-2]
        if lead:
            point[:-2] = np.unravel_index(int(columns["plane"][row]), lead)
            world = layer.data_to_world(point)
            for axis in range(len(lead)):
                place = self._viewer.dims.ndim - layer.ndim + axis
                self._viewer.dims.set_point(place, float(world[axis]))
        centre = [float(columns[name][row]) for name in _CENTRE]
        point[-2:] = centre
        first, last = (corner[-2:] for corner in layer.corner_pixels)
        if not all(
            low <= value <= high
            for low, value, high in zip(first, centre, last, strict=True)
        ):
            world = layer.data_to_world(point)
            self._viewer.scene.camera.center = (
                0.0,
                float(world[-2]),
                float(world[-1]),
            )

    def _on_selected_label(self, event: Any = None) -> None:
        """Follow napari's own tools: its table of features, its colour picker."""
        if not self._ours and self.nuclei is not None:
            self._select_label(int(self.nuclei.selected_label))

    def _select_label(self, label: int) -> None:
        if self.results is None or self.nuclei is None:
            return
        row = None
        if label > 0:
            row = self.results.find(self.image, self._plane(), label)
        if (row if row is not None else -1) != self.row:
            self._select(-1 if row is None else row)

    def _plane(self) -> int:
        layer = self.nuclei
        if layer is None or layer.ndim == 2:
            return 0
        lead = layer.data.shape[:-2]
        point = np.round(layer.world_to_data(self._viewer.dims.point)).astype(int)
        step = np.clip(point[:-2], 0, np.array(lead) - 1)
        return int(np.ravel_multi_index(tuple(step), lead))

    def _on_click(self, viewer: Viewer, event: Any) -> Iterator[None]:
        """Select the nucleus that is clicked; dragging moves the image as ever."""
        if event.button != 1:
            return
        yield
        while event.type == "mouse_move":
            yield
            return
        layer, active = self.nuclei, viewer.layers.selection.active
        busy = active is not None and getattr(active, "mode", "pan_zoom") != "pan_zoom"
        if layer is None or not layer.visible or busy or viewer.dims.ndisplay != 2:
            return
        label = layer.get_value(event.position, world=True)
        self._select_label(int(label or 0))


def _place(pixels: Pixels) -> dict[str, Any]:
    """Say how layers lie in the world."""
    lead, size = len(pixels.lead), pixels.info.pixel_size
    unit = "um" if size else "pixel"
    return {
        "scale": (1.0,) * lead + (size or (1.0, 1.0)),
        "units": ("pixel",) * lead + (unit, unit),
        "axis_labels": pixels.axes,
    }


def _one_colour(colour: tuple[float, ...]) -> DirectLabelColormap:
    return DirectLabelColormap(color_dict={None: colour, 0: _NOTHING})
