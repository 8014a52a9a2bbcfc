"""Commands that can't be answered say what is wrong with them."""

from __future__ import annotations

import inspect
import io
import json
from typing import Any

import pytest

from unetloop.events import JobDone
from unetloop.line_server import _KINDS, LineServer
from unetloop.server import Server


class _Echo(LineServer):
    """Answers with what it was given."""

    def _do_say(
        self, job: str | None, text: str, times: int = 1, to: list[str] | None = None
    ) -> None:
        if text == "a mistake of ours":
            len(times)  # type: ignore[arg-type]
        self.emit(JobDone(result={"text": text, "times": times, "to": to}), job)


def _answer(**command: Any) -> dict[str, Any]:
    out = io.StringIO()
    assert _Echo(out).handle(json.dumps(command))
    (line,) = out.getvalue().splitlines()
    return dict(json.loads(line))


def test_fields_are_given_by_their_names() -> None:
    answer = _answer(command="say", job=7, text="Hallo", to=["me"])
    assert (answer["event"], answer["job"]) == ("JobDone", "7")
    assert answer["result"] == {"text": "Hallo", "times": 1, "to": ["me"]}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, 'The command "say" needs a field "text".'),
        ({"text": "a", "self": 1}, 'has no field "self". Received: known=text, times'),
        ({"text": 3}, 'The field "text" of the command "say" must be a text.'),
        ({"text": "a", "times": None}, "must be a whole number. Received: times=null"),
        ({"text": "a", "to": "me"}, 'must be a list or null. Received: to="me"'),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], sentence: str) -> None:
    answer = _answer(command="say", job="j", **fields)
    assert (answer["event"], answer["job"]) == ("Failed", "j")
    assert sentence in answer["message"]
    assert not answer["detail"]  # that is for mistakes of ours
    assert "_do_" not in answer["message"]


def test_a_mistake_of_ours_is_not_called_one_of_the_command() -> None:
    answer = _answer(command="say", text="a mistake of ours")
    assert "unforeseen" in answer["message"]
    assert "len(times)" in answer["detail"]


def test_the_fields_of_all_commands_can_be_checked() -> None:
    """An annotation that nobody knows would fail when the field is first given."""
    kinds = set()
    for name in dir(Server):
        if name.startswith("_do_"):
            parameters = inspect.signature(getattr(Server, name)).parameters.values()
            for field in list(parameters)[2:]:  # behind self and job
                parts = str(field.annotation).split("|")
                kinds |= {part.split("[")[0].strip() for part in parts}
    assert kinds <= set(_KINDS)
    assert {"str", "list", "dict", "None"} <= kinds
