"""The steps of a training: batches, memory that runs out, steps that go wrong."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.events import BatchHalved, Event, Progress, RolledBack
from unetloop.patches import iterate_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from unetloop.config import TrainingConfig
    from unetloop.schedule import Schedule
    from unetloop.training_plane import TrainingPlane
    from unetloop.training_step import Learner

__all__ = ["progress", "run_steps"]

_LOWEST_RATE_FACTOR = 2.0**-10
# As TensorFlow, JAX and PyTorch put it.
_OUT_OF_MEMORY = re.compile(
    r"resource_?exhausted|out ?of ?memory|\boom\b", re.IGNORECASE
)


def run_steps(
    learner: Learner,
    schedule: Schedule,
    config: TrainingConfig,
    planes: list[TrainingPlane],
    end_epoch: Callable[[float], Generator[Event, None, bool]],
    cancelled: Callable[[], bool],
) -> Generator[Event, None, str]:
    """Make steps until the time is over, somebody cancels, or nothing gets better.

    Parameters
    ----------
    learner : Learner
        Makes a step, and says if it went wrong.
    schedule : Schedule
        Gives the rate of each step, and says when the run is over.
    config : TrainingConfig
        Batches, and the length of an epoch.
    planes : list of TrainingPlane
        To learn from.
    end_epoch : callable
        Given the mean loss of an epoch; its events, and whether to stop early.
    cancelled : callable
        Asked before each step.

    Yields
    ------
    Event
        `Progress`, `BatchHalved`, `RolledBack`, and those of ``end_epoch``.

    Returns
    -------
    str
        Why it ended: ``finished``, ``minutes``, ``early`` or ``cancelled``.

    Raises
    ------
    EngineError
        If the loss rises without end whatever the rate, or the time is over before
        the first step.
    """
    batch_size = config.batch_size
    batches = _batches(planes, config, batch_size, learner.patch_size, learner.step)
    losses: list[float] = []
    while True:
        if cancelled():
            return "cancelled"
        if schedule.fraction(learner.step) >= 1:
            if not learner.step:
                raise EngineError(
                    "Before the first step the time was over: no time was left to "
                    "learn.",
                    todo="Give it more minutes.",
                    minutes=config.minutes,
                )
            return "finished" if config.epochs else "minutes"
        learner.set_rate(schedule.rate(learner.step))
        patches, truth = next(batches)
        began = time.monotonic()
        try:
            loss = learner.train_step(patches, truth)
        except Exception as error:
            if not _is_out_of_memory(error) or batch_size == 1:
                raise
            batch_size = max(1, batch_size // 2)
            size = learner.patch_size
            batches = _batches(planes, config, batch_size, size, learner.step)
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
        schedule.step_took(time.monotonic() - began)
        yield progress(schedule, learner.step)
        if learner.step % config.steps_per_epoch == 0:
            stop = yield from end_epoch(float(np.mean(losses)))
            losses = []
            if stop:
                return "early"


def progress(schedule: Schedule, step: int, over: bool = False) -> Progress:
    """Say how much of a run is done; ``over``: all steps are, however it ended."""
    share = 1.0 if over else min(1.0, schedule.fraction(step))
    return Progress(
        done=round(share * 100, 2),
        total=100,
        unit="%",
        seconds_left=None if over else schedule.seconds_left(step),
        what=f"step {step}",
    )


def _batches(
    planes: list[TrainingPlane],
    config: TrainingConfig,
    batch_size: int,
    size: int,
    first: int,
) -> Iterator[tuple[Any, Any]]:
    return iterate_batches(
        planes,
        batch_size,
        size,
        config.augmentation,
        config.seed,
        first=first,
        workers=max(1, min(4, (os.cpu_count() or 2) // 2)),
    )


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    return bool(_OUT_OF_MEMORY.search(f"{type(error).__name__} {error}"))
