"""The settings of the last batch, kept for the next time."""

from __future__ import annotations

import glob
import json
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from napari_unet._batch_state import Wish
from napari_unet._workspace import user_folder
from unetloop.atomic import replacing
from unetloop.catalog import CLASS_EXPORTERS, EXPORTERS

__all__ = ["recall", "remember"]

# One replaces what is there, to be said anew each time; of the others one is the
# model's, and the rest are the loop's.
_NEVER_KEPT = ("overwrite", "channel_if_there", "instances", "classes", "project")


def remember(wish: Wish) -> None:
    """Keep a wish; not being able to is no reason to bother anybody."""
    values = asdict(wish)
    for name in _NEVER_KEPT:
        values.pop(name)
    with suppress(OSError), replacing(_path()) as fresh:
        fresh.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def recall() -> Wish:
    """Give what was kept; what is missing or damaged is as in the beginning."""
    start = Wish()
    try:
        values = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return start
    if not isinstance(values, dict):
        return start
    known: dict[str, Any] = {}
    for item in fields(Wish):
        value = values.get(item.name)
        if item.name in ("paths", "exports") and isinstance(value, list):
            known[item.name] = tuple(part for part in value if isinstance(part, str))
        elif item.name == "diameter" and isinstance(value, int | float) and value > 0:
            known[item.name] = float(value)
        elif (
            type(value) is type(getattr(start, item.name))
            and item.name not in _NEVER_KEPT
        ):
            known[item.name] = value
    if "exports" in known:
        formats = {*EXPORTERS, *CLASS_EXPORTERS}
        known["exports"] = tuple(name for name in known["exports"] if name in formats)
    paths = known.get("paths", ())
    known["paths"] = tuple(
        path for path in paths if Path(path).exists() or glob.has_magic(path)
    )
    return Wish(**known)


def _path() -> Path:
    return user_folder() / "batch.json"
