"""Losses, optimisers and courses of the learning rate that a user may choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CLASS_LOSSES",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "Loss",
    "Optimizer",
    "Schedule",
]


@dataclass(frozen=True)
class Loss:
    """A loss ``(truth, logits) -> (batch,)``; `unetloop.losses` says of what.

    Parameters
    ----------
    function : str
        ``"module:name"``.
    help : str
        One line: what it is like.
    activation : str
        What makes probabilities of the logits that it trains; with one output,
        ``softmax`` means the sigmoid.
    weights : str
        ``"module:name"`` of what weighs the pixels of a label image for it, or
        nothing.
    """

    function: str
    help: str
    activation: Literal["sigmoid", "softmax"] = "softmax"
    weights: str = ""


@dataclass(frozen=True)
class Optimizer:
    """An optimiser: ``make(rate, **options) -> keras.optimizers.Optimizer``."""

    make: str
    help: str


@dataclass(frozen=True)
class Schedule:
    """A course of the learning rate: ``share(progress, losses) -> 0..1``."""

    share: str
    help: str


LOSSES: Mapping[str, Loss] = {
    "default": Loss(
        function="unetloop.losses:foreground_and_distance",
        help="cross-entropy of the foreground plus L1 of the distance map",
        activation="sigmoid",
    ),
}
"""Losses of nuclei."""

CLASS_LOSSES: Mapping[str, Loss] = {
    "categorical_crossentropy": Loss(
        function="unetloop.losses:categorical_crossentropy",
        help="cross-entropy of the softmax; the sparse one as well",
    ),
    "binary_crossentropy": Loss(
        function="unetloop.losses:binary_crossentropy",
        help="cross-entropy of the sigmoid, each class against all others",
        activation="sigmoid",
    ),
    "weighted_crossentropy": Loss(
        function="unetloop.losses:weighted_crossentropy",
        help="the original U-Net's: borders between touching cells count most",
        weights="unetloop.pixel_weights:border_weights",
    ),
    "focal": Loss(
        function="unetloop.losses:focal",
        help="cross-entropy in which what is known already counts little",
    ),
    "dice": Loss(
        function="unetloop.losses:soft_dice",
        help="one minus the Dice coefficient of each class",
    ),
    "dice_and_crossentropy": Loss(
        function="unetloop.losses:dice_and_crossentropy",
        help="the sum of both",
    ),
    "tversky": Loss(
        function="unetloop.losses:tversky",
        help="like Dice; what is missed costs more than what is too much",
    ),
}
"""Losses of classes."""

OPTIMIZERS: Mapping[str, Optimizer] = {
    "adamw": Optimizer(
        make="unetloop.optimizers:adamw", help="Adam with decoupled weight decay"
    ),
    "adam": Optimizer(make="unetloop.optimizers:adam", help="Adam"),
    "sgd": Optimizer(
        make="unetloop.optimizers:sgd", help="gradient descent with momentum"
    ),
}

SCHEDULES: Mapping[str, Schedule] = {
    "cosine": Schedule(share="unetloop.rates:cosine", help="half a cosine down to 1 %"),
    "constant": Schedule(share="unetloop.rates:constant", help="the same all the time"),
    "steps": Schedule(
        share="unetloop.rates:steps", help="a tenth after half and three quarters"
    ),
    "plateau": Schedule(
        share="unetloop.rates:plateau",
        help="a tenth whenever the loss has not fallen for some epochs",
    ),
}
