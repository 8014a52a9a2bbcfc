"""One optimiser step at a time, with the way back if it goes wrong."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from unetloop import catalog
from unetloop.checkpoint import build_network, load_weights, open_model
from unetloop.models.geometry import geometry_of
from unetloop.models.supervision import supervised
from unetloop.models.trainable import freeze
from unetloop.network import KerasNetwork, hushed
from unetloop.precision import half_precision, lower_precision
from unetloop.tasks import NUCLEI

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.config import ModelConfig, TrainingConfig
    from unetloop.tasks import Task

__all__ = ["Learner"]

_SNAPSHOT_STEPS = 25
_WINDOW = 100
_DIVERGED = 10.0
_PATIENCE = 5  # a single bad batch, or the overshoot of the first steps, passes by
_AVERAGE_STEPS = 10
_AVERAGE_DECAY = 0.9
_RECOVERY = 2 ** (1 / 100)  # what a rollback took off the rate is back in 100 steps
_RECENT = 8  # batches, for the statistics of weights between start and average
_SMALLEST = 1e-6


class Learner:
    """A network with its optimiser.

    What is predicted with, scored and saved is ``averaged``: the exponential
    moving average of the weights (Polyak and Juditsky 1992), over about the last
    hundred steps. It is better than the weights of any one step while the
    learning rate is high. Of a network that was trained before, it lies on the
    line from the weights at the start to that average (Wortsman 2022, "Robust
    fine-tuning of zero-shot models", CVPR), ``share`` of the way: so it keeps what
    it knew of images unlike those that it learns from.

    Statistics of batch normalisation are none that can be averaged: those of
    ``averaged`` are its own, of the batches as it sees them (Izmailov 2018,
    "Averaging weights leads to wider optima and better generalization",
    arXiv:1803.05407, section 3.2).

    Parameters
    ----------
    model : ModelConfig
        Which network.
    config : TrainingConfig
        Loss, optimiser, rate and seed.
    start : keras.Model, optional
        A network to go on with instead of random weights.
    share : float
        How far to follow what is learned, from 0 to 1; without ``start``, all the
        way.
    task : Task
        What the network is for.
    """

    def __init__(
        self,
        model: ModelConfig,
        config: TrainingConfig,
        start: Any = None,
        share: float = 1.0,
        task: Task = NUCLEI,
    ) -> None:
        with hushed():  # whatever the backend, it imports TensorFlow
            keras.utils.set_random_seed(config.seed)
        if start is None:
            self.model = build_network(model, len(task.maps))
        else:
            self.model = start
        for layer in self.model.layers:  # part may have been frozen when it was saved
            layer.trainable = True
        freeze(self.model, config.trainable)
        self.averaged = keras.models.clone_model(self.model)
        self.averaged.set_weights(self.model.get_weights())
        self.share = 1.0 if start is None else share
        self.trainable = config.trainable
        self._start = _copies(self.model.variables)
        self._mean = _copies(self.model.variables)
        # Frozen weights are not averaged; a copy of a network forgets which they are.
        self._learns = [variable.trainable for variable in self.model.variables]
        policy = half_precision() if config.precision == "mixed" else None
        if policy:
            lower_precision(self.model, policy)
        entry = task.loss(config.loss)
        self._loss = catalog.load(entry.function)
        self._activation = entry.activation
        optimizer = catalog.find(catalog.OPTIMIZERS, config.optimizer, "optimiser")
        self._trained = supervised(self.model)
        self._trained.compile(
            catalog.load(optimizer.make)(config.learning_rate),
            self._loss,
            # XLA makes training on a CPU take 1.9 times as long.
            jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
        )
        self._optimizer = self._trained.optimizer
        self._optimizer.build(self._trained.trainable_variables)
        self._norms = [
            layer
            for layer in self.averaged.layers
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
        ]
        # What it maps must be as large as was asked for, or just above.
        self.patch_size = geometry_of(self.model).input_size(config.patch_size)
        self._recent: deque[NDArray[np.float32]] = deque(maxlen=_RECENT)
        self.network = KerasNetwork(self.averaged, entry.activation)
        self.step = 0
        self.rate = config.learning_rate
        self.rate_factor = 1.0
        self._losses: deque[float] = deque(maxlen=_WINDOW)
        self._high_losses = 0
        self._snapshot = (self.step, self.everything())

    def set_rate(self, rate: float) -> None:
        """Set the learning rate, lowered by what was rolled back before."""
        self.rate = rate * self.rate_factor
        self._optimizer.learning_rate.assign(self.rate)

    def train_step(
        self, patches: NDArray[np.float32], truth: NDArray[np.float32]
    ) -> float:
        """Learn from one batch and return its loss."""
        self._trained.reset_metrics()
        loss = float(np.asarray(self._trained.train_on_batch(patches, truth)))
        self.step += 1
        if self.step % _AVERAGE_STEPS == 0:
            self._average(patches)
        return loss

    def loss(self, truth: NDArray[np.float32], maps: NDArray[np.float32]) -> float:
        """Give the loss of predicted maps, which are probabilities."""
        learned = maps[..., : self.averaged.output_shape[-1]]
        maps = np.clip(learned, _SMALLEST, 1 - _SMALLEST)
        odds = maps / (1 - maps) if self._activation == "sigmoid" else maps
        tensors = map(keras.ops.convert_to_tensor, (truth, np.log(odds)))
        losses = keras.ops.convert_to_numpy(self._loss(*tensors))
        return float(np.mean(losses))

    def divergence(self, loss: float) -> str:
        """Say why a loss means that the step went wrong; empty if it did not."""
        if not np.isfinite(loss):
            return "the loss is not a number"
        if len(self._losses) >= 10 and loss > _DIVERGED * np.median(self._losses) + 1:
            self._high_losses += 1
            return f"the loss rose to {loss:.3g}" * (self._high_losses >= _PATIENCE)
        self._high_losses = 0
        self._losses.append(loss)
        self.rate_factor = min(1.0, self.rate_factor * _RECOVERY)
        if self.step % _SNAPSHOT_STEPS == 0:
            everything = self.everything()
            # A step may return a good loss and leave broken weights behind.
            if all(np.isfinite(array).all() for array in everything):
                self._snapshot = (self.step, everything)
            else:
                return "the weights are not numbers"
        return ""

    def roll_back(self, lower_rate: bool) -> None:
        """Return to the last good weights, and halve the rate if asked to.

        The step count stays, so that the schedule and the batches go on; good
        steps bring the rate back little by little.
        """
        self.restore_all(self._snapshot[1])
        self._high_losses = 0
        if lower_rate:
            self.rate_factor /= 2
            self.rate /= 2

    def follow(self, share: float) -> None:
        """Put ``averaged`` so far along the line from the start, 0 to 1."""
        moved, self.share = share != self.share, share
        self._show()
        if moved and self._norms:
            self._learn_statistics(list(self._recent))

    def everything(self) -> list[NDArray[Any]]:
        """Copy the weights, the optimiser's state, and the average."""
        return [*_copies(self._variables()), *(mean.copy() for mean in self._mean)]

    def restore_all(self, arrays: list[NDArray[Any]]) -> None:
        """Put back what `everything` gave."""
        variables = self._variables()
        for variable, array in zip(variables, arrays, strict=False):
            variable.assign(array)
        self._mean = [array.copy() for array in arrays[len(variables) :]]
        self._show()

    def load_best(self, folder: Path) -> None:
        """Take the averaged weights of a saved model folder."""
        self.averaged.set_weights(load_weights(open_model(folder)).get_weights())

    def _average(self, patches: NDArray[np.float32]) -> None:
        # At first the average forgets faster, or the random weights would last.
        updates = self.step // _AVERAGE_STEPS
        decay = min(_AVERAGE_DECAY, updates / (updates + 10))
        self._mean = [
            (decay * mean + (1 - decay) * weight).astype(mean.dtype) if learns else mean
            for learns, mean, weight in zip(
                self._learns, self._mean, _copies(self.model.variables), strict=True
            )
        ]
        self._show()
        if self._norms:
            self._recent.append(patches)
            self._learn_statistics([patches], decay)
            self._mean = [
                mean if learns else array
                for learns, mean, array in zip(
                    self._learns,
                    self._mean,
                    _copies(self.averaged.variables),
                    strict=True,
                )
            ]

    def _show(self) -> None:
        """Put the average, or what lies on the way to it, into ``averaged``."""
        for variable, learns, start, mean in zip(
            self.averaged.variables, self._learns, self._start, self._mean, strict=True
        ):
            whole = self.share == 1 or not learns
            variable.assign(mean if whole else start + self.share * (mean - start))

    def _learn_statistics(
        self, batches: Sequence[NDArray[np.float32]], decay: float | None = None
    ) -> None:
        """Let the batch normalisations of ``averaged`` see batches.

        With ``decay``, what they knew counts so much; None: all batches the same.
        """
        before = [norm.momentum for norm in self._norms]
        for index, patches in enumerate(batches):
            for norm in self._norms:
                norm.momentum = index / (index + 1) if decay is None else decay
            self.averaged(patches, training=True)
        for norm, momentum in zip(self._norms, before, strict=True):
            norm.momentum = momentum

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self._optimizer.variables]


def _copies(variables: Any) -> list[NDArray[Any]]:
    return [
        np.array(keras.ops.convert_to_numpy(variable), copy=True)
        for variable in variables
    ]
