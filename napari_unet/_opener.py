"""Opens projects and images, and notes where the user is in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._current import forget_image, load_plane, read_current
from napari_unet._pixels import with_contrast
from napari_unet._workspace import open_workspace, store_layer
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_unet._background import Background
    from napari_unet._current import Current, Opened
    from napari_unet._layers import Layers
    from napari_unet._pixels import Channel
    from napari_unet._workspace import Workspace

__all__ = ["Opener"]

_VIEW_MS = 2000


class Opener(QObject):
    """Holds the open project and the image that is shown.

    Signals: ``opened()`` when there is another project; ``shown(before)`` when an
    image came onto the screen, with the id of the one before; ``plane_loaded()``;
    ``missing(image)``; ``busy(text)``; ``problem(source, text)``, empty when it is
    over; ``said(text, level)``.

    Parameters
    ----------
    layers : Layers
        The screen.
    background : Background
        Reads files.
    """

    opened = Signal()
    shown = Signal(str)
    plane_loaded = Signal()
    missing = Signal(str)
    busy = Signal(str)
    problem = Signal(str, str)
    said = Signal(str, str)

    def __init__(
        self, layers: Layers, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._background = background
        self.workspace: Workspace | None = None
        self.current: Current | None = None
        self._turn = 0
        self._loading: set[int] = set()
        self._letting_go = False
        self.keeps: Callable[[], bool] = lambda: False
        """Whether what is in memory is nowhere else, and must not be let go of."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_VIEW_MS)
        self._timer.timeout.connect(self.save_view)
        layers.view_changed.connect(self._timer.start)

    def open(
        self,
        paths: Sequence[Path | str],
        join: bool = False,
        known: dict[str, Any] | None = None,
        task: str = "",
        otherwise: str = "nuclei",
    ) -> None:
        """Open images, folders or a project.

        Parameters
        ----------
        paths : sequence of Path or str
            What to open.
        join : bool
            Add them to the project that is open, if one is.
        known : dict, optional
            How they are read, where nothing else was chosen for them.
        task, otherwise : str
            What is segmented in them, as for `open_workspace`.
        """
        given = [Path(path) for path in paths]
        if not given:
            return
        self.busy.emit("Opening the images")
        self._remember()
        old = self.workspace
        into = old.project.folder if join and old is not None else None
        self._background.run(
            lambda: open_workspace(given, old, into, known, task, otherwise),
            self._on_opened,
            self._on_not_opened,
        )

    def open_other(self, task: str) -> None:
        """Open the project beside this one that segments the same images otherwise."""
        old, current = self.workspace, self.current
        if old is None:
            return
        self.busy.emit("Opening the images")
        self._remember()
        project = old.project
        paths = [(project.folder / image.path).resolve() for image in project.images]
        paths = [path for path in paths if path.exists()]
        at = None if current is None else project.folder / current.entry.path
        self._background.run(
            lambda: open_workspace(paths, old, task=task, at=at),
            self._on_opened,
            self._on_not_opened,
        )

    def open_layer(self, task: str = "", otherwise: str = "nuclei") -> None:
        """Work on the image layers that are selected in napari.

        Several must have come from files, which may have been dropped onto napari.

        Parameters
        ----------
        task, otherwise : str
            What is segmented in it, as for `open_workspace`.
        """
        files = self._layers.selected_files()
        if len(files) > 1:
            self.open(files, task=task, otherwise=otherwise)
            return
        layer = self._layers.selected_image()
        if layer is None:
            self.said.emit("Select an image in napari's list of layers first.", "info")
            return
        path, name, data, size = layer
        if path is not None:
            self.open([path], task=task, otherwise=otherwise)
            return
        self.busy.emit("Storing the layer as an image")
        self._background.run(
            lambda: store_layer(name, data, size),
            lambda stored: self.open([stored], task=task, otherwise=otherwise),
            self._on_not_opened,
        )

    def show(self, image: str, plane: int | None = None) -> None:
        """Bring an image of the project to the screen, at a plane of it."""
        workspace = self.workspace
        if workspace is None:
            return
        self._remember()
        if plane is None:
            view = workspace.view
            plane = view.plane if view.current == image else 0
        wanted = plane
        self._turn += 1
        turn = self._turn
        self.busy.emit("Reading the image")

        def then(opened: Opened) -> None:
            if turn == self._turn and workspace is self.workspace:
                self._on_read(workspace, opened)

        def failed(error: EngineError) -> None:
            self.busy.emit("")
            self.missing.emit(image)
            self.problem.emit("image", str(error))

        self._background.run(
            lambda: read_current(workspace, image, wanted), then, failed
        )

    def load_plane(self) -> None:
        """Read what is recorded of the plane on the screen, if it was not yet."""
        current, workspace, plane = self.current, self.workspace, self._layers.plane
        if current is None or workspace is None:
            return
        if plane in current.loaded or plane in self._loading:
            return
        if current.full and not self._layers.stroke_in_progress and not self.keeps():
            self._show_alone(workspace, current, plane)
            return
        self._loading.add(plane)

        def then(marks: NDArray[np.uint8]) -> None:
            if current is not self.current:
                return
            self._loading.discard(plane)
            current.truth.set_loaded(plane)
            rows, columns = current.pixels.plane_shape
            self._layers.update(plane, (slice(0, rows), slice(0, columns)), marks)
            self.plane_loaded.emit()

        def failed(error: EngineError) -> None:
            self._loading.discard(plane)
            self.problem.emit("image", str(error))

        self._background.run(
            lambda: load_plane(workspace.journal, current, plane), then, failed
        )

    def _show_alone(self, workspace: Workspace, current: Current, plane: int) -> None:
        """Show a plane of the image on the screen, and let go of its others."""
        if self._letting_go:
            return
        self._letting_go = True
        self.busy.emit("Reading the image")

        def then(opened: Opened) -> None:
            self._letting_go = False
            if current is not self.current:
                return
            if plane == self._layers.plane:
                self._on_read(workspace, opened)
            else:  # it went on meanwhile
                self.busy.emit("")
                self.load_plane()

        def failed(error: EngineError) -> None:
            self._letting_go = False
            self.busy.emit("")
            self.problem.emit("image", str(error))

        image, pixels = current.entry.id, current.pixels
        self._background.run(
            lambda: read_current(workspace, image, plane, pixels), then, failed
        )

    def known(self, image: str | None = None) -> dict[str, Any]:
        """Give what is remembered of an image, by default the one on the screen."""
        if image is None and self.current is not None:
            image = self.current.entry.id
        if self.workspace is None or not image:
            return {}
        return self.workspace.view.of(image)

    def note(self) -> None:
        """Something of the view changed: store it soon."""
        self._timer.start()

    def save_view(self) -> None:
        """Store where the user is."""
        workspace = self.workspace
        if workspace is None:
            return
        self._remember()
        try:
            workspace.view.save(workspace.project.folder)
        except EngineError as error:
            self.problem.emit("view", str(error))
        else:
            self.problem.emit("view", "")

    def save(self) -> None:
        """Store everything now."""
        self.save_view()
        if self.workspace is not None:
            try:
                self.workspace.journal.flush()
            except EngineError as error:
                self.problem.emit("flush", str(error))
            else:
                self.problem.emit("flush", "")

    def close(self) -> None:
        """Let go of the project; all that can be stored is."""
        self._timer.stop()
        workspace, self.workspace, self.current = self.workspace, None, None
        if workspace is not None:
            try:
                workspace.close()
            except EngineError as error:
                self.said.emit(str(error), "error")

    def _on_opened(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.current = None
        for sentence in workspace.said:
            self.said.emit(sentence, "warning")
        self.opened.emit()
        self.show(workspace.first)

    def _on_not_opened(self, error: EngineError) -> None:
        self.busy.emit("")
        if self.workspace is not None and self.workspace.closed:
            # It was closed for one that then could not be opened.
            folder, self.workspace = self.workspace.project.folder, None
            self.current = None
            self.open([folder])
        self.problem.emit("image", str(error))
        self.said.emit(str(error), "error")

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
        if isinstance(contrast, list) and len(contrast) == 2:
            pixels = replace(pixels, contrast=(float(contrast[0]), float(contrast[1])))
        name = Path(current.entry.path).name
        self._layers.show(name, pixels, opened)
        self._show_channels(current, plane)
        if before != image:
            self._layers.camera = known.get("camera") or {}
        self._layers.go_to_plane(plane)
        self.problem.emit("image", "")
        self.busy.emit("")
        self.shown.emit(before)
        self._timer.start()
        if before:
            but = plane if before == image else None
            self._background.run(
                lambda: forget_image(workspace.journal, before, but),
                lambda _: None,
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
            self.problem.emit("image", str(error))

        self._background.run(
            lambda: with_contrast(channels[number], plane), then, failed
        )

    def _remember(self) -> None:
        """Note where the user is, to be there again."""
        if self.workspace is None or self.current is None:
            return
        view = self.workspace.view
        known = view.of(self.current.entry.id)
        known["camera"] = self._layers.camera
        contrast = self._layers.contrast
        if contrast is not None:
            known["contrast"] = contrast
        view.current, view.plane = self.current.entry.id, self._layers.plane
