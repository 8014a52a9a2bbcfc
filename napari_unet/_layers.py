"""The layers of an open image, and what the user does to them by hand."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_unet._backdrop import Backdrop
from napari_unet._current import Truth
from napari_unet._hand import Hand
from napari_unet._marks import HALO, draw_line, draw_marks, grown
from napari_unet._palette import mark_colours, nucleus_colours
from napari_unet._redraw import Redraw
from napari_unet._strokes import apply_stroke, changed_windows

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet._current import Opened
    from napari_unet._pixels import Channel, Pixels
    from napari_unet._strokes import Window

__all__ = ["Layers", "warm_up"]

NUCLEI, OUTLINES = "nuclei", "outlines"
_MICROMETRES = ("micrometer", "micron", "um", "µm")
_FILLED, _WHILE_PAINTING, _OUTLINED = 0.5, 0.35, 0.0


def warm_up() -> None:
    """Import, in a thread, what the first layer and the first curve will need."""
    for name in ("xarray", "pyqtgraph"):
        with suppress(ImportError):
            import_module(name)


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
        self.backdrop = Backdrop(viewer)
        self._redraw = Redraw(self)
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

    @property
    def image(self) -> Image | None:
        """The layer of the channel with the nuclei."""
        return self.backdrop.image

    def show(self, name: str, pixels: Pixels, opened: Opened) -> None:
        """Show an image with its nuclei; the layers of the last one are taken over.

        Parameters
        ----------
        name : str
            Of the image.
        pixels : Pixels
            What was read of it.
        opened : Opened
            What is recorded; later changes are shown by `update`.
        """
        self._name, self._pixels = name, pixels
        self._truth = opened.current.truth
        self._line = None
        self._redraw.forget()
        self._ours = True
        try:
            if not self.backdrop.fits(pixels):
                self._remove()
            how = self._how(pixels)
            self.backdrop.show(name, pixels, how)
            for layer in (self.nuclei, self.outlines):
                if layer is not None:
                    for key, value in how.items():
                        setattr(layer, key, value)
            if self.nuclei is not None:
                self.nuclei.data = self._shaped(opened.nuclei)
                self.nuclei._reset_history()
            if self.outlines is not None:
                self.outlines.data = self._shaped(opened.marks)
                self.outlines.colormap = mark_colours(pixels.bright)
            self.ensure(opened)
            if self.nuclei is not None:
                self.nuclei.selected_label = opened.free
        finally:
            self._ours = False

    def show_channel(self, number: int, channel: Channel) -> None:
        """Show another channel of the image, hidden at first."""
        if self._pixels is not None:
            before, self._ours = self._ours, True
            try:
                self.backdrop.show_channel(number, channel, self._how(self._pixels))
            finally:
                self._ours = before

    def ensure(self, opened: Opened | None = None) -> bool:
        """Put back what was removed by hand; say whether something was."""
        pixels = self._pixels
        if pixels is None or (self.image and self.nuclei and self.outlines):
            return False
        before, self._ours = self._ours, True
        how = self._how(pixels)
        try:
            if self.image is None:
                self.backdrop.show(self._name, pixels, how)
            if self.nuclei is None:
                data = self._copy() if opened is None else self._shaped(opened.nuclei)
                self.nuclei = self._add_nuclei(data, how)
                self.made.emit()
            if self.outlines is None:
                self.outlines = self.viewer.add_labels(
                    self._marks() if opened is None else self._shaped(opened.marks),
                    name=OUTLINES,
                    opacity=1.0,
                    colormap=mark_colours(pixels.bright),
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
            self._redraw.draw(self.nuclei, plane, window)
        if marks is None or self.outlines is None:
            self._draw_marks(plane, window)
        else:
            _planes(self.outlines.data)[plane][window] = marks
            self._redraw.draw(self.outlines, plane, window)

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
            self._redraw.draw(self.outlines, plane, window)

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
        if not isinstance(layer, Image) or self.backdrop.holds(layer):
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

    def _add_nuclei(self, data: NDArray[np.int32], how: dict[str, Any]) -> Labels:
        layer = self.viewer.add_labels(
            data, name=NUCLEI, colormap=nucleus_colours(), **how
        )
        layer.brush_size = self._brush
        layer.events.paint.connect(self._on_paint)
        layer.events.data.connect(self._on_data)
        layer.events.mode.connect(self._set_opacity)
        self.nuclei = layer
        self._set_opacity()
        return layer

    def _remove(self) -> None:
        for layer in (self.nuclei, self.outlines):
            if layer is not None and layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self.nuclei = self.outlines = None
        self.backdrop.remove()

    def _how(self, pixels: Pixels) -> dict[str, Any]:
        """Say how layers lie in the world."""
        lead = len(pixels.lead)
        size = pixels.info.pixel_size
        unit = "um" if size else "pixel"
        return {
            "scale": (1.0,) * lead + (size or (1.0, 1.0)),
            "units": ("pixel",) * lead + (unit, unit),
            "axis_labels": pixels.axes,
        }

    def _copy(self) -> NDArray[np.int32]:
        return self._shaped(self._recorded().copy_segmentation())

    def _marks(self) -> NDArray[np.uint8]:
        truth = self._recorded()
        marks = np.zeros(truth.review.shape, np.uint8)
        for plane in truth.loaded:
            marks[plane] = draw_marks(truth.segmentation[plane], truth.review[plane])
        return self._shaped(marks)

    def _shaped(self, planes: NDArray[Any]) -> NDArray[Any]:
        lead = self._pixels.lead if self._pixels else ()
        return planes.reshape(*lead, *planes.shape[1:])

    def _recorded(self) -> Truth:
        return self._truth or Truth.of(1, (1, 1))

    def _draw_marks(self, plane: int, window: Window) -> None:
        if self.outlines is not None and self._truth is not None:
            wide = grown(window, HALO, self._truth.review.shape[1:])
            self._redraw.draw(self.outlines, plane, wide, self._write_marks)

    def _write_marks(self, plane: int, window: Window) -> None:
        if self.outlines is None or self._truth is None:
            return
        seen = grown(window, HALO, self._truth.review.shape[1:])
        marks = draw_marks(
            self._truth.segmentation[plane][seen],
            self._truth.review[plane][seen],
            (seen[0].start, seen[1].start),
        )
        inner = tuple(
            slice(one.start - other.start, one.stop - other.start)
            for one, other in zip(window, seen, strict=True)
        )
        _planes(self.outlines.data)[plane][window] = marks[inner]

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
        ours = self.backdrop.lose(event.value)
        for name in ("nuclei", "outlines"):
            if event.value is getattr(self, name):
                setattr(self, name, None)
                ours = True
        if ours:
            self.removed.emit(event.value.name)

    def _on_view(self, event: Any = None) -> None:
        if not self._ours and self._pixels is not None:
            self.view_changed.emit()


def _planes(data: NDArray[Any]) -> NDArray[Any]:
    """See a stack as (planes, rows, columns), without a copy."""
    return data.reshape(-1, *data.shape[-2:])
