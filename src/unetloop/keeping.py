"""What a training leaves on disk: its best model so far, and where the run is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unetloop.config import InstanceConfig, to_dict
from unetloop.errors import EngineError
from unetloop.events import ModelSaved, Notice
from unetloop.model_card import ModelCard
from unetloop.model_saving import save_model
from unetloop.tasks import NUCLEI
from unetloop.training_state import is_left, read_state, remove_state, write_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from unetloop.checkpoint import Model
    from unetloop.config import ModelConfig, TrainingConfig
    from unetloop.schedule import Schedule
    from unetloop.tasks import Task
    from unetloop.training_image import TrainingImage
    from unetloop.training_step import Learner

__all__ = ["Best", "Keeper"]

_FILES = 2  # model.keras and model.onnx
_BYTES_A_WEIGHT = 4
_ANOTHER = (
    "A training that was broken off here is not gone on with, since its images, "
    "settings or start were others, or what it left is damaged: this one begins at "
    "the first step."
)


@dataclass(frozen=True)
class Best:
    """The best model so far and what is known of it."""

    score: float | None = None
    epoch: int = 0
    saved: bool = False


class Keeper:
    """Writes the model folder of a run, and the file from which it goes on.

    Parameters
    ----------
    out : Path
        The model folder.
    config : TrainingConfig
        How it learns.
    model : ModelConfig
        Which network.
    start : Model or None
        What it started from.
    diameter : float
        Of a nucleus at the model's scale, in pixels.
    task : Task
        What the network is for.
    """

    def __init__(
        self,
        out: Path,
        config: TrainingConfig,
        model: ModelConfig,
        start: Model | None,
        diameter: float,
        task: Task = NUCLEI,
    ) -> None:
        self.out = out
        self.diameter = diameter
        self.instances = start.instances if start else InstanceConfig()
        self.pixel_size = start.card.pixel_size if start and task.classes else None
        self.best = Best()
        self._task = task
        self._config = config
        self._model = model
        self._start = start
        self._identity = ""
        self._warned = False

    @property
    def measure(self) -> str:
        """What a score of the run is: ``mean_ap`` or ``mean_iou``."""
        return self._task.score_name

    def save(
        self,
        learner: Learner,
        images: Sequence[TrainingImage],
        seconds: float,
        *,
        score: float | None,
        epoch: int,
        quick: bool,
        reference: dict[str, Any] | None = None,
    ) -> ModelSaved:
        """Write the averaged network with its card.

        Parameters
        ----------
        learner : Learner
            Holds the network.
        images : sequence of TrainingImage
            What it learned from.
        seconds : float
            That it took.
        score : float or None
            On the images held out.
        epoch : int
            Of which the network is.
        quick : bool
            Also write ``model.onnx``.
        reference : dict, optional
            What its images look like.

        Raises
        ------
        EngineError
            If it can't be written, or the folder around it is gone since the run began:
            made anew, a drive that comes back would lie over it.
        """
        if not self.out.absolute().parent.is_dir():
            raise EngineError(
                "The folder for the model is gone: it was moved, or its drive is away.",
                todo="Bring it back, and train again.",
                path=str(self.out),
            )
        card = ModelCard(
            model=self._model,
            diameter=self.diameter,
            normalization=self._config.normalization,
            instances=self.instances,
            maps=self._task.maps,
            task=self._task.name,
            classes=self._task.classes,
            activation=self._task.loss(self._config.loss).activation,
            pixel_size=self.pixel_size,
            training={
                "settings": to_dict(self._config),
                "steps": learner.step,
                "seconds": round(seconds, 1),
                "share": learner.share,
                "trainable": learner.trainable,
                "images": [image.describe() for image in images],
            },
            scores={} if score is None else {self._task.score_name: float(score)},
            started_from=self._start.weights_hash if self._start else None,
            reference=reference or {},
            bytes_a_pixel=learner.network.bytes_a_pixel,
        )
        save_model(learner.averaged, card, self.out, quick=quick, like=self._start)
        self.best = Best(score, epoch, saved=True)
        return ModelSaved(path=self.out, step=learner.step, score=score)

    def resume(
        self, learner: Learner, schedule: Schedule, identity: str
    ) -> Notice | None:
        """Go on where a killed run of this identity was, if there is one.

        Returns
        -------
        Notice or None
            What is to be said: that it goes on, or that one was broken off that is not
            gone on with.
        """
        self._identity = identity
        state = read_state(self.out, identity)
        if state is None:
            return Notice(text=_ANOTHER, level="warning") if is_left(self.out) else None
        learner.restore_all(state.arrays)
        learner.step = state.step
        learner.rate_factor = state.rate_factor
        self.best = Best(state.score, state.best_epoch, state.saved)
        schedule.add(state.seconds)
        schedule.losses.extend(state.losses)
        text = f"Going on with a run that stopped after step {state.step}."
        return Notice(text=text)

    def check_space(self, learner: Learner) -> None:
        """Make sure that the model fits on the disk, before it is trained.

        Raises
        ------
        EngineError
            If less is free than its weights take.
        """
        needed = _FILES * _BYTES_A_WEIGHT * learner.averaged.count_params()
        free = shutil.disk_usage(self.out.absolute().parent).free
        if free < needed:
            raise EngineError(
                f"There is no room for the model: it takes {needed / 1e6:.1f} MB, and "
                f"{free / 1e6:.1f} MB are free.",
                todo="Free some space or choose another folder.",
                path=str(self.out),
            )

    def note(self, learner: Learner, schedule: Schedule) -> Notice | None:
        """Write down where the run is, so that the same one goes on from there.

        Returns
        -------
        Notice or None
            What to say if that fails; the first time only. The run goes on.
        """
        if not learner.step or not self._identity:
            return None
        if not self.out.absolute().parent.is_dir():  # saving the model says so
            return None
        try:
            write_state(
                self.out,
                self._identity,
                arrays=learner.everything(),
                step=learner.step,
                seconds=schedule.seconds,
                losses=schedule.losses,
                rate_factor=learner.rate_factor,
                score=self.best.score,
                best_epoch=self.best.epoch,
                saved=self.best.saved,
            )
        except OSError as error:
            if self._warned:
                return None
            self._warned = True
            return Notice(
                text="Where the training is could not be written "
                f"({error.strerror or error}): if it is broken off, it begins again. "
                "Free some space.",
                level="warning",
            )
        return None

    def forget(self) -> None:
        """Nothing is left to go on with: the run has ended."""
        remove_state(self.out)
        self._identity = ""
