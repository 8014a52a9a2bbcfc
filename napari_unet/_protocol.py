"""What goes through the engine's pipe: commands out, events in, one a line."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Command", "Commands", "Lines", "read_event"]

_HEAVY = frozenset({"train", "plan_folder", "predict_folder"})


@dataclass(frozen=True)
class Command:
    """A command on its way.

    Parameters
    ----------
    name, job : str
        Of the command, and of what it begins.
    line : bytes
        As the engine reads it.
    """

    name: str
    job: str
    line: bytes


class Commands:
    """Those that wait until the engine is ready, and those that it works on.

    The command that opened the project is kept: an engine that is started again is
    sent it anew, before all others.
    """

    def __init__(self) -> None:
        self._waiting: list[Command] = []
        self._under_way: dict[str, Command] = {}
        self._project: Command | None = None
        self._numbers = itertools.count(1)

    @property
    def heavy(self) -> bool:
        """Whether one is under way beside which all others take longer."""
        return any(item.name in _HEAVY for item in self._under_way.values())

    def make(self, name: str, job: str | None, values: Mapping[str, Any]) -> Command:
        """Write a command down; without a name for its job, that is a fresh one."""
        job = job or f"{name}-{next(self._numbers)}"
        text = json.dumps({"command": name, "job": job, **values}, default=_plain)
        return Command(name, job, f"{text}\n".encode())

    def wait(self, command: Command) -> None:
        """Keep one until the engine is ready."""
        self._waiting.append(command)

    def begin(self, command: Command) -> None:
        """Take note that the engine is sent one."""
        self._see_project(command)
        self._under_way[command.job] = command

    def end(self, event: Mapping[str, Any]) -> None:
        """Take note of a ``JobDone`` or a ``Failed``."""
        ended = self._under_way.pop(str(event.get("job")), None)
        if ended is not None and ended is self._project and event["event"] == "Failed":
            self._project = None  # nothing to open again

    def take_waiting(self) -> list[Command]:
        """Take those that waited, in the order in which they are to be sent."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def take_lost(self) -> list[Command]:
        """Take those that went down with an engine; the project waits for the next."""
        lost = [item for item in self._under_way.values() if item is not self._project]
        self._under_way.clear()
        opens = any(item.name == "open_project" for item in self._waiting)
        if self._project is not None and not opens:
            self._waiting.insert(0, self._project)
        return lost

    def give_up(self) -> list[Command]:
        """Take all that there are: no engine answers them.

        Should one be started after all, the project waits for it.
        """
        lost = [*self._under_way.values(), *self._waiting]
        for command in self._waiting:
            self._see_project(command)
        self._under_way.clear()
        self._waiting = [] if self._project is None else [self._project]
        return lost

    def refuse(self, command: Command) -> None:
        """Take note of one that no engine answers, as after `give_up`."""
        self._see_project(command)
        self._waiting = [] if self._project is None else [self._project]

    def clear(self) -> None:
        """Forget all of them, and the project."""
        self._under_way.clear()
        self._waiting.clear()
        self._project = None

    def _see_project(self, command: Command) -> None:
        if command.name == "open_project":
            self._project = command
        elif command.name == "close_project":
            self._project = None


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


def _plain(value: Any) -> Any:
    """Turn into JSON what it does not know: paths, and numpy's numbers and arrays."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"A command can't hold a {type(value).__name__}.")
