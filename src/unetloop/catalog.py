"""Every name a user may choose: what it stands for, and one line of help."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ARCHITECTURES", "LOSSES", "SHIPPED", "Architecture", "Loss", "find", "load"]


@dataclass(frozen=True)
class Architecture:
    """A network: ``build(channels, outputs, config)`` and its config dataclass."""

    build: str
    config: str
    help: str


@dataclass(frozen=True)
class Loss:
    """A loss ``(truth, logits) -> (batch,)``."""

    function: str
    help: str


SHIPPED = "nuclei"
"""The model that ships: the default of predictions, and every training's start."""

ARCHITECTURES: Mapping[str, Architecture] = {
    "unet": Architecture(
        build="unetloop.models.unet:build_unet",
        config="unetloop.models.unet:UNetConfig",
        help="padded U-Net without normalisation, 1.2 million parameters",
    ),
}

LOSSES: Mapping[str, Loss] = {
    "default": Loss(
        function="unetloop.losses:foreground_and_distance",
        help="cross-entropy of the foreground plus L1 of the distance map",
    ),
}


def find(entries: Mapping[str, Any], name: str, what: str) -> Any:
    """Look a name up.

    Raises
    ------
    EngineError
        If there is none of this name; the message lists those that there are.
    """
    if name not in entries:
        raise EngineError(
            f"There is no {what} of this name; choose from {', '.join(entries)}.",
            name=name,
        )
    return entries[name]


def load(target: str) -> Any:
    """Import what ``"module:attribute"`` stands for."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
