"""What goes through the pipe: commands, also without an engine, and lines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_unet._protocol import Command, Commands, Lines, read_event


@pytest.fixture
def commands() -> Commands:
    return Commands()


def _send(commands: Commands, name: str) -> Command:
    sent = commands.make(name, None, {})
    commands.begin(sent)
    return sent


def test_a_command_is_one_line_with_a_job_of_its_own(commands: Commands) -> None:
    values = {"image": "ä\n", "box": np.arange(2), "folder": Path("p")}
    first, second = (commands.make("predict_field", None, values) for _ in range(2))
    assert first.job != second.job
    assert first.line.count(b"\n") == 1
    assert json.loads(first.line) == {
        "command": "predict_field",
        "job": first.job,
        "image": "ä\n",
        "box": [0, 1],
        "folder": "p",
    }
    with pytest.raises(TypeError, match="can't hold a set"):
        commands.make("train", None, {"settings": {1}})


def test_the_next_engine_opens_the_project_first_and_the_rest_is_lost(
    commands: Commands,
) -> None:
    opened, trained = _send(commands, "open_project"), _send(commands, "train")
    later = commands.make("predict_field", None, {})
    commands.wait(later)
    assert commands.take_lost() == [trained]
    assert commands.take_waiting() == [opened, later]
    assert commands.take_waiting() == []


def test_a_project_that_could_not_be_opened_is_not_opened_again(
    commands: Commands,
) -> None:
    opened = _send(commands, "open_project")
    commands.end({"event": "Failed", "job": opened.job})
    assert commands.take_lost() == []
    assert commands.take_waiting() == []


def test_whoever_gave_up_still_knows_the_project_that_was_opened_last(
    commands: Commands,
) -> None:
    opened, trained = _send(commands, "open_project"), _send(commands, "train")
    assert commands.give_up() == [opened, trained]
    other = commands.make("open_project", None, {})
    commands.refuse(other)
    commands.refuse(commands.make("train", None, {}))
    assert commands.take_waiting() == [other]
    commands.refuse(commands.make("close_project", None, {}))
    assert commands.take_waiting() == []


@pytest.mark.parametrize(
    ("name", "heavy"),
    [
        ("predict_field", False),
        ("open_project", False),
        ("train", True),
        ("predict_folder", True),
    ],
)
def test_it_is_known_beside_what_all_else_takes_longer(
    commands: Commands, name: str, heavy: bool
) -> None:
    sent = _send(commands, name)
    assert commands.heavy is heavy
    commands.end({"event": "JobDone", "job": sent.job})
    assert not commands.heavy


def test_nothing_is_left_of_what_was_cleared(commands: Commands) -> None:
    _send(commands, "open_project")
    commands.wait(commands.make("train", None, {}))
    commands.clear()
    assert commands.give_up() == []
    assert commands.take_waiting() == []


def test_lines_are_the_same_wherever_they_were_cut() -> None:
    content = "a µm\n\nzweite Zeile: größer\n".encode()
    for first in range(len(content) + 1):
        for second in range(first, len(content) + 1):
            lines = Lines()
            parts = content[:first], content[first:second], content[second:]
            got = [line for part in parts for line in lines.feed(part)]
            assert got == ["a µm", "", "zweite Zeile: größer"]


@pytest.mark.parametrize("line", ["", "no event", "[1]", "{}", '{"event": 1}'])
def test_what_is_no_event_is_told(line: str) -> None:
    assert read_event(line) is None
    assert read_event('{"event": "Notice"}') == {"event": "Notice"}
