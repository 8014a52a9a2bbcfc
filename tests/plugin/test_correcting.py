"""Keys, dragged lines and strokes: recorded, shown, taken back."""

from __future__ import annotations

import shutil
import threading
import time
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QApplication, QSpinBox
from scipy import ndimage

from napari_unet import _asker, _stage
from napari_unet._models import Models
from napari_unet._placing import place
from unetloop.errors import EngineError
from unetloop.journal import Journal
from unetloop.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _same(loop: Any) -> None:
    """The screen, the session and the journal agree."""
    labels, review = loop.recorded()
    current = loop.session.opener.current
    np.testing.assert_array_equal(loop.nuclei, labels)
    np.testing.assert_array_equal(current.truth.segmentation[loop.layers.plane], labels)
    np.testing.assert_array_equal(loop.review, review)


def _across(loop: Any, number: int) -> list[tuple[float, float]]:
    """A line across the middle of a nucleus, along its rows."""
    rows, columns = np.nonzero(loop.nuclei == number)
    column = float(np.median(columns))
    return [
        (rows.min() - 3.0, column),
        (rows.mean(), column),
        (rows.max() + 3.0, column),
    ]


@pytest.mark.parametrize(
    ("key", "mark"), [("A", 1), ("D", 1), ("I", 2)], ids=["accept", "delete", "ignore"]
)
def test_a_key_corrects_what_is_under_the_pointer_and_undo_takes_it_back(
    loop: Any, key: str, mark: int
) -> None:
    number, point = loop.nucleus()
    before = loop.nuclei.copy()
    loop.hover(*point)
    loop.press(key)
    assert loop.review[point] == mark
    assert (loop.nuclei[point] == number) == (key != "D")
    _same(loop)
    assert loop.session.state.saved.startswith("at ")
    loop.press("Control-Z")
    np.testing.assert_array_equal(loop.nuclei, before)
    assert not loop.review.any()
    _same(loop)
    loop.press("Control-Shift-Z")
    assert loop.review[point] == mark
    _same(loop)


def test_nothing_happens_where_there_is_no_nucleus(loop: Any) -> None:
    point = np.argwhere(loop.nuclei == 0)[0]
    loop.hover(*point)
    loop.press("A")
    assert not loop.session.state.can_undo


def test_split_and_join_by_a_dragged_line(loop: Any) -> None:
    number, point = loop.nucleus()
    count = len(np.unique(loop.nuclei))
    center = loop.viewer.scene.camera.center
    loop.press("S")
    assert loop.session.tools.tool == "split"
    line = _across(loop, number)
    loop.drag(*line)
    assert len(np.unique(loop.nuclei)) == count + 1
    assert loop.session.tools.tool == ""
    assert loop.viewer.scene.camera.center == center  # it was no drag of the camera
    assert loop.viewer.scene.camera.mouse_pan
    _same(loop)
    loop.press("J")
    row, column = point
    loop.drag((row, column - 4), (row, column), (row, column + 5))
    assert len(np.unique(loop.nuclei)) == count
    _same(loop)


def test_a_line_is_drawn_while_it_is_dragged_and_escape_takes_the_tool_away(
    loop: Any,
) -> None:
    outlines = loop.layers.outlines
    before = outlines.data.copy()
    loop.session.tools.arm("split")
    loop.layers.draw_line(0, [(10, 10), (60, 40)])
    assert (outlines.data != before).sum() > 40
    loop.press("Escape")
    np.testing.assert_array_equal(outlines.data, before)
    assert loop.session.tools.tool == ""


def test_a_tool_ends_with_the_image_that_it_was_taken_for(
    loop: Any, hold_up: Callable[[Any, str], Any]
) -> None:
    _, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("D")
    held = hold_up(_stage, "read_current")
    loop.press("PageDown")
    loop.wait(held.is_done)
    loop.press("S")  # while the next one is read
    held.let_go()
    loop.wait(lambda: loop.session.state.current == "b")
    assert loop.session.tools.tool == ""
    loop.wait_for_proposals()
    loop.press("J")
    loop.press("Control-Z")  # it goes where that was done
    loop.wait(lambda: loop.session.state.current == "a")
    assert loop.session.tools.tool == ""
    assert loop.viewer.scene.camera.mouse_pan


def test_a_tool_ends_where_the_mouse_is_on_another_layer(loop: Any) -> None:
    loop.press("S")
    loop.viewer.add_image(np.zeros((160, 200), np.uint8), name="dropped")
    loop.wait(lambda: loop.session.tools.tool == "")
    assert loop.viewer.layers.selection.active.name == "dropped"
    assert loop.viewer.scene.camera.mouse_pan
    assert loop.layers.nuclei.mouse_pan


