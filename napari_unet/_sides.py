"""What models make of a field beside what is shown: asked of the engine, and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_unet._comparing import Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet._background import Background
    from napari_unet._engine import Engine
    from napari_unet._fields import Field
    from unetloop.errors import EngineError

__all__ = ["Sides", "Subject"]


@dataclass(frozen=True)
class Subject:
    """What is compared: two models, on a field of a plane.

    Parameters
    ----------
    image : str
        Its id.
    plane : int
        Its plane.
    field : Field
        The rectangle.
    channel : str, optional
        Chosen by the user.
    diameter : float, optional
        Of a nucleus, in pixels; None: as each model estimates it.
    before, now : str
        Names of the models.
    """

    image: str
    plane: int
    field: Field
    channel: str | None
    diameter: float | None
    before: str
    now: str

    def is_moved(self, other: Subject | None) -> bool:
        """Whether another one is the same but for the field."""
        return other is not None and (
            (self.image, self.plane, self.channel, self.diameter)
            == (other.image, other.plane, other.channel, other.diameter)
            and (self.before, self.now) == (other.before, other.now)
        )


class Sides(QObject):
    """What is known of one subject, by the names of the models.

    Signals: ``came()`` when something else is known, or can be asked for again;
    ``failed(text)`` when it can't be known.

    Parameters
    ----------
    engine, background
        What it works with.
    """

    came = Signal()
    failed = Signal(str)

    def __init__(
        self, engine: Engine, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._background = background
        self.subject: Subject | None = None
        self.known: dict[str, Side] = {}
        self._asked: tuple[str, str] | None = None
        self._reading = self._given_up = False
        engine.received.connect(self._on_event)
        engine.started.connect(self.came)

    @property
    def can_ask(self) -> bool:
        """Whether nothing is on its way, and nothing went wrong with this subject."""
        return self._asked is None and not (self._reading or self._given_up)

    def begin(self, subject: Subject | None) -> None:
        """Know nothing yet, of another subject; what was asked for is not wanted."""
        if self._asked is not None:
            (job, _), self._asked = self._asked, None
            self._engine.cancel(job)
        self.subject, self.known, self._given_up = subject, {}, False

    def ask(self, model: str, location: str) -> None:
        """Have a model predict the field.

        Parameters
        ----------
        model : str
            Its name.
        location : str
            By what the engine knows it.
        """
        subject = self.subject
        if subject is None:
            return
        values: dict[str, Any] = {"model": location, "beside": True}
        if subject.channel:
            values["channel"] = subject.channel
        if subject.diameter:
            values["settings"] = {"diameter": subject.diameter}
        where: dict[str, Any] = {"image": subject.image, "plane": subject.plane}
        box = list(subject.field.box)
        job = self._engine.send("predict_field", box=box, **where, **values)
        self._asked = job, model

    def _on_event(self, event: dict[str, Any]) -> None:
        if self._asked is None or event.get("job") != self._asked[0]:
            return
        kind = event["event"]
        if kind == "FieldPredicted":
            model, self._asked = self._asked[1], None
            self._read(model, event)
        elif kind == "JobDone":  # somebody cancelled it
            self._asked = None
            self.came.emit()
        elif kind == "Failed":
            self._asked = None
            if not event.get("engine_died"):  # the next one is asked again
                self._give_up(str(event.get("message", "")))

    def _read(self, model: str, event: dict[str, Any]) -> None:
        self._reading, subject = True, self.subject
        files = str(event["labels"]), str(event["maps"])
        diameter = float(event["diameter"])

        def work() -> tuple[NDArray[np.int32], NDArray[np.float16]]:
            return np.load(files[0]), np.load(files[1])

        def then(found: tuple[NDArray[np.int32], NDArray[np.float16]]) -> None:
            self._reading = False
            if subject is not None and subject is self.subject:
                labels, maps = found
                top, left, bottom, right = subject.field.box
                if labels.shape == (bottom - top, right - left):
                    self.known[model] = Side(labels, maps, diameter=diameter)
                else:  # the file is not that of the project any more
                    self._give_up("The image on the disk has another size now.")
            self.came.emit()

        def failed(error: EngineError) -> None:
            self._reading = False
            if subject is self.subject:
                self._give_up(str(error))
            else:
                self.came.emit()

        self._background.run(work, then, failed)

    def _give_up(self, text: str) -> None:
        """Ask no more for this subject, not without end; the view will change."""
        self._given_up = True
        self.failed.emit(text)
