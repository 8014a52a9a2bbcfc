"""Predicted fields become proposals: labelled and placed elsewhere, shown here."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_unet._placing import Labelled, cut, label_field, place
from unetloop.errors import EngineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet._background import Background
    from napari_unet._current import Current
    from napari_unet._editor import Editor
    from napari_unet._fields import StoredMaps
    from napari_unet._layers import Layers
    from napari_unet._placing import Placed
    from unetloop.config import InstanceConfig
    from unetloop.journal import Journal

__all__ = ["Proposals"]

_KEEP_MS = 1000


class Proposals(QObject):
    """Puts proposals where nobody has looked, one field after the other.

    Signals: ``shown()`` when some came onto the screen; ``dropped(Labelled, why)`` when
    those of a field will not, since another image came (no ``why``) or something went
    wrong; ``problem(text)`` when some could not be made anew.

    Parameters
    ----------
    layers, editor, background
        What it works with.
    """

    shown = Signal()
    dropped = Signal(object, str)
    problem = Signal(str)

    def __init__(
        self,
        layers: Layers,
        editor: Editor,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._editor = editor
        self._background = background
        self._journal: Journal | None = None
        self._current: Current | None = None
        self._waiting: deque[Labelled] = deque()
        self._placing = False
        self._turn = 0
        self._to_label: deque[StoredMaps] = deque()
        self._labelling = False
        self._keeping = QTimer(self)
        self._keeping.setSingleShot(True)
        self._keeping.setInterval(_KEEP_MS)
        self._keeping.timeout.connect(self._keep)
        layers.hand.released.connect(self._place_next)
        # They waited for it. Later, for it may have been stored by what places them.
        editor.stored.connect(self._place_next, Qt.ConnectionType.QueuedConnection)

    @property
    def waits(self) -> bool:
        """Whether some wait, for the user to finish a stroke for instance."""
        return bool(self._waiting or self._to_label) or self._placing

    def open(self, journal: Journal | None) -> None:
        """Work with another journal, or with none."""
        self._journal = journal
        self._waiting.clear()
        self.show(None)

    def show(self, current: Current | None) -> None:
        """Work on another image."""
        self._current = current
        self._turn += 1
        self._to_label.clear()

    def add(self, labelled: Labelled) -> None:
        """Show a field's proposals as soon as the user does not paint."""
        self._waiting.append(labelled)
        self._place_next()

    def label_again(
        self, plane: int, maps: list[StoredMaps], instances: InstanceConfig
    ) -> None:
        """Make the proposals of a plane anew; what was to be made before is not.

        Parameters
        ----------
        plane : int
            Which plane of the image on the screen.
        maps : list of StoredMaps
            Of its fields, in the order in which they are shown.
        instances : InstanceConfig
            How.
        """
        self._turn += 1
        self._to_label = deque(maps)
        self._again = plane, instances
        if not self._labelling:
            self._label_next()

    def _label_next(self) -> None:
        current = self._current
        if not self._to_label or current is None:
            return
        self._labelling = True
        turn, (plane, instances) = self._turn, self._again
        stored = self._to_label[0]

        def work() -> NDArray[np.int32]:
            return self._background.worker.call(
                label_field,
                current.truth.task,
                stored.maps,
                instances,
                stored.diameter,
            )

        def then(labels: NDArray[np.int32]) -> None:
            self._labelling = False
            if turn == self._turn:
                self._to_label.popleft()
                self.add(Labelled(current.entry.id, plane, stored.field, labels))
            self._label_next()

        def failed(error: EngineError) -> None:
            self._labelling = False
            if turn == self._turn:
                self._to_label.clear()
                self.problem.emit(str(error))
            self._label_next()

        self._background.run(work, then, failed)

    def _place_next(self) -> None:
        """Put proposals onto the screen, unless the user is painting."""
        if self._placing or self._layers.hand.stroke_in_progress:
            return
        if self._waiting and (not self._editor.unstored or self._editor.store()):
            self._place(self._waiting.popleft())

    def _place(self, new: Labelled) -> None:
        """Find elsewhere what a field becomes; take it if nothing came between."""
        current, journal = self._current, self._journal
        if current is None or journal is None or current.entry.id != new.image:
            self.dropped.emit(new, "")
            self._place_next()
            return
        self._placing = True
        revision = self._editor.revision

        def then(placed: Placed) -> None:
            self._placing = False
            if current is self._current and new.plane in current.loaded:
                late = self._editor.revision != revision
                if late or self._layers.hand.stroke_in_progress:
                    self._waiting.appendleft(new)
                else:
                    self._show(journal, current, new, placed)
            elif journal is self._journal:
                self.dropped.emit(new, "")
            self._place_next()

        def failed(error: EngineError) -> None:
            self._placing = False
            if journal is self._journal:
                self.dropped.emit(new, str(error))
            self._place_next()

        self._background.run(
            lambda: self._background.worker.call(place, cut(current.truth, new)),
            then,
            failed,
        )

    def _show(
        self, journal: Journal, current: Current, new: Labelled, placed: Placed
    ) -> None:
        rows, columns = placed.window
        corner = rows.start, columns.start
        try:
            journal.propose(current.entry, placed.plane, corner, placed.segmentation)
        except EngineError as error:
            self.dropped.emit(new, str(error))
            return
        current.truth.write(
            "segmentation", placed.plane, placed.window, placed.segmentation
        )
        as_shown = placed.width == current.truth.width(placed.plane)
        marks = placed.marks if as_shown else None  # one has zoomed meanwhile
        self._layers.update(placed.plane, placed.window, marks)
        if not current.truth.task.classes:
            self._layers.hand.keep_number_free(placed.before, placed.after)
        self._keeping.start()
        self.shown.emit()

    def _keep(self) -> None:
        """Make safe what is shown, lest who reviews it waits for that."""
        journal, current = self._journal, self._current
        if journal is not None and current is not None:
            image, plane = current.entry.id, self._layers.plane
            self._background.run(
                lambda: journal.keep_proposals(image, plane),
                lambda _: None,
                lambda error: None,  # it is tried again, and said, with a review
            )