def test_a_button_lets_a_tool_wait_for_one_click(loop: Any) -> None:
    number, point = loop.nucleus()
    armed: list[str] = []
    loop.session.tool_armed.connect(armed.append)
    loop.session.tools.arm("delete")
    loop.drag(point)
    assert not (loop.nuclei == number).any()
    assert armed == ["delete", ""]


def test_a_box_that_is_dragged_and_the_view_are_right_as_a_whole(loop: Any) -> None:
    loop.session.tools.choose("part")
    loop.drag((20, 30))  # no box
    assert not loop.review.any()
    loop.press("Shift-Enter")
    assert loop.session.tools.tool == "box"
    loop.drag((20, 30), (50, 60), (80, 110))
    assert loop.review[22:79, 32:108].mean() > 0.5  # but for nuclei it cuts
    assert loop.review[100:].mean() < 0.2
    _same(loop)
    loop.session.tools.choose("box")  # the button does what its key does
    assert loop.review.all()
    loop.wait(lambda: loop.session.state.current == "b")  # the next one to do
    loop.wait(lambda: loop.session.state.images[0].state == "done")


def test_a_view_is_not_right_before_its_nuclei_are_there(loop: Any) -> None:
    # Pressed when it is shown: nothing of it can have been segmented yet.
    press = partial(loop.press, "Enter")
    loop.session.stage.shown.connect(press)
    loop.show("b")
    loop.session.stage.shown.disconnect(press)
    assert not loop.review.any()
    assert "on the screen yet" in loop.said[-1]
    loop.wait_for_proposals()
    loop.said.clear()
    loop.press("PageUp")
    loop.press("Enter")  # it was left already
    assert not loop.review.any()
    assert loop.said
    loop.wait(lambda: loop.session.state.current == "a")
    loop.show("b")
    loop.wait_for_proposals()
    loop.press("Enter")
    assert loop.recorded()[1].all()


def test_new_paints_a_nucleus_with_a_number_of_its_own(loop: Any) -> None:
    highest = int(loop.nuclei.max())
    spot = np.argwhere(loop.nuclei == 0)[0] + 5
    loop.press("N")
    assert loop.layers.nuclei.mode == "paint"
    loop.drag(spot, spot + 1, spot + 3)
    assert (loop.nuclei == highest + 1).sum() > 10
    assert loop.review[tuple(spot)] == 1
    _same(loop)
    loop.press("Escape")
    assert loop.layers.nuclei.mode == "pan_zoom"
    loop.press("Control-Z")
    assert not (loop.nuclei == highest + 1).any()
    _same(loop)


def test_strokes_that_do_not_touch_are_nuclei_of_their_own(loop: Any) -> None:
    highest = int(loop.nuclei.max())
    spots = np.argwhere(ndimage.binary_erosion(loop.nuclei == 0, iterations=8))
    first, second = spots[0], spots[-1]
    loop.press("N")
    loop.drag(first, first + 2)
    loop.drag(first + 1, first + 5)  # the same one
    assert (loop.nuclei == highest + 1).any()
    assert not (loop.nuclei == highest + 2).any()
    loop.drag(second, second + 2)
    assert loop.nuclei[tuple(second)] == highest + 2
    _same(loop)
    loop.press("Escape")
    loop.press("Control-Z")
    loop.layers.nuclei.selected_label = highest + 1  # as it is after painting it
    loop.layers.nuclei.mode = "fill"
    number, point = loop.nucleus()
    loop.drag(point)
    assert loop.nuclei[point] not in (number, highest + 1)
    loop.press("Escape")  # gives back the mouse that napari's own tool had, too
    assert loop.layers.nuclei.mode == "pan_zoom"


def test_escape_ends_naparis_polygon_and_paints_nothing(loop: Any) -> None:
    layer, before = loop.layers.nuclei, loop.nuclei.copy()
    polygon = layer._overlays["polygon"]
    for key, painted in (("Enter", True), ("Escape", False)):
        layer.mode = "polygon"
        polygon.points = [[2, 2], [2, 20], [20, 20], [20, 2]]
        loop.press(key)
        assert polygon.points == []
        assert loop.session.state.can_undo == painted
        if painted:
            assert layer.mode == "polygon"  # for the next one
            loop.press("Control-Z")
    assert layer.mode == "pan_zoom"
    assert np.array_equal(loop.nuclei, before)


