"""How much of a training run is over, and the learning rate that this gives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from unetloop import catalog

if TYPE_CHECKING:
    from unetloop.config import TrainingConfig

__all__ = ["Schedule"]

_WARM_UP_STEPS = 30
# Of what a trained model knows, a lower rate keeps more. Eight images of a stain
# that it knew took the shipped model from .40 to .36 mean AP on others at .0004,
# and to .40 at .0001; a model that did not know it learned as much at either.
# What knows nothing of them has nothing to keep: 240 steps at a tenth of the rate left
# 27.7 corrections per 100 nuclei, at the whole rate 4.9.
_WARM_RATE = 0.1
# Where only the biases learn, as much as they can stand: they forget little.
_BIASES_RATE = 0.67
# Exporting takes 1.4 x as long as tracing the first step: measured.
_EXPORT_SHARE = 2.0
# Fitting the thresholds takes at most so many times as long as a score.
_FIT_SHARE = 6.0
# Choosing how far to follow what was learned scores as many models more.
_MODELS_COMPARED = 6.0


class Schedule:
    """The clock of a run that ends after some minutes or epochs.

    Parameters
    ----------
    config : TrainingConfig
        Minutes or epochs, the highest learning rate, and its course.
    began : float, optional
        Value of `time.monotonic` from which the minutes count; None: now.
    warm : bool
        Whether it starts from a trained model: the rate is lower.
    """

    def __init__(
        self, config: TrainingConfig, began: float | None = None, warm: bool = False
    ) -> None:
        self._config = config
        self._last_scores = 1 + _FIT_SHARE + (_MODELS_COMPARED if warm else 0)
        self._highest = config.learning_rate * (_WARM_RATE if warm else 1)
        course = catalog.find(catalog.SCHEDULES, config.schedule, "schedule")
        self._share = catalog.load(course.share)
        self.losses: list[float] = []
        self._began = time.monotonic() if began is None else began
        self._before = 0.0
        self._first_step = 0.0
        self._last_score = 0.0

    def only_biases_learn(self) -> None:
        """Let the rate be as high as biases want it."""
        self._highest = self._config.learning_rate * _BIASES_RATE

    def learn_anew(self) -> None:
        """Let the rate be as high as random weights want it."""
        self._highest = self._config.learning_rate

    @property
    def seconds(self) -> float:
        """Wall time spent, in this process and in killed ones before it; no pauses."""
        return self._before + time.monotonic() - self._began

    def add(self, seconds: float) -> None:
        """Count what a killed process spent before."""
        self._before += seconds

    def leave_out(self, seconds: float) -> None:
        """Do not count a pause that just ended."""
        self._before -= seconds

    def step_took(self, seconds: float) -> None:
        """Learn from the first step, which is traced, what the export will take."""
        self._first_step = self._first_step or seconds

    def score_took(self, seconds: float) -> None:
        """Learn what the last score and the fit of the thresholds will take."""
        self._last_score = seconds

    def fraction(self, step: int) -> float:
        """How much of the run is over after so many steps, from 0; 1: all."""
        config = self._config
        shares = []
        if config.epochs is not None:
            shares.append(step / (config.epochs * config.steps_per_epoch))
        if config.minutes is not None:
            seconds = config.minutes * 60
            last = _EXPORT_SHARE * self._first_step
            last += self._last_scores * self._last_score
            shares.append(self.seconds / (seconds - min(last, seconds / 2)))
        return max(shares)

    def seconds_left(self, step: int) -> float | None:
        """Time to go, in seconds; None at the very start."""
        fraction = self.fraction(step)
        return self.seconds * (1 - fraction) / fraction if fraction > 0.01 else None

    def epoch_ended(self, loss: float) -> None:
        """Learn the loss after an epoch: on what is held out, or else in training."""
        self.losses.append(loss)

    def rate(self, step: int) -> float:
        """Give the rate of a step: the catalog's course, behind a linear warm-up.

        A rate that is constant is that from the first step on.
        """
        share: float = self._share(min(self.fraction(step), 1.0), self.losses)
        warm_up = min(1.0, (step + 1) / _WARM_UP_STEPS)
        if self._config.schedule == "constant":
            warm_up = 1.0
        return float(self._highest * warm_up * share)
