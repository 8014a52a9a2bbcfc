"""The field in view by another model as well: asked for, compared, shown, and gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._comparing import Question, Side, compare
from napari_unet._sides import Sides, Subject
from napari_unet._state import Comparison

if TYPE_CHECKING:
    from napari_unet._background import Background
    from napari_unet._board import Board
    from napari_unet._choices import Choices
    from napari_unet._comparing import Difference
    from napari_unet._current import Current
    from napari_unet._editor import Editor
    from napari_unet._engine import Engine
    from napari_unet._fields import Box
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
        self._comparing = False
        self._said: tuple[Any, ...] | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._follow)
        self._sides.came.connect(self._follow)
        self._sides.failed.connect(lambda text: self._show(sentence=text))
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

    def _find_subject(self) -> tuple[Subject, Box] | str:
        """Say what there is to compare, and what of it is in view; or why not."""
        current, layers = self._current, self._layers
        visible = layers.visible
        if current is None or visible is None:
            return "Only what is seen from above can be compared: leave the 3-D view."
        image, plane = current.entry.id, layers.plane
        channel, diameter = self._choices.how()
        if not current.truth.task.classes:
            diameter = diameter or self._predictor.diameter_found
        shape = current.pixels.plane_shape
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
            return "Waiting for what is in view."
        subject = Subject(image, plane, field, channel, diameter, before, now)
        return subject, seen

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
            self._forget()
            self._layers.clear_compared()
            self._show(sentence=found)
            return
        subject, seen = found
        sides = self._sides
        if subject != sides.subject:
            if not subject.is_moved(sides.subject):  # what is shown is of other models
                self._layers.clear_compared()
            self._said = None
            sides.begin(subject)
            self._take_known(subject)
        missing = [
            model
            for model in (subject.before, subject.now)
            if model not in sides.known and model != _LEARNING
        ]
        if not missing and subject.now in sides.known:
            self._compare(subject, seen)
        elif missing and sides.can_ask:
            if self._predictor.coming:  # to the screen: that comes first
                self._rest.start()
                return
            if self._said is None:
                sentence = f"The model {missing[0]} segments what is in view, too."
                self._show(sentence=sentence)
            sides.ask(missing[0], self._learner.models.location(missing[0]))

    def _take_known(self, subject: Subject) -> None:
        """Take from the predictor what it knows of the same field."""
        live, known = self._live, self._sides.known
        if self._learning and live is not None:
            known[_LEARNING] = Side(live.labels)
            return
        fields = self._predictor.maps.fields.maps(subject.image, subject.plane)
        for stored in fields:
            if stored.field == subject.field:
                nothing = np.zeros((0, 0), np.int32)
                side = Side(nothing, stored.maps, diameter=stored.diameter)
                known[subject.now] = side

    def _on_learned(self, labelled: Labelled) -> None:
        """Compare what is being learned, as it is now."""
        self._live, subject = labelled, self._sides.subject
        if self.state.on and self._learning:
            if subject is not None and subject.field == labelled.field:
                self._sides.known[_LEARNING] = Side(labelled.labels)
                self._said = None
            self._follow_soon()

    # The two side by side

    def _compare(self, subject: Subject, seen: Box) -> None:
        current = self._current
        if current is None or self._comparing:
            return
        wishes = self._choices.instances()
        about = subject, seen, self._editor.revision, wishes
        if about == self._said:
            return
        self._comparing = True
        top, left, bottom, right = subject.field.box
        window = slice(top, bottom), slice(left, right)
        truth, plane = current.truth, subject.plane
        question = Question(
            truth.task,
            self._side(subject.before, wishes),
            self._side(subject.now, wishes),
            truth.segmentation[plane][window].copy(),
            truth.review[plane][window].copy(),
            (seen[0] - top, seen[1] - left, seen[2] - top, seen[3] - left),
        )
        self._said = about

        def then(difference: Difference) -> None:
            self._comparing = False
            if self.state.on and subject == self._sides.subject:
                name = f"compare: {subject.before}"
                self._layers.show_compared(name, plane, window, difference.marks)
                state = self.state
                words = difference.in_words(state.before, state.now, state.sized)
                self._show(sentence=words, bright=current.pixels.bright)
            self._follow()

        def failed(error: EngineError) -> None:
            self._comparing = False
            self._show(sentence=str(error))

        self._background.run(
            lambda: self._background.worker.call(compare, question), then, failed
        )

    def _side(self, model: str, wishes: dict[str, float]) -> Side:
        """Give what a model makes of the field, as the user wishes nuclei to be made.

        What is being learned was made so by the predictor.
        """
        side = self._sides.known[model]
        if side.maps is None or (side.labels.size and not wishes):
            return replace(side, maps=None)
        instances = replace(self._learner.models.instances(model), **wishes)
        return replace(side, instances=instances)

    def _forget(self) -> None:
        self._rest.stop()
        self._sides.begin(None)
        self._said = None

    def _show(self, **values: Any) -> None:
        state = replace(self.state, **values)
        if state != self.state:
            self.state = state
            self.changed.emit(state)
