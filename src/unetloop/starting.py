"""The network that a training begins with: random, a trained one, or parts of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from unetloop.checkpoint import build_network, load_weights
from unetloop.errors import EngineError
from unetloop.events import Event, Notice
from unetloop.precision import half_precision
from unetloop.training_step import Learner
from unetloop.transfer import take_over

if TYPE_CHECKING:
    from collections.abc import Generator

    from unetloop.checkpoint import Model
    from unetloop.config import ModelConfig, TrainingConfig
    from unetloop.tasks import Task

__all__ = ["begin", "check_start"]


def check_start(start: Model, task: Task) -> None:
    """Refuse to go on with a model that predicts something else.

    Raises
    ------
    EngineError
        If task or number of maps differ.
    """
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
    yield Notice(text=take_over(network, trained).sentence(start.path.name))
    return Learner(model, config, network, task=task)
