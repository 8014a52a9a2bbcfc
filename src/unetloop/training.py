"""Annotated images -> a trained model folder, as a job that yields events."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.checkpoint import load_weights
from unetloop.config import ModelConfig, TrainingConfig, to_dict
from unetloop.errors import EngineError
from unetloop.events import EpochDone, Event, Notice, TrainingDone
from unetloop.final_choice import choose_final
from unetloop.keeping import Keeper
from unetloop.prediction import Scale
from unetloop.quality import Reference
from unetloop.reference import LearnedPlane, learn_reference
from unetloop.schedule import Schedule
from unetloop.selection import usual_share
from unetloop.tasks import NUCLEI
from unetloop.training_data import (
    TrainingImage,
    class_pixel_size,
    fingerprint,
    load_planes,
    split_images,
)
from unetloop.training_loop import progress, run_steps
from unetloop.training_step import Learner
from unetloop.validation import cut_windows, predict_windows, score_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from unetloop.checkpoint import Model
    from unetloop.network import Network
    from unetloop.patches import TrainingPlane
    from unetloop.tasks import Task
    from unetloop.validation import Window

__all__ = ["Training", "train"]

_DIAMETER = 32.0
_VALIDATION_SHARE = 0.08
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
        A model to start from instead; it brings its network and diameter.
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
        `Progress` after every step, `EpochDone`, `ModelSaved`, `RolledBack`,
        `BatchHalved`, `Notice`, and at last `TrainingDone`.

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
        self.task = task or (start.task if start else NUCLEI)
        if start is not None:  # it knows images as it was shown them
            _check_start(start, self.task)
            config = replace(config, normalization=start.normalization)
        elif self.task.classes and config.normalization.nuclei == "either":
            # Inverted plane by plane, one class would look like another.
            bright = replace(config.normalization, nuclei="bright")
            config = replace(config, normalization=bright)
        self.config = config
        self.out = out
        self.start = start
        self.model = start.card.model if start else (model or ModelConfig())
        self._keeper = Keeper(out, config, self.model, start, self.diameter, self.task)
        self.cancelled = cancelled
        self._images = images
        self._validation = validation
        self._made: Learner | None = None
        self._schedule = Schedule(config, began, warm=start is not None)
        self._start_score: float | None = None
        self._scoring_seconds = 0.0

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
        if self.start is not None:
            return self.start.diameter
        if self.task.classes:
            return 1.0
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
        config = self.config
        train_images, held_out = split_images(
            self._images, self._validation, config.val_fraction, config.seed
        )
        if self.task.classes and self.start is None:
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
        if not windows:
            yield Notice(text="No image is held out: the last model is kept.")
        yield Notice(text="Starting the network.")
        self._made = self._make_learner(planes)
        if windows and self.start is not None:
            self._start_score, _ = self._score(windows)
        settings = {**to_dict(config), "maps": self.task.maps}
        identity = fingerprint([*train_images, *held_out], settings, self.start)
        yield from self._resume(identity)
        stopped = yield from run_steps(
            self._learner,
            self._schedule,
            config,
            planes,
            lambda loss: self._end_epoch(loss, windows, train_images),
            self.cancelled,
        )
        yield from self._finish(windows, train_images, stopped)

    def _make_learner(self, planes: Sequence[TrainingPlane]) -> Learner:
        start = None if self.start is None else load_weights(self.start)
        area = np.pi / 4 * self.diameter**2  # of a nucleus at the model's scale
        share = 1.0
        if not self.task.classes:
            share = usual_share([max(plane.inside / area, 1.0) for plane in planes])
        return Learner(self.model, self.config, start, share, self.task)

    def _resume(self, identity: str) -> Iterator[Event]:
        if self._keeper.resume(self._learner, self._schedule, identity):
            step = self._learner.step
            yield Notice(text=f"Going on with a run that stopped after step {step}.")

    def _end_epoch(
        self,
        loss: float,
        windows: Sequence[Window],
        images: Sequence[TrainingImage],
    ) -> Generator[Event, None, bool]:
        """Score what there is, keep it if it is the best, and say if it is enough."""
        learner, keeper = self._learner, self._keeper
        epoch = learner.step // self.config.steps_per_epoch
        began = time.monotonic()
        score = val_loss = None
        # Scoring must stay a small share of the time, unless it says when to stop.
        due = self._scoring_seconds <= _VALIDATION_SHARE * self.seconds
        if windows and (due or self.config.patience):
            score, val_loss = self._score(windows)
            seconds = time.monotonic() - began
            self._schedule.score_took(seconds)
            self._scoring_seconds += seconds
        self._schedule.epoch_ended(loss if val_loss is None else val_loss)
        best = not windows or (
            score is not None
            and (keeper.best.score is None or score >= keeper.best.score)
        )
        yield EpochDone(
            epoch=epoch,
            step=learner.step,
            loss=loss,
            learning_rate=learner.rate,
            seconds=self.seconds,
            seconds_left=self._schedule.seconds_left(learner.step),
            val_loss=val_loss,
            score=score,
            best=best,
        )
        if best:
            yield keeper.save(
                learner, images, self.seconds, score=score, epoch=epoch, quick=False
            )
        self.keep()
        patience = self.config.patience
        return bool(patience) and epoch - keeper.best.epoch >= patience

    def _finish(
        self, windows: Sequence[Window], images: Sequence[TrainingImage], stopped: str
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
                warm=self.start is not None,
                early=stopped == "early",
            )
        reference = yield from self._look_back(images)
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
            start_score=self._start_score,
        )

    def _look_back(
        self, images: Sequence[TrainingImage]
    ) -> Generator[Event, None, dict[str, Any]]:
        """Keep what the model makes of its images: others are compared with them."""
        if self.task.classes:  # what is compared are nuclei
            return {}
        planes = [
            LearnedPlane(image.image, image.plane, image.channels) for image in images
        ]
        known = Reference.from_json(self.start.card.reference) if self.start else None
        until = time.monotonic() + max(_LOOK_BACK, _LOOK_BACK_SHARE * self.seconds)
        work = learn_reference(
            planes,
            self._learner.network,
            self.scale,
            known,
            enough=lambda: time.monotonic() >= until or self.cancelled(),
        )
        while True:
            try:
                next(work)
            except StopIteration as stop:
                learned: Reference | None = stop.value
                break
            yield progress(self._schedule, self._learner.step)
        return {} if learned is None else learned.to_json()

    def _score(self, windows: Sequence[Window]) -> tuple[float, float]:
        """Score and loss of the network as it is."""
        maps = predict_windows(self._learner.network, windows)
        truth = np.stack([window.truth for window in windows])
        loss = self._learner.loss(truth, np.stack(maps))
        return score_windows(windows, maps, self._keeper.instances), loss


def _check_start(start: Model, task: Task) -> None:
    """Refuse a model that predicts something else."""
    if start.task.name != task.name or len(start.task.maps) != len(task.maps):
        raise EngineError(
            "The model to start from is for something else.",
            todo="Start from scratch, or from a model of the same task with as many "
            "classes.",
            start=str(start.path),
            its_maps=", ".join(start.task.maps),
            wanted=", ".join(task.maps),
        )
