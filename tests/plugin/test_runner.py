"""What is said of a batch while the engine runs it, and when it ended."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QObject, Signal

from napari_unet._batch_state import Wish
from napari_unet._runner import Runner


class _Engine(QObject):
    """An engine that says what the test has it say."""

    received = Signal(dict)

    def send(self, command: str, **values: Any) -> str:
        return "1"

    def cancel(self, job: str) -> None:
        pass

    def say(self, event: str, **values: Any) -> None:
        self.received.emit({"event": event, "job": "1", **values})

    def end(self, stopped: str) -> None:
        counts = {"predicted": 2, "exported": 0, "skipped": 0, "failed": 0}
        about = {"seconds": 3.0, "stopped": stopped, "out": "/out", "worst": []}
        self.say("PredictionDone", **counts, **about)
        self.say("JobDone", result={})


@pytest.fixture
def engine(qapp: Any) -> _Engine:
    return _Engine()


@pytest.fixture
def runner(engine: _Engine) -> Runner:
    runner = Runner(engine)  # type: ignore[arg-type]
    runner.start(Wish(paths=("/images",)))
    return runner


def test_behind_the_last_image_it_says_what_is_still_done(
    engine: _Engine, runner: Runner
) -> None:
    engine.say("Notice", text="Predicting with ONNX Runtime.", level="info")
    assert runner.run.sentence == "The engine gets ready."  # in plainer words
    engine.say("Progress", done=2.0, total=2, seconds_left=0.0)
    assert runner.run.sentence == "2 of 2 images"
    engine.say("Notice", text="Writing tables and report.", level="info")
    assert runner.run.sentence == "Writing tables and report."
    assert runner.run.seconds_left is None
    engine.end("finished")
    assert runner.run.sentence == "2 predicted, in 3 s."


def test_a_batch_that_is_stopped_says_so_until_it_has(
    engine: _Engine, runner: Runner
) -> None:
    runner.stop()
    for text in ("Cancelled; what is done is kept.", "Writing tables and report."):
        engine.say("Notice", text=text, level="info")
    assert runner.run.sentence == "Stopping; what is done is kept."
    engine.end("cancelled")
    assert runner.run.sentence == "Cancelled: 2 predicted, in 3 s. Run again to go on."
    assert not runner.run.wrong  # it was wanted


def test_what_a_cancelled_batch_warns_of_is_told_whatever_its_first_word(
    engine: _Engine, runner: Runner
) -> None:
    runner.stop()
    text = "Cancelled cells.tif: All its pixels are alike."
    engine.say("Notice", text=text, level="warning")
    engine.end("cancelled")
    assert runner.run.sentence.endswith(text)
    assert runner.run.wrong
