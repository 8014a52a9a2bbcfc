"""The three layers of an open image; the only file that touches napari layers."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap
from qtpy.QtCore import QObject, Signal

from napari_unet._current import Truth
from napari_unet._hand import Hand
from napari_unet._marks import (
    COLORS,
    COLORS_ON_BRIGHT,
    FILL_COLORS,
    HALO,
    draw_line,
    draw_marks,
    grown,
)
from napari_unet._strokes import apply_stroke, changed_windows

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet._pixels import Pixels
    from napari_unet._strokes import Window

__all__ = ["Layers", "warm_up"]

NUCLEI, OUTLINES = "nuclei", "outlines"
_MICROMETRES = ("micrometer", "micron", "um", "µm")
_FILLED, _WHILE_PAINTING, _OUTLINED = 0.5, 0.35, 0.0


def warm_up() -> None:
    """Import, in a thread, what napari would import with its first layer."""
    with suppress(ImportError):
        import_module("xarray")


class Layers(Hand):
    """Image, nuclei and outlines of one image in a viewer.

    Signals: ``painted(plane, window)`` after a stroke of napari's own tools;
    ``replaced()`` when somebody
    gave the nuclei other data; ``removed(name)``; ``made()`` when the nuclei's
    layer is a new one.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    painted = Signal(int, object)
    replaced = Signal()
    removed = Signal(str)
    made = Signal()

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(viewer, parent)
        self.image: Image | None = None
        self.outlines: Labels | None = None
        self._name = ""
        self._truth: Truth | None = None
        self._ours = False
        self._filled = False
        self._line: tuple[int, Window] | None = None
        viewer.scene.camera.events.center.connect(self._on_view)
        viewer.scene.camera.events.zoom.connect(self._on_view)
        viewer.dims.events.current_step.connect(self._on_view)
        viewer.layers.events.removed.connect(self._on_removed)

    # Showing

    def show(
        self, name: str, pixels: Pixels, truth: Truth, marks: NDArray[np.uint8]
    ) -> None:
        """Show an image with its nuclei; the layers of the last one are taken over.

        Parameters
        ----------
        name : str
            Of the image.
        pixels : Pixels
            What was read of it.
        truth : Truth
            What is recorded; later changes are shown by `update`.
        marks : array of uint8
            (planes, rows, columns), of `_marks.draw_marks`.
        """
        self._name, self._pixels, self._truth = name, pixels, truth
        self._line = None
        self._ours = True
        try:
            fits = self.image is None or (
                self.image.ndim == len(pixels.axes) and self.image.rgb == pixels.rgb
            )
            if not fits:
                self._remove()
            scale, units = self._scale()
            for layer in (self.image, self.nuclei, self.outlines):
                if layer is not None:
                    layer.scale, layer.units = scale, units
                    layer.axis_labels = pixels.axes
            if self.image is not None:
                self.image.data = pixels.data
                self.image.name = name
                self._set_contrast(pixels)
            if self.nuclei is not None:
                self.nuclei.data = self._copy()
                self.nuclei._reset_history()
            if self.outlines is not None:
                self.outlines.data = self._shaped(marks)
                self.outlines.colormap = _colours(pixels)
            self.ensure(marks)
            if self.nuclei is not None:
                self.nuclei.selected_label = int(truth.segmentation.max()) + 1
        finally:
            self._ours = False

    def ensure(self, marks: NDArray[np.uint8] | None = None) -> bool:
        """Put back what was removed by hand; say whether something was."""
        pixels = self._pixels
        if pixels is None or (self.image and self.nuclei and self.outlines):
            return False
        before, self._ours = self._ours, True
        scale, units = self._scale()
        how: dict[str, Any] = {
            "scale": scale,
            "units": units,
            "axis_labels": pixels.axes,
        }
        try:
            if self.image is None:
                self.image = self.viewer.add_image(
                    pixels.data,
                    name=self._name,
                    rgb=pixels.rgb,
                    contrast_limits=None if pixels.rgb else pixels.contrast,
                    **({} if pixels.rgb else {"colormap": "gray"}),
                    **how,
                )
                self._set_contrast(pixels)
                self.viewer.layers.move(len(self.viewer.layers) - 1, 0)
            if self.nuclei is None:
                self.nuclei = self._add_nuclei(how)
                self.made.emit()
            if self.outlines is None:
                self.outlines = self.viewer.add_labels(
                    self._marks() if marks is None else self._shaped(marks),
                    name=OUTLINES,
                    opacity=1.0,
                    colormap=_colours(pixels),
                    **how,
                )
                self.outlines.editable = False
        finally:
            self._ours = before
        self.viewer.layers.selection.active = self.nuclei
        return True

    def update(
        self, plane: int, window: Window, marks: NDArray[np.uint8] | None = None
    ) -> None:
        """Bring the screen up to what is recorded, in one rectangle of a plane.

        Parameters
        ----------
        plane : int
            Which plane.
        window : tuple of slice
            Rows and columns.
        marks : array of uint8, optional
            Those of the rectangle, where they were drawn already.
        """
        if self._truth is None:
            return
        truth = self._truth
        if self.nuclei is not None:
            place = _planes(self.nuclei.data)[plane]
            place[window] = truth.segmentation[plane][window]
            self._redraw(self.nuclei, plane, window)
        if marks is None or self.outlines is None:
            self._draw_marks(plane, window)
        else:
            _planes(self.outlines.data)[plane][window] = marks
            self._redraw(self.outlines, plane, window)

    def set_filled(self, filled: bool) -> None:
        """Show filled nuclei, or outlines alone."""
        self._filled = filled
        self._set_opacity()

    def draw_line(self, plane: int, points: list[tuple[int, int]]) -> None:
        """Draw a thin line, or wipe it where there are no points."""
        if self.outlines is None or self._truth is None:
            return
        if self._line is not None:
            self._draw_marks(*self._line)
            self._line = None
        if not points:
            return
        marks = _planes(self.outlines.data)[plane]
        window = draw_line(marks, points, max(1, round(1.5 / self.zoom)))
        if window is not None:
            self._line = (plane, window)
            self._redraw(self.outlines, plane, window)

    def clear(self) -> None:
        """Take the layers away."""
        self._ours = True
        try:
            self._remove()
        finally:
            self._ours = False
        self._pixels = self._truth = None

    def close(self) -> None:
        """Listen no more."""
        viewer = self.viewer
        viewer.scene.camera.events.center.disconnect(self._on_view)
        viewer.scene.camera.events.zoom.disconnect(self._on_view)
        viewer.dims.events.current_step.disconnect(self._on_view)
        viewer.layers.events.removed.disconnect(self._on_removed)
        self.let_go()

    def painted_plane(self, plane: int) -> NDArray[np.int32] | None:
        """Give a plane of the nuclei's layer, strokes that just came included."""
        if self.nuclei is None:
            return None
        data: NDArray[np.int32] = _planes(self.nuclei.data)[plane]
        return data

    @property
    def contrast(self) -> list[float] | None:
        """From what to what the image is shown; None where that is not set."""
        if self.image is None or self.image.rgb:
            return None
        return [float(value) for value in self.image.contrast_limits]

    def selected_image(self) -> tuple[Path | None, str, Any, float | None] | None:
        """Give the image layer that the user selected, if it is none of ours.

        Returns
        -------
        tuple or None
            The file that it came from, its name, its data, and the size of a
            pixel in micrometres, where these are known.
        """
        layer = self.viewer.layers.selection.active
        if not isinstance(layer, Image) or layer is self.image:
            return None
        source = layer.source.path
        path = Path(source) if source and Path(source).exists() else None
        unit = str(layer.units[-1])
        size = float(layer.scale[-1]) if unit in _MICROMETRES else None
        data = layer.data[0] if layer.multiscale else layer.data
        return path, layer.name, data, size

    def put_back(self) -> None:
        """Give the nuclei's layer what is recorded, whatever it holds now."""
        if self.nuclei is None:
            return
        self._ours = True
        try:
            self.nuclei.data = self._copy()
            self.nuclei._reset_history()
        finally:
            self._ours = False

    # Inside

    def _add_nuclei(self, how: dict[str, Any]) -> Labels:
        layer = self.viewer.add_labels(
            self._copy(),
            name=NUCLEI,
            colormap=CyclicLabelColormap(colors=[(0, 0, 0, 0), *FILL_COLORS]),
            **how,
        )
        layer.brush_size = self._brush
        layer.events.paint.connect(self._on_paint)
        layer.events.data.connect(self._on_data)
        layer.events.mode.connect(self._set_opacity)
        self.nuclei = layer
        self._set_opacity()
        return layer

    def _remove(self) -> None:
        for layer in (self.nuclei, self.outlines, self.image):
            if layer is not None and layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self.image = self.nuclei = self.outlines = None

    def _scale(self) -> tuple[tuple[float, ...], tuple[str, ...]]:
        lead = len(self._pixels.lead) if self._pixels else 0
        size = self._pixels.info.pixel_size if self._pixels else None
        unit = "um" if size else "pixel"
        return (1.0,) * lead + (size or (1.0, 1.0)), ("pixel",) * lead + (unit, unit)

    def _set_contrast(self, pixels: Pixels) -> None:
        if self.image is not None and not pixels.rgb:
            self.image.contrast_limits_range = pixels.limits
            self.image.contrast_limits = pixels.contrast

    def _copy(self) -> NDArray[np.int32]:
        return self._shaped(self._recorded().segmentation.copy())

    def _marks(self) -> NDArray[np.uint8]:
        truth = self._recorded()
        marks = np.zeros(truth.review.shape, np.uint8)
        for plane in range(len(marks)):
            if truth.segmentation[plane].any() or truth.review[plane].any():
                marks[plane] = draw_marks(
                    truth.segmentation[plane], truth.review[plane]
                )
        return self._shaped(marks)

    def _shaped(self, planes: NDArray[Any]) -> NDArray[Any]:
        lead = self._pixels.lead if self._pixels else ()
        return planes.reshape(*lead, *planes.shape[1:])

    def _recorded(self) -> Truth:
        return self._truth or Truth.of(1, (1, 1))

    def _draw_marks(self, plane: int, window: Window) -> None:
        if self.outlines is None or self._truth is None:
            return
        shape = self._truth.review.shape[1:]
        wide = grown(window, HALO, shape)
        seen = grown(wide, HALO, shape)
        marks = draw_marks(
            self._truth.segmentation[plane][seen],
            self._truth.review[plane][seen],
            (seen[0].start, seen[1].start),
        )
        inner = tuple(
            slice(one.start - other.start, one.stop - other.start)
            for one, other in zip(wide, seen, strict=True)
        )
        _planes(self.outlines.data)[plane][wide] = marks[inner]
        self._redraw(self.outlines, plane, wide)

    def _redraw(self, layer: Labels, plane: int, window: Window) -> None:
        """Show a rectangle that was written in place, and nothing else anew."""
        if plane != self.plane:
            return
        if not self.flat or layer._slice.empty:
            layer.refresh(extent=False)
            return
        lead = layer.data.shape[:-2]
        where = np.unravel_index(plane, lead) if lead else ()
        view, raw = layer._slice.image.view, layer._slice.image.raw
        if layer.contour == 0 and not np.shares_memory(view, layer.data):
            view[window] = layer.colormap._data_to_texture(raw[window])
        layer._updated_slice = (
            *(slice(int(index), int(index) + 1) for index in where),
            *window,
        )
        layer._partial_labels_refresh()

    def _set_opacity(self, event: Any = None) -> None:
        if self.nuclei is None:
            return
        resting = self.nuclei.mode in ("pan_zoom", "pick", "transform")
        outlined = _OUTLINED if resting else _WHILE_PAINTING
        self.nuclei.opacity = _FILLED if self._filled else outlined

    def _on_paint(self, event: Any) -> None:
        if self._ours or self.nuclei is None:
            return
        # napari's own history knows nothing of reviews and predictions.
        self.nuclei._undo_history.clear()
        self.nuclei._redo_history.clear()
        data = self.nuclei.data
        lead = data.shape[:-2]
        for plane, window in changed_windows(event.value, lead).items():
            # Some of napari's tools say so before they write.
            apply_stroke(event.value, plane, lead, window, _planes(data)[plane][window])
            self.painted.emit(plane, window)

    def _on_data(self, event: Any = None) -> None:
        if not self._ours:
            self.replaced.emit()

    def _on_removed(self, event: Any) -> None:
        if self._ours:
            return
        for name in ("image", "nuclei", "outlines"):
            if event.value is getattr(self, name):
                setattr(self, name, None)
                self.removed.emit(event.value.name)

    def _on_view(self, event: Any = None) -> None:
        if not self._ours and self._pixels is not None:
            self.view_changed.emit()


def _colours(pixels: Pixels) -> DirectLabelColormap:
    colours = COLORS_ON_BRIGHT if pixels.bright else COLORS
    return DirectLabelColormap(color_dict=colours)


def _planes(data: NDArray[Any]) -> NDArray[Any]:
    """See a stack as (planes, rows, columns), without a copy."""
    return data.reshape(-1, *data.shape[-2:])
