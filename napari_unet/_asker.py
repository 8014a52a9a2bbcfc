"""Fields that the engine is asked for, one at a time, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_unet._fields import OTHER_SIZE

if TYPE_CHECKING:
    from napari_unet._background import Background
    from napari_unet._engine import Engine
    from napari_unet._fields import Field
    from unetloop.errors import EngineError

__all__ = ["Answer", "Asker", "Label", "Request"]

Label: TypeAlias = Callable[[NDArray[np.float16], float], NDArray[np.int32]]
"""Makes a segmentation of maps, at a nucleus diameter in pixels; in a thread."""


@dataclass(frozen=True)
class Request:
    """A field to be predicted.

    Parameters
    ----------
    image : str
        Id of the image.
    plane : int
        Its plane.
    field : Field
        The rectangle.
    model : str
        By what the engine knows it; empty: what is being trained, as it is now.
    channel : str, optional
        Chosen by the user.
    diameter : float, optional
        Of a nucleus, in pixels; None: as the model estimates it.
    side : float, optional
        Of a pixel in µm, as was typed; None: what the image states.
    """

    image: str
    plane: int
    field: Field
    model: str = ""
    channel: str | None = None
    diameter: float | None = None
    side: float | None = None


@dataclass(frozen=True)
class Answer:
    """What a network made of a field.

    Parameters
    ----------
    request : Request
        What was asked for.
    maps : array of float16
        What it said, (rows, columns, maps) of the field's box.
    labels : array of int32
        What that means, (rows, columns).
    diameter : float
        Of a nucleus, in pixels, that it was resized by.
    seconds : float
        How long it took.
    alone : bool
        Whether the engine had nothing else to do that takes long.
    """

    request: Request
    maps: NDArray[np.float16]
    labels: NDArray[np.int32]
    diameter: float
    seconds: float
    alone: bool


class Asker(QObject):
    """Asks for a field, and reads the answer.

    Signals: ``answered(Answer)``; ``failed(Request, why)``; ``lost()`` when an answer
    will not come, or is not wanted any more: one may ask again; ``changed()`` when
    ``asked`` has.

    ``asked`` is what the engine works on, and ``reading`` says whether an answer is
    being read: another request would write over it.

    Parameters
    ----------
    engine, background
        What it works with.
    beside : bool
        Whether answers must not be written over those of another asker.
    labelling : callable, optional
        Gives what labels the maps, if it is not to be as the engine does.
    """

    answered = Signal(object)
    failed = Signal(object, str)
    lost = Signal()
    changed = Signal()

    def __init__(
        self,
        engine: Engine,
        background: Background,
        *,
        beside: bool = False,
        labelling: Callable[[], Label | None] = lambda: None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._background = background
        self._beside = beside
        self._labelling = labelling
        self._job = ""
        self._alone = True
        self._turn = 0
        self.asked: Request | None = None
        self.reading = False
        engine.received.connect(self._on_event)

    def ask(self, request: Request) -> None:
        """Have a field predicted; nothing else may be asked for, or be read."""
        values: dict[str, Any] = {"beside": True} if self._beside else {}
        if request.model:
            values["model"] = request.model
        if request.channel:
            values["channel"] = request.channel
        if request.diameter:
            values["settings"] = {"diameter": request.diameter}
        if request.side:
            values["pixel_size"] = request.side
        self._job = self._engine.send(
            "predict_field",
            image=request.image,
            plane=request.plane,
            box=list(request.field.box),
            **values,
        )
        self.asked, self._alone = request, not self._engine.strained
        self.changed.emit()

    def drop(self) -> None:
        """Forget what was asked for, or is read: it is not wanted any more."""
        self._turn += 1
        if self.asked is not None:
            self.asked = None
            self._engine.cancel(self._job)
            self.changed.emit()

    def _on_event(self, event: dict[str, Any]) -> None:
        request, kind = self.asked, event["event"]
        if request is None or event.get("job") != self._job:
            return
        if kind not in ("FieldPredicted", "JobDone", "Failed"):
            return
        self.asked = None
        if kind == "FieldPredicted":
            self._read(request, event)
        elif kind == "JobDone":  # somebody cancelled it
            self.lost.emit()
        elif not event.get("engine_died"):  # the next one is asked again
            self.failed.emit(request, str(event.get("message", "")))
        self.changed.emit()

    def _read(self, request: Request, event: dict[str, Any]) -> None:
        self.reading, turn, label = True, self._turn, self._labelling()
        diameter, seconds = float(event["diameter"]), float(event["seconds"])
        alone = self._alone and not self._engine.strained

        def work() -> Answer:
            maps = np.load(event["maps"])
            labels = label(maps, diameter) if label else np.load(event["labels"])
            return Answer(request, maps, labels, diameter, seconds, alone)

        def then(answer: Answer) -> None:
            self.reading = False
            top, left, bottom, right = request.field.box
            if turn != self._turn:
                self.lost.emit()
            elif answer.labels.shape != (bottom - top, right - left):
                self.failed.emit(request, OTHER_SIZE)
            else:
                self.answered.emit(answer)

        def failed(error: EngineError) -> None:
            self.reading = False
            if turn != self._turn:
                self.lost.emit()
            else:
                self.failed.emit(request, str(error))

        self._background.run(work, then, failed)
