"""Where the user is in a project: noted while images are shown, stored now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from napari_unet._background import Background
    from napari_unet._layers import Layers
    from napari_unet._stage import Stage
    from napari_unet._workspace import Workspace

__all__ = ["Bookmark"]

_VIEW_MS = 2000


class Bookmark(QObject):
    """Keeps the view of the open project up to date, in memory and on the disk.

    Signal: ``problem(text)``, empty when it is over.

    Parameters
    ----------
    layers, stage, background
        What it works with.
    """

    problem = Signal(str)

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
        self._workspace: Workspace | None = None
        self._saving = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_VIEW_MS)
        self._timer.timeout.connect(self._save_beside)
        layers.view_changed.connect(self._timer.start)
        stage.shown.connect(self._timer.start)

    def open(self, workspace: Workspace | None) -> None:
        """Lie in another project, or in none."""
        self._workspace = workspace
        if workspace is None:
            self._timer.stop()

    def known(self, image: str | None = None) -> dict[str, Any]:
        """Give what is remembered of an image, by default the one on the screen."""
        current = self._stage.current
        if image is None and current is not None:
            image = current.entry.id
        if self._workspace is None or not image:
            return {}
        return self._workspace.view.of(image)

    def remember(self) -> None:
        """Note where the user is, to be there again."""
        workspace, current = self._workspace, self._stage.current
        if workspace is None or current is None:
            return
        view = workspace.view
        known = view.of(current.entry.id)
        contrast = self._layers.contrast
        if contrast is not None:
            known["contrast"] = contrast
        view.current = current.entry.id
        if self._layers.in_sight:  # else the view is of something that covers it
            known["camera"] = self._layers.camera
            view.plane = known["plane"] = self._layers.plane

    def note(self) -> None:
        """Something of the view changed: store it soon."""
        self._timer.start()

    def save(self) -> None:
        """Store where the user is, now."""
        workspace = self._workspace
        if workspace is None:
            return
        self.remember()
        try:
            workspace.view.save(workspace.project.folder)
        except EngineError as error:
            self.problem.emit(str(error))
        else:
            self.problem.emit("")

    def _save_beside(self) -> None:
        """Store where the user is, in a thread: a disk may take its time."""
        workspace = self._workspace
        if workspace is None:
            return
        if self._saving:  # one after the other, the last one last
            self._timer.start()
            return
        self._saving = True
        self.remember()
        text = workspace.view.dump()

        def ended(said: str = "") -> None:
            self._saving = False
            if workspace is self._workspace:
                self.problem.emit(said)

        self._background.run(
            lambda: workspace.write_view(text),
            lambda _: ended(),
            lambda error: ended(str(error)),
        )
