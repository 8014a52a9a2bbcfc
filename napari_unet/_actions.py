"""What each tool and key does, and what follows from a correction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from unetloop.class_corrections import ERASE, painted_class

if TYPE_CHECKING:
    from napari_unet._board import Board
    from napari_unet._choices import Choices
    from napari_unet._class_desk import ClassDesk
    from napari_unet._editor import Editor
    from napari_unet._layers import Layers
    from napari_unet._learner import Learner
    from napari_unet._predictor import Predictor
    from napari_unet._steps import Steps

__all__ = ["Actions"]


class Actions(QObject):
    """Has done what the user wants with a tool.

    Signals: ``corrected()`` when there is something else to count; ``missed(text)``
    when there was nothing to correct, empty with the next action;
    ``said(text, level)``.

    Parameters
    ----------
    layers, editor, predictor, learner, choices, steps, classes, board
        What does it.
    """

    corrected = Signal()
    missed = Signal(str)
    said = Signal(str, str)

    def __init__(
        self,
        layers: Layers,
        editor: Editor,
        predictor: Predictor,
        learner: Learner,
        choices: Choices,
        steps: Steps,
        classes: ClassDesk,
        board: Board,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._editor = editor
        self._predictor = predictor
        self._learner = learner
        self._choices = choices
        self._steps = steps
        self._classes = classes
        self._board = board
        editor.corrected.connect(self._on_corrected)
        editor.stored.connect(self._on_stored)
        editor.undone.connect(self._on_undone)
        editor.moved.connect(steps.go_to)

    def do(self, name: str, where: Any) -> None:
        """Do what a tool is for.

        Parameters
        ----------
        name : str
            Of the tool.
        where : Any
            Where it was used, as `Tools` says it; None: nowhere in particular.
        """
        self._layers.ensure()
        self.missed.emit("")
        if name == "new":
            diameter = self._predictor.diameter_found
            size = diameter / 3 if diameter else None
            self._layers.hand.start_brush(self._editor.free_number(), size)
        elif name == "erase" or painted_class(name):
            self._classes.start_brush(painted_class(name))
        elif name == "undo":
            self._editor.undo()
        elif name == "redo":
            self._editor.redo()
        elif name == "outlines":
            self._choices.set_outlines(not self._board.state.shown.outlines)
        elif name == "next":
            self._steps.next()
        elif name == "previous":
            self._steps.previous()
        elif name != "box":
            if not self._editor.correct(name, where):
                self.missed.emit(f"Nothing to {name} there")
        # What nobody could see would be learned as empty background.
        elif not self._say_what_is_missing(where is None):
            self._accept(where)

    def _accept(self, where: Any) -> None:
        """Take all in view as right, or a box of it."""
        if where is None:
            self._steps.accept_view()
        else:
            self._editor.correct("box", where)

    def _say_what_is_missing(self, all_in_view: bool) -> bool:
        """Say why what is in view can't be right yet; false: nothing is missing."""
        editor, predictor = self._editor, self._predictor
        failed = predictor.failed if all_in_view else ""
        if editor.reason and predictor.waits:
            self.said.emit(
                "What is to be seen here waits until your last corrections are stored. "
                f"{editor.reason} Then press Enter again.",
                "warning",
            )
        elif predictor.coming or predictor.lags or self._board.reading:
            self.said.emit(
                "Not all of it is on the screen yet: say that it is right when it is.",
                "info",
            )
        elif failed:
            self.said.emit(
                f"Not all of this view could be segmented: {failed} It is tried again "
                "now: press Enter when it is on the screen, or mark what is right "
                "all the same with Shift+Enter.",
                "warning",
            )
            predictor.request()
        else:
            return False
        return True

    def _on_corrected(self, action: str) -> None:
        self._learner.corrected()
        if action == ERASE:
            self._predictor.label_again(self._editor.last)
        self.corrected.emit()

    def _on_stored(self) -> None:
        self._learner.corrected()
        self.corrected.emit()

    def _on_undone(self) -> None:
        self._steps.look_at(self._editor.last)
        self._learner.corrected()  # what was redone is learned as what was done
        # A rectangle of old proposals would cut the nuclei that reach into it.
        if self._learner.task.classes or self._editor.outdated:
            self._predictor.label_again(self._editor.last)
        self.corrected.emit()
