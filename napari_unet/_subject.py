"""What there is to compare: which two models, and on what of the view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unet._board import Board
    from napari_unet._current import Current
    from napari_unet._fields import Field
    from napari_unet._layers import Layers
    from napari_unet._learner import Learner
    from napari_unet._placing import Labelled
    from napari_unet._predictor import Predictor
    from unetloop.boxes import Box

__all__ = ["LEARNING", "WAITING", "Subject", "Subjects"]

LEARNING = ""
"""In place of a model's name: what is being trained, as it is now."""
WAITING = "Waiting for what is in view to be segmented."

_MOST_CELLS = 8


@dataclass(frozen=True)
class Subject:
    """What is compared: two models, on a field of a plane of an image.

    Parameters
    ----------
    image : str
        Id of the image.
    plane : int
        Its plane.
    field : Field
        The rectangle.
    before, now : str
        Names of the models; `LEARNING` may be the second.
    """

    image: str
    plane: int
    field: Field
    before: str
    now: str

    def is_moved(self, other: Subject | None) -> bool:
        """Whether another one is the same but for the field."""
        return other is not None and replace(self, field=other.field) == other


class Subjects:
    """Finds what there is to compare.

    While something is learned, that is compared with the model that it started from:
    ``learning`` says so, and ``live`` is what it made of the view last. ``current`` is
    the image on the screen.

    Parameters
    ----------
    layers, predictor, learner, board
        Know what is in view, and which models there are.
    """

    def __init__(
        self, layers: Layers, predictor: Predictor, learner: Learner, board: Board
    ) -> None:
        self._layers = layers
        self._predictor = predictor
        self._learner = learner
        self._board = board
        self._seen: tuple[Any, ...] = ()
        self.current: Current | None = None
        self.learning = False
        self.live: Labelled | None = None

    def look_at_models(self) -> dict[str, Any] | None:
        """See which models there are to compare; their cards only if others are.

        Returns
        -------
        dict or None
            ``before``, ``now``, ``why_not`` and ``sized`` of a `Comparison`; None: they
            are as they were.
        """
        board, learning = self._board.state, self.learning
        seen = board.model, board.models, self.current is None, learning
        if seen == self._seen:
            return None
        self._seen = seen
        before, why_not = "", ""
        if self.current is None:
            why_not = "Open some images first."
        else:
            name = board.model
            before = name if learning else self._learner.models.before(name)
            if not before:
                why_not = "There is nothing to compare with yet: let it learn first."
        now = "the new one" if learning else board.model
        sized = not self._learner.task.classes
        return {"before": before, "now": now, "why_not": why_not, "sized": sized}

    def find(self, before: str) -> tuple[Subject, Box] | str:
        """Say what there is to compare with a model, and what of it is in view.

        Returns
        -------
        tuple or str
            The subject, and the rectangle of it that is seen; or why there is none.
        """
        current, layers = self.current, self._layers
        visible = layers.visible
        if current is None or visible is None:
            return "There is nothing to compare in 3-D, or where no image is in view."
        image, plane = current.entry.id, layers.plane
        shape, diameter = current.pixels.plane_shape, self._predictor.diameter_found
        now = self._board.state.model
        if self.learning:
            live, now = self.live, LEARNING
            if live is None or (live.image, live.plane) != (image, plane):
                return "Waiting for what is being learned to predict what is in view."
            field = live.field
        else:
            field = self._predictor.maps.fields.view(
                shape, visible, diameter, _MOST_CELLS
            )
        top, left, bottom, right = field.core
        seen = (
            max(visible[0], top),
            max(visible[1], left),
            min(visible[2], bottom),
            min(visible[3], right),
        )
        if plane not in current.loaded or seen[0] >= seen[2] or seen[1] >= seen[3]:
            return WAITING
        return Subject(image, plane, field, before, now), seen
