"""Annotated images -> a trained model folder, as a job that yields events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from unetloop.config import to_dict
from unetloop.epochs import Examiner
from unetloop.errors import EngineError
from unetloop.events import Event, Notice, StartScored, TrainingDone
from unetloop.final_choice import choose_final
from unetloop.keeping import Keeper
from unetloop.model_saving import check_folder
from unetloop.outline_level import fit_outlines
from unetloop.reference import look_back
from unetloop.scale import Scale
from unetloop.schedule import Schedule
from unetloop.selection import choose_bounds
from unetloop.starting import Beginning, begin
from unetloop.training_data import class_pixel_size, fingerprint, split_images
from unetloop.training_loop import progress, run_steps
from unetloop.training_sets import read_sets
from unetloop.training_state import training_alone
from unetloop.validation import predict_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from unetloop.checkpoint import Model
    from unetloop.config import ModelConfig, Trainable, TrainingConfig
    from unetloop.network import Network
    from unetloop.tasks import Task
    from unetloop.training_image import TrainingImage
    from unetloop.training_sets import TrainingSets
    from unetloop.training_step import Learner

__all__ = ["Training", "train"]

# At the end the images are looked at once more: so many seconds, or this share.
_LOOK_BACK = 2.0
_LOOK_BACK_SHARE = 0.03


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
        `RolledBack`, `BatchHalved`, `Notice`, and at last `TrainingDone`, unless
        it was cancelled before the first step.

    Raises
    ------
    EngineError
        If nothing is reviewed, an image can't be read, ``out`` not written, another
        run writes into it, or the time is over before the first step.
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
        begun = Beginning.of(config, model, start, task)
        self.config, self.model, self.task = begun.config, begun.model, begun.task
        self.diameter = begun.diameter
        self.out = out
        self.start = start
        self.cancelled = cancelled
        self._onwards = begun.onwards
        self._keeper = Keeper(
            out, self.config, self.model, start, self.diameter, self.task
        )
        self._images = images
        self._validation = validation
        self._made: Learner | None = None
        self._schedule = Schedule(self.config, began, warm=self._onwards is not None)
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

    def __iter__(self) -> Generator[Event]:
        """Run: see `train`. No other run writes into the folder until this one ends."""
        with training_alone(self.out):
            check_folder(self.out)  # not at the end, when there is a model to lose
            yield from self._run()

    def _run(self) -> Iterator[Event]:
        config = self.config
        train_images, held_out = split_images(
            self._images, self._validation, config.val_fraction, config.seed
        )
        if self.task.classes and self._onwards is None:
            self._keeper.pixel_size = class_pixel_size([*train_images, *held_out])
        sets = yield from read_sets(
            train_images,
            held_out,
            self.model,
            self.diameter,
            config,
            self.task,
            self._keeper.pixel_size,
        )
        yield Notice(text="Starting the network.")
        trainable = config.trainable
        usual: Trainable = "all"
        share = None if self._onwards is None else 1.0
        if self._onwards is not None and trainable != "anew" and not self.task.classes:
            usual, share = yield from choose_bounds(
                self._onwards, sets.planes, sets.held_out or sets.learned
            )
        if trainable == "auto":
            trainable = usual
        if trainable == "biases":
            self._schedule.only_biases_learn()
        elif trainable == "anew":
            self._schedule.learn_anew()
        bound = replace(config, trainable=trainable)
        self._made = yield from begin(self.model, bound, self.task, self.start, share)
        self._keeper.check_space(self._made)
        examiner = Examiner(
            *(self._made, self._keeper, self._schedule, config),
            *(sets.held_out, train_images, sets.learned),
        )
        if self._onwards is not None:
            self._before = examiner.score_start()
            yield self._before
        model = to_dict(self.model)
        settings = {**to_dict(config), "maps": self.task.maps, "model": model}
        identity = fingerprint([*train_images, *held_out], settings, self.start)
        if said := self._keeper.resume(self._made, self._schedule, identity):
            yield said
        stopped = yield from run_steps(
            *(self._made, self._schedule, config, sets.planes),
            *(examiner.end_epoch, self.cancelled),
        )
        if self.step:  # else an older model in the folder is worth more
            yield from self._finish(examiner, sets, train_images, stopped)

    def _finish(
        self,
        examiner: Examiner,
        sets: TrainingSets,
        images: Sequence[TrainingImage],
        stopped: str,
    ) -> Iterator[Event]:
        learner, keeper = self._learner, self._keeper
        epoch = learner.step // self.config.steps_per_epoch
        score, kept = None, epoch
        yield Notice(text="Scoring what was learned.")
        if sets.held_out:
            score, kept = choose_final(
                learner,
                keeper,
                sets.held_out,
                epoch,
                warm=self._onwards is not None,
                early=stopped == "early",
            )
        elif not self.task.classes:
            maps = predict_windows(learner.network, sets.learned)
            keeper.instances = fit_outlines(sets.learned, maps, keeper.instances)
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
                progress(self._schedule, learner.step, over=True),
            )
        yield Notice(text="Storing the model.")
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
            anew=self._onwards is not None and learner.trainable == "anew",
        )
