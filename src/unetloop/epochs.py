"""The end of an epoch: how good the network is, and whether it is the best so far."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from unetloop.events import EpochDone, Event, StartScored
from unetloop.validation import count_nuclei, predict_windows, score_windows

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from unetloop.config import TrainingConfig
    from unetloop.held_out import Window
    from unetloop.keeping import Keeper
    from unetloop.schedule import Schedule
    from unetloop.training_image import TrainingImage
    from unetloop.training_step import Learner

__all__ = ["Examiner"]

# Of the time: what chooses the model, and what only shows how it goes.
_VALIDATION_SHARE = 0.08
_FIT_SHARE = 0.03


class Examiner:
    """Scores a network on the images held out, or else on what it learns from.

    Parameters
    ----------
    learner : Learner
        Holds the network.
    keeper : Keeper
        Keeps the best.
    schedule : Schedule
        Told what scoring takes, and the loss.
    config : TrainingConfig
        Length of an epoch, and patience.
    windows : sequence of Window
        Images held out; may be none.
    images : sequence of TrainingImage
        What is learned from, for the card.
    learned : sequence of Window
        Some of what is learned from, scored where no image is held out.
    """

    def __init__(
        self,
        learner: Learner,
        keeper: Keeper,
        schedule: Schedule,
        config: TrainingConfig,
        windows: Sequence[Window],
        images: Sequence[TrainingImage],
        learned: Sequence[Window] = (),
    ) -> None:
        self._learner = learner
        self._keeper = keeper
        self._schedule = schedule
        self._config = config
        self._windows = windows
        self._images = images
        self._learned = [] if windows else learned
        self._seconds = 0.0
        self._fit_seconds: list[float] = []

    def score_start(self) -> StartScored:
        """Score the network before its first step."""
        measure = self._keeper.measure
        if self._windows:
            score, loss = self._score(self._windows)
            return StartScored(val_loss=loss, score=score, measure=measure)
        fit, fit_loss = self._score_learned()
        return StartScored(fit_loss=fit_loss, fit=fit, measure=measure)

    def score_end(self) -> tuple[float | None, int | None]:
        """Score the network that is kept on what it learned from.

        Returns
        -------
        fit : float or None
            As in `EpochDone`; None where images are held out, which say more.
        nuclei : int or None
            How many are scored, here or on the images held out; None: classes are.
        """
        windows = self._windows or self._learned
        fit = self._score(self._learned)[0] if self._learned else None
        if not windows or windows[0].task.classes:
            return fit, None
        return fit, sum(map(count_nuclei, windows))

    def _score_learned(self) -> tuple[float | None, float | None]:
        # The first time it is compiled: that says nothing of the next.
        spent = sum(self._fit_seconds[1:])
        if not self._learned or spent > _FIT_SHARE * self._schedule.seconds:
            return None, None
        began = time.monotonic()
        scored = self._score(self._learned)
        self._fit_seconds.append(time.monotonic() - began)
        return scored

    def _score(self, windows: Sequence[Window]) -> tuple[float, float]:
        """Give score and loss of the network as it is."""
        maps = predict_windows(self._learner.network, windows)
        truth = np.stack([window.truth for window in windows])
        loss = self._learner.loss(truth, np.stack(maps))
        return score_windows(windows, maps, self._keeper.instances), loss

    def end_epoch(self, loss: float) -> Generator[Event, None, bool]:
        """Score what there is, and keep it if it is the best.

        Parameters
        ----------
        loss : float
            Mean over the steps of the epoch.

        Yields
        ------
        Event
            `EpochDone`, and `ModelSaved`.

        Returns
        -------
        bool
            Whether nothing got better for as long as patience lasts.
        """
        learner, keeper, schedule = self._learner, self._keeper, self._schedule
        epoch = learner.step // self._config.steps_per_epoch
        patience = self._config.patience
        score = val_loss = None
        # Scoring must stay a small share of the time, unless it says when to stop.
        due = self._seconds <= _VALIDATION_SHARE * schedule.seconds
        if self._windows and (due or patience):
            began = time.monotonic()
            score, val_loss = self._score(self._windows)
            seconds = time.monotonic() - began
            schedule.score_took(seconds)
            self._seconds += seconds
        schedule.epoch_ended(loss if val_loss is None else val_loss)
        best = not self._windows or (
            score is not None
            and (keeper.best.score is None or score >= keeper.best.score)
        )
        fit, fit_loss = self._score_learned()
        yield EpochDone(
            epoch=epoch,
            step=learner.step,
            loss=loss,
            learning_rate=learner.rate,
            seconds=schedule.seconds,
            seconds_left=schedule.seconds_left(learner.step),
            val_loss=val_loss,
            score=score,
            best=best,
            measure=keeper.measure,
            fit_loss=fit_loss,
            fit=fit,
        )
        if best:
            # A model with nothing to go on with is taken for one that is done.
            if not keeper.best.saved and (warning := keeper.note(learner, schedule)):
                yield warning
            yield keeper.save(
                learner,
                self._images,
                schedule.seconds,
                score=score,
                epoch=epoch,
                quick=False,
            )
        if warning := keeper.note(learner, schedule):
            yield warning
        return bool(patience) and epoch - keeper.best.epoch >= patience
