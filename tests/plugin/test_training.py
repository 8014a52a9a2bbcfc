"""What is said of a training while the engine runs it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_unet._state import Learning
from napari_unet._training import Training


class _Engine(QObject):
    """An engine that says what the test has it say."""

    received = Signal(dict)
    started = Signal()

    def send(self, command: str, **values: Any) -> str:
        return "1"

    def say(self, event: str, **values: Any) -> None:
        self.received.emit({"event": event, "job": "1", **values})


class _AtOnce:
    """A background that does not let one wait."""

    def run_in_turn(self, work: Any, then: Any, failed: Any) -> None:
        then(work())


def test_behind_the_last_step_it_says_what_is_still_done(qapp: Any) -> None:
    engine = _Engine()
    training = Training(engine, _AtOnce(), Learning())  # type: ignore[arg-type]
    journal = SimpleNamespace(flush=lambda: None)
    training.begin(journal, {"out": "round-1"}, "Getting ready.")  # type: ignore[arg-type]
    engine.say("Notice", text="Starting the network.", level="info")
    assert training.state.sentence == "Starting the network."
    engine.say("Progress", done=60.0, total=100, what="step 60", seconds_left=40.0)
    assert "the result will be round-1" in training.state.sentence
    assert training.state.seconds_left == 40.0
    engine.say("Notice", text="Scoring what was learned.", level="info")
    assert training.state.sentence == "Scoring what was learned."
    assert training.state.seconds_left is None
    engine.say("Progress", done=100.0, total=100, what="step 60", seconds_left=None)
    assert training.state.sentence == "Scoring what was learned."
    training.pause()
    engine.say("Notice", text="Storing the model.", level="info")
    assert training.state.sentence.startswith("Paused.")
