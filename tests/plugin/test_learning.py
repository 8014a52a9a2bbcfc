"""When it learns, what it says meanwhile, and what becomes of the model."""

from __future__ import annotations

import json
import shutil
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_unet._farewell import end_farewells
from unetloop.errors import EngineError
from unetloop.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "commands.jsonl"


@pytest.fixture
def loop(start: Callable[..., Any], folder: Path, log: Path) -> Any:
    loop = start("--log", log)
    loop.open(folder)
    loop.session.learning.set_training({"epochs": 4})
    loop.session.learner._idle.setInterval(10)
    loop.session.predictor.live_ms = 30
    return loop


def _commands(log: Path, name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return [line for line in lines if line["command"] == name]


def _rest(loop: Any) -> None:
    """Correct nothing for so long that a training would start, if one were due."""
    idle = loop.session.learner._idle
    assert idle.isActive()
    loop.wait(lambda: not idle.isActive())


def _fields(log: Path) -> list[dict[str, Any]]:
    return _commands(log, "predict_field")


def _review(loop: Any, count: int) -> None:
    for _ in range(count):
        _, point = loop.nucleus()
        loop.point_at(*point)
        loop.press("A")
        loop.press("D")


def _until_learned(loop: Any, name: str) -> None:
    loop.wait(lambda: loop.session.state.model == name)
    loop.wait(lambda: loop.session.state.learning.phase == "idle")


def test_what_was_undone_and_redone_is_learned_as_well(loop: Any) -> None:
    loop.press("Enter")
    loop.press("Control-Z")
    loop.wait(lambda: not loop.session.learner._idle.isActive())
    assert loop.session.state.learning.phase == "idle"
    loop.press("Control-Shift-Z")
    _until_learned(loop, "round-1")


def test_it_learns_by_itself_after_a_box_and_adopts_what_it_learned(
    loop: Any, log: Path
) -> None:
    phases: list[str] = []
    loop.session.changed.connect(lambda state: phases.append(state.learning.phase))
    loop.session.choices.lock("b", True)
    assert loop.session.state.images[1].state == "locked"
    assert "Accept or correct ten nuclei first" in loop.session.state.learning.can_start
    loop.press("Enter")
    _until_learned(loop, "round-1")
    (train,) = _commands(log, "train")
    assert train["out"] == "round-1"
    assert train["start"] == "nuclei"
    assert train["settings"]["epochs"] == 4
    assert train["locked"] == ["b"]
    assert {"starting", "running", "idle"} <= set(phases)
    learning = loop.session.state.learning
    assert "round-1 predicts now" in learning.sentence
    assert len(learning.curve.steps) == 5  # and before the first one
    assert learning.curve.steps[0] == 0
    assert learning.curve.losses[0] > learning.curve.losses[-1]
    assert loop.session.state.models == ("round-1", "nuclei")
    # What was stored before it began is what the screen showed.
    folder = loop.session.state.folder
    assert (folder / "review/a/0.tif").exists()
    loop.wait(lambda: _fields(log)[-1].get("model", "").endswith("round-1"))
    adopted = (
        item for item in _fields(log) if item.get("model", "").endswith("round-1")
    )
    first = next(adopted)
    assert "settings" not in first  # it is asked how large it takes nuclei for


def test_how_long_a_field_takes_is_not_measured_while_it_learns(loop: Any) -> None:
    predictor, came = loop.session.predictor, []
    predictor.learned.connect(came.append)
    loop.session.learning.set_training({"epochs": 500})
    loop.press("Enter")
    # While it starts, a field that was asked for before may come, and be measured.
    loop.wait(lambda: loop.session.state.learning.phase == "running")
    predictor.seconds = 1e9
    loop.wait(lambda: came)
    assert predictor.seconds == 1e9
    loop.session.learner.training.stop()
    _until_learned(loop, "round-1")
    loop.wait(lambda: predictor.seconds < 1e9)  # by the new model, and alone


def test_nothing_is_learned_from_images_that_are_kept_for_scoring(
    loop: Any, log: Path, start: Callable[..., Any], folder: Path
) -> None:
    learning = loop.session.learning
    loop.session.choices.lock("a", True)
    loop.press("Enter")
    assert loop.review.any()
    loop.wait(lambda: not loop.session.learner._idle.isActive())
    assert "kept for scoring" in loop.session.state.learning.can_start
    loop.show("b")
    loop.wait_for_proposals()
    _review(loop, 1)
    assert not loop.session.state.learning.can_start
    assert "after 8 more" in loop.session.state.learning.sentence
    loop.wait(lambda: not loop.session.learner._idle.isActive())
    assert not _commands(log, "train")
    learning.set_automatic(False)
    loop.session.choices.lock("a", False)  # which counts from now on
    loop.wait(lambda: not loop.session.learner._idle.isActive())
    loop.session.choices.lock("a", True)
    learning.set_automatic(True)
    loop.wait(lambda: not loop.session.learner._idle.isActive())
    assert not _commands(log, "train")
    loop.session.close()

    again = start("--log", log)
    again.open(folder)
    assert "after 8 more" in again.session.state.learning.sentence
    again.session.learner._idle.setInterval(10)
    again.session.choices.lock("a", False)
    _until_learned(again, "round-1")
    again.session.choices.lock("a", True)
    again.session.choices.lock("b", True)
    assert "kept for scoring" in again.session.state.learning.can_start


def test_the_field_in_view_is_predicted_with_what_is_being_trained(
    loop: Any, log: Path
) -> None:
    loop.session.learning.set_training({"epochs": 60})
    number, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("A")
    mask = loop.nuclei == number
    loop.session.learner.start()
    loop.wait(lambda: loop.session.state.learning.phase == "running")
    loop.wait(lambda: sum("model" not in field for field in _fields(log)) > 2)
    # It knows by now how large nuclei are: what was estimated before is not told it.
    live = [field for field in _fields(log) if "model" not in field]
    assert not any("settings" in field for field in live)
    np.testing.assert_array_equal(loop.nuclei == number, mask)
    loop.session.learner.training.pause()
    assert loop.session.state.learning.phase == "paused"
    loop.session.learner.training.resume()
    assert loop.session.state.learning.phase == "running"
    loop.session.learner.training.stop()
    _until_learned(loop, "round-1")
    assert _commands(log, "pause")
    assert _commands(log, "resume")


def test_ten_reviewed_nuclei_are_enough_and_ten_more_for_the_next_round(
    loop: Any, log: Path
) -> None:
    _review(loop, 4)
    _rest(loop)
    assert not loop.session.learner.training.busy
    _review(loop, 1)
    _until_learned(loop, "round-1")
    loop.show("b")
    loop.wait_for_proposals()
    _review(loop, 5)
    _until_learned(loop, "round-2")
    assert _commands(log, "train")[1]["start"].endswith("round-1")


def test_while_learning_does_harm_the_first_model_predicts(
    loop: Any, log: Path
) -> None:
    loop.press("Enter")
    _until_learned(loop, "round-1")
    loop.engine.send("fake", do="gain", gain=-0.1)
    loop.show("b")
    loop.wait_for_proposals()
    _review(loop, 1)  # one deleted, or there were nothing new to learn
    loop.press("Enter")
    loop.wait(lambda: "did better" in loop.session.state.learning.sentence)
    assert loop.session.state.model == "nuclei"
    assert loop.session.state.models == ("round-2", "round-1", "nuclei")
    command = _commands(log, "train")[1]
    assert (command["root"], command["newest"][-7:]) == ("nuclei", "round-1")
    loop.engine.send("fake", do="gain", gain=0.1)
    loop.session.learner.start()
    _until_learned(loop, "round-3")
    assert loop.session.state.model == "round-3"
    command = _commands(log, "train")[2]
    assert (command["start"], command["newest"][-7:]) == ("nuclei", "round-2")


def test_where_nothing_was_wrong_it_learns_once_and_waits_for_a_correction(
    loop: Any, log: Path
) -> None:
    loop.engine.send("fake", do="fits", fit=0.97, start_fit=1.0, nuclei=20)
    loop.press("Enter")
    said = "What you reviewed was right as it was found: there is nothing to learn yet"
    loop.wait(lambda: said in loop.session.state.learning.sentence)
    assert loop.session.state.model == "nuclei"
    loop.wait(lambda: loop.session.state.current == "b")
    loop.wait_for_proposals()
    _, point = loop.nucleus()
    loop.press("Enter")
    _rest(loop)
    assert len(_commands(log, "train")) == 1
    assert said in loop.session.state.learning.sentence
    loop.show("b")
    loop.point_at(*point)
    loop.press("D")
    _until_learned(loop, "round-2")


def test_it_does_not_start_by_itself_where_that_is_not_wanted(
    loop: Any, log: Path
) -> None:
    loop.session.learning.set_automatic(False)
    loop.press("Enter")
    _rest(loop)
    assert not loop.session.learner.training.busy
    loop.session.learner.start()
    _until_learned(loop, "round-1")


def test_a_model_that_scores_worse_is_not_adopted_and_going_back_is_a_choice(
    loop: Any,
) -> None:
    loop.engine.send("fake", do="start_score", score=0.99)
    loop.press("Enter")
    loop.wait(lambda: "stays" in loop.session.state.learning.sentence)
    assert loop.session.state.model == "nuclei"
    assert loop.session.state.models == ("round-1", "nuclei")
    loop.session.learning.choose_model("round-1")
    assert loop.session.state.model == "round-1"
    loop.session.learning.choose_model("nuclei")
    loop.wait_for_proposals()
    assert loop.session.state.model == "nuclei"


def test_what_fits_the_corrections_clearly_worse_is_not_adopted(loop: Any) -> None:
    loop.engine.send("fake", do="fits", fit=0.4, start_fit=0.7, nuclei=20)
    loop.press("Enter")
    loop.wait(lambda: "nuclei stays" in loop.session.state.learning.sentence)
    assert loop.session.state.model == "nuclei"
    loop.engine.send("fake", do="fits", fit=0.68, start_fit=0.7, nuclei=20)
    loop.session.learner.start()
    _until_learned(loop, "round-2")
    assert "so small a fall may be chance" in loop.session.state.learning.sentence


def _accept_with_sliders(loop: Any, threshold: float, min_size: float) -> None:
    loop.session.choices.set_threshold(threshold)
    loop.session.choices.set_min_size(min_size)
    loop.wait_for_proposals()
    loop.press("Enter")


def test_what_was_learned_with_the_sliders_where_they_were_is_the_models_own(
    loop: Any, log: Path
) -> None:
    view = loop.session.opener.workspace.view
    _accept_with_sliders(loop, 0.7, 0.2)
    _until_learned(loop, "round-1")
    (train,) = _commands(log, "train")
    assert train["instances"] == {"threshold": 0.7, "min_size": 0.2}
    # Cut at 0.7 once more, what was learned from tight outlines would be too tight.
    assert view.instances == {}
    shown = loop.session.state.shown
    assert (shown.threshold, shown.min_size) == (0.7, 0.2)
    loop.session.learner.start()
    _until_learned(loop, "round-2")
    assert "instances" not in _commands(log, "train")[1]


def test_a_slider_that_is_moved_while_it_learns_stays_there(
    loop: Any, log: Path
) -> None:
    view = loop.session.opener.workspace.view
    _accept_with_sliders(loop, 0.7, 0.2)
    loop.wait(lambda: _commands(log, "train"))
    loop.session.choices.set_threshold(0.4)
    _until_learned(loop, "round-1")
    assert view.instances == {"threshold": 0.4}
    assert loop.session.state.shown.threshold == 0.4


def test_sliders_stay_where_what_was_learned_is_not_adopted(loop: Any) -> None:
    loop.engine.send("fake", do="start_score", score=0.99)
    loop.session.choices.set_threshold(0.7)
    loop.wait_for_proposals()
    loop.press("Enter")
    loop.wait(lambda: "stays" in loop.session.state.learning.sentence)
    assert loop.session.opener.workspace.view.instances == {"threshold": 0.7}
    assert loop.session.state.shown.threshold == 0.7


def test_the_engine_dies_and_training_goes_on_where_it_was(
    loop: Any, log: Path
) -> None:
    loop.session.learning.set_training({"epochs": 30})
    loop.press("Enter")
    loop.wait(lambda: loop.session.state.learning.phase == "running")
    loop.engine.send("fake", do="crash")
    loop.wait(lambda: any("started again" in text for text in loop.said))
    assert "started again" not in loop.session.state.learning.sentence  # said once
    loop.wait(lambda: len(_commands(log, "train")) == 2)
    first, second = _commands(log, "train")
    assert {**first, "job": ""} == {**second, "job": ""}
    _until_learned(loop, "round-1")
    assert sum("started again" in text for text in loop.said) == 1
    assert loop.session.state.problem == ""
    _, point = loop.nucleus() if (loop.review == 0).any() else (0, (5, 5))
    loop.point_at(*point)
    loop.press("A")


def test_a_paused_training_waits_though_the_engine_was_started_again(
    loop: Any, log: Path
) -> None:
    loop.session.learning.set_training({"epochs": 30})
    loop.press("Enter")
    loop.wait(lambda: loop.session.state.learning.phase == "running")
    training = loop.session.learner.training
    training.pause()
    loop.engine.send("fake", do="crash")
    loop.wait(lambda: any("started again" in text for text in loop.said))
    loop.wait(lambda: loop.engine.ready)
    assert loop.session.state.learning.phase == "paused"
    assert "Still paused" in loop.session.state.learning.sentence
    training.resume()
    _until_learned(loop, "round-1")
    assert len(_commands(log, "train")) == 2


def test_another_network_is_trained_from_the_beginning(loop: Any, log: Path) -> None:
    loop.session.learning.set_network({"architecture": "unet"})
    loop.press("Enter")
    _until_learned(loop, "round-1")
    (train,) = _commands(log, "train")
    assert "start" not in train
    assert train["model"] == {"architecture": "unet"}


def test_stop_is_heard_before_the_engine_begins(loop: Any, log: Path) -> None:
    loop.session.learning.set_automatic(False)
    loop.press("Enter")
    loop.session.learner.start()
    assert loop.session.state.learning.phase == "starting"
    loop.session.learner.training.stop()
    assert loop.session.state.learning.phase == "idle"
    assert loop.session.state.learning.sentence == "Stopped."
    loop.session.learner.start()
    _until_learned(loop, "round-1")
    assert len(_commands(log, "train")) == 1


def test_what_was_stopped_before_its_corrections_were_stored_does_not_fail_later(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storing, stopped = threading.Event(), threading.Event()

    def fails(self: Journal) -> None:
        storing.set()
        stopped.wait(30)
        raise EngineError("The disk is full.")

    loop.session.learning.set_automatic(False)
    loop.press("Enter")
    learner, ended = loop.session.learner, []
    learner.training.ended.connect(ended.append)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "flush", fails)
        learner.start()
        loop.wait(storing.is_set)
        learner.training.stop()
        stopped.set()
        done: list[None] = []  # behind what is stored: one after the other
        loop.session._background.run_in_turn(lambda: None, done.append, print)
        loop.wait(lambda: done)
    assert [how.sentence for how in ended] == ["Stopped."]


def test_a_training_that_fails_says_why(loop: Any) -> None:
    loop.engine.send("train", out="other", settings={"epochs": 100})
    loop.press("Enter")
    loop.wait(lambda: "one model at a time" in loop.session.state.learning.sentence)
    assert loop.session.state.learning.phase == "idle"


def test_closing_in_the_middle_of_a_training_loses_nothing(
    loop: Any, start: Callable[..., Any], folder: Path
) -> None:
    loop.session.learning.set_training({"epochs": 500})
    loop.press("Enter")
    loop.wait(lambda: loop.session.state.learning.phase == "running")
    loop.session.close()
    again = start()
    again.session.entrance.open([folder])
    again.wait(lambda: again.session.state.current)
    again.show("a")
    assert again.review.all()
    assert again.session.learner.settings == {"epochs": 500}


def test_a_training_that_closing_broke_off_goes_on_when_the_project_is_opened(
    loop: Any, start: Callable[..., Any], folder: Path
) -> None:
    loop.session.learning.set_training({"epochs": 500})
    loop.press("Enter")
    loop.wait(lambda: len(loop.session.state.learning.curve.steps) > 2)
    asked = loop.session.learner.training.command
    loop.session.close()
    end_farewells()  # nobody writes any more
    moved = folder.rename(folder.with_name("elsewhere"))
    models = moved / "unet-loop/models"
    assert (models / ".round-1.resume.npz").exists()
    assert (models / "round-1/model.json").exists()

    again = start("--log", folder.with_name("log"))
    said: list[str] = []
    again.session.changed.connect(lambda state: said.append(state.learning.sentence))
    again.session.entrance.open([moved])
    again.wait(lambda: again.session.state.learning.phase == "running")
    assert again.session.state.model == "nuclei"  # not one that is half learned
    assert "Going on with the training of round-1." in said
    assert again.session.learner.training.command == asked
    lines = folder.with_name("log").read_text().splitlines()
    sent = [json.loads(line) for line in lines]
    trained = [item for item in sent if item["command"] == "train"]
    assert [(item["out"], item["settings"]) for item in trained] == [
        ("round-1", {"epochs": 500})
    ]
    again.session.learner.training.stop()
    again.wait(lambda: again.session.state.learning.phase == "idle")
    again.session.learning.set_automatic(False)
    again.session.close()

    assert not (models / ".round-1.resume.npz").exists()  # it came to its end
    last = start()
    last.session.entrance.open([moved])
    last.wait(lambda: last.session.state.current)
    assert last.session.opener.workspace.view.unfinished == {}
    assert last.session.state.learning.phase == "idle"


@pytest.mark.parametrize("paused", [False, True])
def test_a_training_that_another_project_broke_off_goes_on_when_one_comes_back(
    loop: Any, folder: Path, tmp_path: Path, paused: bool
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(folder / "b.tif", other)
    learner = loop.session.learner
    loop.session.learning.set_training({"epochs": 500})
    loop.press("Enter")
    loop.wait(lambda: len(loop.session.state.learning.curve.steps) > 2)
    asked = learner.training.command
    if paused:
        learner.training.pause()

    def open_project(images: Path) -> None:
        loop.session.entrance.open([images])
        loop.wait(lambda: loop.session.state.folder == images / "unet-loop")

    open_project(other)
    assert loop.session.state.learning.phase == "idle"
    assert loop.session.opener.workspace.view.unfinished == {}
    said: list[str] = []
    loop.session.changed.connect(lambda state: said.append(state.learning.sentence))
    open_project(folder)
    loop.wait(lambda: loop.session.state.learning.phase == "running")
    assert "Going on with the training of round-1." in said
    assert learner.training.command == asked
    assert loop.session.state.model == "nuclei"  # not one that is half learned


def test_what_was_reviewed_elsewhere_is_enough_to_learn_from(
    loop: Any, start: Callable[..., Any], folder: Path
) -> None:
    loop.session.learning.set_automatic(False)
    loop.press("Enter")
    loop.session.close()
    for file in (folder / "unet-loop").glob("journal.sqlite*"):
        file.unlink()  # as if another program had made the TIFFs
    again = start()
    again.session.entrance.open([folder])
    again.wait(lambda: again.session.state.current)
    assert not again.session.state.can_undo
    assert again.session.state.learning.can_start == ""
    again.press("PageUp")
    again.wait(lambda: again.session.state.current == "a" and again.review.all())
    again.point_at(*np.argwhere(again.nuclei)[0])
    again.press("D")  # from now on that plane is in the journal
    assert again.session.state.can_undo
    again.session.close()
    again = start()
    again.session.entrance.open([folder])
    again.wait(lambda: again.session.state.current)
    again.press("Control-Z")
    assert not again.session.state.can_undo
    assert again.session.state.learning.can_start == ""
    again.session.learner.start()
    again.wait(lambda: again.session.state.model == "round-1")


def test_it_says_how_many_corrections_learning_waits_for(loop: Any) -> None:
    def sentence() -> str:
        said: str = loop.session.state.learning.sentence
        return said

    assert sentence() == ""
    for left in ("9 more corrections", "8 more corrections"):
        loop.point_at(*loop.nucleus()[1])
        loop.press("A")
        assert sentence() == f"Learns by itself after {left}."
    loop.session.learning.set_automatic(False)
    assert sentence() == ""
    loop.session.learning.set_automatic(True)
    loop.press("Control-Z")
    assert "9 more" in sentence()
    loop.session.learner._idle.setInterval(100_000)
    loop.press("Enter")
    assert sentence() == "Learns as soon as you pause."
    loop.session.learner._start_if_due()
    assert sentence() == "Getting ready to learn."


def test_a_training_that_ended_unseen_is_not_done_again(
    loop: Any, start: Callable[..., Any], folder: Path
) -> None:
    loop.session.learning.set_training({"epochs": 500})
    loop.press("Enter")
    loop.wait(lambda: len(loop.session.state.learning.curve.steps) > 2)
    loop.session.close()
    view = json.loads((folder / "unet-loop/view.json").read_text())
    assert view["unfinished"]["out"] == "round-1"
    end_farewells()  # nobody writes any more
    (folder / "unet-loop/models/.round-1.resume.npz").unlink()  # as at its end
    again = start()
    again.session.entrance.open([folder])
    again.wait(lambda: again.session.state.current)
    assert again.session.state.learning.phase == "idle"
    assert "round-1" in again.session.state.models
