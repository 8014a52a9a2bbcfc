"""Corrections: into the journal first, then onto the screen, and back again."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._history import History
from unetloop.edits import Edit
from unetloop.errors import EngineError
from unetloop.numbering import free_number
from unetloop.proposals import where_most_is_left

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from napari_unet._background import Background
    from napari_unet._current import Current
    from napari_unet._layers import Layers
    from unetloop.corrections import Change
    from unetloop.journal import Journal
    from unetloop.pieces import Window

__all__ = ["Editor"]

_RETRY_MS = 10_000


class Editor(QObject):
    """Applies corrections to the image on the screen.

    Signals: ``corrected(action)`` after each; ``stored()`` when what had to wait was
    stored; ``moved(image, plane)`` when what was undone lies elsewhere;
    ``problem(text)``, empty when it is over.

    ``saved`` says in words when a correction was stored last; empty: none was yet.
    ``reason`` is why they could not be stored then; empty: they could. Its
    ``revision`` counts what was done to the planes; ``last`` lists the planes and
    rectangles of what was done last, and ``outdated`` says whether they hold proposals
    older than those round them; ``history`` knows what can be taken back.

    Parameters
    ----------
    layers : Layers
        The screen.
    background : Background
        Reads what is to be taken back, where it is not in memory.
    """

    corrected = Signal(str)
    stored = Signal()
    undone = Signal()
    moved = Signal(str, int)
    problem = Signal(str)

    def __init__(
        self, layers: Layers, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._journal: Journal | None = None
        self._current: Current | None = None
        self._unstored: deque[tuple[str, list[Edit]]] = deque()
        self.saved = ""
        self.reason = ""
        self.revision = 0
        self.last: list[tuple[int, Window]] = []
        self.outdated = False
        self.history = History(background, self)
        self.history.stepped.connect(self._on_stepped)
        self.history.problem.connect(self.problem)
        self._retry = QTimer(self)
        self._retry.setInterval(_RETRY_MS)
        self._retry.timeout.connect(self.store)
        layers.painted.connect(self._on_painted)
        layers.replaced.connect(self._on_replaced)

    @property
    def unstored(self) -> bool:
        """Whether corrections wait for the journal."""
        return bool(self._unstored)

    @property
    def waiting(self) -> list[tuple[str, list[Edit]]]:
        """Action and edits of those that do, oldest first."""
        return list(self._unstored)

    def open(
        self,
        journal: Journal | None,
        waiting: Sequence[tuple[str, list[Edit]]] = (),
    ) -> None:
        """Work with another journal, or with none, or go on with the same.

        Parameters
        ----------
        journal : Journal, optional
            Of the project.
        waiting : sequence
            Action and edits of corrections that another journal has to take yet.
        """
        self.store()
        other = journal is not self._journal
        if other:
            self._unstored.clear()
            self._retry.stop()
            self.saved = ""
        self._journal = journal
        self._current = None
        if other and waiting:
            self._unstored.extend(waiting)
            self._retry.start()
            self.store()
        self.history.open(journal)

    def show(self, current: Current) -> None:
        """Work on another image."""
        self._current = current
        for plane in sorted(current.loaded):
            self.restore(plane)

    def restore(self, plane: int) -> None:
        """Bring back onto a plane, once it was read, what could not be stored yet."""
        current = self._current
        for _, edits in self._unstored:
            for edit in edits:
                if current and (edit.image, edit.plane) == (current.entry.id, plane):
                    self._paste(current, edit)

    def correct(self, tool: str, where: Any) -> bool:
        """Apply a tool; say whether there was something to correct."""
        current, plane = self._current, self._layers.plane
        if current is None or plane not in current.loaded:
            return False
        truth = current.truth
        correct = truth.task.corrections.get(tool)
        if correct is None:
            return False
        change = correct(truth.segmentation[plane], truth.review[plane], where)
        if change is None:
            return False
        self._apply(plane, change)
        return True

    def accept_view(self) -> tuple[float, float] | None:
        """Say that all in view is right; give where most is left on the plane."""
        current, plane = self._current, self._layers.plane
        visible = self._layers.visible
        if current is None or visible is None or plane not in current.loaded:
            return None
        self.correct("box", visible)
        truth = current.truth
        return where_most_is_left(
            truth.segmentation[plane], truth.review[plane], visible
        )

    def free_number(self) -> int:
        """Give a number that no nucleus of the plane on the screen has."""
        current, plane = self._current, self._layers.plane
        return 1 if current is None else free_number(current.truth.segmentation[plane])

    def undo(self) -> None:
        """Take the last correction back, whenever it was made."""
        if self.store():
            self.history.step(back=True)

    def redo(self) -> None:
        """Make the correction again that was taken back last."""
        if self.store():
            self.history.step(back=False)

    def store(self) -> bool:
        """Store what could not be stored; say whether nothing is left."""
        if self._journal is None:
            return not self._unstored
        try:
            while self._unstored:
                self._journal.record(*self._unstored[0])
                self._unstored.popleft()
                self.saved = time.strftime("at %H:%M:%S")
        except EngineError as error:
            self._retry.start()
            # There is little room: what to do is more than where.
            self.reason = f"{error.what} {error.todo}".strip()
            self.problem.emit(f"Not stored yet, it stays on the screen: {self.reason}")
            return False
        self.reason = ""
        late = self._retry.isActive()
        self._retry.stop()
        self.problem.emit("")
        if late:
            self.revision += 1  # what was read meanwhile may lack it
            self.history.look()
            self.stored.emit()
        return True

    def _on_stepped(self, edits: Sequence[Edit], back: bool) -> None:
        self.revision += 1
        self.last, self.outdated = [], False
        current = self._current
        for edit in edits:
            if current is not None and edit.image == current.entry.id:
                self._paste(current, edit, back)
        first = edits[0]
        elsewhere = current is None or first.image != current.entry.id
        if elsewhere or first.plane != self._layers.plane:
            self.moved.emit(first.image, first.plane)
        self.undone.emit()

    def _paste(self, current: Current, edit: Edit, back: bool = False) -> None:
        if edit.plane not in current.loaded:
            return
        values, left = (edit.before, edit.after)[:: 1 if back else -1]
        window = (
            slice(edit.row, edit.row + values.shape[0]),
            slice(edit.column, edit.column + values.shape[1]),
        )
        nuclei = edit.array == "segmentation"
        now = current.truth.segmentation[edit.plane][window]
        self.outdated |= nuclei and not np.array_equal(now, left)
        current.truth.write(edit.array, edit.plane, window, values)
        self.last.append((edit.plane, window))
        self._layers.update(edit.plane, window, nuclei=nuclei)

    def _apply(self, plane: int, change: Change) -> None:
        current = self._current
        if current is None:
            return
        self.revision += 1
        window = change.window
        self.last = [(plane, window)]
        edits = []
        for name, array, after in (
            ("segmentation", current.truth.segmentation, change.segmentation),
            ("review", current.truth.review, change.review),
        ):
            before = array[plane][window]
            # A part that a correction leaves alone may be a view: nothing to compare.
            same = np.may_share_memory(before, after)
            if not same and not np.array_equal(before, after):
                where = (plane, name, change.row, change.column)
                edits.append(Edit(current.entry.id, *where, before.copy(), after))
                current.truth.write(name, plane, window, after)
        if edits:
            self._unstored.append((change.action, edits))
            self.store()
        same = np.may_share_memory(current.truth.segmentation, change.segmentation)
        self._layers.update(plane, window, nuclei=not same)
        if edits:
            self.history.look()
            self.corrected.emit(change.action)

    def _on_painted(self, plane: int, window: Window, stroke: Any = None) -> None:
        current = self._current
        painted = self._layers.painted_plane(plane)
        if current is None or painted is None:
            return
        if plane not in current.loaded:  # another plane, not read yet
            self._layers.update(plane, window)
            return
        truth = current.truth
        change = truth.task.painted(
            truth.segmentation[plane], truth.review[plane], painted, window, stroke
        )
        if change is not None:
            self._apply(plane, change)
        else:  # what was painted means nothing
            self._layers.update(plane, window)
        count = len(truth.task.classes)
        if stroke is not None and stroke.max() > count:
            self.problem.emit(
                f"There is no class {stroke.max()}. Add it to the list, or choose one "
                "of the list to paint."
            )

    def _on_replaced(self) -> None:
        """Take over what another plug-in made of the nuclei, if it has their size."""
        current, layer = self._current, self._layers.nuclei
        if current is None or layer is None:
            return
        shape = (*current.pixels.lead, *current.pixels.plane_shape)
        if layer.data.shape != shape or not isinstance(layer.data, np.ndarray):
            self._layers.put_back()
            self.problem.emit(
                "The nuclei were given data of another size; they are as before. "
                "Give them labels of the image's own size."
            )
            return
        rows, columns = current.pixels.plane_shape
        whole = slice(0, rows), slice(0, columns)
        for plane in sorted(current.loaded):
            self._on_painted(plane, whole)
        self._layers.put_back()