@pytest.mark.parametrize("tool", ["erase", "fill", "polygon", "data_setitem"])
def test_strokes_of_naparis_own_tools_are_corrections(loop: Any, tool: str) -> None:
    number, point = loop.nucleus()
    layer = loop.layers.nuclei
    if tool == "erase":
        layer.mode = "erase"
        loop.drag(point, (point[0] + 2, point[1] + 2))
    elif tool == "fill":
        layer.selected_label = 0
        layer.fill(point, 0)
    elif tool == "polygon":
        corners = [[2, 2], [2, 20], [20, 20], [20, 2]]
        layer.paint_polygon(corners, 99)
    else:
        layer.data_setitem((np.array([3, 4]), np.array([5, 5])), 77)
    assert loop.review.any()
    assert loop.session.state.can_undo
    _same(loop)
    loop.press("Control-Z")
    assert not loop.review.any()
    assert (loop.nuclei == number).any()
    _same(loop)


def test_what_was_hidden_by_hand_is_shown_before_it_is_corrected(loop: Any) -> None:
    nuclei, outlines = loop.layers.nuclei, loop.layers.outlines
    nuclei.visible = False  # its outlines are still there
    _, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("A")
    assert loop.review[point] == 1
    loop.press("Control-Z")
    outlines.visible = False
    loop.press("A")
    assert loop.review[point] == 0
    assert "look, then correct" in loop.said[-1]
    assert nuclei.visible
    assert outlines.visible
    loop.press("A")
    assert loop.review[point] == 1
    nuclei.visible = False
    nuclei.selected_label = 1579  # napari takes the numbers of hidden layers for bytes
    loop.show("b")


@pytest.mark.parametrize("how", ["removed", "transparent"])
def test_nuclei_without_outlines_are_outlined_again_before_they_are_corrected(
    loop: Any, how: str
) -> None:
    if how == "removed":
        loop.viewer.layers.remove("outlines")
    else:
        loop.layers.outlines.opacity = 0
    assert not loop.layers.in_sight
    _, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("A")
    assert "look, then correct" in loop.said[-1]
    assert loop.layers.in_sight
    loop.press("A")
    assert loop.review[point] == 1


def test_a_plane_that_nobody_saw_is_read_when_it_is_seen(loop: Any) -> None:
    loop.show("stack")
    loop.viewer.layers.remove("outlines")
    plane = (loop.layers.plane + 1) % 3
    loop.viewer.dims.set_point(0, plane)
    loop.press("A")
    loop.wait(lambda: plane in loop.session.opener.current.loaded)
    assert loop.session.state.plane == loop.layers.plane == plane


def test_planes_are_followed_while_the_nuclei_are_removed(loop: Any) -> None:
    loop.show("stack")
    before = loop.layers.plane
    loop.viewer.layers.remove("nuclei")
    assert loop.session.state.plane == loop.layers.plane == before
    plane = (before + 1) % 3
    loop.viewer.dims.set_point(0, plane)
    loop.wait(lambda: plane in loop.session.opener.current.loaded)
    loop.press("A")
    assert loop.layers.nuclei is not None
    assert loop.session.state.plane == loop.layers.plane == plane
    loop.viewer.layers.remove("nuclei")
    loop.viewer.layers.remove("outlines")
    assert loop.layers.plane == plane


def test_what_an_image_was_dropped_on_is_shown_before_it_is_called_right(
    loop: Any,
) -> None:
    viewer, size = loop.viewer, loop.nuclei.shape
    nothing = [
        viewer.add_image(np.ones(size), name="channel", blending="additive"),
        viewer.add_image(np.ones(size), name="faint", opacity=0.5),
        viewer.add_image(np.ones(size), name="beside", translate=(0, 2 * size[1])),
    ]
    dropped = viewer.add_image(np.ones(size), name="dropped")
    loop.press("Enter")
    assert not loop.review.any()
    assert not dropped.visible
    assert all(layer.visible for layer in nothing)
    assert loop.said[-1] == (
        "The nuclei were under dropped, which is hidden now: look, then correct."
    )
    assert viewer.layers.selection.active is loop.layers.nuclei
    dropped.visible = True
    viewer.layers.move(viewer.layers.index(dropped), 1)  # below the outlines
    loop.press("Enter")
    assert loop.review.all()
    assert dropped.visible


