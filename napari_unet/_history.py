"""Corrections taken back, and made again, whenever they were made."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from napari_unet._background import Background
    from unetloop.journal import Journal

__all__ = ["History"]


class History(QObject):
    """Goes back and forth in a journal, without waiting for the disk.

    Signals: ``stepped(edits, back)`` when a step was taken: its edits, in the order in
    which they were; ``problem(text)``. ``can_undo`` and ``can_redo`` say whether there
    is something to.

    Parameters
    ----------
    background : Background
        Reads planes that are not in memory.
    """

    stepped = Signal(object, bool)
    problem = Signal(str)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._journal: Journal | None = None
        self._due: deque[bool] = deque()  # the first one may be waiting for its planes
        self.can_undo = self.can_redo = False

    def open(self, journal: Journal | None) -> None:
        """Go back and forth in another journal, or in none."""
        self._journal = journal
        self.look()

    def look(self) -> None:
        """See what there is to undo and to redo: not anew for each step of a training.

        Steps that wait are given up: they were meant of what had been done until then.
        """
        self._due = deque()
        journal = self._journal
        try:
            self.can_undo = journal is not None and journal.can_undo
            self.can_redo = journal is not None and journal.can_redo
        except EngineError as error:
            self.problem.emit(str(error))

    def step(self, back: bool) -> None:
        """Take a step back or forth, once the planes that it needs are in memory."""
        self._due.append(back)
        if len(self._due) == 1:
            self._go_on()

    def _go_on(self) -> None:
        journal, due = self._journal, self._due
        if journal is None or not due:
            return
        back = due[0]

        def take(_: None = None) -> None:
            if due is not self._due:
                return
            try:
                edits = journal.undo() if back else journal.redo()
            except EngineError as error:
                failed(error)
                return
            later = list(due)[1:]
            self.look()
            self._due.extend(later)
            if edits:
                self.stepped.emit(edits, back)
            self._go_on()

        def failed(error: EngineError) -> None:
            if due is self._due:
                self._due = deque()
                self.problem.emit(str(error))

        try:
            read = journal.is_read(back)
        except EngineError as error:
            failed(error)
            return
        if read:
            take()
        else:
            self._background.run(lambda: journal.read_ahead(back), take, failed)
