"""Opening folders, files, projects and layers; coming back to them."""

from __future__ import annotations

import json
import shutil
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_unet import _current, _opener, _stage
from napari_unet._contrast import make_thumbnail
from napari_unet._pixels import read_pixels
from napari_unet._view import View
from unetloop.images import open_image
from unetloop.journal import Journal
from unetloop.masks import read_labels
from unetloop.project import open_project
from unetloop.samples import LARGE, draw_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_folder_opens_segmented_with_a_project_beside_the_images(
    loop: Any, folder: Path
) -> None:
    state = loop.session.state
    assert state.folder == folder / "unet-loop"
    assert [row.name for row in state.images] == ["a.tif", "b.tif", "stack.tif"]
    assert [row.planes for row in state.images] == [1, 1, 3]
    assert state.current == "a"
    assert state.reading.axes == "YX"
    assert state.reading.diameter_found > 5
    names = [layer.name for layer in loop.viewer.layers]
    assert names == ["a.tif", "nuclei", "outlines"]
    assert loop.viewer.layers.selection.active.name == "nuclei"
    loop.wait(
        lambda: loop.session.state.images[0].nuclei == len(np.unique(loop.nuclei)) - 1
    )
    loop.wait(
        lambda: all(row.thumbnail is not None for row in loop.session.state.images)
    )


