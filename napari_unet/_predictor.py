"""The field in view: what of it is asked for, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._asker import Asker, Request
from napari_unet._fields import StoredMaps
from napari_unet._maps import Maps
from napari_unet._placing import Labelled, label_field
from napari_unet._proposals import Proposals
from unetloop.boxes import clipped

if TYPE_CHECKING:
    from napari_unet._asker import Answer, Label
    from napari_unet._background import Background
    from napari_unet._current import Current
    from napari_unet._editor import Editor
    from napari_unet._engine import Engine
    from napari_unet._fields import Field
    from napari_unet._layers import Layers
    from unetloop.config import InstanceConfig
    from unetloop.journal import Journal
    from unetloop.pieces import Window

__all__ = ["Predictor"]

_REST_MS = 250
_LIVE_MS = 4000


class Predictor(QObject):
    """Keeps what is in view predicted, one field at a time.

    Signals: ``changed()`` when there is something new to say; ``shown()`` when
    proposals came onto the screen; ``learned(Labelled)`` when a field came that was
    predicted with what is being trained; ``problem(text)``, empty when it is over.

    ``maps`` holds what the network said.

    Parameters
    ----------
    layers, editor, engine, background
        What it works with.
    """

    changed = Signal()
    shown = Signal()
    learned = Signal(object)
    problem = Signal(str)

    def __init__(
        self,
        layers: Layers,
        editor: Editor,
        engine: Engine,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._background = background
        self._current: Current | None = None
        self._model = ""
        self._channel: str | None = None
        self._diameter: float | None = None
        self._found: dict[tuple[str, int], float] = {}
        self._instances: InstanceConfig | None = None  # of what is being read
        self._new = False  # whether what was asked for last was not known before
        self._failed = ""
        self.seconds: float | None = None
        self.live_ms = _LIVE_MS
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.request)
        self._live = QTimer(self)
        self._live.timeout.connect(self._request_live)
        self._asker = Asker(engine, background, labelling=self._labelling, parent=self)
        self._asker.answered.connect(self._on_answered)
        self._asker.failed.connect(self._on_failed)
        self._asker.lost.connect(self.request)
        self._asker.changed.connect(self.changed)
        layers.view_changed.connect(self._rest.start)
        self.proposals = Proposals(layers, editor, background, self)
        self.proposals.shown.connect(self.shown)
        self.proposals.dropped.connect(self._on_dropped)
        self.proposals.problem.connect(self.problem)
        self.maps = Maps(layers, self.proposals, self)

    @property
    def busy(self) -> bool:
        """Whether the field in view is being predicted, and is not known yet."""
        return self._asker.asked is not None and bool(self._asker.asked.model)

    @property
    def coming(self) -> bool:
        """Whether what is in view is not on the screen yet, or not all of it."""
        return self.busy or (self._new and (self._asker.reading or self.waits))

    @property
    def lags(self) -> bool:
        """Whether something that is in view was not even asked for yet."""
        return bool(self._model) and not self._failed and self._wanted() is not None

    @property
    def failed(self) -> str:
        """Why nothing is in a part of the view; empty: something is, or may be soon."""
        wanted = self._wanted() if self._failed else None
        if wanted is None or self._current is None:
            return ""
        top, left, bottom, right = wanted.core
        there = self._current.truth.segmentation[self._layers.plane]
        return "" if there[top:bottom, left:right].any() else self._failed

    @property
    def waits(self) -> bool:
        """Whether proposals wait, for the user to finish a stroke for instance."""
        return self.proposals.waits

    @property
    def diameter_found(self) -> float | None:
        """Diameter that was estimated on the plane on the screen, in pixels."""
        if self._current is None:
            return None
        return self._found.get((self._current.entry.id, self._layers.plane))

    def open(self, journal: Journal | None) -> None:
        """Work with another journal, or with none."""
        self._asker.drop()
        self.proposals.open(journal)
        self._current = None
        self.maps.show(None)
        self.maps.fields.forget()
        self._found.clear()

    def show(
        self, current: Current, channel: str | None, diameter: float | None
    ) -> None:
        """Keep another image predicted."""
        self._asker.drop()
        self._failed = ""
        before = self._current
        if before is not None and before.entry is current.entry:
            if (channel, diameter) != (self._channel, self._diameter):
                self._forget_image(current)
            resized = before.pixels.side != current.pixels.side
            if resized and current.truth.task.classes:  # others may be, too
                self.maps.fields.forget()
        self._current = current
        self.proposals.show(current)
        self.maps.show(current)
        self._channel, self._diameter = channel, diameter
        self.request()

    def use_model(self, location: str) -> None:
        """Predict with another model from now on."""
        if location != self._model:
            self._model = location
            self._asker.drop()
            self.maps.fields.forget()
            self._found.clear()  # it may know better how large nuclei are
            self.request()

    def predict_again(self) -> None:
        """Forget what is known of all fields, and predict what is in view."""
        self._asker.drop()
        self.maps.fields.forget()
        self.request()

    def set_live(self, live: bool) -> None:
        """Predict what is in view every few seconds with what is being trained."""
        if live and not self._live.isActive():
            self._live.start(self.live_ms)
        elif not live and self._live.isActive():
            self._live.stop()

    def label_again(self, where: list[tuple[int, Window]]) -> None:
        """Put proposals back where nobody has looked any more, as `Maps` does.

        While something is learned they come by themselves, and newer ones.
        """
        if not self._live.isActive():
            self.maps.label_again(where)

    def request(self) -> None:
        """Ask for the next field in view that is not known."""
        current, visible = self._current, self._layers.visible
        if current is None or visible is None or not self._model:
            return
        if self._asker.reading:
            return
        plane, image = self._layers.plane, current.entry.id
        if plane not in current.loaded:
            return
        if (asked := self._asker.asked) is not None:
            here = (asked.image, asked.plane) == (image, plane)
            if here and clipped(asked.field.core, visible) is not None:
                return
            self._asker.drop()
        wanted = self._wanted()
        if wanted is not None:
            self._ask(image, plane, wanted, self._model)

    def _wanted(self) -> Field | None:
        """Say what of the view is to be predicted next; None: all of it is known."""
        current, visible = self._current, self._layers.visible
        if current is None or visible is None:
            return None
        plane, image = self._layers.plane, current.entry.id
        shape = current.pixels.plane_shape
        size = self._size(image, plane)
        return self.maps.fields.next(image, plane, shape, visible, size)

    def _request_live(self) -> None:
        current, visible = self._current, self._layers.visible
        if current is None or visible is None:
            return
        if self._asker.asked is not None or self._asker.reading:
            return
        plane, image = self._layers.plane, current.entry.id
        if plane in current.loaded:
            shape = current.pixels.plane_shape
            wanted = self.maps.fields.view(shape, visible, self._size(image, plane))
            self._ask(image, plane, wanted)

    def _size(self, image: str, plane: int) -> float | None:
        return self._diameter or self._found.get((image, plane))

    def _ask(self, image: str, plane: int, wanted: Field, model: str = "") -> None:
        # What learns knows better how large nuclei are than what it began with.
        size = self._size(image, plane) if model else self._diameter
        self._new = bool(model)
        side = self._current.pixels.side if self._current is not None else None
        how = self._channel, size, side
        self._asker.ask(Request(image, plane, wanted, model, *how))

    def _labelling(self) -> Label | None:
        """Give what labels a field as the user wishes; None: as the engine does."""
        current, instances = self._current, self.maps.instances
        self._instances = instances
        if current is None or instances is None:
            return None
        task, worker = current.truth.task, self._background.worker
        return lambda maps, size: worker.call(label_field, task, maps, instances, size)

    def _on_answered(self, answer: Answer) -> None:
        current, asked = self._current, answer.request
        if current is None:
            return
        self._failed = ""
        self.problem.emit("")
        if answer.alone:  # what it took beside a training says little
            self.seconds = answer.seconds
        stored = StoredMaps(asked.field, answer.maps, answer.diameter)
        if asked.model:
            shape = current.pixels.plane_shape
            self.maps.fields.add(asked.image, asked.plane, shape, stored)
            if not current.truth.task.classes:  # those have no diameter
                self._found[asked.image, asked.plane] = answer.diameter
        self.maps.tell(asked.plane, stored)
        new = Labelled(asked.image, asked.plane, asked.field, answer.labels)
        self.proposals.add(new)
        if not asked.model:  # most of the time is for learning
            self._live.setInterval(max(self.live_ms, int(3000 * answer.seconds)))
            self.learned.emit(new)
        elif self.maps.instances != self._instances:  # chosen while it was read
            self.maps.label_with(self.maps.instances)
        self.changed.emit()
        self.request()

    def _on_failed(self, asked: Request, why: str) -> None:
        # Asked again when the view changes, not without end; what learns is, anyway.
        if asked.model:
            self._fail(why)

    def _fail(self, why: str) -> None:
        self._failed = why
        self.problem.emit(why)

    def _on_dropped(self, labelled: Labelled, why: str) -> None:
        """Predict a field again when it is in view: its proposals were not shown."""
        self.maps.fields.forget_field(labelled.image, labelled.plane, labelled.field)
        if why:
            self._fail(why)

    def _forget_image(self, current: Current) -> None:
        for plane in range(current.entry.planes):
            self.maps.fields.forget_plane(current.entry.id, plane)
            self._found.pop((current.entry.id, plane), None)
