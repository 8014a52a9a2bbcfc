"""What a model makes of fields beside what is shown: asked of the engine, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_unet._fields import OTHER_SIZE, Fields, StoredMaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet._background import Background
    from napari_unet._engine import Engine
    from napari_unet._fields import Field
    from unetloop.errors import EngineError

__all__ = ["Sides", "Wanted"]


@dataclass(frozen=True)
class Wanted:
    """A field to be predicted by a model.

    Parameters
    ----------
    model, location : str
        Its name, and by what the engine knows it.
    image : str
        Id of the image.
    plane : int
        Its plane.
    shape : tuple of int
        Rows and columns of the plane.
    field : Field
        The rectangle.
    channel : str, optional
        Chosen by the user.
    diameter : float, optional
        Of a nucleus, in pixels; None: as the model estimates it.
    """

    model: str
    location: str
    image: str
    plane: int
    shape: tuple[int, int]
    field: Field
    channel: str | None
    diameter: float | None


class Sides(QObject):
    """Fields that were predicted to be compared, by the models' names.

    Signals: ``came()`` when another one is known, or can be asked for again;
    ``failed(text)`` when one can't be known.

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
        self._known: dict[str, Fields] = {}
        self._asked: tuple[str, Wanted] | None = None
        self._refused: Wanted | None = None
        self._reading = False
        self._turn = 0
        engine.received.connect(self._on_event)
        engine.started.connect(self.came)

    def of(self, model: str) -> Fields:
        """Give the fields of a model that are known."""
        return self._known.setdefault(model, Fields())

    def forget(self) -> None:
        """Know nothing any more."""
        self.drop()
        self._turn += 1
        self._known.clear()
        self._refused = None

    def drop(self) -> None:
        """Do not wait for what was asked for."""
        if self._asked is not None:
            (job, _), self._asked = self._asked, None
            self._engine.cancel(job)

    def ask(self, wanted: Wanted) -> bool:
        """Have a field predicted, unless that failed; say whether it is on its way.

        What is on its way and another one is not wanted any more.
        """
        if self._asked is not None and self._asked[1] != wanted:
            self.drop()
        if self._asked is not None or self._reading:
            return True
        if wanted == self._refused:  # not without end: the view will change
            return False
        values: dict[str, Any] = {"model": wanted.location, "beside": True}
        if wanted.channel:
            values["channel"] = wanted.channel
        if wanted.diameter:
            values["settings"] = {"diameter": wanted.diameter}
        where: dict[str, Any] = {"image": wanted.image, "plane": wanted.plane}
        box = list(wanted.field.box)
        job = self._engine.send("predict_field", box=box, **where, **values)
        self._asked = job, wanted
        return True

    def _on_event(self, event: dict[str, Any]) -> None:
        if self._asked is None or event.get("job") != self._asked[0]:
            return
        wanted, kind = self._asked[1], event["event"]
        if kind == "FieldPredicted":
            self._asked = None
            self._read(wanted, event)
        elif kind == "JobDone":  # somebody cancelled it
            self._asked = None
            self.came.emit()
        elif kind == "Failed":
            self._asked = None
            if not event.get("engine_died"):  # the next one is asked again
                self._refuse(wanted, str(event.get("message", "")))

    def _read(self, wanted: Wanted, event: dict[str, Any]) -> None:
        """Read the answer in a thread; the next one would be written over it."""
        self._reading, turn = True, self._turn
        file, diameter = str(event["maps"]), float(event["diameter"])

        def then(maps: NDArray[np.float16]) -> None:
            self._reading = False
            top, left, bottom, right = wanted.field.box
            if maps.shape[:2] != (bottom - top, right - left):
                self._refuse(wanted, OTHER_SIZE)
            elif turn == self._turn:
                stored = StoredMaps(wanted.field, maps, diameter)
                known = self.of(wanted.model)
                known.add(wanted.image, wanted.plane, wanted.shape, stored)
            self.came.emit()

        def failed(error: EngineError) -> None:
            self._reading = False
            self._refuse(wanted, str(error))

        self._background.run(lambda: np.load(file), then, failed)

    def _refuse(self, wanted: Wanted, text: str) -> None:
        self._refused = wanted
        self.failed.emit(text)
