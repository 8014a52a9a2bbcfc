"""What the user wants to work on: images, a layer, or the same images otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet._models import Models

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari.layers import Labels

    from napari_unet._board import Board
    from napari_unet._editor import Editor
    from napari_unet._layers import Layers
    from napari_unet._opener import Opener
    from napari_unet._tools import Tools

__all__ = ["Entrance"]


class Entrance(QObject):
    """Has projects opened, once the corrections in the one that is open are stored.

    Signal: ``said(text, level)``.

    Parameters
    ----------
    layers, tools, opener, editor, board
        What it works with.
    """

    said = Signal(str, str)

    def __init__(
        self,
        layers: Layers,
        tools: Tools,
        opener: Opener,
        editor: Editor,
        board: Board,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._tools = tools
        self._opener = opener
        self._editor = editor
        self._board = board
        self._task = ""  # chosen for images that are to be opened
        opener.opened.connect(self._on_opened)

    def open(self, paths: Sequence[Path | str]) -> None:
        """Open images, folders or a project."""
        if self._leave():
            now = self._board.state.task
            self._opener.open(paths, task=self._task, otherwise=now)

    def set_task(self, task: str) -> None:
        """Segment ``"nuclei"`` or ``"classes"``: in these images, and the next ones."""
        workspace = self._opener.workspace
        other = workspace is not None and task != workspace.project.task
        if other and not self._leave():
            return
        self._task = task
        if workspace is None:
            names = Models(task=task).names()
            self._board.update(task=task, models=names, model=next(iter(names), ""))
        elif other:
            self._opener.open_other(task)

    def fix(self, paths: Sequence[Path], known: dict[str, Any]) -> None:
        """Take images into the project that is open, or one beside them, to correct.

        Parameters
        ----------
        paths : sequence of Path
            Images; the first one is shown.
        known : dict
            ``channel`` and ``diameter`` that they were predicted by, and ``task``:
            another project than the one that is open, if it segments something else.
        """
        if not self._leave():
            return
        now = self._board.state.task
        reading = {name: value for name, value in known.items() if name != "task"}
        task = str(known.get("task") or now)
        join = task == now
        self._opener.open(paths, join, reading, "" if join else task, task)

    def use_layer(self) -> None:
        """Work on the image layer that is selected in napari, or take its labels."""
        labels, state = self._layers.users.labels(), self._board.state
        if labels is not None and not state.classes:
            self._take_labels(labels)
        elif self._leave():
            self._opener.open_layer(self._task, state.task)

    def _take_labels(self, labels: Labels) -> None:
        """Take the user's own labels as right, in the image on the screen."""
        self._tools.disarm()
        current = self._opener.current
        if current is None:
            text = "Open the image that the labels are of, then select them again."
        elif self._layers.plane not in current.loaded:
            text = "This plane is still being read. Select the labels again then."
        elif not self._layers.take_labels(labels):
            size = " × ".join(str(side) for side in labels.data.shape)
            text = f"These labels ({size}) have another size than the image shown."
        else:
            name = labels.name
            text = f"The nuclei of {name} are taken as right; Ctrl+Z takes that back."
        self.said.emit(text, "info")

    def _leave(self) -> bool:
        """Get ready for another project; false: corrections can't be stored yet."""
        self._tools.disarm()
        if self._editor.store():
            return True
        self.said.emit(
            "The last corrections can't be stored yet, and opening other images would "
            "lose them. Make room on the disk or connect the drive, then try again.",
            "warning",
        )
        return False

    def _on_opened(self) -> None:
        self._layers.users.step_back()
        self._task = ""
