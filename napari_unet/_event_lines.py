"""What the engine says: bytes come through a pipe, and are events, one a line."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["Lines", "read_event"]


class Lines:
    """Cuts what comes through a pipe into lines, wherever it was cut before."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        """Give the lines that are whole now."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]


def read_event(line: str) -> dict[str, Any] | None:
    """Read an event, ``"event"`` being its name; None: the line is none."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    known = isinstance(event, dict) and isinstance(event.get("event"), str)
    return event if known else None
