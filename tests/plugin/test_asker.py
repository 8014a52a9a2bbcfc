"""One field at a time: what is answered, refused, and not wanted any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QObject, Signal

from napari_unet._asker import Asker, Request
from napari_unet._fields import OTHER_SIZE, Field
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

REQUEST = Request("a", 0, Field((0, 0, 4, 6), (0, 0, 4, 6)), "nuclei")


class _Engine(QObject):
    """Takes commands; what it answers is said by the test."""

    received = Signal(object)
    strained = False

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []
        self.cancelled: list[str] = []

    def send(self, command: str, **values: Any) -> str:
        self.sent.append({"command": command, **values})
        return f"job {len(self.sent)}"

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)

    def say(self, event: str, **values: Any) -> None:
        self.received.emit({"event": event, "job": f"job {len(self.sent)}", **values})


class _Background:
    """Does its work when the test says so."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def run(self, work: Any, then: Any, failed: Any) -> None:
        def do() -> None:
            try:
                result = work()
            except EngineError as error:
                failed(error)
            else:
                then(result)

        self.due.append(do)

    def go_on(self) -> None:
        self.due.pop()()


class _Hands:
    """An asker, what it works with, and what it said."""

    def __init__(self, folder: Path, label: Any = None) -> None:
        self.engine, self.background = _Engine(), _Background()
        background: Any = self.background
        engine: Any = self.engine
        self.asker = Asker(engine, background, labelling=lambda: label)
        self.said: list[Any] = []
        self.asker.answered.connect(self.said.append)
        self.asker.failed.connect(lambda request, why: self.said.append(why))
        self.asker.lost.connect(lambda: self.said.append("lost"))
        self._files = {"maps": folder / "maps.npy", "labels": folder / "labels.npy"}
        self.write((4, 6))

    def write(self, shape: tuple[int, int]) -> None:
        np.save(self._files["maps"], np.ones((*shape, 2), np.float16))
        np.save(self._files["labels"], np.full(shape, 7, np.int32))

    def answer(self) -> None:
        files = {name: str(path) for name, path in self._files.items()}
        self.engine.say("FieldPredicted", diameter=9.0, seconds=0.5, **files)


@pytest.fixture
def hands(tmp_path: Path, qtbot: QtBot) -> _Hands:
    return _Hands(tmp_path)


def test_an_answer_is_read_and_comes_with_its_request(hands: _Hands) -> None:
    hands.asker.ask(REQUEST)
    assert hands.asker.asked == REQUEST
    assert hands.engine.sent[0]["model"] == "nuclei"
    hands.answer()
    assert (hands.asker.asked, hands.asker.reading, hands.said) == (None, True, [])
    hands.background.go_on()
    (answer,) = hands.said
    assert (answer.request, answer.diameter, answer.seconds) == (REQUEST, 9.0, 0.5)
    assert (answer.labels == 7).all()
    assert not hands.asker.reading


def test_labels_are_made_of_the_maps_where_that_is_wished(
    tmp_path: Path, qtbot: QtBot
) -> None:
    hands = _Hands(tmp_path, lambda maps, size: (maps[..., 0] * size).astype(np.int32))
    hands.asker.ask(REQUEST)
    hands.answer()
    hands.background.go_on()
    assert (hands.said[0].labels == 9).all()


def test_what_is_dropped_while_it_is_read_is_lost(hands: _Hands) -> None:
    hands.asker.ask(REQUEST)
    hands.answer()
    hands.asker.drop()
    assert hands.asker.reading  # another answer would be written over it
    hands.background.go_on()
    assert hands.said == ["lost"]
    assert not hands.engine.cancelled


def test_what_is_dropped_before_is_cancelled_and_its_end_not_heard(
    hands: _Hands,
) -> None:
    hands.asker.ask(REQUEST)
    hands.asker.drop()
    assert hands.engine.cancelled == ["job 1"]
    hands.engine.say("JobDone", cancelled=True)
    assert hands.said == []


def test_an_answer_of_another_size_is_refused(hands: _Hands) -> None:
    hands.asker.ask(REQUEST)
    hands.write((4, 5))
    hands.answer()
    hands.background.go_on()
    assert hands.said == [OTHER_SIZE]


def test_a_failure_is_said_but_not_the_death_of_the_engine(hands: _Hands) -> None:
    hands.asker.ask(REQUEST)
    hands.engine.say("Failed", message="No such plane.")
    hands.asker.ask(REQUEST)
    hands.engine.say("Failed", message="The engine stopped.", engine_died=True)
    assert hands.said == ["No such plane."]
    assert hands.asker.asked is None
