"""What a model makes of fields beside what is shown: asked of the engine, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet._asker import Asker
from napari_unet._fields import Fields, StoredMaps

if TYPE_CHECKING:
    from napari_unet._asker import Answer, Request
    from napari_unet._background import Background
    from napari_unet._engine import Engine

__all__ = ["Sides", "Wanted"]


@dataclass(frozen=True)
class Wanted:
    """A field to be predicted by a model.

    Parameters
    ----------
    model : str
        Its name.
    shape : tuple of int
        Rows and columns of the plane.
    request : Request
        What the engine is asked for.
    """

    model: str
    shape: tuple[int, int]
    request: Request


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
        self._known: dict[str, Fields] = {}
        self._wanted: Wanted | None = None
        self._refused: Wanted | None = None
        self._asker = Asker(engine, background, beside=True, parent=self)
        self._asker.answered.connect(self._on_answered)
        self._asker.failed.connect(self._on_failed)
        self._asker.lost.connect(self.came)
        engine.started.connect(self.came)

    def of(self, model: str) -> Fields:
        """Give the fields of a model that are known."""
        return self._known.setdefault(model, Fields())

    def forget(self) -> None:
        """Know nothing any more."""
        self.drop()
        self._known.clear()
        self._refused = None

    def drop(self) -> None:
        """Do not wait for what was asked for."""
        self._asker.drop()

    def ask(self, wanted: Wanted) -> bool:
        """Have a field predicted, unless that failed; say whether it is on its way.

        What is on its way and another one is not wanted any more.
        """
        if self._asker.asked not in (None, wanted.request):
            self._asker.drop()
        if self._asker.asked is not None or self._asker.reading:
            return True
        if wanted == self._refused:  # not without end: the view will change
            return False
        self._wanted = wanted
        self._asker.ask(wanted.request)
        return True

    def _on_answered(self, answer: Answer) -> None:
        if (wanted := self._wanted) is not None:
            asked = answer.request
            stored = StoredMaps(asked.field, answer.maps, answer.diameter)
            known = self.of(wanted.model)
            known.add(asked.image, asked.plane, wanted.shape, stored)
            self.came.emit()

    def _on_failed(self, _: Request, why: str) -> None:
        self._refused = self._wanted
        self.failed.emit(why)
