"""Keeps corrections elsewhere that their own project had no room for."""

from __future__ import annotations

import hashlib
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet._workspace import user_folder
from unetloop.edit_log import EditLog
from unetloop.edits import Edit
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet._editor import Editor
    from napari_unet._workspace import Workspace
    from unetloop.journal import Journal

__all__ = ["Rescue"]


class Rescue(QObject):
    """Lets an editor work on a project, and sees to what that has no room for.

    Signal: ``said(text, level)``.

    Parameters
    ----------
    editor : Editor
        Whose corrections they are.
    """

    said = Signal(str, str)

    def __init__(self, editor: Editor, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._editor = editor
        self._folder: Path | None = None
        self._journal: Journal | None = None
        editor.stored.connect(self._on_stored)

    def open(self, workspace: Workspace) -> None:
        """Work on a project, with what it could not take before."""
        if workspace.journal is not self._journal:
            self._leave()
        self._folder, self._journal = workspace.project.folder, workspace.journal
        waiting: list[tuple[str, list[Edit]]] = []
        try:
            path = _path_for(self._folder)
            if path.exists():
                with closing(EditLog(path)) as log:
                    waiting = log.steps()
        except EngineError as error:
            self.said.emit(str(error), "warning")
        self._editor.open(workspace.journal, waiting)
        if waiting:
            self.said.emit(
                "The corrections that could not be stored when napari was closed are "
                "back.",
                "info",
            )

    def _leave(self) -> None:
        """Leave a project; its disk may have become full while another was opened."""
        if not self._editor.store() and self.close():
            self.said.emit(
                "The last corrections could not be stored in their project. They are "
                "kept: open these images again, and they are back.",
                "warning",
            )

    def close(self) -> bool:
        """Keep what can't be stored in the user's own folder: it may be elsewhere.

        Returns
        -------
        bool
            Whether something had to be kept, and is.
        """
        if self._folder is None or not self._editor.unstored:
            return False
        path = _path_for(self._folder)
        fresh = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            with closing(EditLog(fresh)) as log:
                for action, edits in self._waiting():
                    log.add(action, edits)
            fresh.replace(path)  # what was kept before is there until all is
        except (EngineError, OSError) as error:
            self.said.emit(f"The last corrections could not be kept: {error}", "error")
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            return False
        return True

    def _waiting(self) -> list[tuple[str, list[Edit]]]:
        """List what waits, behind the nuclei that its reviews speak of.

        The masks of those have no room, either. They are as they were before all of it:
        put in later, they would undo what was done to them first.
        """
        (action, edits), *later = self._editor.waiting
        all_of_it = [*edits, *(edit for _, some in later for edit in some)]
        patches = self._journal.under(all_of_it) if self._journal is not None else []
        before = [
            Edit(
                *(patch.image, patch.plane, "segmentation", patch.row, patch.column),
                *(patch.values, patch.values),
            )
            for patch in patches
        ]
        return [(action, [*before, *edits]), *later]

    def _on_stored(self) -> None:
        if self._folder is not None:
            with suppress(OSError):  # kept twice, it is stored twice: the same pixels
                _path_for(self._folder).unlink(missing_ok=True)


def _path_for(project: Path) -> Path:
    name = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:16]
    return user_folder() / "unstored" / f"{name}.sqlite"
