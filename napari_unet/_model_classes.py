"""Whether a model numbers nuclei or tells tissue classes apart, by its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from unetloop.catalog import SHIPPED
from unetloop.classes import classes_from_json
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from unetloop.classes import TissueClass

__all__ = ["classes_of"]


def classes_of(model: str) -> tuple[TissueClass, ...]:
    """Give a model's classes; none for a model of nuclei, or one that can't be read.

    Parameters
    ----------
    model : str
        Its folder, or the name of one that ships: those are of nuclei.
    """
    if model == SHIPPED:
        return ()
    try:
        card = json.loads((Path(model) / "model.json").read_text(encoding="utf-8"))
        return classes_from_json(card.get("classes") or ())
    except (OSError, ValueError, AttributeError, EngineError):
        return ()  # the engine will say what is wrong
