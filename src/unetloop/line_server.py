"""A JSON command a line in, a JSON event a line out, whatever the commands do."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from unetloop.errors import EngineError
from unetloop.events import Failed, to_json
from unetloop.jobs import unforeseen

if TYPE_CHECKING:
    from unetloop.events import Event

__all__ = ["LineServer"]


class LineServer:
    """Answers lines by its methods ``_do_<command>``, and writes what they say.

    They are given the job's name, and the command's fields by their names.

    Parameters
    ----------
    out : text stream
        Gets one event a line, from any thread.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._writing = threading.Lock()

    def emit(self, event: Event, job: str | None = None) -> None:
        """Write one event."""
        line = to_json(replace(event, job=job or event.job)) + "\n"
        # When nobody listens any more, stdin ends and then we do.
        with self._writing, suppress(OSError):
            self._out.write(line)
            self._out.flush()

    def handle(self, line: str) -> bool:
        """Answer one line; false if it said to quit. Never raises."""
        job: str | None = None
        try:
            command = json.loads(line)
            if not isinstance(command, dict) or "command" not in command:
                raise EngineError('A command is an object with a "command".')
            name = command.pop("command")
            job = command.pop("job", None)
            if name == "quit":
                return False
            action = getattr(self, f"_do_{name}", None)
            if action is None:
                raise EngineError("There is no such command.", command=str(name))
            action(None if job is None else str(job), **command)
        except json.JSONDecodeError as error:
            self.emit(Failed(message=f"This line is not JSON ({error})."), job)
        except EngineError as error:
            self.emit(Failed(message=str(error)), job)
        except TypeError as error:
            self.emit(Failed(message=f"A setting is missing or wrong: {error}."), job)
        except Exception as error:  # noqa: BLE001 - the engine must live on
            self.emit(unforeseen(error), job)
        return True
