"""Opens projects, one after the other, and shows their images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet._bookmark import Bookmark
from napari_unet._layer_file import store_layer
from napari_unet._opening import open_workspace
from napari_unet._words import error_in_words, image_in_words
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_unet._background import Background
    from napari_unet._current import Current
    from napari_unet._layers import Layers
    from napari_unet._opening import Opening
    from napari_unet._stage import Stage
    from napari_unet._workspace import Workspace
    from unetloop.project_images import ProjectImage

__all__ = ["Opener"]


class Opener(QObject):
    """Holds the open project, and has its images shown.

    ``bookmark`` notes where the user is in it.

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
        self._opening = False
        self._wanted: Callable[[Workspace | None], Opening] | None = None
        self._left: list[Workspace] = []
        self._arrived: Workspace | None = None  # but not held yet
        self.bookmark = Bookmark(layers, stage, background, self)
        self.bookmark.problem.connect(partial(self.problem.emit, "view"))
        self._noted: ProjectImage | None = None
        stage.shown.connect(self._say_note)

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

        def work(old: Workspace | None) -> Opening:
            into = old.project.folder if join and old is not None else None
            return open_workspace(given, old, into, known, task, otherwise)

        self._want(work)

    def open_other(self, task: str) -> None:
        """Open the project beside this one that segments the same images otherwise."""
        workspace, current = self.workspace, self.current
        if workspace is None:
            return
        project = workspace.project
        paths = [(project.folder / image.path).resolve() for image in project.images]
        paths = [path for path in paths if path.exists()]
        at = None if current is None else project.folder / current.entry.path
        self._want(lambda old: open_workspace(paths, old, task=task, at=at))

    def open_layer(self, task: str = "", otherwise: str = "nuclei") -> None:
        """Work on the image layers that are selected in napari.

        Several must have come from files, which may have been dropped onto napari.

        Parameters
        ----------
        task, otherwise : str
            What is segmented in it, as for `open_workspace`.
        """
        files = self._layers.users.files()
        if len(files) > 1:
            self.open(files, task=task, otherwise=otherwise)
            return
        layer = self._layers.users.image()
        if layer is None:
            self.said.emit("Select an image in napari's list of layers first.", "info")
            return

        def work(old: Workspace | None) -> Opening:
            path = store_layer(layer)
            return open_workspace([path], old, task=task, otherwise=otherwise)

        self._want(work)

    def show(self, image: str, plane: int | None = None) -> None:
        """Bring an image of the project to the screen, where it was left."""
        if self.workspace is None:
            return
        self.bookmark.remember()
        if plane is None:
            plane = self.workspace.view.plane_of(image)
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
        self.bookmark.remember()
        view = workspace.view
        before = view.of(current.entry.id).get("channel")
        view.of(current.entry.id)["channel"] = view.channel = channel
        for image, known in view.images.items():
            if image == current.entry.id or (before and known.get("channel") == before):
                known["channel"] = channel
                known.pop("contrast", None)
        self._stage.show(current.entry.id, self._layers.plane)

    def flush(self) -> None:
        """Bring the masks up to date, beside the event loop."""
        workspace = self.workspace
        if workspace is not None:
            self._background.run(
                workspace.journal.flush,
                lambda _: self.problem.emit("flush", ""),
                lambda error: self.problem.emit("flush", str(error)),
            )

    def save(self) -> None:
        """Store everything now."""
        self.bookmark.save()
        if self.workspace is not None:
            try:
                self.workspace.journal.flush()
            except EngineError as error:
                self.problem.emit("flush", str(error))
            else:
                self.problem.emit("flush", "")

    def close(self) -> None:
        """Let go of the project; all that can be stored is."""
        mine = *self._left, self.workspace, self._arrived
        self._hold(None)
        for one in filter(None, mine):
            try:
                one.close()
            except EngineError as error:
                self.said.emit(error_in_words(error), "error")

    def _say_note(self) -> None:
        """Say what is to be known of the image, once when it comes to the screen."""
        current = self.current
        if current is None or current.entry == self._noted:
            return
        self._noted, note = current.entry, current.pixels.info.note
        if note:
            name = image_in_words(current.entry.path)
            self.said.emit(f"{name}: {note}", "warning")

    def _want(self, work: Callable[[Workspace | None], Opening]) -> None:
        """Open a project, when none is being opened: of several, the last one."""
        self._wanted = work
        self._open_next()

    def _open_next(self) -> None:
        if self._opening or self._wanted is None:
            return
        work, self._wanted = self._wanted, None
        self._opening = True
        self.problem.emit("image", "")  # of what could not be opened before
        self.busy.emit("Opening the images")
        self.bookmark.remember()
        old, left = self.workspace, tuple(self._left)

        def open_it() -> Opening:
            for workspace in left:  # it may be one of these
                workspace.close()
            opening = work(old)
            self._arrived = opening.workspace
            return opening

        self._background.run(open_it, self._on_opened, self._on_not_opened)

    def _on_opened(self, opening: Opening) -> None:
        self._opening, self._arrived = False, None
        self.bookmark.remember()
        before, workspace = self.workspace, opening.workspace
        opening.take_note()
        self._hold(workspace)
        for sentence in opening.said:
            self.said.emit(sentence, "warning")
        self.opened.emit()
        if before is not None and before is not workspace:
            self._let_go(before)
        self.show(opening.first)
        self._open_next()

    def _hold(self, workspace: Workspace | None) -> None:
        self.workspace = workspace
        self.bookmark.open(workspace)
        self._stage.open(workspace)

    def _let_go(self, workspace: Workspace) -> None:
        """Close a project, only now: it was worked on while the other was opened."""
        self._left.append(workspace)

        def failed(error: EngineError) -> None:
            self._left.remove(workspace)
            self.said.emit(error_in_words(error), "error")

        self._background.run(
            workspace.close, lambda _: self._left.remove(workspace), failed
        )

    def _on_not_opened(self, error: EngineError) -> None:
        self._opening = False
        if self.workspace is not None and self.workspace.closed:  # it was removed
            self._hold(None)
        self.busy.emit("")
        self.problem.emit("image", error_in_words(error))
        self._open_next()
