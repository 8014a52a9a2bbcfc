"""Annotated images -> a trained model folder, as a job that yields events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from unetloop.catalog import CLASS_LOSSES
from unetloop.config import ModelConfig, TrainingConfig, to_dict
from unetloop.epochs import Examiner
from unetloop.errors import EngineError
from unetloop.events import Event, Notice, StartScored, TrainingDone
from unetloop.final_choice import choose_final
from unetloop.keeping import Keeper
from unetloop.model_saving import check_folder
from unetloop.reference import look_back
from unetloop.scale import Scale
from unetloop.schedule import Schedule
from unetloop.selection import (
    independent_nuclei,
    is_strange,
    usual_share,
    usual_trainable,
)
from unetloop.starting import begin, check_start
from unetloop.tasks import NUCLEI, nuclei_task
from unetloop.training_data import (
    class_pixel_size,
    fingerprint,
    load_planes,
    split_images,
)
from unetloop.training_loop import progress, run_steps
from unetloop.validation import cut_windows, predict_windows, score_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from unetloop.checkpoint import Model
    from unetloop.config import Trainable
    from unetloop.network import Network
    from unetloop.tasks import Task
    from unetloop.training_image import TrainingImage
    from unetloop.training_plane import TrainingPlane
    from unetloop.training_step import Learner
    from unetloop.validation import Window

__all__ = ["Training", "train"]

_DIAMETER = 32.0
# At the end the images are looked at once more: so many seconds, or this share.
_LOOK_BACK = 2.0
_LOOK_BACK_SHARE = 0.03
# Of so many images learned from it is shown how well they are known by now.
_SHOWN = 4


def train(
    images: Sequence[TrainingImage],
    out: Path,
    config: TrainingConfig,
    *,
    model: ModelConfig | None = None,
    start: Model | None = None,
    task: Task | None = None,
    validation: Sequence[TrainingImage] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    began: float | None = None,
) -> Iterator[Event]:
    """Train a network on what is reviewed, and keep the best in ``out``.

    Parameters
    ----------
    images : sequence of TrainingImage
        At least one with a reviewed pixel.
    out : Path
        Model folder to write. A run that was killed and is started again with
        the same images and settings goes on where it was.
    config : TrainingConfig
        How to learn.
    model : ModelConfig, optional
        Which network, from scratch; the default one if left out.
    start : Model, optional
        A model to start from; it brings its network and diameter. With ``model``,
        or a loss that its maps can't learn: a new network that takes over the
        weights that fit.
    task : Task, optional
        What the network is for; that of ``start`` or nuclei if left out.
    validation : sequence of TrainingImage, optional
        Images to score on. None: some of ``images`` are held out, whole.
    cancelled : callable
        Asked before each step; when true, the best model so far is kept.
    began : float, optional
        Value of `time.monotonic` from which the minutes count; None: now.

    Yields
    ------
    Event
        `StartScored`, `Progress` after every step, `EpochDone`, `ModelSaved`,
        `RolledBack`, `BatchHalved`, `Notice`, and at last `TrainingDone`.

    Raises
    ------
    EngineError
        If nothing is reviewed, an image can't be read, or ``out`` not written.
    """
    return iter(
        Training(
            images,
            out,
            config,
            model=model,
            start=start,
            task=task,
            validation=validation,
            cancelled=cancelled,
            began=began,
        )
    )


class Training:
    """A training run; iterate it to make it go on. Parameters as for `train`."""

    def __init__(
        self,
        images: Sequence[TrainingImage],
        out: Path,
        config: TrainingConfig,
        *,
        model: ModelConfig | None = None,
        start: Model | None = None,
        task: Task | None = None,
        validation: Sequence[TrainingImage] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        began: float | None = None,
    ) -> None:
        if config.minutes is None and config.epochs is None:
            config = replace(config, minutes=10.0)
        if start and not (model or task) and config.loss in CLASS_LOSSES:
            if start.task == NUCLEI:  # its losses are others: it has another map
                model = start.card.model
        # A model that goes on, not one that only lends its weights to a new network.
        self._onwards = start if model is None else None
        usual = self._onwards.task if self._onwards else nuclei_task(config.loss)
        self.task = task or usual
        if self._onwards is not None:
            check_start(self._onwards, self.task)
        if start is not None:  # it knows images as it was shown them
            config = replace(config, normalization=start.normalization)
        elif self.task.classes and config.normalization.nuclei == "either":
            # Inverted plane by plane, one class would look like another.
            bright = replace(config.normalization, nuclei="bright")
            config = replace(config, normalization=bright)
        self.config = config
        self.out = out
        self.start = start
        self.model = model or (start.card.model if start else ModelConfig())
        self._keeper = Keeper(out, config, self.model, start, self.diameter, self.task)
        self.cancelled = cancelled
        self._images = images
        self._validation = validation
        self._made: Learner | None = None
        self._schedule = Schedule(config, began, warm=self._onwards is not None)
        self._before = StartScored()

    def network(self) -> Network:
        """Give the network as it is now, to predict with between two steps."""
        return self._learner.network

    @property
    def _learner(self) -> Learner:
        if self._made is None:
            raise EngineError("Training has not begun yet.", todo="Wait a moment.")
        return self._made

    @property
    def diameter(self) -> float:
        """Nucleus diameter at the model's scale, in pixels."""
        if self._onwards is None and self.task.classes:
            return 1.0
        if self.start is not None and not self.start.task.classes:
            return self.start.diameter
        return self.config.diameter or _DIAMETER

    @property
    def scale(self) -> Scale:
        """What a prediction with the network as it is now needs to know."""
        return Scale(
            self.diameter,
            self.config.normalization,
            self._keeper.instances,
            self.task,
            self._keeper.pixel_size,
        )

    @property
    def step(self) -> int:
        """Steps made so far."""
        return self._learner.step if self._made else 0

    @property
    def seconds(self) -> float:
        """Wall time spent, in this process and in killed ones before it; no pauses."""
        return self._schedule.seconds

    def leave_out(self, seconds: float) -> None:
        """Do not count a pause, between two steps, that just ended."""
        self._schedule.leave_out(seconds)

    def keep(self) -> None:
        """Write down where the run is, so that the same one goes on from there."""
        if self._made is not None:
            self._keeper.note(self._made, self._schedule)

    def __iter__(self) -> Iterator[Event]:
        """Run: see `train`."""
        check_folder(self.out)  # not at the end, when there is a model to lose
        config = self.config
        train_images, held_out = split_images(
            self._images, self._validation, config.val_fraction, config.seed
        )
        if self.task.classes and self._onwards is None:
            self._keeper.pixel_size = class_pixel_size([*train_images, *held_out])
        look = self.task, self._keeper.pixel_size
        planes: list[TrainingPlane] = []
        yield from load_planes(
            train_images, self.model, self.diameter, config, planes.append, *look
        )
        planes = self.task.balance(planes, config.class_balance)
        windows: list[Window] = []
        yield from cut_windows(
            held_out, self.model, self.diameter, config, windows.append, *look
        )
        learned: list[Window] = []
        if not windows:
            yield Notice(text="No image is held out: the last model is kept.")
            some = train_images[:: -(-len(train_images) // _SHOWN)]
            yield from cut_windows(
                some, self.model, self.diameter, config, learned.append, *look
            )
        yield Notice(text="Starting the network.")
        trainable, share = yield from self._how_to_go_on(planes, windows or learned)
        if trainable == "biases":
            self._schedule.only_biases_learn()
        begun = replace(config, trainable=trainable)
        self._made = yield from begin(self.model, begun, self.task, self.start, share)
        self._keeper.check_space(self._made)
        examiner = Examiner(
            *(self._made, self._keeper, self._schedule, config),
            *(windows, train_images, learned),
        )
        if self._onwards is not None:
            self._before = examiner.score_start()
            yield self._before
        model = to_dict(self.model)
        settings = {**to_dict(config), "maps": self.task.maps, "model": model}
        identity = fingerprint([*train_images, *held_out], settings, self.start)
        yield from self._resume(identity)
        stopped = yield from run_steps(
            self._learner,
            self._schedule,
            config,
            planes,
            examiner.end_epoch,
            self.cancelled,
        )
        yield from self._finish(examiner, windows, train_images, stopped)

    def _how_to_go_on(
        self, planes: Sequence[TrainingPlane], windows: Sequence[Window]
    ) -> Generator[Event, None, tuple[Trainable, float | None]]:
        """Which weights learn, and how far to follow; None: from nothing."""
        usual: Trainable = "all"
        share = None
        if self._onwards is not None and self.task.classes:
            share = 1.0
        elif self._onwards is not None:
            area = np.pi / 4 * self.diameter**2  # of a nucleus at the model's scale
            counts = [max(plane.inside / area, 1.0) for plane in planes]
            independent = independent_nuclei(counts)
            usual, share = usual_trainable(independent), usual_share(independent)
            # Where somebody saw background alone, finding nothing is no knowledge.
            seen = [each for each in windows if each.labels[each.reviewed].any()]
            if usual == "biases" and seen:
                maps = predict_windows(self._onwards.network(), seen)
                score = score_windows(seen, maps, self._keeper.instances)
                if is_strange(score):
                    usual, share = "all", 1.0
                    yield Notice(
                        text="The model knows next to nothing of such images: it "
                        "learns them as new ones, with all its weights."
                    )
        chosen = self.config.trainable
        return usual if chosen == "auto" else chosen, share

    def _resume(self, identity: str) -> Iterator[Event]:
        if self._keeper.resume(self._learner, self._schedule, identity):
            step = self._learner.step
            yield Notice(text=f"Going on with a run that stopped after step {step}.")

    def _finish(
        self,
        examiner: Examiner,
        windows: Sequence[Window],
        images: Sequence[TrainingImage],
        stopped: str,
    ) -> Iterator[Event]:
        learner, keeper = self._learner, self._keeper
        epoch = learner.step // self.config.steps_per_epoch
        score, kept = None, epoch
        if windows:
            if not self.task.classes:
                yield Notice(text="Fitting the thresholds to the images held out.")
            score, kept = choose_final(
                learner,
                keeper,
                windows,
                epoch,
                warm=self._onwards is not None,
                early=stopped == "early",
            )
        fit, nuclei = examiner.score_end()
        reference = {}
        if not self.task.classes:  # what is compared are nuclei
            reference = yield from look_back(
                images,
                learner.network,
                self.scale,
                self._onwards,
                max(_LOOK_BACK, _LOOK_BACK_SHARE * self.seconds),
                self.cancelled,
                progress(self._schedule, learner.step),
            )
        yield keeper.save(
            learner,
            images,
            self.seconds,
            score=score,
            epoch=kept,
            quick=True,
            reference=reference,
        )
        keeper.forget()
        yield TrainingDone(
            path=self.out,
            epochs=epoch,
            steps=learner.step,
            seconds=self.seconds,
            stopped=stopped,
            score=score,
            start_score=self._before.score,
            measure=keeper.measure,
            fit=fit,
            start_fit=self._before.fit,
            nuclei=nuclei,
        )
