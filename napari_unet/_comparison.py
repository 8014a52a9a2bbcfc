"""The field in view by another model as well: asked for, compared, shown, and gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._asker import Request
from napari_unet._comparing import Question, compare
from napari_unet._marks import line_width
from napari_unet._placing import label_field
from napari_unet._sides import Sides, Wanted
from napari_unet._state import Comparison
from napari_unet._subject import LEARNING, WAITING, Subjects

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
    from napari_unet._fields import Field, StoredMaps
    from napari_unet._layers import Layers
    from napari_unet._learner import Learner
    from napari_unet._placing import Labelled
    from napari_unet._predictor import Predictor
    from napari_unet._subject import Subject
    from unetloop.boxes import Box
    from unetloop.errors import EngineError

__all__ = ["Comparer"]

_REST_MS = 250


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
        self._subjects = Subjects(layers, predictor, learner, board)
        self._sides = Sides(engine, background, self)
        self._subject: Subject | None = None
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
        self._subjects.current = current
        self._subjects.live = None
        self._forget()
        if current is None:
            self.set_on(False)
        self._look_at_models()
        self._follow_soon()

    def _on_live(self, live: bool) -> None:
        self._subjects.live, self._subjects.learning = None, live
        self._look_at_models()

    def _look_at_models(self) -> None:
        models = self._subjects.look_at_models()
        if models is None:
            return
        self._show(**models)
        if self.state.why_not:
            self.set_on(False)
        self._follow_soon()

    # Following what is in view

    def _follow_soon(self, *_: Any) -> None:
        if self.state.on:
            self._rest.start()

    def _follow(self) -> None:
        """Do what is to be done next for what is in view."""
        if not self.state.on:
            return
        found = self._subjects.find(self.state.before)
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
        live = self._subjects.live
        if subject.now == LEARNING and live is not None:
            self._made[LEARNING] = live.labels
        maps = {
            model: joined
            for model in (subject.before, subject.now)
            if model not in self._made and (joined := self._joined(subject, model))
        }
        if {subject.before, subject.now} <= {*maps, *self._made}:
            self._compare(subject, seen, maps)
        else:
            self._ask(subject)

    def _joined(self, subject: Subject, model: str) -> StoredMaps | None:
        """Give a model's maps of the field, if all of them are known."""
        where = subject.image, subject.plane, subject.field
        joined = None
        if model == self._board.state.model:  # that predicts what is shown
            joined = self._predictor.maps.fields.joined(*where)
        return joined or self._sides.of(model).joined(*where)

    def _ask(self, subject: Subject) -> None:
        """Ask for what is missing, field by field as the present model was asked.

        So both models saw the same pixels at the same scale.
        """
        current = self._subjects.current
        if current is None:
            return
        where, shape = (subject.image, subject.plane), current.pixels.plane_shape
        shown, diameter = self._predictor.maps.fields, self._how[1]
        diameter = diameter or self._predictor.diameter_found
        visible = self._layers.visible
        later = visible and shown.next(*where, shape, visible, diameter) is not None
        if later or self._predictor.coming:  # to the screen: that comes first
            if self._said is None:
                self._say(WAITING)
            self._rest.start()
            return
        fields = shown.meeting(*where, subject.field)
        wanted: list[tuple[str, Field, float | None]]
        if subject.now != LEARNING and shown.joined(*where, subject.field):
            wanted = [(subject.before, item.field, item.diameter) for item in fields]
        else:
            models = {subject.before, subject.now} - {LEARNING}
            wanted = [(model, subject.field, diameter) for model in sorted(models)]
        for model, field, size in wanted:
            known = self._sides.of(model).meeting(*where, field)
            if any(stored.field == field for stored in known):
                continue
            location = self._learner.models.location(model)
            size = None if current.truth.task.classes else size
            side = current.pixels.side
            request = Request(*where, field, location, self._how[0], size, side)
            if self._sides.ask(Wanted(model, shape, request)) and self._said is None:
                self._say(f"The model {model} segments what is in view, too.")
            return

    def _on_learned(self, labelled: Labelled) -> None:
        """Compare what is being learned, as it is now."""
        self._subjects.live = labelled
        if self._subjects.learning:
            self._said = None
            self._follow_soon()

    # The two side by side

    def _compare(
        self, subject: Subject, seen: Box, maps: dict[str, StoredMaps]
    ) -> None:
        current = self._subjects.current
        if current is None or self._comparing:
            return
        rows, columns = current.pixels.plane_shape
        width = line_width(self._layers.zoom, rows * columns)
        about = subject, seen, self._editor.revision, self._wishes, width
        if about == self._said:
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
            question = Question(truth.task, *both, labels, review, inside, width)
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
