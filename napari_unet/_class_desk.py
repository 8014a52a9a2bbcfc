"""The list of tissue classes: named, coloured, added to and taken from by the user."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet._state import ClassRow
from napari_unet._tissue import task_of
from unetloop.class_use import highest_used_class
from unetloop.classes import TissueClass, colour_of
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from napari_unet._background import Background
    from napari_unet._board import Board
    from napari_unet._choices import Choices
    from napari_unet._editor import Editor
    from napari_unet._layers import Layers
    from napari_unet._learner import Learner
    from napari_unet._opener import Opener
    from napari_unet._task import Task
    from napari_unet._tools import Tools

__all__ = ["ClassDesk", "rows_of"]

_LEAST = 2
_BRUSH_ON_SCREEN = 14  # pixels of the screen


class ClassDesk(QObject):
    """Changes the classes of the open project, and tells whoever must know.

    The project is written at once. Signal: ``said(text, level)``.

    Parameters
    ----------
    layers, opener, editor, tools, learner, choices, board, background
        What it works with.
    """

    said = Signal(str, str)

    def __init__(
        self,
        layers: Layers,
        opener: Opener,
        editor: Editor,
        tools: Tools,
        learner: Learner,
        choices: Choices,
        board: Board,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._opener = opener
        self._editor = editor
        self._tools = tools
        self._learner = learner
        self._choices = choices
        self._board = board
        self._background = background
        layers.hand.brush_changed.connect(self._on_brush_changed)

    def paint(self, number: int) -> None:
        """Give the user a brush for a class, or with 0 the eraser; again: take it."""
        if self._layers.hand.brush == number:
            self._layers.hand.stop_brush()
        else:
            self._tools.arm(f"class {number}" if number else "erase")

    def start_brush(self, number: int) -> None:
        """Give the user a brush that suits the screen: a class has no size."""
        self._layers.hand.start_brush(number, _BRUSH_ON_SCREEN / self._layers.zoom)

    def add(self) -> None:
        """Add a class behind the others, with a name and a colour that are free."""
        classes = self._classes()
        if not classes:
            return
        number = len(classes) + 1
        names = {tissue.name for tissue in classes}
        while f"class {number}" in names:
            number += 1
        colour = colour_of(len(classes))
        self._store((*classes, TissueClass(f"class {number}", colour)))

    def rename(self, number: int, name: str) -> None:
        """Call a class something else.

        Parameters
        ----------
        number : int
            Of the class, from 1.
        name : str
            Not that of another class.
        """
        name, classes = " ".join(name.split()), self._classes()
        if not name or not 1 <= number <= len(classes):
            return
        others = {item.name for at, item in enumerate(classes, 1) if at != number}
        if name in others:
            self.said.emit(f"There is a class called {name} already.", "info")
            return
        self._change(number, name=name)

    def recolour(self, number: int, color: str) -> None:
        """Show a class in another colour, ``"#rrggbb"``."""
        self._change(number, color=color)

    def remove(self, number: int) -> None:
        """Take a class away that was never painted nor learned.

        The numbers of those behind it become lower, so that they must be unused, too.
        """
        workspace, classes = self._opener.workspace, self._classes()
        if workspace is None or not 1 <= number <= len(classes):
            return
        if len(classes) <= _LEAST:
            self.said.emit("There must be two classes at least.", "info")
            return
        project, journal = workspace.project, workspace.journal
        revision = self._editor.revision

        def then(highest: int) -> None:
            if workspace is not self._opener.workspace or self._classes() != classes:
                return
            if revision != self._editor.revision:  # it may have been painted meanwhile
                self.remove(number)
            elif number > highest:
                self._store((*classes[: number - 1], *classes[number:]))
            else:
                which = "It" if number == highest else "It, or one behind it,"
                self.said.emit(
                    f"{classes[number - 1].name} can't be removed. {which} was painted "
                    "or learned, and its number keeps its meaning. Rename it instead.",
                    "info",
                )

        self._background.run(
            lambda: highest_used_class(project, journal), then, self._on_failed
        )

    def _classes(self) -> tuple[TissueClass, ...]:
        workspace = self._opener.workspace
        return workspace.project.classes if workspace is not None else ()

    def _change(self, number: int, **values: str) -> None:
        classes = list(self._classes())
        if 1 <= number <= len(classes):
            try:
                classes[number - 1] = replace(classes[number - 1], **values)
            except EngineError as error:
                self._on_failed(error)
                return
            self._store(tuple(classes))

    def _store(self, classes: tuple[TissueClass, ...]) -> None:
        workspace = self._opener.workspace
        if workspace is None or classes == workspace.project.classes:
            return
        try:
            workspace.project.set_classes(classes)
        except EngineError as error:
            self._on_failed(error)
            return
        self._tell(task_of(classes))

    def _tell(self, task: Task) -> None:
        """Let everybody have the classes as they are now."""
        if self._opener.current is not None:
            self._opener.current.truth.task = task
        others = len(task.classes) != len(self._learner.task.classes)
        self._tools.take(task)
        self._learner.take(task)
        self._layers.recolour()
        self._board.update(classes=rows_of(task))
        if others and self._board.state.shown.probabilities:
            self._choices.set_probabilities(True)

    def _on_brush_changed(self) -> None:
        classes = self._learner.task.classes
        self._board.update(brush=self._layers.hand.brush if classes else None)

    def _on_failed(self, error: EngineError) -> None:
        self.said.emit(str(error), "error")


def rows_of(task: Task) -> tuple[ClassRow, ...]:
    """List the classes of a task as panels show them."""
    return tuple(
        ClassRow(tissue.name, tissue.color, task.keys.get(f"class {number}", ""))
        for number, tissue in enumerate(task.classes, 1)
    )
