"""Annotated images -> a trained model folder, as a job that yields events."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.checkpoint import ModelCard, load_weights, save_model
from unetloop.config import InstanceConfig, ModelConfig, TrainingConfig, to_dict
from unetloop.errors import EngineError
from unetloop.events import (
    BatchHalved,
    EpochDone,
    Event,
    ModelSaved,
    Notice,
    Progress,
    RolledBack,
    TrainingDone,
)
from unetloop.fitting import fit_instances
from unetloop.patches import iterate_batches
from unetloop.prediction import Scale
from unetloop.quality import Reference
from unetloop.reference import LearnedPlane, learn_reference
from unetloop.schedule import Schedule
from unetloop.selection import choose_share, usual_share
from unetloop.training_data import (
    TrainingImage,
    fingerprint,
    load_planes,
    split_images,
)
from unetloop.training_state import read_state, remove_state, write_state
from unetloop.training_step import Learner
from unetloop.validation import cut_windows, predict_windows, score_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from unetloop.checkpoint import Model
    from unetloop.network import Network
    from unetloop.patches import TrainingPlane
    from unetloop.validation import Window

__all__ = ["Training", "train"]

_DIAMETER = 32.0
_CLEARLY = 0.03
_LOWEST_RATE_FACTOR = 2.0**-10
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
            validation=validation,
            cancelled=cancelled,
            began=began,
        )
    )


@dataclass
class _Best:
    """The best model so far and what is known of it."""

    score: float | None = None
    epoch: int = 0
    saved: bool = False


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
        validation: Sequence[TrainingImage] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        began: float | None = None,
    ) -> None:
        if config.minutes is None and config.epochs is None:
            config = replace(config, minutes=10.0)
        if start is not None:  # it knows images as it was shown them
            config = replace(config, normalization=start.normalization)
        self.config = config
        self.out = out
        self.start = start
        self.model = start.card.model if start else (model or ModelConfig())
        self._instances = start.instances if start else InstanceConfig()
        self.cancelled = cancelled
        self._images = images
        self._validation = validation
        self._made: Learner | None = None
        self._best = _Best()
        self._schedule = Schedule(config, began, warm=start is not None)
        self._start_score: float | None = None
        self._identity = ""

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
        return self.config.diameter or _DIAMETER

    @property
    def scale(self) -> Scale:
        """What a prediction with the network as it is now needs to know."""
        return Scale(self.diameter, self.config.normalization, self._instances)

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
        learner = self._made
        if learner is None or not learner.step or not self._identity:
            return
        write_state(
            self.out,
            self._identity,
            arrays=learner.everything(),
            step=learner.step,
            seconds=self.seconds,
            rate_factor=learner.rate_factor,
            score=self._best.score,
            best_epoch=self._best.epoch,
            saved=self._best.saved,
        )

    def __iter__(self) -> Iterator[Event]:
        """Run: see `train`."""
        config = self.config
        train_images, held_out = split_images(
            self._images, self._validation, config.val_fraction, config.seed
        )
        planes: list[TrainingPlane] = []
        yield from load_planes(
            train_images, self.model, self.diameter, config, planes.append
        )
        windows: list[Window] = []
        yield from cut_windows(
            held_out, self.model, self.diameter, config, windows.append
        )
        if not windows:
            yield Notice(text="No image is held out: the last model is kept.")
        yield Notice(text="Starting the network.")
        self._made = self._make_learner(planes)
        if windows and self.start is not None:
            self._start_score, _ = self._score(windows)
        identity = fingerprint([*train_images, *held_out], to_dict(config), self.start)
        yield from self._resume(identity)
        self._identity = identity
        stopped = yield from self._loop(planes, windows, train_images)
        yield from self._finish(windows, train_images, stopped)

    def _make_learner(self, planes: Sequence[TrainingPlane]) -> Learner:
        start = None if self.start is None else load_weights(self.start)
        area = np.pi / 4 * self.diameter**2  # of a nucleus at the model's scale
        share = usual_share([max(plane.inside / area, 1.0) for plane in planes])
        return Learner(self.model, self.config, start, share)

    def _resume(self, identity: str) -> Iterator[Event]:
        learner = self._learner
        state = read_state(self.out, identity)
        if state is None:
            return
        learner.restore_all(state.arrays)
        learner.step = state.step
        learner.rate_factor = state.rate_factor
        self._schedule.add(state.seconds)
        self._best = _Best(state.score, state.best_epoch, state.saved)
        yield Notice(text=f"Going on with a run that stopped after step {state.step}.")

    def _loop(
        self,
        planes: list[TrainingPlane],
        windows: list[Window],
        images: Sequence[TrainingImage],
    ) -> Generator[Event, None, str]:
        config, learner, schedule = self.config, self._learner, self._schedule
        batch_size = config.batch_size
        batches = self._batches(planes, batch_size)
        stopped, losses = "", []
        validation_seconds = 0.0
        while not stopped:
            if self.cancelled():
                stopped = "cancelled"
                break
            if schedule.fraction(learner.step) >= 1:
                stopped = "finished" if config.epochs else "minutes"
                break
            learner.set_rate(schedule.rate(learner.step))
            patch, truth = next(batches)
            step_began = time.monotonic()
            try:
                loss = learner.train_step(patch, truth)
            except Exception as error:
                if not _is_out_of_memory(error) or batch_size == 1:
                    raise
                batch_size = max(1, batch_size // 2)
                batches = self._batches(planes, batch_size)
                learner.roll_back(lower_rate=False)
                yield BatchHalved(batch_size=batch_size)
                continue
            reason = learner.divergence(loss)
            if reason:
                if learner.rate_factor <= _LOWEST_RATE_FACTOR:
                    raise EngineError(
                        f"Training keeps diverging ({reason}).",
                        todo="Lower the learning rate, or check the images for "
                        "extreme values.",
                    )
                learner.roll_back(lower_rate=True)
                yield RolledBack(
                    step=learner.step, reason=reason, learning_rate=learner.rate
                )
                continue
            losses.append(loss)
            schedule.step_took(time.monotonic() - step_began)
            yield self._progress()
            if learner.step % config.steps_per_epoch == 0:
                epoch = learner.step // config.steps_per_epoch
                score_began = time.monotonic()
                score = val_loss = None
                # Scoring must stay a small share of the time.
                if windows and validation_seconds <= _VALIDATION_SHARE * self.seconds:
                    score, val_loss = self._score(windows)
                    score_seconds = time.monotonic() - score_began
                    schedule.score_took(score_seconds)
                    validation_seconds += score_seconds
                best = not windows or (
                    score is not None
                    and (self._best.score is None or score >= self._best.score)
                )
                yield EpochDone(
                    epoch=epoch,
                    step=learner.step,
                    loss=float(np.mean(losses)),
                    learning_rate=learner.rate,
                    seconds=self.seconds,
                    seconds_left=schedule.seconds_left(learner.step),
                    val_loss=val_loss,
                    score=score,
                    best=best,
                )
                losses = []
                if best:
                    yield self._save(images, score, epoch, quick=False)
                self.keep()
                if config.patience and epoch - self._best.epoch >= config.patience:
                    stopped = "early"
        return stopped

    def _finish(
        self,
        windows: list[Window],
        images: Sequence[TrainingImage],
        stopped: str,
    ) -> Iterator[Event]:
        learner = self._learner
        epoch = learner.step // self.config.steps_per_epoch
        score, kept = None, epoch
        if windows:
            yield Notice(text="Fitting the thresholds to the images held out.")
            usual, usual_way = self._instances, learner.share
            if self.start is not None:
                share = choose_share(self._network_at, usual_way, windows, usual)
                learner.follow(share)
            maps = predict_windows(learner.network, windows)
            self._instances, score = fit_instances(windows, maps, usual)
            best = self._best.score
            last = score_windows(windows, maps, usual) if best is not None else 0.0
            # The last steps, at the lowest rate, are the better bet; few images
            # must say clearly that an earlier epoch was better.
            lead = 0.0 if stopped == "early" else _CLEARLY
            if best is not None and best > last + lead:
                learner.load_best(self.out)
                learner.share = usual_way
                kept = self._best.epoch
                maps = predict_windows(learner.network, windows)
                self._instances, score = fit_instances(windows, maps, usual)
        reference = yield from self._look_back(images)
        yield self._save(images, score, kept, quick=True, reference=reference)
        remove_state(self.out)
        self._identity = ""  # nothing is left to go on with
        yield TrainingDone(
            path=self.out,
            epochs=epoch,
            steps=learner.step,
            seconds=self.seconds,
            stopped=stopped,
            score=self._best.score,
            start_score=self._start_score,
        )

    def _look_back(
        self, images: Sequence[TrainingImage]
    ) -> Generator[Event, None, dict[str, Any]]:
        """Keep what the model makes of its images: others are compared with them."""
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
            yield self._progress()
        return {} if learned is None else learned.to_json()

    def _network_at(self, share: float) -> Network:
        self._learner.follow(share)
        return self._learner.network

    def _score(self, windows: list[Window]) -> tuple[float, float]:
        """Mean AP and loss of the network as it is."""
        maps = predict_windows(self._learner.network, windows)
        truth = np.stack([window.truth for window in windows])
        loss = self._learner.loss(truth, np.stack(maps))
        return score_windows(windows, maps, self._instances), loss

    def _save(
        self,
        images: Sequence[TrainingImage],
        score: float | None,
        epoch: int,
        quick: bool,
        reference: dict[str, Any] | None = None,
    ) -> ModelSaved:
        learner = self._learner
        card = ModelCard(
            model=self.model,
            diameter=self.diameter,
            normalization=self.config.normalization,
            instances=self._instances,
            training={
                "settings": to_dict(self.config),
                "steps": learner.step,
                "seconds": round(self.seconds, 1),
                "share": learner.share,
                "images": [image.describe() for image in images],
            },
            scores={} if score is None else {"mean_ap": float(score)},
            started_from=self.start.weights_hash if self.start else None,
            reference=reference or {},
        )
        save_model(learner.averaged, card, self.out, quick=quick)
        self._best = _Best(score, epoch, saved=True)
        return ModelSaved(path=self.out, step=learner.step, score=score)

    def _batches(
        self, planes: list[TrainingPlane], batch_size: int
    ) -> Iterator[tuple[Any, Any]]:
        learner = self._learner
        return iterate_batches(
            planes,
            batch_size,
            self.config.patch_size,
            self.config.augmentation,
            self.config.seed,
            first=learner.step,
            workers=max(1, min(4, (os.cpu_count() or 2) // 2)),
        )

    def _progress(self) -> Progress:
        step = self._learner.step
        return Progress(
            done=round(min(1.0, self._schedule.fraction(step)) * 100, 2),
            total=100,
            unit="%",
            seconds_left=self._schedule.seconds_left(step),
            what=f"step {step}",
        )


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    text = f"{type(error).__name__} {error}".lower()
    return any(
        sign in text
        for sign in ("resourceexhausted", "resource_exhausted", "out of memory", "oom")
    )
