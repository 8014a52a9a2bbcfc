"""Opens projects, and notes where the user is in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._workspace import open_workspace, store_layer
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet._background import Background
    from napari_unet._current import Current
    from napari_unet._layers import Layers
    from napari_unet._stage import Stage
    from napari_unet._workspace import Workspace

__all__ = ["Opener"]

_VIEW_MS = 2000


class Opener(QObject):
    """Holds the open project, and has its images shown.

    Signals: ``opened()`` when there is another project; ``busy(text)``;
    ``problem(source, text)``, empty when it is over; ``said(text, level)``.

    Parameters
    ----------
    layers : Layers
        The screen.
    stage : Stage
        Shows images.
    background : Background
        Reads files.
    """

    opened = Signal()
    busy = Signal(str)
    problem = Signal(str, str)
    said = Signal(str, str)

    def __init__(
        self,
        layers: Layers,
        stage: Stage,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._stage = stage
        self._background = background
        self.workspace: Workspace | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_VIEW_MS)
        self._timer.timeout.connect(self.save_view)
        layers.view_changed.connect(self._timer.start)
        stage.shown.connect(self._timer.start)

    @property
    def current(self) -> Current | None:
        """The image on the screen; None while there is none."""
        return self._stage.current

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
        """Bring an image of the project to the screen, where it was left."""
        if self.workspace is None:
            return
        self._remember()
        view = self.workspace.view
        if plane is None:
            plane = view.plane if view.current == image else 0
        self._stage.show(image, plane)

    def read_anew(self, channel: str) -> None:
        """Show the image on the screen by another channel, whose contrast is its own.

        Parameters
        ----------
        channel : str
            Of this image, and of others that were shown by the same one as this, or
            for which none was chosen; empty: as is guessed.
        """
        workspace, current = self.workspace, self.current
        if workspace is None or current is None:
            return
        self._remember()
        view = workspace.view
        before = view.of(current.entry.id).get("channel")
        view.of(current.entry.id)["channel"] = view.channel = channel
        for image, known in view.images.items():
            if image == current.entry.id or (before and known.get("channel") == before):
                known["channel"] = channel
                known.pop("contrast", None)
        self._stage.show(current.entry.id, self._layers.plane)

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
        workspace, self.workspace = self.workspace, None
        self._stage.open(None)
        if workspace is not None:
            try:
                workspace.close()
            except EngineError as error:
                self.said.emit(str(error), "error")

    def _on_opened(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._stage.open(workspace)
        for sentence in workspace.said:
            self.said.emit(sentence, "warning")
        self.opened.emit()
        self.show(workspace.first)

    def _on_not_opened(self, error: EngineError) -> None:
        self.busy.emit("")
        if self.workspace is not None and self.workspace.closed:
            # It was closed for one that then could not be opened.
            folder, self.workspace = self.workspace.project.folder, None
            self._stage.open(None)
            self.open([folder])
        self.problem.emit("image", str(error))
        self.said.emit(str(error), "error")

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
