"""The field in view by another model as well: asked for, compared, shown, and gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._comparing import Question, compare
from napari_unet._placing import label_field
from napari_unet._sides import Sides, Wanted
from napari_unet._state import Comparison

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet._background import Background
    from napari_unet._board import Board
    from napari_unet._choices import Choices
    from napari_unet._comparing import Difference
    from napari_unet._current import Current
    from napari_unet._editor import Editor
    from napari_unet._engine import Engine
    from napari_unet._fields import Box, Field, StoredMaps
    from napari_unet._layers import Layers
    from napari_unet._learner import Learner
    from napari_unet._placing import Labelled
    from napari_unet._predictor import Predictor
    from unetloop.errors import EngineError

__all__ = ["Comparer"]

_REST_MS = 250
_MOST_CELLS = 8
_LEARNING = ""
"""In place of a model's name: what is being trained, as it is now."""
_WAITING = "Waiting for what is in view to be segmented."


@dataclass(frozen=True)
class _Subject:
    """What is compared: two models, on a field of a plane of an image."""

    image: str
    plane: int
    field: Field
    before: str
    now: str

    def is_moved(self, other: _Subject | None) -> bool:
        """Whether another one is the same but for the field."""
        return other is not None and replace(self, field=other.field) == other


class Comparer(QObject):
    """Shows what the model before makes of what is in view, while that is wanted.

    Nothing of it is recorded. While something is learned, that is compared with the
    model that it started from.

    Signal: ``changed(Comparison)``.

    Parameters
    ----------
    layers, editor, predictor, learner, choices, board, engine, background
        What it works with.
    """

    changed = Signal(object)

    def __init__(
        self,
        layers: Layers,
        editor: Editor,
        predictor: Predictor,
        learner: Learner,
        choices: Choices,
        board: Board,
        engine: Engine,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers = layers
        self._editor = editor
        self._predictor = predictor
        self._learner = learner
        self._choices = choices
        self._board = board
        self._background = background
        self.state = Comparison()
        self._current: Current | None = None
        self._models: tuple[Any, ...] = ()
        self._learning = False
        self._live: Labelled | None = None
        self._sides = Sides(engine, background, self)
        self._subject: _Subject | None = None
        # What the two models make of it, as the user wishes nuclei to be made.
        self._made: dict[str, NDArray[np.int32]] = {}
        self._wishes: dict[str, float] = {}
        self._how: tuple[str | None, float | None] = (None, None)
        self._comparing = False
        self._said: tuple[Any, ...] | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._follow)
        self._sides.came.connect(self._follow)
        self._sides.failed.connect(self._say)
        layers.view_changed.connect(self._follow_soon)
        layers.uncompared.connect(lambda: self.set_on(False))
        predictor.changed.connect(self._follow_soon)
        predictor.shown.connect(self._follow_soon)
        predictor.learned.connect(self._on_learned)
        learner.live.connect(self._on_live)
        editor.corrected.connect(self._follow_soon)
        editor.undone.connect(self._follow_soon)
        board.changed.connect(lambda _: self._look_at_models())

    def set_on(self, wanted: bool) -> None:
        """Compare what is in view from now on, or no more."""
        wanted = wanted and not self.state.why_not
        if wanted == self.state.on:
            return
        self._forget()
        self._layers.remove_compared()
        self._show(on=wanted, sentence="")
        self._follow()

    def show(self, current: Current | None) -> None:
        """Compare on another image; None: no other project has shown one yet."""
        self._current = current
        self._live = None
        self._forget()
        if current is None:
            self.set_on(False)
        self._look_at_models()
        self._follow_soon()

    # What is compared

    def _on_live(self, live: bool) -> None:
        self._live, self._learning = None, live
        self._look_at_models()

    def _look_at_models(self) -> None:
        """See which models there are to compare; their cards only if others are."""
        board, learning = self._board.state, self._learning
        models = board.model, board.models, self._current is None, learning
        if models == self._models:
            return
        self._models = models
        before, why_not = "", ""
        if self._current is None:
            why_not = "Open some images first."
        else:
            name = board.model
            before = name if learning else self._learner.models.before(name)
            if not before:
                why_not = "There is nothing to compare with yet: let it learn first."
        now = "the new one" if learning else board.model
        sized = not self._learner.task.classes
        self._show(before=before, now=now, why_not=why_not, sized=sized)
        if why_not:
            self.set_on(False)
        self._follow_soon()

    def _find_subject(self) -> tuple[_Subject, Box] | str:
        """Say what there is to compare, and what of it is in view; or why not."""
        current, layers = self._current, self._layers
        visible = layers.visible
        if current is None or visible is None:
            return "Only what is seen from above can be compared: leave the 3-D view."
        image, plane = current.entry.id, layers.plane
        shape, diameter = current.pixels.plane_shape, self._predictor.diameter_found
        before, now = self.state.before, self._board.state.model
        if self._learning:
            live, now = self._live, _LEARNING
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
            return _WAITING
        return _Subject(image, plane, field, before, now), seen

    # Following what is in view

    def _follow_soon(self, *_: Any) -> None:
        if self.state.on:
            self._rest.start()

    def _follow(self) -> None:
        """Do what is to be done next for what is in view."""
        if not self.state.on:
            return
        found = self._find_subject()
        if isinstance(found, str):
            self._sides.drop()
            self._subject = self._said = None
            self._layers.clear_compared()
            self._say(found)
            return
        subject, seen = found
        if self._how != (how := self._choices.how()):
            self._forget()
            self._how = how
        wishes = self._choices.instances()
        if subject != self._subject or wishes != self._wishes:
            if not subject.is_moved(self._subject):  # that was of other models
                self._layers.clear_compared()
            self._subject, self._wishes = subject, wishes
            self._said, self._made = None, {}
        if subject.now == _LEARNING and self._live is not None:
            self._made[_LEARNING] = self._live.labels
        maps = {
            model: joined
            for model in (subject.before, subject.now)
            if model not in self._made and (joined := self._joined(subject, model))
        }
        if {subject.before, subject.now} <= {*maps, *self._made}:
            self._compare(subject, seen, maps)
        else:
            self._ask(subject)

    def _joined(self, subject: _Subject, model: str) -> StoredMaps | None:
        """Give a model's maps of the field, if all of them are known."""
        where = subject.image, subject.plane, subject.field
        joined = None
        if model == self._board.state.model:  # that predicts what is shown
            joined = self._predictor.maps.fields.joined(*where)
        return joined or self._sides.of(model).joined(*where)

    def _ask(self, subject: _Subject) -> None:
        """Ask for what is missing, field by field as the present model was asked.

        So both models saw the same pixels at the same scale.
        """
        current = self._current
        if current is None:
            return
        where, shape = (subject.image, subject.plane), current.pixels.plane_shape
        shown, diameter = self._predictor.maps.fields, self._how[1]
        diameter = diameter or self._predictor.diameter_found
        visible = self._layers.visible
        later = visible and shown.next(*where, shape, visible, diameter) is not None
        if later or self._predictor.coming:  # to the screen: that comes first
            if self._said is None:
                self._say(_WAITING)
            self._rest.start()
            return
        fields = shown.meeting(*where, subject.field)
        wanted: list[tuple[str, Field, float | None]]
        if subject.now != _LEARNING and shown.joined(*where, subject.field):
            wanted = [(subject.before, item.field, item.diameter) for item in fields]
        else:
            models = {subject.before, subject.now} - {_LEARNING}
            wanted = [(model, subject.field, diameter) for model in sorted(models)]
        for model, field, size in wanted:
            known = self._sides.of(model).meeting(*where, field)
            if any(stored.field == field for stored in known):
                continue
            location = self._learner.models.location(model)
            size = None if current.truth.task.classes else size
            how = self._how[0], size
            asked = Wanted(model, location, *where, shape, field, *how)
            if self._sides.ask(asked) and self._said is None:
                self._say(f"The model {model} segments what is in view, too.")
            return

    def _on_learned(self, labelled: Labelled) -> None:
        """Compare what is being learned, as it is now."""
        self._live = labelled
        if self._learning:
            self._said = None
            self._follow_soon()

    # The two side by side

    def _compare(
        self, subject: _Subject, seen: Box, maps: dict[str, StoredMaps]
    ) -> None:
        current = self._current
        about = subject, seen, self._editor.revision, self._wishes
        if current is None or self._comparing or about == self._said:
            return
        self._comparing, self._said = True, about
        top, left, bottom, right = subject.field.box
        window = slice(top, bottom), slice(left, right)
        truth, plane, worker = current.truth, subject.plane, self._background.worker
        labels = truth.segmentation[plane][window].copy()
        review = truth.review[plane][window].copy()
        inside = seen[0] - top, seen[1] - left, seen[2] - top, seen[3] - left
        made, wishes = dict(self._made), self._wishes
        whole = seen == self._layers.visible
        instances = {
            model: replace(self._learner.models.instances(model), **wishes)
            for model in maps
        }

        def work() -> tuple[dict[str, NDArray[np.int32]], Difference]:
            for model, stored in maps.items():
                how = instances[model], stored.diameter
                made[model] = worker.call(label_field, truth.task, stored.maps, *how)
            both = made[subject.before], made[subject.now]
            question = Question(truth.task, *both, labels, review, inside)
            return made, worker.call(compare, question)

        def then(found: tuple[dict[str, NDArray[np.int32]], Difference]) -> None:
            self._comparing = False
            made, difference = found
            if (subject, wishes) == (self._subject, self._wishes) and self.state.on:
                self._made = {**made, **self._made}
                name, state = f"compare: {subject.before}", self.state
                self._layers.show_compared(name, plane, window, difference.marks)
                about = state.before, state.now, state.sized, whole
                words = difference.in_words(*about)
                self._show(sentence=words, bright=current.pixels.bright)
            self._follow()

        def failed(error: EngineError) -> None:
            self._comparing = False
            self._say(str(error))

        self._background.run(work, then, failed)

    def _forget(self) -> None:
        self._rest.stop()
        self._sides.forget()
        self._subject = self._said = None
        self._made = {}

    def _say(self, sentence: str) -> None:
        if self.state.on:
            self._show(sentence=sentence)

    def _show(self, **values: Any) -> None:
        state = replace(self.state, **values)
        if state != self.state:
            self.state = state
            self.changed.emit(state)
