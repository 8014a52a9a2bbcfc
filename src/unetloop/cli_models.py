"""The command ``unetloop models``: every name that a user may choose for a model."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from unetloop.catalog import (
    ARCHITECTURES,
    CLASS_LOSSES,
    LOSSES,
    OPTIMIZERS,
    RECIPES,
    SCHEDULES,
)
from unetloop.counts import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from unetloop.checkpoint import Model

__all__ = ["list_models"]

# What has a name and a line of help: title, name in JSON, and entries.
_HELPED: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("Losses (--loss):", "losses", LOSSES),
    ("Losses of classes:", "class_losses", CLASS_LOSSES),
    ("Optimisers (--optimizer):", "optimizers", OPTIMIZERS),
    ("Courses of the learning rate (--schedule):", "schedules", SCHEDULES),
)


def list_models(options: argparse.Namespace) -> int:
    """Run the command; give its exit code."""
    from unetloop.checkpoint import shipped_models

    ship = {model.path.name: model for model in shipped_models()}
    lines = [json.dumps(_values(ship), indent=2)] if options.json else _lines(ship)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _lines(ship: Mapping[str, Model]) -> list[str]:
    lines = ["Models that ship (--model, --start):"]
    for name, model in ship.items():
        images = counted(model.card.count_images(), "image")
        lines.append(f"  {name:10} learned from {images}; see docs/models.md")
    lines.append("Architectures (--architecture), with parameters and published input:")
    for name, entry in ARCHITECTURES.items():
        size = " x ".join(map(str, entry.input))
        lines += [
            f"  {name:14} {entry.parameters:>10,}  for {size:13}  {entry.title}",
            f"  {'':26} {entry.help}; {entry.source}",
        ]
    lines.append("Recipes (--recipe):")
    for name, recipe in RECIPES.items():
        lines.append(f"  {name:14} {recipe.title}: {recipe.help}; {recipe.source}")
    for title, _, entries in _HELPED:
        lines.append(title)
        lines += [f"  {name:24} {entry.help}" for name, entry in entries.items()]
    return lines


def _values(ship: Mapping[str, Model]) -> dict[str, Any]:
    """Give all that is listed, and more of it, as plain values."""
    return {
        "models": {
            name: {
                "path": str(model.path),
                "diameter": model.diameter,
                "scores": model.card.scores,
                "weights_sha256": model.weights_hash,
            }
            for name, model in ship.items()
        },
        "architectures": {
            name: {
                "title": entry.title,
                "source": entry.source,
                "help": entry.help,
                "parameters": entry.parameters,
                "input": entry.input,
                "outputs": entry.outputs,
                "border": entry.border,
                "step": entry.step,
            }
            for name, entry in ARCHITECTURES.items()
        },
        "recipes": {
            name: {
                "title": recipe.title,
                "source": recipe.source,
                "help": recipe.help,
                "architecture": recipe.architecture,
                "classes": recipe.classes,
                "settings": recipe.settings,
            }
            for name, recipe in RECIPES.items()
        },
        **{
            listed: {name: entry.help for name, entry in entries.items()}
            for _, listed, entries in _HELPED
        },
    }