def test_strokes_and_keys_work_on_the_plane_of_a_stack_that_is_shown(loop: Any) -> None:
    loop.show("stack")
    loop.wait_for_proposals()
    loop.viewer.dims.set_current_step(0, 2)
    loop.wait(lambda: loop.session.state.plane == 2)
    loop.wait_for_proposals()
    number, point = loop.nucleus()
    loop.hover(*point)
    loop.press("D")
    assert not (loop.nuclei == number).any()
    spot = np.argwhere(loop.nuclei == 0)[0] + 5
    loop.press("N")
    loop.drag(spot, spot + 2)
    _same(loop)
    loop.press("Escape")
    loop.viewer.dims.set_current_step(0, 0)
    loop.wait(lambda: loop.session.state.plane == 0)
    assert not loop.review.any()
    loop.press("Control-Z")  # it goes where that was done
    loop.press("Control-Z")
    loop.wait(lambda: loop.session.state.plane == 2)
    assert (loop.nuclei == number).any()


def test_a_brush_stays_on_the_plane_that_is_seen(loop: Any) -> None:
    loop.show("stack")
    loop.wait_for_proposals()
    layer = loop.layers.nuclei
    controls = loop.viewer.window._qt_viewer.controls.widgets[layer]
    before = layer.data.copy()
    (spin,) = [
        box for box in controls.findChildren(QSpinBox) if box.maximum() == layer.ndim
    ]
    spin.setValue(3)
    assert "stays at 2" in loop.said[-1]
    assert (layer.n_edit_dimensions, spin.value()) == (2, 2)
    layer.brush_size = 20
    layer.paint((0, 80, 100), loop.session.editor.free_number())
    assert (loop.nuclei != before[0]).any()
    np.testing.assert_array_equal(layer.data[1:], before[1:])
    _same(loop)


def test_in_3d_nothing_is_corrected_and_that_is_said(loop: Any) -> None:
    loop.show("stack")
    loop.wait_for_proposals()
    loop.viewer.dims.ndisplay = 3
    for key in ("A", "N", "Enter"):
        loop.said.clear()
        loop.press(key)
        assert "plane by plane" in loop.said[0]
    loop.session.tools.arm("split")
    assert loop.session.tools.tool == ""
    assert (loop.session.state.current, loop.session.state.plane) == ("stack", 0)
    assert not loop.session.state.can_undo
    loop.viewer.dims.ndisplay = 2
    loop.press("Enter")
    assert loop.session.state.can_undo


def test_undo_goes_back_to_another_image(loop: Any) -> None:
    number, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("D")
    loop.show("b")
    loop.press("Control-Z")
    loop.wait(lambda: loop.session.state.current == "a")
    loop.wait(lambda: (loop.nuclei == number).any())


@pytest.fixture
def undone_elsewhere(loop: Any) -> tuple[int, tuple[int, int]]:
    """A nucleus of the image before, of which nothing is in memory any more."""
    number, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("D")
    loop.show("b")
    loop.wait_for_proposals()
    journal = loop.session.opener.workspace.journal
    loop.wait(lambda: not journal._planes.numbers("a"))
    return number, point


