"""What a training begins with: a network, random or trained, its task, its settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import keras

from unetloop.catalog import CLASS_LOSSES
from unetloop.checkpoint import build_network, load_weights
from unetloop.config import ModelConfig
from unetloop.errors import EngineError
from unetloop.events import Event, Notice
from unetloop.precision import half_precision
from unetloop.tasks import NUCLEI, nuclei_task
from unetloop.training_step import Learner
from unetloop.transfer import take_over

if TYPE_CHECKING:
    from collections.abc import Generator

    from unetloop.checkpoint import Model
    from unetloop.config import TrainingConfig
    from unetloop.tasks import Task

__all__ = ["Beginning", "begin"]

_DIAMETER, _MINUTES = 32.0, 10.0


@dataclass(frozen=True)
class Beginning:
    """What follows from that which somebody wants to train.

    Parameters
    ----------
    config : TrainingConfig
        How to learn, with a length; images look as the model at the start knows them.
    model : ModelConfig
        Which network.
    task : Task
        What it is for.
    start : Model or None
        What weights are taken from.
    onwards : Model or None
        The same, if it goes on; None: it only lends its weights to a new network.
    """

    config: TrainingConfig
    model: ModelConfig
    task: Task
    start: Model | None
    onwards: Model | None

    @classmethod
    def of(
        cls,
        config: TrainingConfig,
        model: ModelConfig | None,
        start: Model | None,
        task: Task | None,
    ) -> Beginning:
        """Complete what was given; as for `training.train`.

        Raises
        ------
        EngineError
            If the model to go on from is for something else.
        """
        if config.minutes is None and config.epochs is None:
            config = replace(config, minutes=_MINUTES)
        if start and not (model or task) and config.loss in CLASS_LOSSES:
            if start.task == NUCLEI:  # its losses are others: it has another map
                model = start.card.model
        onwards = start if model is None else None
        task = task or (onwards.task if onwards else nuclei_task(config.loss))
        if onwards is not None:
            _check(onwards, task)
        if start is not None:  # it knows images as it was shown them
            config = replace(config, normalization=start.normalization)
        elif task.classes and config.normalization.nuclei == "either":
            # Inverted plane by plane, one class would look like another.
            bright = replace(config.normalization, nuclei="bright")
            config = replace(config, normalization=bright)
        model = model or (start.card.model if start else ModelConfig())
        return cls(config, model, task, start, onwards)

    @property
    def diameter(self) -> float:
        """Nucleus diameter at the model's scale, in pixels."""
        if self.onwards is None and self.task.classes:
            return 1.0
        if self.start is not None and not self.start.task.classes:
            return self.start.diameter
        return self.config.diameter or _DIAMETER


def _check(start: Model, task: Task) -> None:
    """Refuse to go on with a model that predicts something else."""
    if start.task.name != task.name or len(start.task.maps) != len(task.maps):
        raise EngineError(
            "The model to start from is for something else.",
            todo="Start from scratch, or name a network, which then takes over those "
            "of its weights that fit.",
            start=str(start.path),
            its_maps=", ".join(start.task.maps),
            wanted=", ".join(task.maps),
        )


def begin(
    model: ModelConfig,
    config: TrainingConfig,
    task: Task,
    start: Model | None,
    share: float | None,
) -> Generator[Event, None, Learner]:
    """Make what learns.

    Parameters
    ----------
    model : ModelConfig
        Which network.
    config : TrainingConfig
        How it learns.
    task : Task
        What it is for.
    start : Model or None
        A trained model; None: random weights.
    share : float or None
        How far to follow what ``start`` learns. None: it only lends its weights to
        a new network, where they fit.

    Yields
    ------
    Notice
        What was taken over; and where mixed precision was asked for in vain.

    Returns
    -------
    Learner
    """
    if config.precision == "mixed" and half_precision() is None:
        yield Notice(
            text="Mixed precision is slower without a GPU (2.7 times, measured): "
            "float32 is used.",
            level="warning",
        )
    if start is None:
        return Learner(model, config, task=task)
    trained = load_weights(start)
    if share is not None:
        return Learner(model, config, trained, share, task)
    keras.utils.set_random_seed(config.seed)
    network = build_network(model, len(task.maps))
    taken = take_over(network, trained, undecided=not task.classes)
    yield Notice(text=taken.sentence(start.path.name))
    return Learner(model, config, network, task=task)
