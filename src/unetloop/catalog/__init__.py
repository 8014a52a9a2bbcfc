"""Every name a user may choose: what it stands for, and one line of help."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unetloop.catalog.architectures import ARCHITECTURES, Architecture
from unetloop.catalog.exporters import CLASS_EXPORTERS, EXPORTERS, Exporter
from unetloop.catalog.learning import (
    CLASS_LOSSES,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    Loss,
    Optimizer,
    Schedule,
)
from unetloop.catalog.recipes import RECIPES, Recipe
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ARCHITECTURES",
    "CLASS_EXPORTERS",
    "CLASS_LOSSES",
    "EXPORTERS",
    "LOSSES",
    "OPTIMIZERS",
    "RECIPES",
    "SCHEDULES",
    "SHIPPED",
    "Architecture",
    "Exporter",
    "Loss",
    "Optimizer",
    "Recipe",
    "Schedule",
    "find",
    "load",
]

SHIPPED = "nuclei"
"""The model that ships: the default of predictions, and every training's start."""


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