def test_one_file_opens_alone_and_a_second_one_joins_it(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.open(folder / "b.tif")
    assert [row.id for row in loop.session.state.images] == ["b"]
    loop.session.entrance.open([folder / "a.tif"])
    loop.wait(lambda: loop.session.state.current == "a")
    assert [row.id for row in loop.session.state.images] == ["b", "a"]


def test_the_keys_go_through_the_images_and_the_plane_sliders_through_a_stack(
    loop: Any,
) -> None:
    loop.press("PageDown")
    loop.wait(lambda: loop.session.state.current == "b")
    loop.press("PageDown")
    loop.wait(lambda: loop.session.state.current == "stack")
    assert loop.layers.nuclei.data.shape == (3, 160, 200)
    loop.wait_for_proposals()
    first = loop.nuclei.copy()
    loop.viewer.dims.set_current_step(0, 2)
    loop.wait(lambda: loop.session.state.plane == 2)
    loop.wait_for_proposals()
    assert not np.array_equal(loop.nuclei, first)
    loop.press("PageUp")
    loop.wait(lambda: loop.session.state.current == "b")
    assert loop.viewer.dims.ndim == 2


def test_a_stack_is_shown_by_the_layers_of_a_plane_and_a_plane_by_those_of_a_stack(
    loop: Any,
) -> None:
    layers = list(loop.viewer.layers)
    for image, axes in (("stack", 3), ("b", 2), ("stack", 3)):
        loop.show(image)
        assert list(loop.viewer.layers) == layers  # to make one takes napari long
        assert {layer.ndim for layer in layers} == {loop.viewer.dims.ndim} == {axes}
        loop.wait_for_proposals()
        number, point = loop.nucleus()
        loop.hover(*point)
        loop.press("D")
        assert number not in loop.nuclei
        loop.press("Control-Z")
        assert number in loop.nuclei


def test_of_the_next_image_what_its_own_view_shows_is_asked_for(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "wide"
    folder.mkdir()
    for seed, name in enumerate("ab"):
        pixels = draw_nuclei(LARGE, seed, (600, 600)).image
        tifffile.imwrite(folder / f"{name}.tif", pixels)
    loop = start("--log", tmp_path / "log")
    loop.open(folder)
    loop.viewer.scene.camera.zoom *= 8
    loop.layers.centre_on(60, 60)  # and before anything is drawn:
    top, left, bottom, right = loop.layers.visible
    assert top < 60 < bottom < 200
    assert left < 60 < right < 200
    loop.qtbot.wait(50)  # for napari to draw it
    loop.show("b")
    loop.wait_for_proposals()
    lines = (tmp_path / "log").read_text().splitlines()
    commands = [json.loads(line) for line in lines]
    asked = [item for item in commands if item["command"] == "predict_field"]
    boxes = [item["box"] for item in asked if item["image"] == "b"]
    assert boxes[0] == [0, 0, 600, 600]


def test_an_image_fills_the_view_whatever_else_is_in_the_list(loop: Any) -> None:
    camera = loop.viewer.scene.camera
    before = camera.zoom, camera.center
    wide = loop.viewer.add_image(np.zeros((9, 9), np.uint8), scale=(900, 900))
    wide.visible = False
    loop.show("b")
    assert camera.zoom == pytest.approx(before[0])
    assert camera.center == pytest.approx(before[1])


def test_enter_does_not_take_what_has_just_come_into_view(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "wide.tif"
    tifffile.imwrite(path, draw_nuclei(LARGE, 0, (160, 2400)).image)
    loop = start()
    loop.session.entrance.open([path])
    loop.wait(lambda: loop.session.state.current)
    loop.viewer.scene.camera.zoom *= 8
    loop.layers.centre_on(80, 1200)
    loop.wait_for_proposals()
    for _ in range(2):  # as a key that is held down
        loop.layers.centre_on(80, 200 if loop.layers.visible[1] > 800 else 2200)
        loop.press("Enter")
        assert "Not all of it is on the screen yet" in loop.said[-1]
        assert not loop.review.any()


def test_what_is_taken_back_is_brought_into_view(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "wide.tif"
    tifffile.imwrite(path, draw_nuclei(LARGE, 0, (160, 1000)).image)
    loop = start()
    loop.open(path)
    loop.viewer.scene.camera.zoom *= 6
    loop.layers.centre_on(80, 200)
    loop.wait_for_proposals()
    there = loop.layers.visible
    loop.press("Enter")
    assert loop.layers.visible != there  # it goes on
    loop.layers.centre_on(80, 800)
    loop.press("Control-Z")
    assert loop.layers.visible == pytest.approx(there, abs=8)  # nuclei are whole
    assert not loop.review.any()
    loop.layers.centre_on(80, 230)  # most of it is still in view
    before = loop.layers.visible
    loop.press("Control-Shift-Z")
    assert loop.layers.visible == before
    assert loop.review.any()


def test_enter_says_nothing_of_an_image_that_is_out_of_view(loop: Any) -> None:
    loop.layers.centre_on(9000, 9000)
    assert loop.layers.visible is None
    loop.press("Enter")
    assert "Nothing of the image is in view" in loop.said[-1]
    assert not loop.review.any()
    assert loop.session.state.current == "a"


def test_enter_leaves_no_plane_out_that_was_only_passed_over(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.open(folder / "stack.tif")
    for plane in (1, 2):  # as a slider does
        loop.viewer.dims.set_current_step(0, plane)
        loop.wait(lambda plane=plane: plane in loop.session.opener.current.loaded)
        loop.wait_for_proposals()
    for plane in (0, 1):  # from the last one on: the first is next
        loop.press("Enter")
        loop.wait(lambda plane=plane: loop.layers.plane == plane)
        loop.wait_for_proposals()
    assert not loop.said
    loop.press("Enter")
    assert "All images are reviewed" in loop.said[-1]
    assert (loop.session.opener.current.truth.review == 1).all()


def test_labels_of_the_users_own_are_taken_as_right(loop: Any) -> None:
    labels = np.zeros((160, 200), np.uint8)
    labels[20:40, 30:60], labels[80:100, 30:60] = 3, 7
    mine = loop.viewer.add_labels(labels[:-1], name="other")
    loop.session.entrance.use_layer()
    assert "(159 × 200) have another size" in loop.said[-1]
    assert not loop.review.any()
    mine.visible = False
    before = loop.nuclei.copy()
    mine = loop.viewer.add_labels(labels, name="mine")
    loop.session.entrance.use_layer()
    assert "mine are taken as right" in loop.said[-1]
    assert not mine.visible
    assert loop.session.state.images[0].state != "missing"
    np.testing.assert_array_equal(loop.nuclei, labels)
    np.testing.assert_array_equal(loop.recorded()[0], labels)
    assert (loop.review[labels > 0] == 1).all()
    assert (loop.review[before > 0] == 1).all()  # what they say is none
    loop.press("Control-Z")
    np.testing.assert_array_equal(loop.nuclei, before)
    assert not loop.review.any()


def test_many_labels_of_the_users_own_are_enough_to_learn_from(loop: Any) -> None:
    labels = np.zeros((160, 200), np.uint8)
    for number in range(12):
        row, column = divmod(number, 4)
        labels[50 * row + 10 :, 50 * column + 10 :][:30, :30] = number + 1
    loop.session.learner.set_automatic(True)
    loop.viewer.add_labels(labels, name="mine")
    loop.session.entrance.use_layer()
    loop.wait(lambda: loop.session.state.learning.phase != "idle")


def test_labels_are_not_said_to_be_taken_before_their_plane_was_read(loop: Any) -> None:
    current = loop.session.opener.current
    loop.viewer.add_labels(np.ones((160, 200), np.uint8), name="mine")
    current.loaded.remove(0)
    loop.session.entrance.use_layer()
    assert "still being read" in loop.said[-1]
    current.loaded.add(0)
    loop.session.entrance.use_layer()
    assert "mine are taken as right" in loop.said[-1]
    assert (loop.recorded()[0] == 1).all()


def test_labels_of_the_users_own_may_have_any_numbers(loop: Any, folder: Path) -> None:
    labels = np.zeros((160, 200), np.uint64)
    labels[20:40, 30:60], labels[80:100, 30:60] = 3_000_000_000, 1 << 40
    labels[120:130, 30:60] = 2
    loop.viewer.add_labels(labels, name="mine")
    loop.session.entrance.use_layer()
    recorded = loop.recorded()[0]
    assert recorded.min() == 0
    found = {int(recorded[row, 40]) for row in (30, 90, 125)}
    assert len(found) == 3
    assert 2 in found
    assert ((recorded > 0) == (labels > 0)).all()
    loop.layers.nuclei.data = np.where(labels == 2, -7, labels.astype(np.int64))
    assert loop.recorded()[0].min() == 0
    assert ((loop.recorded()[0] > 0) == (labels > 0)).all()
    loop.session.save()
    with open_project(folder / "unet-loop", shared=True) as project:
        stored = project.read_segmentation(project.images[0])
    np.testing.assert_array_equal(stored, loop.recorded()[0])


def test_a_stack_opens_in_the_middle_and_later_where_it_was_left(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    """Its first slices are out of focus, and would spoil contrast and proposals."""
    images = tmp_path / "stacks"
    images.mkdir()
    sharp = draw_nuclei(LARGE, 1, (160, 200)).image
    slices = np.stack([sharp // 8, sharp // 4, sharp, sharp // 4])
    movie = np.stack([slices, slices // 2])
    for name, pixels, axes in (("tz", movie, "TZYX"), ("z", slices, "ZYX")):
        metadata = {"axes": axes}
        tifffile.imwrite(images / f"{name}.tif", pixels, imagej=True, metadata=metadata)
    loop = start()
    loop.open(images)
    assert loop.viewer.dims.current_step[:2] == (0, 2)
    assert loop.session.state.plane == 2
    low, high = loop.layers.contrast
    assert low < high
    assert high > sharp.max() / 2
    loop.wait(
        lambda: all(row.thumbnail is not None for row in loop.session.state.images)
    )
    first, second = (row.thumbnail for row in loop.session.state.images)
    assert np.array_equal(first, second)  # both of the slice in focus

    loop.viewer.dims.set_current_step(0, 1)
    loop.viewer.dims.set_current_step(1, 3)
    loop.wait(lambda: loop.session.state.plane == 7)
    loop.show("z")
    assert loop.session.state.plane == 2
    loop.viewer.dims.set_current_step(0, 1)
    loop.wait(lambda: loop.session.state.plane == 1)
    loop.show("tz")
    assert loop.session.state.plane == 7
    loop.session.close()

    again = start()
    again.open(images)
    assert (again.session.state.current, again.session.state.plane) == ("tz", 7)
    again.show("z")
    assert again.session.state.plane == 1


def test_planes_that_take_too_much_memory_are_let_go_of_and_come_back(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_current, "_MOST_BYTES", 2 * 160 * 200 * 15)  # two planes
    loop.show("stack")
    first = loop.session.opener.current

    def go_to(plane: int) -> None:
        loop.viewer.dims.set_current_step(0, plane)
        loop.wait(lambda: plane in loop.session.opener.current.loaded)
        loop.wait_for_proposals()

    loop.wait_for_proposals()
    loop.press("Enter")  # all of it is right, and the next plane is shown
    assert (first.truth.review[0] == 1).all()
    reviewed = first.truth.segmentation[0].copy()
    go_to(1)
    assert first.loaded == {0, 1}
    go_to(2)
    now = loop.session.opener.current
    assert now is not first
    assert now.loaded == {2}
    assert now.truth.seen == {0, 1, 2}
    journal = loop.session.opener.workspace.journal
    loop.wait(lambda: journal._planes.numbers("stack") == {2})
    loop.wait(lambda: loop.session.state.images[2].state == "in work")
    loop.wait(
        lambda: loop.session.state.images[2].reviewed == len(np.unique(reviewed)) - 1
    )
    go_to(0)
    assert now.loaded == {0, 2}
    assert (loop.nuclei == reviewed).all()
    assert (loop.review == 1).all()
    go_to(1)
    loop.press("Control-Z")
    loop.wait(lambda: loop.layers.plane == 0)
    loop.wait(lambda: 0 in loop.session.opener.current.loaded)
    assert not loop.review.any()
    seen, marks = loop.recorded()
    assert (seen == reviewed).all()
    assert not marks.any()


def test_a_stack_counts_all_its_planes_when_it_is_opened_again(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.open(folder)
    loop.show("stack")
    for plane in range(3):
        loop.viewer.dims.set_current_step(0, plane)
        loop.wait(lambda plane=plane: plane in loop.session.opener.current.loaded)
        loop.wait_for_proposals()
        if plane == 1:
            loop.point_at(*loop.nucleus()[1])
            loop.press("A")
    nuclei = loop.session.opener.current.truth.segmentation
    there = sum(len(np.unique(plane)) - 1 for plane in nuclei)
    on_last = len(np.unique(nuclei[2])) - 1
    loop.wait(lambda: loop.session.state.images[2].nuclei == there)
    loop.show("a")
    loop.session.close()

    again = start()
    counts: list[int] = []
    again.session.entrance.open([folder])

    def note(state: Any) -> None:
        counts.extend(row.nuclei for row in state.images if row.id == "stack")

    again.session.changed.connect(note)
    again.wait(lambda: again.session.state.current == "a")
    again.show("stack")
    again.viewer.dims.set_current_step(0, 2)
    again.wait(lambda: 2 in again.session.opener.current.loaded)
    again.wait(lambda: again.session.opener.current.census.others is not None)
    _, point = again.nucleus()
    again.point_at(*point)
    again.press("D")
    again.wait(lambda: again.session.state.images[2].nuclei == there - 1)
    assert set(counts) == {there, there - 1}  # never those on the screen alone
    assert on_last < there
    row = again.session.state.images[2]
    assert (row.state, row.reviewed) == ("in work", 1)


def test_the_list_is_of_what_the_project_holds_not_of_what_was_remembered(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.open(folder / "a.tif", folder / "b.tif")
    loop.show("b")
    loop.wait_for_proposals()
    loop.press("Enter")
    there = len(np.unique(loop.nuclei)) - 1
    loop.show("a")
    loop.wait(lambda: loop.session.state.images[1].state == "done")
    loop.session.close()
    view = folder / "unet-loop/view.json"
    known = json.loads(view.read_text())
    known["images"]["b"].update(nuclei=5, reviewed=2, state="in work")
    view.write_text(json.dumps(known))

    again = start()
    again.session.entrance.open([folder / "a.tif", folder / "b.tif"])
    again.wait(lambda: again.session.state.current == "a")
    again.wait(lambda: again.session.state.images[1].state == "done")
    row = again.session.state.images[1]
    assert (row.nuclei, row.reviewed) == (there, there)


def test_planes_that_nobody_looked_at_were_not_seen(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.open(folder / "stack.tif")
    loop.viewer.dims.set_current_step(0, 2)
    loop.wait(lambda: 2 in loop.session.opener.current.loaded)
    loop.session.close()

    again = start()
    again.open(folder / "stack.tif")
    assert again.layers.plane == 2
    assert again.session.opener.current.truth.seen == {2}  # napari showed 1 first


def test_enter_goes_on_with_the_planes_that_were_not_reviewed_before(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.open(folder)
    loop.show("stack")
    loop.viewer.dims.set_current_step(0, 0)
    loop.wait(lambda: 0 in loop.session.opener.current.loaded)
    loop.wait_for_proposals()
    loop.press("Enter")
    loop.wait(lambda: loop.layers.plane == 1)
    loop.wait_for_proposals()
    loop.session.close()

    again = start()
    again.session.entrance.open([folder])
    again.wait(lambda: again.session.state.current == "stack")
    again.wait(lambda: 1 in again.session.opener.current.loaded)
    again.wait(lambda: again.session.opener.current.census.others is not None)
    again.wait_for_proposals()
    again.session.editor.correct("box", (0, 0, 160, 200))
    again.press("Enter")
    again.wait(lambda: again.layers.plane == 2)


def test_what_is_undone_while_its_plane_is_read_alone_is_not_shown(
    loop: Any, monkeypatch: pytest.MonkeyPatch, hold_up: Callable[[Any, str], Any]
) -> None:
    monkeypatch.setattr(_current, "_MOST_BYTES", 1)
    loop.show("stack")
    loop.wait_for_proposals()
    for plane in (1, 0):
        loop.viewer.dims.set_current_step(0, plane)
        loop.wait(lambda plane=plane: plane in loop.session.opener.current.loaded)
        if plane == 1:
            loop.wait_for_proposals()
            loop.session.editor.correct("box", (0, 0, 160, 200))
    held = hold_up(_stage, "read_current")
    loop.viewer.dims.set_current_step(0, 1)
    loop.wait(held.is_done)
    loop.session.editor.undo()
    held.let_go()
    loop.wait(lambda: loop.session.opener.current.loaded == {1})
    assert not loop.recorded()[1].any()
    assert not loop.review.any()


def test_a_plane_is_read_though_one_of_the_image_before_is_still_being_read(
    loop: Any,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    hold_up: Callable[[Any, str], Any],
) -> None:
    with tifffile.TiffFile(folder / "stack.tif") as file:
        stack = file.asarray()
    metadata = {"axes": "TYX"}
    tifffile.imwrite(folder / "zoo.tif", stack, imagej=True, metadata=metadata)
    loop.session.entrance.open([folder])
    loop.wait(lambda: len(loop.session.state.images) == 4)
    loop.wait(lambda: loop.session.opener.current is not None)
    monkeypatch.setattr(_current, "_MOST_BYTES", 1)
    loop.show("stack")
    held = hold_up(_stage, "read_current")
    loop.viewer.dims.set_current_step(0, 1)
    loop.wait(held.is_done)
    loop.show("zoo")
    loop.viewer.dims.set_current_step(0, 2)
    loop.wait(lambda: loop.session.state.plane == 2)
    held.let_go()
    loop.wait(lambda: loop.session.opener.current.loaded == {2})
    assert loop.session.state.current == "zoo"


def test_who_comes_back_to_an_image_at_once_finds_it_in_memory(
    loop: Any, hold_up: Callable[[Any, str], Any]
) -> None:
    stored: list[str] = []
    loop.session.stage.problem.connect(lambda source, text: stored.append(source))
    held = hold_up(Journal, "flush")
    loop.show("b")
    loop.wait(held.is_done)
    loop.show("a")
    loop.wait(lambda: "flush" in stored)  # of the image that was left last
    stored.clear()
    held.let_go()
    loop.wait(lambda: "flush" in stored)
    journal = loop.session.opener.workspace.journal
    assert journal._planes.numbers("a") == {0}
    assert not journal._planes.numbers("b")


def test_what_is_not_stored_is_not_let_go_of(
    loop: Any, monkeypatch: pytest.MonkeyPatch, full: Callable[..., Any]
) -> None:
    monkeypatch.setattr(_current, "_MOST_BYTES", 1)
    loop.show("stack")
    first = loop.session.opener.current
    loop.wait_for_proposals()
    journal = loop.session.opener.workspace.journal
    with monkeypatch.context() as broken:
        broken.setattr(journal, "record", full)
        _, point = loop.nucleus()
        loop.point_at(*point)
        loop.press("A")
        assert loop.session.editor.unstored
        loop.viewer.dims.set_current_step(0, 1)
        loop.wait(lambda: first.loaded == {0, 1})
    assert loop.session.editor.store()
    loop.viewer.dims.set_current_step(0, 2)
    loop.wait(lambda: loop.session.opener.current.loaded == {2})


def test_what_is_not_stored_when_napari_is_closed_is_kept_elsewhere(
    start: Callable[..., Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    full: Callable[..., Any],
    home: Path,
) -> None:
    loop = start()
    loop.open(folder)
    record = Journal.record
    monkeypatch.setattr(Journal, "record", full)
    number, point = loop.nucleus()
    for key in ("A", "D"):
        loop.point_at(*point)
        loop.press(key)
    loop.session.close()
    again = start()  # the disk is full still
    again.session.entrance.open([folder])
    again.wait(lambda: again.session.state.current == "a")
    assert "are back" in again.said[-1]
    assert again.review[point] == 1
    assert again.nuclei[point] == 0
    again.session.close()
    monkeypatch.setattr(Journal, "record", record)
    last = start()
    last.open(folder)
    assert last.recorded()[1][point] == 1
    assert last.session.state.can_undo
    last.press("Control-Z")
    assert last.nuclei[point] == number
    assert last.review[point] == 1
    last.press("Control-Z")
    assert last.review[point] == 0
    assert not last.session.state.can_undo
    assert not list(home.rglob("*.sqlite"))


def test_what_is_not_stored_is_not_left_for_other_images(
    loop: Any, monkeypatch: pytest.MonkeyPatch, folder: Path, full: Callable[..., Any]
) -> None:
    workspace = loop.session.opener.workspace
    with monkeypatch.context() as broken:
        broken.setattr(workspace.journal, "record", full)
        _, point = loop.nucleus()
        loop.point_at(*point)
        loop.press("A")
        loop.session.entrance.set_task("classes")
        loop.session.entrance.open([folder])
        loop.session.entrance.use_layer()
        loop.session.entrance.fix([folder / "b.tif"], {})
        assert [text for text in loop.said if "can't be stored yet" in text]
        assert loop.session.state.busy != "Opening the images"
    loop.session.entrance.set_task("classes")
    loop.wait(lambda: loop.session.state.task == "classes")
    assert not loop.session.editor.unstored
    loop.wait(lambda: not loop.session.opener._left)  # it is closed now
    with open_project(workspace.project.folder) as project:
        assert (project.read_review(project.images[0]) == 1).any()


@pytest.fixture
def others(folder: Path) -> Path:
    others = folder.with_name("others")
    others.mkdir()
    image = draw_nuclei(LARGE, 9, (160, 200)).image
    tifffile.imwrite(others / "other.tif", image)
    return others


def test_what_is_corrected_while_other_images_are_opened_is_kept(
    loop: Any, folder: Path, others: Path, hold_up: Callable[[Any, str], Any]
) -> None:
    held = hold_up(_opener, "open_workspace")
    loop.session.entrance.open([others])
    loop.wait(held.is_done)
    _, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("A")
    assert loop.review.any()
    held.let_go()
    loop.wait(lambda: loop.session.state.folder == others / "unet-loop")
    loop.wait(lambda: not loop.session.opener._left)
    with open_project(folder / "unet-loop") as project:
        assert (project.read_review(project.images[0]) == 1).any()


def test_what_can_not_be_stored_while_other_images_are_opened_is_kept_elsewhere(
    loop: Any,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    others: Path,
    full: Callable[..., Any],
    hold_up: Callable[[Any, str], Any],
    home: Path,
) -> None:
    held = hold_up(_opener, "open_workspace")
    loop.session.entrance.open([others])
    loop.wait(held.is_done)
    with monkeypatch.context() as broken:
        broken.setattr(loop.session.opener.workspace.journal, "record", full)
        _, point = loop.nucleus()
        loop.point_at(*point)
        loop.press("A")
        held.let_go()
        loop.wait(lambda: loop.session.state.folder == others / "unet-loop")
        assert not loop.session.editor.unstored  # it is of the project before
        assert "open these images again" in loop.said[-1]
        loop.wait(lambda: not loop.session.opener._left)
    loop.session.entrance.open([folder])
    loop.wait(lambda: loop.session.state.folder == folder / "unet-loop")
    loop.wait(lambda: loop.session.state.current == "a")
    assert loop.recorded()[1][point] == 1
    assert not list(home.rglob("*.sqlite"))


def test_who_comes_back_at_once_finds_the_project_as_it_was_left(
    loop: Any, folder: Path, others: Path
) -> None:
    loop.press("Enter")
    loop.show("b")
    loop.session.entrance.open([others])
    loop.session.entrance.open([others / "other.tif"])  # of these two, the last one
    loop.wait(lambda: loop.session.state.folder == others / "unet-loop")
    loop.session.entrance.open([folder])
    loop.wait(lambda: loop.session.state.folder == folder / "unet-loop")
    loop.wait(lambda: loop.session.state.current == "b")
    loop.show("a")
    assert (loop.review == 1).all()
    assert loop.session.state.problem == ""


def test_how_images_are_read_is_noted_when_they_are_open_and_not_by_a_thread(
    loop: Any, folder: Path, hold_up: Callable[[Any, str], Any]
) -> None:
    held = hold_up(_opener, "open_workspace")
    view = loop.session.opener.workspace.view
    view.of("b")["diameter"] = 25.0
    images = [folder / "b.tif", folder / "stack.tif"]
    known = {"task": "nuclei", "channel": "0", "diameter": 40.0}
    loop.session.entrance.fix(images, known)
    loop.wait(held.is_done)
    # It may be written down at any time: an entry that comes meanwhile is an error.
    assert view.images["b"].get("channel") is None
    held.let_go()
    loop.wait(lambda: loop.session.state.current == "b")
    assert (view.images["b"]["channel"], view.images["b"]["diameter"]) == ("0", 25.0)
    assert view.images["stack"]["diameter"] == 40.0


def test_closing_while_images_are_opened_lets_go_of_their_project(
    start: Callable[..., Any], folder: Path, hold_up: Callable[[Any, str], Any]
) -> None:
    held = hold_up(_opener, "open_workspace")
    loop = start()
    loop.session.entrance.open([folder])
    loop.wait(held.is_done)
    loop.session.closed.connect(held.let_go)
    loop.session.close()
    with open_project(folder / "unet-loop") as project:  # nobody holds it
        assert len(project.images) == 3


def test_opening_the_same_images_again_goes_on_with_their_project(
    loop: Any, folder: Path
) -> None:
    opener = loop.session.opener
    before, workspace = opener.current, opener.workspace
    loop.point_at(*loop.nucleus()[1])
    loop.press("A")
    review = loop.review.copy()
    assert review.any()
    (folder / "b.tif").rename(folder / "later.tif")
    with tifffile.TiffFile(folder / "a.tif") as file:
        tifffile.imwrite(folder / "new.tif", file.asarray()[::-1])
    loop.session.entrance.open([folder])
    loop.wait(lambda: len(loop.session.state.images) == 4)
    loop.wait(lambda: opener.current is not None and opener.current is not before)
    assert opener.workspace is workspace
    np.testing.assert_array_equal(loop.review, review)
    names = [row.name for row in loop.session.state.images]
    assert names == ["a.tif", "later.tif", "stack.tif", "new.tif"]
    loop.press("Control-Z")
    assert not loop.review.any()


def test_what_is_corrected_while_an_image_is_read_anew_stays_on_the_screen(
    loop: Any, hold_up: Callable[[Any, str], Any]
) -> None:
    held = hold_up(_stage, "read_current")
    first = loop.session.opener.current
    loop.session.choices.change_reading({"pixel_size": 0.5})
    loop.wait(held.is_done)
    _, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("A")
    held.let_go()
    loop.wait(lambda: loop.session.opener.current is not first)
    np.testing.assert_array_equal(loop.review, loop.recorded()[1])
    assert loop.review.any()


def test_a_size_that_is_typed_leaves_the_same_pixels_in_view(loop: Any) -> None:
    loop.viewer.scene.camera.center = (0, 40, 60)
    loop.viewer.scene.camera.zoom = 3.5
    zoom = loop.layers.zoom
    for size in (0.25, None):
        loop.session.choices.change_reading({"pixel_size": size})
        loop.wait(lambda size=size: loop.layers.sides == (size or 1, size or 1))
        seen = loop.viewer.scene.camera.center[-2:]
        assert np.divide(seen, size or 1) == pytest.approx((40, 60))
        assert loop.layers.zoom == pytest.approx(zoom)


def test_a_size_that_is_typed_holds_for_all_images_that_state_none(
    start: Callable[..., Any], folder: Path
) -> None:
    pixels = tifffile.imread(folder / "a.tif")
    stated = {"resolution": (4.0, 4.0), "metadata": {"unit": "um"}}
    tifffile.imwrite(folder / "own.tif", pixels, imagej=True, **stated)
    loop = start()
    loop.open(folder)

    def size() -> float | None:
        side: float | None = loop.session.state.reading.pixel_size
        return side

    def type_in(value: float | None) -> None:
        before = loop.session.opener.current
        loop.session.choices.change_reading({"pixel_size": value})
        loop.wait(lambda: loop.session.opener.current is not before)

    def sizes(*images: str) -> list[float | None]:
        found = []
        for image in images:
            loop.show(image)
            found.append(size())
        return found

    type_in(0.5)
    assert size() == 0.5
    assert "are 0.5 µm wide in all images" in loop.said[-1]
    assert sizes("b", "own", "stack", "a") == [0.5, 0.25, 0.5, 0.5]
    assert loop.layers.sides == (0.5, 0.5)
    loop.show("own")
    type_in(0.3)  # of this image alone: what others state is theirs
    assert sizes("own", "a", "b") == [0.3, 0.5, 0.5]
    type_in(1.5)
    assert sizes("own", "a", "stack") == [0.3, 0.5, 1.5]
    typed = {"a": 0.5, "b": 1.5, "own": 0.3}
    command = loop.session.runs.everything().command()
    assert command["pixel_size"] == 1.5
    assert command["pixel_sizes"] == {
        str((folder / f"{name}.tif").resolve()): side for name, side in typed.items()
    }
    tifffile.imwrite(folder / "later.tif", pixels)
    loop.session.close()
    again = start()
    again.open(folder)
    loop = again
    loop.show("later")
    assert size() == 1.5
    type_in(None)  # not known after all
    loop.show("own")
    type_in(None)  # what it states
    assert sizes("own", "a", "b", "stack") == [0.25, 0.5, 1.5, None]


def test_reopening_finds_image_plane_camera_contrast_model_and_corrections(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.open(folder)
    loop.show("stack")
    loop.viewer.dims.set_current_step(0, 1)
    loop.wait_for_proposals()
    number, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("D")
    loop.viewer.scene.camera.center = (0, 40, 60)
    loop.viewer.scene.camera.zoom = 3.5
    loop.layers.image.contrast_limits = (200, 900)
    nuclei = loop.nuclei.copy()
    loop.session.close()

    again = start()
    again.session.entrance.open([folder / "unet-loop"])
    again.wait(lambda: again.session.state.current == "stack")
    assert again.layers.plane == 1
    np.testing.assert_array_equal(again.nuclei, nuclei)
    assert again.viewer.scene.camera.zoom == pytest.approx(3.5)
    assert again.viewer.scene.camera.center[-2:] == pytest.approx((40, 60))
    assert tuple(again.layers.image.contrast_limits) == (200, 900)
    assert again.session.state.can_undo
    again.press("Control-Z")
    assert (again.nuclei == number).sum() > 20


def test_where_nothing_can_be_written_the_project_goes_to_the_user(
    start: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr("napari_unet._opening._writable", lambda folder: False)
    loop = start()
    loop.open(folder)
    assert loop.session.state.folder.is_relative_to(home)
    assert "can't be written to" in loop.said[0]
    assert not (folder / "unet-loop").exists()


def test_a_bad_image_is_left_out_and_named(
    start: Callable[..., Any], folder: Path
) -> None:
    (folder / "bad.tif").write_bytes(b"no image")
    loop = start()
    loop.open(folder)
    assert [row.id for row in loop.session.state.images] == ["a", "b", "stack"]
    assert "bad.tif is left out" in loop.said[0]


def test_a_missing_folder_is_one_sentence_and_what_is_open_stays(
    loop: Any, tmp_path: Path
) -> None:
    loop.session.entrance.open([tmp_path / "none"])
    loop.wait(lambda: loop.session.state.problem)
    assert "no such file or folder" in loop.session.state.problem
    assert loop.said == []  # once is enough
    number, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("D")
    assert not (loop.nuclei == number).any()


def test_what_could_not_be_opened_is_forgotten_when_something_else_is_opened(
    loop: Any, tmp_path: Path
) -> None:
    loop.session.entrance.open([tmp_path / "none"])
    loop.wait(lambda: loop.session.state.problem)
    loop.session.entrance.open([tmp_path / "neither"])
    assert loop.session.state.problem == ""
    loop.wait(lambda: loop.session.state.problem.startswith("neither: "))


def test_what_was_dismissed_is_said_again_where_it_is_still_so(
    loop: Any, tmp_path: Path
) -> None:
    loop.session.entrance.open([tmp_path / "none"])
    loop.wait(lambda: loop.session.state.problem)
    said = loop.session.state.problem
    loop.session.board.dismiss()
    assert loop.session.state.problem == ""
    loop.session.entrance.open([tmp_path / "none"])
    loop.wait(lambda: loop.session.state.problem == said)


def test_a_folder_with_images_in_its_folders_alone_says_which_to_open(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.session.entrance.open([folder.parent])
    loop.wait(lambda: loop.session.state.problem)
    assert loop.session.state.problem.endswith(
        "There is no image here, but there are in the folders below: images. "
        "Choose these folders instead."
    )
    assert not list(folder.parent.glob("unet-loop*"))


def test_an_image_that_was_moved_is_said_to_be_missing(loop: Any, folder: Path) -> None:
    (folder / "b.tif").rename(folder / "elsewhere")
    loop.session.steps.show("b")
    loop.wait(lambda: "moved" in loop.session.state.problem)
    assert loop.session.state.images[1].state == "missing"
    (folder / "elsewhere").rename(folder / "b.tif")
    loop.show("b")
    assert loop.session.state.problem == ""
    loop.wait(lambda: loop.session.state.images[1].state == "proposed")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def test_where_the_first_image_is_damaged_the_next_one_is_shown(
    start: Callable[..., Any], folder: Path
) -> None:
    loop, other = start(), folder.with_name("other")
    shutil.copytree(folder, other)
    for each in (other, folder):
        loop.session.entrance.open([each])
        loop.wait(lambda each=each: loop.session.state.folder == each / "unet-loop")
        loop.wait(lambda: loop.session.state.current == "a")
    _cut(other / "a.tif")
    loop.session.entrance.open([other])
    loop.wait(lambda: loop.session.state.folder.parent == other)
    assert loop.session.state.current == ""  # no tool acts on what is not open
    loop.wait(lambda: loop.session.state.current == "b")
    assert loop.session.state.images[0].state == "missing"
    assert loop.session.state.problem == ""
    loop.session.steps.next()
    loop.wait(lambda: loop.session.state.current == "stack")


def test_damaged_images_are_passed_over(loop: Any, folder: Path) -> None:
    _cut(folder / "b.tif")
    loop.session.steps.next()
    loop.wait(lambda: loop.session.state.problem.startswith("b.tif: The image can't"))
    assert "Received" not in loop.session.state.problem
    assert loop.session.state.current == "a"
    loop.session.steps.next()
    loop.wait(lambda: loop.session.state.current == "stack")
    assert loop.session.state.problem == ""
    loop.session.steps.previous()
    loop.wait(lambda: loop.session.state.current == "a")
    loop.session.steps.previous()
    assert loop.session.state.current == "a"


def test_a_second_viewer_is_told_that_the_project_is_open(
    loop: Any, start: Callable[..., Any], folder: Path
) -> None:
    other = start()
    other.session.entrance.open([folder])
    other.wait(lambda: other.session.state.problem)
    assert "open in another program or window" in other.session.state.problem


def test_a_layer_from_no_file_is_stored_and_worked_on(
    start: Callable[..., Any], folder: Path, home: Path
) -> None:
    loop = start()
    loop.session.entrance.use_layer()
    assert "Select an image" in loop.said[0]
    pixels = tifffile.imread(folder / "a.tif")
    other = loop.viewer.add_image(np.zeros_like(pixels), name="other")
    channel = loop.viewer.add_image(pixels, name="GFP", blending="additive")
    loop.viewer.add_image(pixels, name="my cells")
    loop.session.entrance.use_layer()
    loop.wait(lambda: loop.session.state.current)
    loop.wait_for_proposals()
    assert loop.session.state.images[0].name == "my_cells.tif"
    assert not loop.viewer.layers["my cells"].visible  # ours lies below it
    assert not other.visible
    assert channel.visible  # it hides nothing, and may be of the same image
    assert loop.layers.image.visible


@pytest.mark.parametrize("planes", [(), (3,)])
def test_a_layer_in_colour_is_stored_with_its_colours(
    start: Callable[..., Any], home: Path, planes: tuple[int, ...]
) -> None:
    loop = start()
    colours = np.zeros((*planes, 160, 200, 3), np.float32)
    colours[..., 40:60, 50:70, :] = 0.5, 1, 0.25
    loop.viewer.add_image(colours, rgb=True, name="stain")
    loop.session.entrance.use_layer()
    loop.wait(lambda: loop.session.state.current)
    (row,) = loop.session.state.images
    assert row.planes == (planes or (1,))[0]  # a column is none
    (stored,) = home.glob("napari-unet-loop/layers/*/*.tif")
    with open_image(stored) as image:
        assert image.info.channel_names[-3:] == ("red", "green", "blue")


def test_images_that_were_open_do_not_lie_over_those_that_are_opened(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    theirs = loop.viewer.add_image(np.zeros((160, 200)), name="theirs")
    mask = loop.viewer.add_labels(np.zeros((160, 200), int), name="mask")
    loop.session.entrance.open([folder])
    loop.wait(lambda: loop.session.state.current)
    assert not theirs.visible
    assert mask.visible  # it may be taken, and hides no pixels
    theirs.visible = True  # as somebody wishes who compares them
    loop.press("PageDown")
    loop.wait(lambda: loop.session.state.current == "b")
    assert theirs.visible


def test_a_layer_from_no_file_keeps_the_size_of_its_voxels(
    start: Callable[..., Any], folder: Path, home: Path
) -> None:
    loop = start()
    stack = tifffile.imread(folder / "stack.tif")
    loop.viewer.add_image(stack, scale=(2, 0.5, 0.5), units=("micrometer",) * 3)
    loop.session.entrance.use_layer()
    loop.wait(lambda: loop.session.state.current)
    layers = loop.layers
    for layer in (layers.image, layers.nuclei, layers.outlines):
        assert tuple(layer.scale) == pytest.approx((2, 0.5, 0.5))
        assert {str(unit) for unit in layer.units} == {"micrometer"}
    assert layers.plane == loop.session.state.plane == 1
    loop.viewer.dims.set_current_step(0, 2)
    assert layers.plane == 2
    layers.go_to_plane(0)
    assert layers.plane == loop.session.state.plane == 0
    (stored,) = home.glob("napari-unet-loop/layers/*/*.tif")
    with open_image(stored) as image:
        assert image.info.pixel_size == pytest.approx((0.5, 0.5))
        assert image.info.spacing == pytest.approx(2)


def test_what_is_opened_while_a_layer_is_stored_comes_last(
    start: Callable[..., Any],
    folder: Path,
    home: Path,
    hold_up: Callable[[Any, str], Any],
) -> None:
    loop = start()
    loop.viewer.add_image(tifffile.imread(folder / "a.tif"))
    opened: list[Path] = []
    opener = loop.session.opener
    opener.opened.connect(lambda: opened.append(opener.workspace.project.folder))
    held = hold_up(_opener, "store_layer")
    loop.session.entrance.use_layer()
    loop.wait(held.is_done)
    loop.session.entrance.open([folder])
    held.let_go()
    loop.wait(lambda: len(opened) == 2)
    assert opened[-1] == folder / "unet-loop"
    loop.wait(lambda: loop.session.state.current == "a")


def test_a_layer_from_a_file_is_worked_on_where_the_file_lies(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.viewer.open(folder / "b.tif", plugin="napari")
    loop.session.entrance.use_layer()
    loop.wait(lambda: loop.session.state.current == "b")
    assert loop.session.state.folder == folder / "unet-loop"


def test_several_layers_from_files_are_worked_on(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    for name in ("a.tif", "b.tif"):  # as they are dropped onto napari
        loop.viewer.open(folder / name, plugin="napari")
    dropped = list(loop.viewer.layers)
    loop.viewer.layers.selection = set(dropped)
    loop.session.entrance.use_layer()
    loop.wait(lambda: loop.session.state.current == "a")
    assert [row.id for row in loop.session.state.images] == ["a", "b"]
    assert not any(layer.visible for layer in dropped)


def test_closing_stores_masks_that_fiji_opens(loop: Any, folder: Path) -> None:
    _, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("A")
    nuclei, review = loop.nuclei.copy(), loop.review.copy()
    loop.session.close()
    stored = folder / "unet-loop"
    np.testing.assert_array_equal(read_labels(stored / "segmentation/a/0.tif"), nuclei)
    np.testing.assert_array_equal(read_labels(stored / "review/a/0.tif"), review)


def test_another_channel_and_diameter_are_predicted_anew(
    start: Callable[..., Any], folder: Path
) -> None:
    first, second = (tifffile.imread(folder / f"{name}.tif") for name in "ab")
    tifffile.imwrite(
        folder / "two.tif",
        np.stack([first, second]),
        imagej=True,
        metadata={"axes": "CYX"},
    )
    loop = start()
    loop.open(folder / "two.tif")
    before = loop.nuclei.copy()
    loop.session.choices.change_reading({"channel": "1"})
    loop.wait(lambda: np.array_equal(loop.layers.image.data, second))
    loop.wait(lambda: not np.array_equal(loop.nuclei, before) and loop.nuclei.any())
    loop.session.choices.change_reading({"diameter": 60.0})
    loop.wait(lambda: loop.session.state.reading.diameter == 60.0)
    loop.wait(lambda: not loop.session.predictor.busy)


def test_the_list_shows_an_image_by_the_channel_that_was_chosen(
    start: Callable[..., Any], folder: Path
) -> None:
    nuclei = tifffile.imread(folder / "a.tif")
    noise = np.random.default_rng(0).poisson(20, nuclei.shape).astype(nuclei.dtype)
    two = np.stack([noise, nuclei])
    (folder / "two").mkdir()
    path = folder / "two/two.tif"
    tifffile.imwrite(path, two, imagej=True, metadata={"axes": "CYX"})
    loop = start()
    loop.open(path)

    def picture() -> np.ndarray:
        loop.wait(lambda: loop.session.state.images[0].thumbnail is not None)
        seen: np.ndarray = loop.session.state.images[0].thumbnail
        return seen

    before = picture()
    loop.session.choices.change_reading({"channel": "1"})
    loop.wait(lambda: not np.array_equal(picture(), before))
    assert np.array_equal(picture(), make_thumbnail(folder / "a.tif"))
    loop.session.close()
    again = start()
    again.open(path)
    loop.wait(lambda: again.session.state.images[0].thumbnail is not None)
    assert np.array_equal(
        again.session.state.images[0].thumbnail, make_thumbnail(folder / "a.tif")
    )


def test_another_channel_has_a_contrast_of_its_own(
    start: Callable[..., Any], folder: Path
) -> None:
    nuclei = tifffile.imread(folder / "a.tif")
    two = np.stack([nuclei, nuclei // 10])
    tifffile.imwrite(folder / "two.tif", two, imagej=True, metadata={"axes": "CYX"})
    loop = start()
    loop.open(folder / "two.tif")
    high = loop.layers.image.contrast_limits[1]
    loop.session.choices.change_reading({"channel": "1"})
    loop.wait(lambda: np.array_equal(loop.layers.image.data, two[1]))
    assert loop.layers.image.contrast_limits[1] < high / 5


def test_a_channel_that_was_chosen_holds_for_all_images_that_have_it(
    start: Callable[..., Any], stained: Path, tmp_path: Path
) -> None:
    loop = start("--log", tmp_path / "log")
    loop.open(stained)
    loop.show("b.ome")
    assert loop.session.state.reading.channel == "actin"
    loop.session.choices.change_reading({"channel": "blue"})
    loop.wait(lambda: loop.session.state.reading.channel == "blue")
    loop.show("a.ome")
    assert loop.session.state.reading.channel == "blue"
    assert loop.session.choices.how()[0] == "blue"  # predicted by it, too
    loop.session.choices.change_reading({"channel": "GFP"})
    loop.wait(lambda: loop.session.state.reading.channel == "GFP")
    loop.show("c")  # has none of these
    assert loop.session.choices.how()[0] is None
    loop.show("b.ome")
    assert loop.session.state.reading.channel == "GFP"
    loop.session.learning.set_automatic(False)
    loop.wait_for_proposals()
    loop.wait(lambda: not loop.session.predictor.waits)
    loop.press("Enter")
    loop.wait(lambda: not loop.session.state.learning.can_start)
    loop.session.learner.start()
    loop.wait(lambda: loop.session.state.model == "round-1")
    commands = [
        json.loads(line) for line in (tmp_path / "log").read_text().splitlines()
    ]
    (learned,) = [item for item in commands if item["command"] == "train"]
    assert learned["channels"] == {"a.ome": "GFP", "b.ome": "GFP"}
    loop.show("c")  # its own channel is not that of the others
    wish = loop.session.runs.everything()
    assert wish is not None
    command = wish.command()
    where = {str((stained / f"{name}.ome.tif").resolve()): "GFP" for name in "ab"}
    where[str((stained / "c.tif").resolve())] = ""
    assert command["channels"] == where
    # Whichever is on the screen: of images that were not opened, some may lack it.
    assert (command["channel"], command["channel_if_there"]) == ("GFP", True)


def test_run_all_takes_a_diameter_for_the_image_that_it_was_chosen_for(
    loop: Any, folder: Path
) -> None:
    loop.session.choices.change_reading({"diameter": 60.0})
    loop.show("b")
    loop.session.choices.change_reading({"diameter": 25.0})
    loop.session.choices.change_reading({"diameter": None})  # estimated after all
    for image in ("a", "b"):  # whichever is on the screen
        loop.show(image)
        command = loop.session.runs.everything().command()
        assert command["diameter"] is None
        assert command["diameters"] == {str((folder / "a.tif").resolve()): 60.0}


def test_run_all_leaves_out_images_that_are_away(loop: Any, folder: Path) -> None:
    (folder / "b.tif").unlink()
    wish = loop.session.runs.everything()
    assert wish is not None
    assert wish.paths == (str(folder),)
    for path in folder.glob("*.tif"):
        path.unlink()
    assert loop.session.runs.everything() is None
    assert "drive is away" in loop.said[-1]


def test_the_channel_with_the_nuclei_is_found_by_its_name(
    start: Callable[..., Any], folder: Path
) -> None:
    first, second = (tifffile.imread(folder / f"{name}.tif") for name in "ab")
    tifffile.imwrite(
        folder / "two.ome.tif",
        np.stack([first, second]),
        metadata={"axes": "CYX", "Channel": {"Name": ["actin", "Hoechst 33342"]}},
    )
    loop = start()
    loop.open(folder / "two.ome.tif")
    assert np.array_equal(loop.layers.image.data, second)
    assert loop.session.state.reading.channel == "Hoechst 33342"


@pytest.fixture
def stained(tmp_path: Path) -> Path:
    """Two images with nuclei in a channel among three, and a plain one."""
    folder = tmp_path / "stained"
    folder.mkdir()
    for seed, name in enumerate(("a", "b")):
        nuclei = draw_nuclei(LARGE, seed, (160, 200)).image
        other = np.arange(160 * 200, dtype=np.uint16).reshape(160, 200)
        metadata = {
            "axes": "CYX",
            "Channel": {
                "Name": ["actin", "blue", "GFP"],
                "Color": [-16776961, 16777215, 16711935],  # red, cyan, green
            },
        }
        tifffile.imwrite(
            folder / f"{name}.ome.tif",
            np.stack([other, nuclei.astype(np.uint16), other[::-1]]),
            metadata=metadata,
        )
    tifffile.imwrite(folder / "c.tif", draw_nuclei(LARGE, 3, (160, 200)).image)
    return folder


def _names(loop: Any) -> list[str]:
    return [layer.name for layer in loop.viewer.layers]


def test_all_channels_are_layers_and_those_without_nuclei_hidden(
    start: Callable[..., Any], stained: Path
) -> None:
    loop = start()
    loop.open(stained)
    assert loop.session.state.current == "a.ome"
    loop.wait(lambda: len(loop.viewer.layers) == 5)
    assert _names(loop) == ["GFP", "blue", "a.ome.tif", "nuclei", "outlines"]
    blue = loop.viewer.layers["blue"]
    assert not blue.visible
    assert blue.blending == loop.layers.image.blending == "additive"
    assert tuple(blue.colormap.colors[-1][:3]) == (0, 1, 1)
    assert blue.contrast_limits[1] < blue.contrast_limits_range[1] + 1
    assert loop.layers.image.visible
    assert loop.viewer.layers.selection.active.name == "nuclei"

    blue.visible, blue.colormap = True, "magenta"
    loop.session.choices.change_reading({"channel": "blue"})
    loop.wait(lambda: "actin" in _names(loop))
    assert set(_names(loop)) == {"GFP", "actin", "a.ome.tif", "nuclei", "outlines"}
    actin = loop.viewer.layers["actin"]
    assert actin is blue  # a layer is made and removed slowly
    assert not actin.visible
    assert tuple(actin.colormap.colors[-1][:3]) == (1, 0, 0)
    assert np.asarray(actin.data)[0, 1] == 1
    loop.wait_for_proposals()
    loop.viewer.layers["GFP"].visible = True
    loop.viewer.layers["GFP"].colormap = "yellow"
    loop.session.choices.change_reading({"channel": "blue", "diameter": 30.0})
    loop.show("b.ome")
    gfp = loop.viewer.layers["GFP"]
    with tifffile.TiffFile(stained / "b.ome.tif") as file:
        expected = file.asarray()[2]
    loop.wait(lambda: np.array_equal(np.asarray(gfp.data), expected))
    assert gfp.visible  # as the user had it
    assert gfp.colormap.name == "yellow"

    loop.show("c")
    assert _names(loop) == ["c.tif", "nuclei", "outlines"]


def test_a_channel_that_was_removed_stays_away_and_harms_nothing(
    start: Callable[..., Any], stained: Path
) -> None:
    loop = start()
    loop.open(stained)
    loop.wait(lambda: len(loop.viewer.layers) == 5)
    loop.viewer.layers.remove("GFP")
    loop.viewer.layers["blue"].name = "mine"
    assert not loop.said
    number, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("D")
    assert number not in loop.nuclei
    assert _names(loop) == ["mine", "a.ome.tif", "nuclei", "outlines"]
    loop.viewer.layers.selection.active = loop.viewer.layers["mine"]
    loop.session.entrance.use_layer()  # one of ours: not to be opened once more
    assert loop.said == ["Select an image in napari's list of layers first."]
    loop.show("b.ome")
    loop.wait(lambda: loop.session.state.busy == "")
    loop.show("c")
    assert _names(loop) == ["c.tif", "nuclei", "outlines"]


def test_a_large_plane_has_coarser_copies_and_is_corrected_as_any(
    start: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_unet._pyramid._LARGE", 160 * 200 - 1)
    monkeypatch.setattr("napari_unet._pyramid._COARSEST", 60)
    loop = start()
    loop.open(folder)
    assert loop.layers.image.multiscale
    assert len(loop.layers.image.data) == 3
    assert loop.layers.visible == (0, 0, 160, 200)
    number, point = loop.nucleus()
    loop.hover(*point)
    loop.press("D")
    assert number not in loop.nuclei
    loop.viewer.scene.camera.zoom *= 4
    loop.layers.centre_on(40, 50)
    loop.wait(lambda: loop.layers.visible[2] < 160)
    loop.show("b")
    assert loop.layers.image.multiscale
    loop.show("stack")  # planes of a stack are not large
    assert not loop.layers.image.multiscale
    loop.wait_for_proposals()
    loop.show("a")
    assert loop.layers.image.multiscale
    assert number not in loop.nuclei


@pytest.fixture
def copied(folder: Path) -> Path:
    """An image and a stack, with coarser copies that are told by their brightness."""
    image = draw_nuclei(LARGE, 0, (160, 200)).image
    for name, pixels in (("a", image), ("stack", np.stack([image, image[::-1]]))):
        (folder / f"{name}.tif").unlink()
        axes = "ZYX"[-pixels.ndim :]
        with tifffile.TiffWriter(folder / f"{name}.ome.tif") as file:
            file.write(pixels, subifds=1, tile=(16, 16), metadata={"axes": axes})
            copy = pixels[..., ::2, ::2] // 2
            file.write(copy, subfiletype=1, tile=(16, 16))
    return folder


def test_copies_that_a_file_holds_are_shown(
    start: Callable[..., Any], copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_unet._pyramid._LARGE", 160 * 200 - 1)
    monkeypatch.setattr("napari_unet._pyramid._COARSEST", 60)
    loop = start()
    loop.open(copied)
    assert loop.session.state.current == "a.ome"
    full, half, quarter = loop.layers.image.data  # the last one is made here
    assert (half == full[::2, ::2] // 2).all()
    assert quarter.shape == (40, 50)
    loop.show("stack.ome")
    full, half = loop.layers.image.data
    assert (full.shape, half.shape) == ((2, 160, 200), (2, 80, 100))
    loop.wait_for_proposals()
    loop.viewer.dims.set_current_step(0, 1)
    loop.wait(lambda: loop.session.state.plane == 1)
    loop.wait_for_proposals()
    number, point = loop.nucleus()
    loop.hover(*point)
    loop.press("D")
    assert number not in loop.nuclei
    assert (np.asarray(half[1]) == np.asarray(full[1])[::2, ::2] // 2).all()
    loop.show("b")
    assert len(loop.layers.image.data) == 3


def test_copies_that_are_damaged_are_made_anew(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_unet._pyramid._LARGE", 160 * 200 - 1)
    monkeypatch.setattr("napari_unet._pyramid._COARSEST", 60)
    with tifffile.TiffFile(copied / "a.ome.tif") as file:
        page = file.series[0].levels[1].pages[0]
        at, size = page.dataoffsets[0], page.databytecounts[0]
        tag = page.tags["Compression"].valueoffset
    with (copied / "a.ome.tif").open("r+b") as raw:
        raw.seek(tag)
        raw.write((8).to_bytes(2, "little"))  # it says zlib, which it is not
        raw.seek(at)
        raw.write(b"\xff" * size)
    full, half, quarter = read_pixels(copied / "a.ome.tif", None).data
    assert half.shape == (80, 100)
    assert abs(float(half.mean()) / float(full.mean()) - 1) < 0.05
    assert quarter.shape == (40, 50)


def test_a_drive_that_is_away_finds_nothing_in_its_place_when_it_comes_back(
    loop: Any, folder: Path
) -> None:
    away = folder.rename(folder.with_name("away"))
    loop.viewer.scene.camera.zoom *= 1.7
    zoom = loop.layers.camera["zoom"]
    loop.wait(lambda: "folder is away" in loop.session.state.problem)
    assert not folder.exists()
    away.rename(folder)
    loop.session.opener.bookmark.note()
    loop.wait(lambda: loop.session.state.problem == "")
    assert _camera(folder / "unet-loop/view.json").get("zoom") == zoom


def test_where_one_is_is_stored_beside_the_event_loop(
    loop: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, full: Callable[..., Any]
) -> None:
    file = folder / "unet-loop/view.json"
    threads = []
    write = View.write

    def noted(*what: Any) -> None:
        threads.append(threading.current_thread())
        write(*what)

    monkeypatch.setattr(View, "write", staticmethod(noted))
    loop.viewer.scene.camera.zoom *= 1.7
    zoom = loop.layers.camera["zoom"]
    loop.wait(lambda: _camera(file).get("zoom") == zoom)
    assert threading.main_thread() not in threads

    monkeypatch.setattr(View, "write", staticmethod(full))
    loop.viewer.scene.camera.zoom *= 1.7
    loop.wait(lambda: "The disk is full." in loop.session.state.problem)
    monkeypatch.setattr(View, "write", staticmethod(noted))
    loop.viewer.scene.camera.zoom *= 1.7
    loop.wait(lambda: loop.session.state.problem == "")


def _camera(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_text()) if file.exists() else {}
    camera: dict[str, Any] = found.get("images", {}).get("a", {}).get("camera", {})
    return camera


def test_that_a_file_holds_more_is_said_when_it_is_shown(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    pixels = tifffile.imread(folder / "a.tif")
    with tifffile.TiffWriter(folder / "many.ome.tif") as file:
        for _ in range(2):
            file.write(pixels)
    loop.session.entrance.open([folder / "many.ome.tif"])
    loop.wait(lambda: loop.session.state.current)
    said = [text for text in loop.said if "The file holds 2 images" in text]
    assert said[0].startswith("many.ome.tif: ")
    assert len(said) == 1


def test_fields_of_a_plate_are_named_by_their_wells(
    start: Callable[..., Any], folder: Path
) -> None:
    plate = folder / "p.zarr"
    zarr.open_group(plate, mode="w").attrs["plate"] = {"wells": [{"path": "A/1"}]}
    well = zarr.open_group(plate / "A/1", mode="w")
    well.attrs["well"] = {"images": [{"path": "0"}]}
    field = well.create_group("0")
    field.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]
    field.create_array("0", data=tifffile.imread(folder / "a.tif"))
    loop = start()
    loop.session.entrance.open([plate])
    loop.wait(lambda: loop.session.state.current)
    assert [row.name for row in loop.session.state.images] == ["p.zarr/A/1/0"]
    assert loop.session.state.folder == folder / "unet-loop"  # beside the plate