def test_undo_reads_what_is_not_in_memory_beside_the_event_loop(
    loop: Any,
    undone_elsewhere: tuple[int, tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number, point = undone_elsewhere
    threads: list[threading.Thread] = []
    read = Project.read_segmentation

    def noted(*what: Any) -> Any:
        threads.append(threading.current_thread())
        return read(*what)

    monkeypatch.setattr(Project, "read_segmentation", noted)
    for key in ("Control-Z", "Control-Shift-Z", "Control-Z"):  # one after the other
        loop.press(key)
    loop.wait(lambda: loop.session.state.current == "a")
    loop.wait(lambda: loop.nuclei[point] == number)
    assert threads
    assert threading.main_thread() not in threads
    assert loop.session.state.can_redo
    _same(loop)


def test_undo_that_waits_for_the_disk_does_not_take_back_what_came_later(
    loop: Any,
    undone_elsewhere: tuple[int, tuple[int, int]],
    hold_up: Callable[[Any, str], Any],
) -> None:
    held = hold_up(Journal, "read_ahead")
    loop.press("Control-Z")
    loop.wait(held.is_done)
    _, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("D")
    done: list[int] = []
    held.let_go()
    both = threading.Barrier(2)  # there are two threads: that which was held up is free
    for _ in range(2):
        loop.session._background.run(lambda: both.wait(60), done.append, print)
    loop.wait(lambda: len(done) == 2)
    assert loop.session.state.current == "b"
    assert loop.review[point] == 1
    assert not loop.session.state.can_redo
    loop.press("Control-Z")
    assert loop.review[point] == 0


def test_what_can_not_be_stored_stays_on_the_screen_until_it_can(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Journal.record

    def full(self: Journal, action: str, edits: Any) -> int:
        raise EngineError("The journal could not be written (disk full).")

    monkeypatch.setattr(Journal, "record", full)
    number, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("D")
    assert not (loop.nuclei == number).any()
    assert "Not stored yet" in loop.session.state.problem
    labels, _ = loop.recorded()
    assert (labels == number).any()
    monkeypatch.setattr(Journal, "record", record)
    other, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("D")
    assert loop.session.state.problem == ""
    assert not np.isin(loop.nuclei, [number, other]).any()
    _same(loop)


def test_what_can_not_be_stored_is_there_again_when_its_image_is(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, point = loop.nucleus()
    with monkeypatch.context() as broken:

        def full(self: Journal, action: str, edits: Any) -> int:
            raise EngineError("The journal could not be written (disk full).")

        broken.setattr(Journal, "record", full)
        loop.point_at(*point)
        loop.press("D")
        loop.show("b")
        loop.show("a")
        assert not (loop.nuclei == number).any()
        assert loop.review[point] == 1
        other, beside = loop.nucleus()
        loop.point_at(*beside)
        loop.press("D")
        loop.show("b")
        loop.wait(lambda: loop.session.predictor.waits)
    assert loop.session.editor.store()
    loop.wait_for_proposals()  # they waited for the room
    loop.show("a")
    _same(loop)
    assert not np.isin(loop.nuclei, [number, other]).any()
    assert loop.session.state.can_undo
    assert loop.session.learner._corrections == 2
    assert loop.session.state.saved


def test_a_drive_that_was_away_is_gone_on_with_when_it_is_back(
    loop: Any, folder: Path, tmp_path: Path
) -> None:
    number, point = loop.nucleus()
    away = tmp_path / "away"
    shutil.copytree(folder, away)
    shutil.rmtree(folder)
    loop.point_at(*point)
    loop.press("D")
    assert not (loop.nuclei == number).any()
    assert "Not stored yet" in loop.session.state.problem
    assert "connect the drive again" in loop.session.state.problem
    shutil.copytree(away, folder)  # other files to the system
    loop.wait(lambda: loop.session.state.problem == "")  # by itself, after a while
    _same(loop)
    other, beside = loop.nucleus()
    loop.point_at(*beside)
    loop.press("D")
    assert not np.isin(loop.recorded()[0], [number, other]).any()
    loop.press("Control+Z")
    loop.press("Control+Z")
    assert np.isin([number, other], loop.nuclei).all()
    _same(loop)


def test_enter_says_that_the_disk_is_full_and_not_that_something_is_on_its_way(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:

        def full(self: Journal, action: str, edits: Any) -> int:
            raise EngineError("The disk is full.", todo="Free some space on it.")

        broken.setattr(Journal, "record", full)
        loop.press("Enter")  # stays on the screen
        loop.wait(lambda: loop.session.state.current == "b")
        loop.wait(lambda: loop.session.predictor.waits)
        loop.press("Enter")
        assert "The disk is full. Free some space on it." in loop.said[-1]
        assert "press Enter again" in loop.said[-1]
        assert not loop.review.any()
    assert loop.session.editor.store()
    loop.wait_for_proposals()
    loop.press("Enter")
    assert loop.review.all()
    assert loop.session.opener.workspace.journal.ledger() == {"box": 2}


def test_enter_does_not_take_for_empty_what_could_not_be_segmented(
    loop: Any, folder: Path
) -> None:
    cache = folder / "unet-loop/cache"
    loop.wait(lambda: not loop.session.gallery._stocktaker._jobs)
    shutil.rmtree(cache)
    cache.write_bytes(b"no folder")  # as on a full disk: nothing can be put there
    loop.show("b")
    loop.wait(lambda: loop.session.predictor.failed)
    loop.press("Enter")
    assert "could be segmented" in loop.said[-1]
    assert loop.session.predictor.coming  # it is tried again
    loop.wait(lambda: loop.session.predictor.failed)
    assert not loop.review.any()
    loop.session.editor.correct("box", (0, 0, 20, 20))  # of one's own accord
    assert (loop.review == 1).sum() == 400
    loop.show("a")  # the network would be asked again, but there is something
    loop.session.predictor.predict_again()
    loop.wait(lambda: not loop.session.predictor.coming)
    assert not loop.session.predictor.failed
    loop.show("b")
    loop.wait(lambda: loop.session.predictor.failed)
    cache.unlink()
    loop.press("Enter")
    loop.wait_for_proposals()
    loop.press("Enter")
    assert loop.review.all()


def test_enter_does_not_take_for_empty_what_could_not_be_shown(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = loop.session._background.worker
    call = worker.call

    def dies(function: Any, *arguments: Any) -> Any:
        if function is place:
            raise EngineError("The process stopped.")
        return call(function, *arguments)

    with monkeypatch.context() as broken:
        broken.setattr(worker, "call", dies)
        loop.show("b")
        loop.wait(lambda: loop.session.predictor.failed)
        assert loop.session.state.problem == "The process stopped."
        loop.press("Enter")
        assert "could be segmented: The process stopped." in loop.said[-1]
        assert not loop.review.any()
        loop.wait(lambda: not loop.session.predictor.coming)
    loop.press("Enter")
    loop.wait_for_proposals()
    loop.press("Enter")
    assert loop.review.all()


def test_an_answer_for_the_image_before_that_can_not_be_read_is_no_problem_of_this_one(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, left = threading.Event(), threading.Event()
    load = np.load

    def fails_once(file: Any) -> Any:
        monkeypatch.setattr(np, "load", load)
        reading.set()
        left.wait(30)
        raise EngineError("The file is gone.")

    monkeypatch.setattr(np, "load", fails_once)
    loop.session.predictor.predict_again()
    loop.wait(reading.is_set)
    loop.show("b")
    left.set()
    loop.wait_for_proposals()  # though nothing moved
    assert loop.session.state.problem == ""


def test_planes_show_what_could_not_be_stored_of_them(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.show("stack")
    loop.wait_for_proposals()
    with monkeypatch.context() as broken:

        def full(self: Journal, action: str, edits: Any) -> int:
            raise EngineError("The journal could not be written (disk full).")

        broken.setattr(Journal, "record", full)
        _, point = loop.nucleus()
        loop.point_at(*point)
        loop.press("D")
        loop.show("b")
        loop.session.opener.show("stack", 1)
        loop.wait(lambda: loop.session.state.current == "stack")
        loop.viewer.dims.set_current_step(0, 0)
        loop.wait(lambda: 0 in loop.session.opener.current.loaded)
        truth = loop.session.opener.current.truth
        loop.wait(lambda: truth.review[0][point] == 1)
        assert truth.segmentation[0][point] == 0


def test_removed_renamed_and_replaced_layers_lose_nothing(loop: Any) -> None:
    number, point = loop.nucleus()
    loop.viewer.layers.remove(loop.layers.nuclei)
    loop.viewer.layers.remove(loop.layers.outlines)
    before = len(loop.said)
    loop.wait(lambda: len(loop.said) > before)
    assert loop.said[before:] == [
        "Nothing is lost: nuclei and outlines will be back with the next correction "
        "or image."
    ]
    loop.point_at(*point)
    loop.press("A")
    assert loop.review[point] == 1
    assert [layer.name for layer in loop.viewer.layers] == [
        "a.tif",
        "nuclei",
        "outlines",
    ]
    loop.layers.nuclei.name = "mine"
    loop.press("D")
    assert not (loop.nuclei == number).any()
    loop.layers.nuclei.data = np.zeros((5, 5), np.int32)
    assert loop.layers.nuclei.data.shape == (160, 200)
    assert "another size" in loop.session.state.problem
    mine = loop.nuclei.copy()
    mine[:10, :10] = 500
    loop.layers.nuclei.data = mine
    assert (loop.nuclei == 500).sum() == 100
    _same(loop)
    loop.viewer.layers.clear()
    loop.press("Control-Z")
    assert not (loop.nuclei == 500).any()
    _same(loop)


def test_a_viewer_that_a_script_closes_says_nothing_of_its_layers(loop: Any) -> None:
    before = list(loop.said)
    loop.viewer.layers.clear()  # as `Viewer.close` does
    loop.session.save()  # the window closes
    QApplication.processEvents()
    assert loop.said == before


def test_a_layer_that_was_taken_away_and_put_back_is_the_users_own(loop: Any) -> None:
    old = loop.layers.nuclei
    _, point = loop.nucleus()
    loop.viewer.layers.remove(old)
    loop.point_at(*point)
    loop.press("A")  # it is made anew
    before = loop.nuclei.copy()
    loop.viewer.layers.append(old)
    old.paint_polygon([[2, 2], [2, 20], [20, 20], [20, 2]], 99)
    assert (old.data == 99).any()
    np.testing.assert_array_equal(loop.nuclei, before)
    old.data = np.zeros((5, 5), np.int32)
    assert loop.session.state.problem == ""
    _same(loop)


@pytest.mark.parametrize("order", [1, -1])
def test_layers_of_a_stack_come_back_at_the_plane_that_was_seen(
    start: Callable[..., Any], folder: Path, order: int
) -> None:
    loop = start()
    loop.open(folder / "stack.tif")
    loop.viewer.dims.set_current_step(0, 2)
    loop.wait(lambda: loop.session.state.plane == 2)
    loop.wait_for_proposals()
    before = loop.nuclei.copy()
    for layer in list(loop.viewer.layers)[::order]:
        loop.viewer.layers.remove(layer)
    loop.press("A")  # where nothing is
    assert loop.layers.plane == 2  # napari begins in the middle
    np.testing.assert_array_equal(loop.nuclei, before)


def test_sliders_act_without_the_engine_and_leave_reviewed_nuclei_alone(
    loop: Any,
) -> None:
    number, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("A")
    area = (loop.nuclei == number).sum()
    loop.engine.close()
    whole = (loop.nuclei > 0).sum()
    loop.session.choices.set_threshold(0.95)
    loop.wait(lambda: (loop.nuclei > 0).sum() < 0.97 * whole)
    loop.session.choices.set_min_size(1.4)
    loop.wait(lambda: len(np.unique(loop.nuclei)) < 8)
    assert (loop.nuclei == number).sum() == area
    assert loop.session.state.shown.threshold == 0.95
    _same(loop)


def test_undo_brings_no_proposals_back_that_were_made_anew_since(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.open(folder / "stack.tif")
    plane, whole = loop.layers.plane, (loop.nuclei > 0).sum()
    across = [[2, 2], [2, 4], [loop.nuclei.shape[0] - 2, loop.nuclei.shape[1] - 2]]
    loop.layers.nuclei.paint_polygon(np.insert(across, 0, plane, axis=1), 99)
    loop.wait(lambda: loop.session.state.can_undo)
    loop.session.choices.set_threshold(0.95)
    loop.wait(lambda: (loop.nuclei > 0).sum() < 0.97 * whole)
    loop.viewer.dims.set_current_step(0, 0 if plane else 1)
    loop.wait(lambda: loop.session.state.plane != plane)
    loop.wait_for_proposals()
    loop.press("Control-Z")
    loop.wait(lambda: loop.layers.plane == plane)
    assert not loop.review.any()
    # Those of then were larger, and reached into the rectangle that was painted.
    loop.wait(lambda: (loop.nuclei > 0).sum() < 0.97 * whole)
    _same(loop)


def test_what_was_being_read_follows_the_slider_as_well(
    loop: Any, hold_up: Callable[[Any, str], Any]
) -> None:
    whole = (loop.nuclei > 0).sum()
    held = hold_up(np, "load")
    loop.session.predictor.predict_again()
    loop.wait(held.is_done)
    loop.session.choices.set_threshold(0.95)
    held.let_go()
    loop.wait(lambda: (loop.nuclei > 0).sum() < 0.97 * whole)
    _same(loop)


def test_what_a_slider_asks_for_is_done_though_what_it_asked_for_before_failed(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (loop.nuclei > 0).sum()
    worker = loop.session._background.worker
    call, begun, may_fail = worker.call, threading.Event(), threading.Event()

    def fails_once(function: Any, *arguments: Any) -> Any:
        if begun.is_set():
            return call(function, *arguments)
        begun.set()
        assert may_fail.wait(90)
        raise EngineError("The process stopped.")

    monkeypatch.setattr(worker, "call", fails_once)
    loop.session.choices.set_threshold(0.9)
    loop.wait(begun.is_set)
    loop.session.choices.set_threshold(0.95)
    may_fail.set()
    loop.wait(lambda: (loop.nuclei > 0).sum() < 0.97 * whole)
    assert not loop.session.state.problem
    _same(loop)


def test_a_prediction_waits_while_the_mouse_is_down(loop: Any) -> None:
    layers, before = loop.layers, loop.nuclei.copy()
    layers.hand.mouse_down = True
    loop.session.predictor.predict_again()
    loop.wait(lambda: loop.session.predictor.waits)
    np.testing.assert_array_equal(loop.nuclei, before)
    layers.hand.mouse_down = False
    layers.hand.released.emit()
    loop.wait(lambda: not loop.session.predictor.waits)
    assert loop.nuclei.max() > before.max()


def test_proposals_that_another_image_overtook_come_when_one_is_back(
    loop: Any,
) -> None:
    layers = loop.layers
    layers.hand.mouse_down = True
    loop.session.steps.show("b")
    loop.wait(lambda: loop.session.state.current == "b")
    loop.wait(lambda: loop.session.predictor.waits)
    loop.session.steps.show("a")
    loop.wait(lambda: loop.session.state.current == "a")
    layers.hand.mouse_down = False
    layers.hand.released.emit()
    loop.show("b")
    loop.wait_for_proposals()
    _same(loop)


def test_a_tool_that_finds_nothing_says_so_until_the_next_action(loop: Any) -> None:
    missed: list[str] = []
    loop.session.actions.missed.connect(missed.append)
    _, (row, column) = loop.nucleus()
    empty = tuple(int(at) for at in np.argwhere(loop.nuclei == 0)[0])
    loop.point_at(*empty)
    loop.press("D")
    assert missed[-1] == "Nothing to delete there"
    loop.point_at(row, column)
    loop.press("A")
    assert missed[-1] == ""
    loop.press("A")
    assert missed[-1] == "Nothing to accept there"
    loop.press("Control-Z")
    assert missed[-1] == ""


def test_an_answer_of_the_model_before_is_not_taken_for_the_new_ones(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor, fields = loop.session.predictor, loop.session.predictor.maps.fields
    asker, read = predictor._asker, predictor._asker._read

    def reading(asked: Any, event: dict[str, Any]) -> None:
        monkeypatch.setattr(asker, "_read", read)
        read(asked, event)
        predictor.predict_again()  # while it is read

    monkeypatch.setattr(asker, "_read", reading)
    added: list[Any] = []
    add = fields.add
    monkeypatch.setattr(fields, "add", lambda *what: (added.append(what), add(*what)))
    predictor.predict_again()
    loop.wait(lambda: asker._read == read)
    assert not added
    loop.wait(lambda: bool(added))
    assert predictor.seconds is not None


def test_each_answers_at_once_on_a_large_plane(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    """A blunt guard, ten times what is aimed at; benchmarks measure it."""
    tile = np.zeros((64, 64), np.uint16)
    tile[16:48, 16:48] = 1000
    tifffile.imwrite(tmp_path / "large.tif", np.tile(tile, (64, 64)))
    loop = start()
    loop.viewer.window.resize(500, 400)
    loop.open(tmp_path / "large.tif")
    loop.wait(lambda: loop.nuclei[2048 - 32, 2048 - 32])
    worst = 0.0
    for key, shift in (("A", 0), ("D", 64), ("I", 128), ("Control-Z", 0)):
        loop.point_at(2048 - 32 + shift, 2048 - 32)
        began = time.perf_counter()
        loop.press(key)
        worst = max(worst, time.perf_counter() - began)
    assert worst < 0.5


def test_a_second_dock_shows_the_same_session(
    make_napari_viewer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_unet import _session, _widget

    started: list[Any] = []
    monkeypatch.setattr(_session.Engine, "start", lambda self: started.append(self))
    viewer = make_napari_viewer()
    plugin = "napari-unet-loop"
    dock, first = viewer.window.add_plugin_dock_widget(plugin, "U-Net loop")
    second = _widget.LoopWidget(viewer)
    assert second.session is first.session
    viewer.window.remove_dock_widget(dock)
    third = _widget.LoopWidget(viewer)
    assert third.session is first.session
    assert set(started) == {first.session.engine}  # again, should it have given up
    for widget in (second, third):
        widget.close()
        widget.deleteLater()


def test_a_drive_that_is_away_costs_nothing_on_the_screen(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Journal, *_: Any) -> Any:
        raise EngineError("The journal could not be read (disk I/O error).")

    with monkeypatch.context() as patch:
        for name in ("record", "undo", "ledger", "flush"):
            patch.setattr(Journal, name, away)
        patch.setattr(Journal, "can_undo", property(away))
        number, point = loop.nucleus()
        loop.point_at(*point)
        loop.press("D")
        loop.press("Control-Z")
        loop.session.save()
        assert not (loop.nuclei == number).any()
        assert "disk I/O error" in loop.session.state.problem
    loop.session.save()
    assert loop.session.state.problem == ""
    _same(loop)


def test_a_slider_reads_no_card_of_a_model(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Models, "_card", None)  # it lies on a disk, perhaps a far one
    loop.session.choices.set_threshold(0.7)
    assert loop.session.state.shown.threshold == 0.7
    assert loop.session.choices.instances() == {"threshold": 0.7}


def test_a_file_of_another_size_is_said_and_not_asked_for_without_end(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.wait(lambda: not loop.session.predictor.coming)
    sent: list[str] = []
    send = loop.engine.send

    def spy(command: str, **values: Any) -> str:
        sent.append(command)
        job: str = send(command, **values)
        return job

    monkeypatch.setattr(loop.engine, "send", spy)
    cut = SimpleNamespace(load=lambda file: np.load(file)[:-1])
    monkeypatch.setattr(_asker, "np", cut)
    loop.session.predictor.predict_again()
    loop.wait(lambda: "another size" in loop.session.state.problem)
    assert sent == ["predict_field"]
    monkeypatch.undo()
    loop.session.predictor.predict_again()
    loop.wait(lambda: not loop.session.state.problem)
