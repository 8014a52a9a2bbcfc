"""What "Run all" asks of the loop: what is to be run, and that it is on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet._run_all import everything
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet._background import Background
    from napari_unet._batch_state import Wish
    from napari_unet._board import Board
    from napari_unet._choices import Choices
    from napari_unet._editor import Editor
    from napari_unet._learner import Learner
    from napari_unet._opener import Opener

__all__ = ["RunDesk"]


class RunDesk(QObject):
    """Gets a project ready for a batch over all of its images.

    Signal: ``said(text, level)``.

    Parameters
    ----------
    opener, editor, learner, choices, board, background
        What it works with.
    """

    said = Signal(str, str)

    def __init__(
        self,
        opener: Opener,
        editor: Editor,
        learner: Learner,
        choices: Choices,
        board: Board,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._opener = opener
        self._editor = editor
        self._learner = learner
        self._choices = choices
        self._board = board
        self._background = background

    def everything(self) -> Wish | None:
        """Say what "Run all" would run; None: there is nothing to."""
        workspace, name = self._opener.workspace, self._board.state.model
        if workspace is None or not name:
            return None
        model = self._learner.models.location(name)
        wish = everything(workspace, model, self._choices.instances())
        if not wish.paths:
            self.said.emit(
                "The images were moved or their drive is away. Bring them back, or "
                "open them from where they are now.",
                "warning",
            )
        return wish if wish.paths else None

    def settle(
        self, then: Callable[[], None], failed: Callable[[EngineError], None]
    ) -> None:
        """Have all corrections in the project's files, beside the event loop.

        Parameters
        ----------
        then : callable
            Called when they are.
        failed : callable
            Gets the reason why they are not.
        """
        workspace = self._opener.workspace
        if workspace is None:
            then()
        elif self._editor.store():
            flush = workspace.journal.flush
            self._background.run_in_turn(flush, lambda _: then(), failed)
        else:
            failed(
                EngineError(
                    "The last corrections can't be stored yet, so the results would "
                    "lack them.",
                    todo="Make room on the disk or connect the drive, then try again.",
                )
            )
