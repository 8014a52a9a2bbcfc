"""A JSON command a line in, a JSON event a line out, whatever the commands do."""

from __future__ import annotations

import inspect
import json
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TextIO

from unetloop.errors import EngineError
from unetloop.event_json import to_json
from unetloop.events import Failed
from unetloop.jobs import unforeseen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from unetloop.events import Event

__all__ = ["LineServer"]

# What a handler's field may be annotated with, and what people call it.
_KINDS: dict[str, tuple[Any, str]] = {
    "str": (str, "a text"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "list": (list, "a list"),
    "Sequence": (list, "a list"),
    "dict": (dict, "an object"),
    "None": (type(None), "null"),
    "Any": (object, "anything"),
}


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
            name = str(command.pop("command"))
            named = command.pop("job", None)
            job = None if named is None else str(named)
            if name == "quit":
                return False
            action = getattr(self, f"_do_{name}", None)
            if action is None:
                raise EngineError("There is no such command.", command=name)
            _check_fields(name, action, command)
            action(job, **command)
        except json.JSONDecodeError as error:
            self.emit(Failed(message=f"This line is not JSON ({error})."), job)
        except EngineError as error:
            self.emit(Failed(message=str(error)), job)
        except Exception as error:  # noqa: BLE001 - the engine must live on
            self.emit(unforeseen(error), job)
        return True


def _check_fields(
    name: str, action: Callable[..., None], given: Mapping[str, Any]
) -> None:
    """Refuse a command whose fields are not those of the method that answers it.

    Raises
    ------
    EngineError
        If one is unknown, missing, or of another kind than its annotation says.
    """
    _, *known = inspect.signature(action).parameters.values()  # the first is the job
    fields = {field.name: field for field in known}
    for field in given:
        if field not in fields:
            raise EngineError(
                f'The command "{name}" has no field "{field}".',
                known=", ".join(fields) or "none",
            )
    for field, about in fields.items():
        if field not in given:
            if about.default is about.empty:
                raise EngineError(f'The command "{name}" needs a field "{field}".')
            continue
        # Annotations are strings here: "dict[str, Any] | None".
        names = [part.split("[")[0].strip() for part in about.annotation.split("|")]
        kinds = [_KINDS[each] for each in names]
        if not any(isinstance(given[field], kind) for kind, _ in kinds):
            wanted = " or ".join(words for _, words in kinds)
            raise EngineError(
                f'The field "{field}" of the command "{name}" must be {wanted}.',
                **{field: json.dumps(given[field])},
            )
