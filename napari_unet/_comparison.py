"""The field in view by another model as well: asked for, compared, shown, and gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._comparing import Question, Side, compare
from napari_unet._state import Comparison

if TYPE_CHECKING:
    from napari_unet._background import Background
    from napari_unet._board import Board
    from napari_unet._choices import Choices
    from napari_unet._comparing import Difference
    from napari_unet._current import Current
    from napari_unet._editor import Editor
    from napari_unet._engine import Engine
    from napari_unet._fields import Box, Field
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


@dataclass(frozen=True)
class _Subject:
    """What is compared: two models, on a field of a plane."""

    image: str
    plane: int
    field: Field
    channel: str | None
    diameter: float | None
    before: str
    now: str


@dataclass(frozen=True)
class _Asked:
    """What the engine was asked for."""

    job: str
    subject: _Subject
    model: str


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
        self._engine = engine
        self._background = background
        self.state = Comparison()
        self._current: Current | None = None
        self._models: tuple[Any, ...] = ()
        self._learning = False
        self._live: Labelled | None = None
        self._asked: _Asked | None = None
        self._reading = self._comparing = False
        self._failed: _Subject | None = None
        self._subject: _Subject | None = None
        self._sides: dict[str, Side] = {}
        self._said: tuple[Any, ...] | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._follow)
        engine.received.connect(self._on_event)
        engine.started.connect(self._follow_soon)
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
        subject = _Subject(image, plane, field, channel, diameter, before, now)
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
            self._drop()
            self._layers.clear_compared()
            self._said = None
            self._show(sentence=found)
            return
        subject, seen = found
        if subject != self._subject:
            same_place = self._subject is not None and replace(
                subject, field=self._subject.field
            ) == (self._subject)
            self._drop()
            self._subject, self._sides = subject, {}
            self._said = self._failed = None
            if not same_place:  # what is shown is not of these models any more
                self._layers.clear_compared()
            self._take_known()
        missing = [
            model
            for model in (subject.before, subject.now)
            if model not in self._sides and model != _LEARNING
        ]
        if missing:
            self._ask(missing[0])
        elif subject.now in self._sides:
            self._compare(subject, seen)

    def _take_known(self) -> None:
        """Take from the predictor what it knows of the same field."""
        subject, live = self._subject, self._live
        if subject is None:
            return
        if self._learning and live is not None:
            self._sides[_LEARNING] = Side(live.labels)
            return
        fields = self._predictor.maps.fields.maps(subject.image, subject.plane)
        for stored in fields:
            if stored.field == subject.field:
                nothing = np.zeros((0, 0), np.int32)
                side = Side(nothing, stored.maps, diameter=stored.diameter)
                self._sides[subject.now] = side

    def _ask(self, model: str) -> None:
        subject = self._subject
        if subject is None or self._asked is not None or self._reading:
            return
        if subject == self._failed:
            return
        if self._predictor.coming:  # to the screen: that comes first
            self._rest.start()
            return
        if self._said is None:
            self._show(sentence=f"{model} segments what is in view, too.")
        values: dict[str, Any] = {"model": self._learner.models.location(model)}
        if subject.channel:
            values["channel"] = subject.channel
        if subject.diameter:
            values["settings"] = {"diameter": subject.diameter}
        job = self._engine.send(
            "predict_field",
            image=subject.image,
            plane=subject.plane,
            box=list(subject.field.box),
            beside=True,
            **values,
        )
        self._asked = _Asked(job, subject, model)

    def _on_learned(self, labelled: Labelled, diameter: float) -> None:
        """Compare what is being learned, as it is now."""
        self._live = labelled
        if self.state.on and self._learning:
            if self._subject is not None and self._subject.field == labelled.field:
                self._sides[_LEARNING] = Side(labelled.labels)
                self._said = None
            self._follow_soon()

    def _on_event(self, event: dict[str, Any]) -> None:
        asked = self._asked
        if asked is None or event.get("job") != asked.job:
            return
        kind = event["event"]
        if kind == "FieldPredicted":
            self._asked = None
            self._read(asked, event)
        elif kind == "Failed":
            self._asked = None
            if not event.get("engine_died"):
                self._failed = asked.subject  # asked again when the view changes
                self._show(sentence=str(event.get("message", "")))
        elif kind == "JobDone":  # somebody cancelled it
            self._asked = None
            self._follow_soon()

    def _read(self, asked: _Asked, event: dict[str, Any]) -> None:
        self._reading = True
        subject, model = asked.subject, asked.model
        top, left, bottom, right = subject.field.box

        def work() -> tuple[Any, Any]:
            return np.load(event["labels"]), np.load(event["maps"])

        def then(found: tuple[Any, Any]) -> None:
            self._reading = False
            labels, maps = found
            fits = labels.shape == (bottom - top, right - left)
            if fits and subject == self._subject:
                diameter = float(event["diameter"])
                self._sides[model] = Side(labels, maps, diameter=diameter)
            self._follow()

        def failed(error: EngineError) -> None:
            self._reading = False
            self._failed = subject
            self._show(sentence=str(error))

        self._background.run(work, then, failed)

    # The two side by side

    def _compare(self, subject: _Subject, seen: Box) -> None:
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
            if self.state.on and subject == self._subject:
                name = f"by {subject.before}"
                self._layers.show_compared(name, plane, window, difference.marks)
                self._show(sentence=_in_words(difference, self.state))
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
        side = self._sides[model]
        if side.maps is None or (side.labels.size and not wishes):
            return replace(side, maps=None)
        instances = replace(self._learner.models.instances(model), **wishes)
        return replace(side, instances=instances)

    def _drop(self) -> None:
        """Do not wait for what was asked for."""
        if self._asked is not None:
            asked, self._asked = self._asked, None
            self._engine.cancel(asked.job)

    def _forget(self) -> None:
        self._rest.stop()
        self._drop()
        self._subject = self._failed = self._said = None
        self._sides = {}

    def _show(self, **values: Any) -> None:
        state = replace(self.state, **values)
        if state != self.state:
            self.state = state
            self.changed.emit(state)


def _in_words(found: Difference, state: Comparison) -> str:
    """Say what is seen, in a sentence with numbers."""
    before, now = state.before, state.now
    if state.sized:
        nuclei = "nucleus" if found.before == 1 else "nuclei"
        what = f"{before} finds {found.before} {nuclei} in view"
        what += f", {now} {found.now}"
        if found.only_before or found.only_now:
            what += f": {found.only_before} only {before}, {found.only_now} only {now}."
        else:
            what += ", the same ones."
    else:
        what = f"{before} and {now} differ on {_percent(found.differing)} of the view."
    if found.score_before is None or found.score_now is None:
        return f"{what} Nothing in view is reviewed, so there is no score."
    scores = f"{found.score_before:.2f} → {found.score_now:.2f}"
    return f"{what} Score on what you reviewed of it: {scores}."


def _percent(share: float) -> str:
    if 0 < share < 0.01:
        return "less than 1 %"
    return f"{round(100 * share)} %"
