"""Tissue classes in the loop: painted, learned, proposed, taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_unet import _class_desk
from unetloop.classes import name_classes
from unetloop.journal import Journal
from unetloop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROW = [(30.0, 20.0), (30.0, 50.0), (30.0, 80.0)]
LOW = [(120.0, 20.0), (120.0, 50.0), (120.0, 80.0)]


@pytest.fixture
def loop(start: Callable[..., Any], folder: Path) -> Any:
    """The folder is open as one of tissue classes; nothing is learned by itself."""
    loop = start()
    loop.session.entrance.set_task("classes")
    assert (loop.session.state.task, loop.session.state.model) == ("classes", "")
    loop.session.entrance.open([folder])
    loop.wait(lambda: loop.session.state.current and loop.layers.nuclei is not None)
    loop.session.learning.set_automatic(False)
    return loop


def _learn(loop: Any) -> None:
    """Paint two classes and let the stand-in learn them."""
    for key, line in (("A", ROW), ("S", LOW)):
        loop.press(key)
        loop.drag(*line)
    loop.press("Escape")
    loop.session.learning.set_training({"epochs": 2})
    loop.session.learner.start()
    loop.wait(lambda: loop.session.state.model == "round-1")
    loop.wait(lambda: loop.nuclei.all() and not loop.session.predictor.busy)


def _stored(loop: Any) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(
        (loop.session.state.folder / "project.json").read_text()
    )
    return stored


def test_the_brush_of_a_class_does_not_paint_nuclei(loop: Any) -> None:
    loop.press("A")
    assert loop.layers.nuclei.mode == "paint"
    loop.session.entrance.set_task("nuclei")
    loop.wait(lambda: loop.session.state.task == "nuclei")
    loop.wait(lambda: loop.layers.nuclei.name == "nuclei")
    assert loop.layers.nuclei.mode == "pan_zoom"


def test_what_is_painted_is_truth_and_nothing_beside_it(loop: Any) -> None:
    assert loop.layers.nuclei.name == "classes"
    assert _stored(loop)["task"] == "classes"
    assert [row.key for row in loop.session.state.classes] == ["A", "S"]
    assert "two classes" in loop.session.state.learning.can_start
    assert loop.session.runs.everything() is None  # there is no model to run
    loop.press("S")
    assert loop.session.state.brush == 2
    loop.drag(*ROW)
    labels, review = loop.recorded()
    assert labels[30, 50] == 2
    np.testing.assert_array_equal(labels > 0, review == 1)
    assert 50 < np.count_nonzero(labels) < 2000
    np.testing.assert_array_equal(loop.nuclei, labels)
    loop.press("Control-Z")
    assert not loop.nuclei.any()
    assert not loop.review.any()
    loop.press("Control-Shift-Z")
    np.testing.assert_array_equal(loop.nuclei, labels)
    loop.press("Escape")
    assert loop.session.state.brush is None
    assert str(loop.layers.nuclei.mode) == "pan_zoom"
    loop.wait(lambda: loop.session.state.images[0].state == "in work")


def test_what_was_passed_over_on_one_image_is_not_said_of_another(loop: Any) -> None:
    loop.press("A")
    loop.drag(*ROW)
    loop.press("Escape")
    loop.layers.nuclei.paint(ROW[1], 1)  # a script's, that changes nothing
    loop.show("b")
    loop.press("S")
    loop.drag(*LOW)
    assert loop.review[120, 50] == 1
    assert loop.review[30, 50] == 0


def test_it_learns_by_itself_once_all_classes_are_painted(loop: Any) -> None:
    loop.session.learner._idle.setInterval(1)
    loop.session.learning.set_training({"epochs": 2})
    loop.session.learning.set_automatic(True)
    loop.session.classes.add()
    for key, line in (("A", ROW), ("S", LOW)):
        loop.press(key)
        loop.drag(*line)
    state = loop.session.state.learning
    assert (state.phase, state.can_start) == ("idle", "")
    assert "Nothing is painted as class 3" in state.sentence
    truth = loop.nuclei.copy()
    loop.press("D")
    loop.drag((75.0, 150.0), (75.0, 170.0))
    loop.wait(lambda: loop.session.state.model == "round-1")
    loop.wait(lambda: loop.nuclei.all() and not loop.session.predictor.waits)
    assert set(np.unique(loop.nuclei)) == {1, 2, 3}
    assert loop.nuclei[75, 160] == 3  # the stand-in knows no third class
    np.testing.assert_array_equal(loop.nuclei[truth > 0], truth[truth > 0])
    assert (loop.review[truth == 0] == 0).mean() > 0.9
    wish = loop.session.runs.everything()
    assert wish is not None
    assert wish.model.endswith("round-1")


def test_painting_over_a_proposal_of_the_same_class_makes_it_truth(loop: Any) -> None:
    _learn(loop)
    row = int(np.argmax((loop.nuclei == 1).sum(axis=1) * (loop.review == 0).all(1)))
    columns = np.flatnonzero(loop.nuclei[row] == 1)
    column = float(columns[len(columns) // 2])
    loop.layers.nuclei.brush_size = 1
    loop.press("A")
    before = loop.nuclei.copy()
    loop.drag((float(row), column))
    loop.wait(lambda: loop.review[row, int(column)] == 1)
    np.testing.assert_array_equal(loop.nuclei, before)
    np.testing.assert_array_equal(loop.recorded()[1], loop.review)


def test_what_is_erased_is_a_proposal_again(loop: Any) -> None:
    _learn(loop)
    painted = loop.review == 1
    loop.press("E")  # napari's own key
    assert loop.session.state.brush == 0
    loop.layers.nuclei.brush_size = 20
    loop.drag(*ROW)
    assert not loop.review[30, 20:80].any()
    assert loop.review[painted].any()  # the other stroke stays
    loop.wait(lambda: loop.nuclei.all() and not loop.session.predictor.waits)


def test_a_box_is_right_or_ignored(loop: Any) -> None:
    _learn(loop)
    loop.press("Escape")
    loop.press("I")
    assert loop.session.tools.tool == "ignore"
    loop.drag((60.0, 100.0), (70.0, 120.0))
    assert (loop.review[60:71, 100:121] == 2).all()
    loop.press("Enter")
    assert (loop.review > 0).mean() > 0.9
    assert (loop.review[60:71, 100:121] == 2).all()
    ledger = loop.session.opener.workspace.journal.ledger()
    assert ledger["ignore"] == 1
    assert ledger["box"] >= 1
    assert loop.session.state.learning.can_start == ""


def test_classes_are_named_coloured_added_and_removed(loop: Any) -> None:
    desk = loop.session.classes
    desk.add()
    desk.rename(2, "stroma")
    desk.rename(1, "stroma")  # there is one already
    desk.recolour(3, "#123456")
    desk.recolour(3, "no colour")
    expected = [
        ("background", "#0072b2"),
        ("stroma", "#e69f00"),
        ("class 3", "#123456"),
    ]
    shown = [(row.name, row.color) for row in loop.session.state.classes]
    stored = [(row["name"], row["color"]) for row in _stored(loop)["classes"]]
    assert shown == stored == expected
    colours = loop.layers.nuclei.colormap.colors
    np.testing.assert_allclose(colours[3, :3], np.array([0x12, 0x34, 0x56]) / 255)
    assert len(loop.said) == 2
    loop.press("D")
    loop.drag(*ROW)
    loop.press("Control-Z")
    desk.remove(3)  # it may be done again
    loop.wait(lambda: "can't be removed" in loop.said[-1])
    desk.add()
    desk.remove(4)
    loop.wait(lambda: len(loop.session.state.classes) == 3)
    assert len(_stored(loop)["classes"]) == 3


def test_a_class_that_is_painted_while_it_is_looked_for_stays(
    loop: Any, hold_up: Callable[[Any, str], Any]
) -> None:
    desk = loop.session.classes
    desk.add()
    held = hold_up(_class_desk, "highest_used_class")
    desk.remove(3)
    loop.wait(held.is_done)
    loop.press("D")
    loop.drag(*ROW)
    held.let_go()
    loop.wait(lambda: any("can't be removed" in said for said in loop.said))
    assert len(_stored(loop)["classes"]) == 3


def test_a_number_that_is_no_class_is_not_painted(loop: Any) -> None:
    loop.press("A")
    loop.layers.nuclei.selected_label = 7
    loop.drag(*ROW)
    assert not loop.nuclei.any()
    assert "no class 7" in loop.session.state.problem
    loop.press("A")
    loop.drag(*ROW)
    assert loop.session.state.problem == ""
    assert loop.nuclei.any()


def test_probabilities_are_a_layer_a_class_and_follow_the_image(loop: Any) -> None:
    _learn(loop)
    loop.session.choices.set_probabilities(True)
    layers = loop.layers.probabilities.layers
    assert [layer.name for layer in layers] == ["background", "tissue"]
    names = [layer.name for layer in loop.viewer.layers]
    assert names.index("tissue") < names.index("classes")
    total = sum(layer.data.astype(int) for layer in layers)
    assert np.abs(total - 255).max() <= 2
    found = np.where(loop.review == 0, loop.nuclei, 0)
    assert (layers[1].data[found == 2] >= 127).all()
    first = layers[0].data.copy()
    loop.session.classes.rename(2, "bright")
    assert layers[1].name == "bright"
    loop.show("b")
    loop.wait(lambda: loop.nuclei.all() and not loop.session.predictor.busy)
    assert loop.layers.probabilities.layers[0] is layers[0]
    assert layers[0].data.any()
    assert not np.array_equal(layers[0].data, first)
    loop.viewer.layers.remove("background")  # the user's choice
    loop.session.choices.set_probabilities(False)
    assert [layer.name for layer in loop.viewer.layers][1:] == ["classes", "outlines"]


def test_the_same_images_may_be_segmented_both_ways(
    loop: Any, start: Callable[..., Any], folder: Path
) -> None:
    loop.press("A")
    loop.drag(*ROW)
    loop.show("b")
    loop.session.entrance.set_task("nuclei")
    loop.wait(lambda: loop.session.state.task == "nuclei")
    loop.wait(lambda: loop.layers.nuclei.name == "nuclei")
    loop.wait_for_proposals()
    assert loop.session.state.folder == folder / "unet-loop"
    assert loop.session.state.current == "b"
    assert loop.session.state.model == "nuclei"
    assert len(np.unique(loop.nuclei)) > 5
    number, point = loop.nucleus()
    loop.hover(*point)
    loop.press("D")  # has its own meaning again
    assert not (loop.nuclei == number).any()
    loop.session.entrance.set_task("classes")
    loop.wait(lambda: loop.layers.nuclei.name == "classes")
    assert loop.session.state.folder == folder / "unet-loop-classes"
    loop.show("a")
    assert loop.nuclei[30, 50] == 1
    loop.session.close()

    again = start()  # as it was open last
    again.session.entrance.open([folder])
    again.wait(lambda: again.session.state.current)
    assert again.session.state.task == "classes"
    assert again.nuclei[30, 50] == 1


def test_a_project_of_classes_made_elsewhere_opens(
    start: Callable[..., Any], folder: Path
) -> None:
    classes = name_classes(["lumen", "stroma", "tumour"])
    with open_project(folder / "mine", create=True) as project:
        (image,) = project.add_images([folder / "a.tif"])
        project.set_classes(classes)
        truth = np.zeros((160, 200), np.int32)
        truth[10:20, 10:20] = 3
        project.write_segmentation(image, 0, truth)
        project.write_review(image, 0, (truth > 0).astype(np.uint8))
    loop = start()
    loop.session.entrance.open([folder / "mine"])
    loop.wait(lambda: loop.session.state.current and loop.layers.nuclei is not None)
    assert [row.name for row in loop.session.state.classes] == [
        "lumen",
        "stroma",
        "tumour",
    ]
    np.testing.assert_array_equal(loop.nuclei, truth)
    assert not loop.session.state.shown.outlines
    loop.session.close()
    with open_project(folder / "mine") as project:
        assert project.classes == classes
        Journal(project).close()


def test_a_stack_is_painted_plane_by_plane(loop: Any) -> None:
    loop.show("stack")
    loop.session.choices.set_probabilities(True)
    loop.layers.go_to_plane(1)
    current = loop.session.opener.current
    loop.wait(lambda: 1 in current.loaded)
    loop.press("S")
    loop.drag(*ROW)
    loop.wait(lambda: loop.review.any())
    truth = current.truth
    assert truth.segmentation[1][30, 50] == 2
    assert not truth.segmentation[[0, 2]].any()
    np.testing.assert_array_equal(truth.segmentation > 0, truth.review == 1)
    np.testing.assert_array_equal(loop.layers.nuclei.data, truth.segmentation)
    loop.drag(*ROW)  # once more, which changes nothing
    assert loop.session.opener.workspace.journal.ledger() == {"class 2": 1}
    assert loop.layers.probabilities.layers[0].data.shape == (3, 160, 200)
    loop.show("a")
    assert loop.layers.probabilities.layers[0].data.shape == (160, 200)


def test_the_layer_comes_back_with_its_colours_when_it_was_removed(loop: Any) -> None:
    loop.press("A")
    loop.drag(*ROW)
    labels = loop.nuclei.copy()
    loop.viewer.layers.remove("classes")
    loop.press("S")
    layer = loop.layers.nuclei
    assert layer.name == "classes"
    assert (layer.selected_label, str(layer.mode)) == (2, "paint")
    np.testing.assert_array_equal(loop.nuclei, labels)
    loop.drag(*LOW)
    assert loop.nuclei[120, 50] == 2
    assert loop.review[120, 50] == 1


def test_images_to_correct_go_to_a_project_that_segments_the_same(
    loop: Any, folder: Path
) -> None:
    loop.session.entrance.fix([folder / "b.tif"], {"task": "nuclei", "diameter": 30.0})
    loop.wait(lambda: loop.session.state.task == "nuclei")
    loop.wait(lambda: loop.session.state.current == "b")
    view = loop.session.opener.workspace.view
    assert view.of("b") == {"diameter": 30.0} | view.of("b")
    assert "task" not in view.of("b")
    loop.session.entrance.fix([folder / "a.tif"], {"task": "nuclei"})
    loop.wait(lambda: loop.session.state.current == "a")
    assert loop.session.state.folder == folder / "unet-loop"


def _learned_from_colours(loop: Any, folder: Path) -> Any:
    rgb = np.random.default_rng(0).integers(0, 255, (160, 200, 3)).astype(np.uint8)
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", rgb, photometric="rgb")
    loop.session.entrance.set_task("classes")
    loop.session.entrance.open([folder])
    loop.wait(lambda: loop.session.state.current and loop.layers.nuclei is not None)
    loop.session.learning.set_automatic(False)
    _learn(loop)
    return loop


def test_colours_are_looked_at_and_the_next_round_goes_on_from_the_last(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    loop = _learned_from_colours(start("--log", log), tmp_path / "images")
    loop.session.learner.start()
    loop.wait(lambda: loop.session.state.model == "round-2")
    commands = [json.loads(line) for line in log.read_text().splitlines()]
    first, second = [item for item in commands if item["command"] == "train"]
    assert first["model"] == {"channels": 3}
    assert "start" not in first
    assert "model" not in second
    assert second["start"].endswith("round-1")
    assert "root" not in second  # exams are for nuclei
    asked = [item for item in commands if item["command"] == "predict_field"]
    assert all("settings" not in item for item in asked)  # no diameter


def test_by_a_pixel_size_that_is_typed_classes_are_predicted_anew(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    loop = _learned_from_colours(start("--log", log), tmp_path / "images")
    loop.wait(lambda: not loop.session.predictor.coming)

    def asked() -> list[Any]:
        commands = [json.loads(line) for line in log.read_text().splitlines()]
        fields = [item for item in commands if item["command"] == "predict_field"]
        return [item.get("pixel_size") for item in fields if "model" in item]

    before = asked()
    assert set(before) == {None}
    loop.session.choices.change_reading({"pixel_size": 0.5})
    loop.wait(lambda: len(asked()) > len(before))
    assert set(asked()[len(before) :]) == {0.5}


def test_a_single_colour_that_is_chosen_later_is_learned_by_a_network_that_sees_one(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    loop = _learned_from_colours(start("--log", log), tmp_path / "images")
    loop.session.choices.change_reading({"channel": "green"})
    loop.wait(lambda: loop.session.state.reading.channel == "green")
    loop.session.learner.start()
    loop.wait(lambda: loop.session.state.model == "round-2")
    commands = [json.loads(line) for line in log.read_text().splitlines()]
    second = [item for item in commands if item["command"] == "train"][1]
    assert second["channels"] == {"a": "green"}
    assert second["model"]["channels"] == 1
    assert second["start"].endswith("round-1")  # it lends what fits


def test_a_layer_and_the_next_folder_are_of_classes_too(
    loop: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    layer = loop.viewer.add_image(np.zeros((40, 50), np.uint8), name="mine")
    loop.viewer.layers.selection.active = layer
    loop.session.entrance.use_layer()
    loop.wait(lambda: loop.session.state.current == "mine")
    assert loop.session.state.task == "classes"
    other = tmp_path / "other"
    other.mkdir()
    (folder / "b.tif").rename(other / "c.tif")
    loop.session.entrance.open([other])
    loop.wait(lambda: loop.session.state.current == "c")
    assert loop.session.state.folder == other / "unet-loop-classes"
