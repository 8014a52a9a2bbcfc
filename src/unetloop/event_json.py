"""An event as one line of JSON, which is how a viewer and scripts read it."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unetloop.events import Event

__all__ = ["to_json"]


def to_json(event: Event) -> str:
    """Write an event as one line of JSON.

    Parameters
    ----------
    event : Event
        What to write. Numbers that JSON does not know (NaN, infinity) become
        null, paths become strings.

    Returns
    -------
    str
        ``{"event": "<class name>", <field>: <value>, ...}`` without newlines.

    Examples
    --------
    >>> from unetloop.events import Notice
    >>> to_json(Notice(text="hello"))
    '{"event": "Notice", "job": null, "text": "hello", "level": "info"}'
    """
    record = {"event": type(event).__name__, **asdict(event)}
    return json.dumps(_plain(record), allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
