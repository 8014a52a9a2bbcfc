"""The image on the screen: read in threads, brought there plane by plane."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet._current import load_plane, read_current
from napari_unet._palette import fill_colours
from napari_unet._pixels import with_contrast
from napari_unet._words import error_in_words, image_in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet._background import Background
    from napari_unet._current import Current, Opened
    from napari_unet._layers import Layers
    from napari_unet._pixels import Channel
    from napari_unet._workspace import Workspace
    from unetloop.errors import EngineError
    from unetloop.journal import Journal

__all__ = ["Stage"]


class Stage(QObject):
    """Holds the image that is shown; one at a time.

    Signals: ``shown()`` when an image came onto the screen; ``plane_loaded(plane)``
    when what is recorded of another one did; ``missing(image)`` when one could not be
    read; ``busy(text)``; ``problem(source, text)``, empty when it is over.

    Parameters
    ----------
    layers : Layers
        The screen.
    background : Background
        Reads files.
    """

    shown = Signal()
    plane_loaded = Signal(int)
    missing = Signal(str)
    busy = Signal(str)
    problem = Signal(str, str)

    def __init__(
        self, layers: Layers, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._background = background
        self._workspace: Workspace | None = None
        self.current: Current | None = None
        self._turn = 0
        self._wanted = ""
        self._loading: set[int] = set()
        self._letting_go = self._turning = False
        self.keeps: Callable[[], bool] = lambda: False
        """Whether what is in memory is nowhere else, and must not be let go of."""
        self.revision: Callable[[], int] = lambda: 0
        """Counts corrections: what is read while there is another one, is read anew."""

    def open(self, workspace: Workspace | None) -> None:
        """Show images of another project, or of none."""
        self._workspace = workspace
        self.current = None

    def show(self, image: str, plane: int | None) -> None:
        """Bring an image of the project to the screen, at a plane of it.

        Parameters
        ----------
        image : str
            Its id.
        plane : int or None
            Which plane; None: `ImageInfo.first_shown`.
        """
        workspace = self._workspace
        if workspace is None:
            return
        self._turn += 1
        self._wanted = image
        turn, revision, waiting = self._turn, self.revision(), self.keeps()
        self.busy.emit("Reading the image")

        def then(opened: Opened) -> None:
            if turn != self._turn or workspace is not self._workspace:
                return
            again = self.current is not None and self.current.entry.id == image
            if (again or waiting) and revision != self.revision():
                self.show(image, plane)
            else:
                self._on_read(workspace, opened)

        def failed(error: EngineError) -> None:
            if workspace is not self._workspace:
                return
            self.missing.emit(image)
            if turn == self._turn:
                self.busy.emit("")
                self.problem.emit("image", error_in_words(error))

        self._background.run(
            lambda: _coloured(read_current(workspace, image, plane)), then, failed
        )

    def load_plane(self) -> None:
        """Read what is recorded of the plane on the screen, if it was not yet."""
        current, workspace, plane = self.current, self._workspace, self._layers.plane
        if current is None or workspace is None or self._turning:
            return
        if plane in current.loaded or plane in self._loading:
            return
        if (
            current.full
            and not self._layers.hand.stroke_in_progress
            and not self.keeps()
        ):
            self._show_alone(workspace, current, plane)
            return
        self._loading.add(plane)
        revision = self.revision()

        def then(marks: NDArray[np.uint8]) -> None:
            if current is not self.current:
                return
            self._loading.discard(plane)
            if revision != self.revision():  # it may have been undone here
                self.load_plane()
                return
            current.truth.set_loaded(plane)
            rows, columns = current.pixels.plane_shape
            self._layers.update(plane, (slice(0, rows), slice(0, columns)), marks)
            self.plane_loaded.emit(plane)

        def failed(error: EngineError) -> None:
            if current is not self.current:
                return
            self._loading.discard(plane)
            self.problem.emit("image", error_in_words(error))

        self._background.run(
            lambda: load_plane(workspace.journal, current, plane), then, failed
        )

    def _show_alone(self, workspace: Workspace, current: Current, plane: int) -> None:
        """Show a plane of the image on the screen, and let go of its others."""
        if self._letting_go:
            return
        self._letting_go = True
        revision = self.revision()
        self.busy.emit("Reading the image")

        def then(opened: Opened) -> None:
            self._letting_go = False
            if current is not self.current:
                self.load_plane()  # another image's may have waited for this
                return
            same = plane == self._layers.plane and revision == self.revision()
            if same and not self._layers.hand.stroke_in_progress:
                self._on_read(workspace, opened)
            else:  # it went on, or was undone, meanwhile
                self.busy.emit("")
                self.load_plane()

        def failed(error: EngineError) -> None:
            self._letting_go = False
            if current is not self.current:
                self.load_plane()
                return
            self.busy.emit("")
            self.problem.emit("image", error_in_words(error))

        image, pixels = current.entry.id, current.pixels
        self._background.run(
            lambda: _coloured(read_current(workspace, image, plane, pixels)),
            then,
            failed,
        )

    def _on_read(self, workspace: Workspace, opened: Opened) -> None:
        current, plane = opened.current, opened.plane
        before = self.current.entry.id if self.current is not None else ""
        view, image = workspace.view, current.entry.id
        if before == image and self.current is not None:
            current.go_on_with(self.current)
        self.current = current
        self._loading.clear()
        view.current, view.plane = image, plane
        known = view.of(image)
        pixels, contrast = current.pixels, known.get("contrast")
        # What was chosen for others and is not in it was guessed: so it was seen.
        if pixels.chosen or known.get("channel") or view.channel:
            known["channel"] = pixels.channel if pixels.chosen else ""
        if isinstance(contrast, list) and len(contrast) == 2:
            pixels = replace(pixels, contrast=(float(contrast[0]), float(contrast[1])))
        name = image_in_words(current.entry.path)
        sides = self._layers.sides
        self._turning = True  # napari shows another plane first: nobody looks at it
        try:
            self._layers.show(name, pixels, opened)
            self._show_channels(current, plane)
            if before == image:
                self._layers.keep_in_view(sides)
            else:
                self._layers.camera = known.get("camera") or {}
            self._layers.go_to_plane(plane)
        finally:
            self._turning = False
        self._layers.end_show()
        self.problem.emit("image", "")
        self.busy.emit("")
        self.shown.emit()
        if before:
            self._let_go(workspace.journal, before, plane if before == image else None)

    def _let_go(self, journal: Journal, image: str, but: int | None) -> None:
        """Store what is recorded of an image, and forget all of it, or all but a plane.

        Who came back to it at once needs it: it would be read while a key is pressed.
        """

        def work() -> None:
            journal.flush()
            if but is not None or image != self._wanted:
                journal.forget(image, but)

        self._background.run(
            work,
            lambda _: self.problem.emit("flush", ""),
            lambda error: self.problem.emit("flush", str(error)),
        )

    def _show_channels(self, current: Current, plane: int, number: int = 0) -> None:
        """Show the other channels one by one: a layer takes its time to be made."""
        channels = current.pixels.channels
        if number == len(channels):
            return

        def then(channel: Channel) -> None:
            if current is self.current:
                self._layers.show_channel(number, channel)
                self._show_channels(current, plane, number + 1)

        def failed(error: EngineError) -> None:
            if current is self.current:
                self.problem.emit("image", error_in_words(error))

        self._background.run(
            lambda: with_contrast(channels[number], plane), then, failed
        )


def _coloured(opened: Opened) -> Opened:
    """Make the texture of its nuclei, which takes the viewer long."""
    colours = fill_colours(opened.current.truth.task.classes)
    texture = colours.texture(opened.nuclei[opened.plane])
    return replace(opened, texture=(len(colours.colors), texture))
