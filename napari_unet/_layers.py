"""The layers of an open image, and what the user does to them by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_unet._backdrop import Backdrop, place
from napari_unet._canvas import keep_whole
from napari_unet._compared import Compared
from napari_unet._overlay import Overlay
from napari_unet._palette import NucleusColours, fill_colours, mark_colours
from napari_unet._probabilities import Probabilities
from napari_unet._users_layers import UsersLayers
from unetloop.numbering import fit_numbers

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_unet._current import Opened
    from napari_unet._pixels import Channel, Pixels
    from unetloop.classes import TissueClass
    from unetloop.pieces import Window

__all__ = ["Layers"]


class Layers(Overlay):
    """Pixels, nuclei and outlines of one image in a viewer.

    Signals, besides those of `Overlay`: ``removed(name)`` when the user took a layer
    away that is needed; ``uncompared()`` when it was that of another model;
    ``made()`` when the nuclei's layer is a new one; ``asked_for()`` when the image is
    to be seen, and whatever covers it has to give way.

    ``users`` says which layers of the user's own are selected.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    removed = Signal(str)
    uncompared = Signal()
    made = Signal()
    asked_for = Signal()

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(viewer, parent)
        self.backdrop = Backdrop(viewer)
        self.probabilities = Probabilities(viewer)
        self._compared = Compared(viewer, self._redraw)
        self._with_probabilities = False
        self._name = ""
        self._colours: tuple[str, tuple[TissueClass, ...]] = ("", ())
        self.users = UsersLayers(viewer, self._is_ours)
        viewer.scene.camera.events.center.connect(self._on_view)
        viewer.scene.camera.events.zoom.connect(self._on_view)
        viewer.dims.events.current_step.connect(self._on_view)
        viewer.dims.events.ndisplay.connect(self._on_view)
        viewer.layers.events.removed.connect(self._on_removed)
        keep_whole(viewer)

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
        with self._doing():
            self.asked_for.emit()
        self._name, self._pixels = name, pixels
        self._truth, self._seen = opened.current.truth, opened.plane
        self._outlines.show(opened.current.truth)
        self._redraw.forget()
        self._brushwork.forget()
        with self._doing():
            self._compared.remove()
            if not self.backdrop.fits(pixels):
                self.backdrop.remove()
            how = pixels.placement
            self.backdrop.show(name, pixels, how)
            for layer in (self.nuclei, self.outlines):
                if layer is not None:
                    place(layer, how)
            if self.nuclei is not None:
                self._give_nuclei(self.nuclei, opened)
                self.nuclei._reset_history()
            if self.outlines is not None:
                self.outlines.data = self._shaped(opened.marks)
            self.recolour()
            self.ensure(opened)
            if not self.in_sight:
                self.bring_back()
            if self.nuclei is not None and not self.task.classes:
                self.nuclei.selected_label = opened.free
            self._show_probabilities()
        self.users.hide()

    def _give_nuclei(self, layer: Labels, opened: Opened) -> None:
        colours = layer.colormap
        if opened.texture is not None and isinstance(colours, NucleusColours):
            colours.expect(opened.nuclei[opened.plane], *opened.texture)
        layer.data = self._shaped(opened.nuclei)

    def end_show(self) -> None:
        """All of the image is on the screen, its plane included."""
        if self.nuclei is not None:
            colours = self.nuclei.colormap
            if isinstance(colours, NucleusColours):
                colours.expect_no_more()
        self.fit_lines()

    def recolour(self) -> None:
        """Take name and colours of what is segmented."""
        pixels, classes = self._pixels, self.task.classes
        if self.nuclei is not None and self._colours != (self.task.name, classes):
            if self._colours[0] != self.task.name:
                self.nuclei.name = self.task.layer
            self.nuclei.colormap = fill_colours(classes)
            if classes and self.nuclei.selected_label > len(classes):
                self.nuclei.selected_label = 1
        if self.outlines is not None and pixels is not None:
            self.outlines.colormap = mark_colours(pixels.bright, classes)
        self._colours = (self.task.name, classes)
        if len(self.probabilities.layers) <= len(classes):
            self.probabilities.take(classes)

    def set_probabilities(self, wanted: bool) -> None:
        """Have a layer a class with its probability, or none."""
        self._with_probabilities = wanted
        with self._doing():
            self._show_probabilities(keep=True)

    def _show_probabilities(self, keep: bool = False) -> None:
        pixels, classes = self._pixels, self.task.classes
        if self._with_probabilities and classes and pixels is not None:
            shape, how = (*pixels.lead, *pixels.plane_shape), pixels.placement
            self.probabilities.show(classes, shape, how, self.nuclei, keep=keep)
        else:
            self.probabilities.remove()

    def show_compared(
        self, name: str, plane: int, window: Window, marks: NDArray[np.uint8]
    ) -> None:
        """Show over the nuclei what another model makes of a rectangle of a plane.

        Parameters
        ----------
        name : str
            Of the layer.
        plane : int
            Which plane.
        window : tuple of slice
            Rows and columns.
        marks : array of uint8
            (rows, columns): keys of `_difference_marks.DIFFERENCE_COLORS`.
        """
        pixels = self._pixels
        if pixels is None:
            return
        shape = *pixels.lead, *pixels.plane_shape
        with self._doing():
            self._compared.show(name, shape, pixels.bright, pixels.placement)
        self._compared.draw(plane, window, marks)

    def clear_compared(self) -> None:
        """Show nothing of another model until something new is known."""
        self._compared.clear()

    def remove_compared(self) -> None:
        """Show nothing of another model any more."""
        with self._doing():
            self._compared.remove()

    def show_channel(self, number: int, channel: Channel) -> None:
        """Show another channel of the image, hidden at first."""
        if self._pixels is not None:
            with self._doing():
                self.backdrop.show_channel(number, channel, self._pixels.placement)

    def ensure(self, opened: Opened | None = None) -> bool:
        """Put back what was removed by hand; say whether something was."""
        pixels = self._pixels
        if pixels is None or (self.image and self.nuclei and self.outlines):
            return False
        how = pixels.placement
        with self._doing():
            if self.image is None:
                self.backdrop.show(self._name, pixels, how)
            if self.nuclei is None:
                layer = self._add_nuclei(how)
                if opened is None:
                    layer.data = self._copy()
                else:
                    self._give_nuclei(layer, opened)
                self.made.emit()
            if self.outlines is None:
                marks = self._marks() if opened is None else self._shaped(opened.marks)
                self._add_outlines(marks, pixels.bright, how)
            if opened is None:  # napari begins in the middle of a stack
                self.go_to_plane(self._seen)
        self.viewer.layers.selection.active = self.nuclei
        return True

    def come_forward(self) -> str:
        """Show the nuclei where they can't be seen; say why they could not, if so."""
        ours = self.nuclei, self.outlines
        why = "" if self.in_sight else "out of sight and are shown again"
        if self.nuclei is None or not (why or self.users.over(ours)):
            return ""
        self.asked_for.emit()
        self.ensure()
        self.bring_back()
        self.view_changed.emit()  # it was not followed meanwhile
        why = self.users.uncover(ours) or why
        self.viewer.layers.selection.active = self.nuclei
        return why

    def close(self) -> None:
        """Listen no more."""
        viewer = self.viewer
        viewer.scene.camera.events.center.disconnect(self._on_view)
        viewer.scene.camera.events.zoom.disconnect(self._on_view)
        viewer.dims.events.current_step.disconnect(self._on_view)
        viewer.dims.events.ndisplay.disconnect(self._on_view)
        viewer.layers.events.removed.disconnect(self._on_removed)
        self.hand.let_go()

    @property
    def contrast(self) -> list[float] | None:
        """From what to what the image is shown; None where that is not set."""
        if self.image is None or self.image.rgb:
            return None
        return [float(value) for value in self.image.contrast_limits]

    def take_labels(self, layer: Labels) -> bool:
        """Take a layer's labels for the plane on the screen; it is hidden.

        Returns
        -------
        bool
            Whether they are of the size of the image or of one of its planes.
        """
        nuclei, pixels = self.nuclei, self._pixels
        if nuclei is None or pixels is None:
            return False
        if layer.data.shape not in (nuclei.data.shape, pixels.plane_shape):
            return False
        given = np.asarray(layer.data).reshape(-1, *pixels.plane_shape)
        planes = self._copy().reshape(-1, *pixels.plane_shape)
        planes[self.plane] = fit_numbers(given[self.plane if len(given) > 1 else 0])
        nuclei.data = self._shaped(planes)
        layer.visible = False
        self.viewer.layers.selection.active = nuclei
        return True

    def _is_ours(self, layer: Any) -> bool:
        return (
            layer in (self.nuclei, self.outlines)
            or self.backdrop.holds(layer)
            or layer in self.probabilities.layers
        )

    def _on_removed(self, event: Any) -> None:
        if self._ours:
            return
        self.probabilities.lose(event.value)
        if self._compared.lose(event.value):
            self.uncompared.emit()
        if self.backdrop.lose(event.value) or self._lose(event.value):
            self.removed.emit(event.value.name)

    def _on_view(self, event: Any = None) -> None:
        if self._planes in self.viewer.layers:
            self._seen = self.plane
        if not self._ours and self._pixels is not None and self.in_sight:
            self.view_changed.emit()
