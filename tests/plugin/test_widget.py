"""The dock in a viewer's window: joined to the session, and how both end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QDockWidget

from napari_unet import _desk, _session, _widget
from napari_unet._batch_state import BatchState, Run
from napari_unet._curve import Curve
from napari_unet._engine import Engine
from napari_unet._panels.column import Column
from napari_unet._state import ClassRow, Comparison, Learning, LoopState
from unetloop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

FAKE = Path(__file__).with_name("fake_engine.py")


@pytest.fixture
def widget(
    make_napari_viewer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Any:
    def engine(parent: Any) -> Engine:
        return Engine(parent, program=sys.executable, arguments=[str(FAKE)])

    monkeypatch.setattr(_session, "Engine", engine)
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-unet-loop", "U-Net loop")
    return widget


def test_what_is_asked_for_in_the_dock_is_done_and_shown(
    widget: Any, folder: Path, qtbot: QtBot
) -> None:
    session = widget.session
    widget.images.open_requested.emit([folder])
    qtbot.waitUntil(lambda: session.state.current == "a", timeout=30_000)
    qtbot.waitUntil(lambda: session.layers.nuclei.data.any(), timeout=30_000)
    assert widget.images.list.model().rowCount() == 3
    assert widget.status.lines[0].text().startswith("CPU")
    widget.correct.tool_requested.emit("split")
    assert session.tools.tool == "split"
    widget.correct.outlines_requested.emit(False)
    assert session.layers.nuclei.opacity == 0.5
    widget.learn.advanced.click()
    assert widget.advanced.isVisible()
    settings = widget.advanced.forms["training"].read()
    assert settings == session.learner.settings
    assert settings["minutes"] == 1.0
    session.learning.set_training({"minutes": 3.0})
    widget.advanced.reset_button.click()
    assert session.learner.settings == settings
    assert widget.advanced.forms["training"].read() == settings
    widget.images.next_requested.emit()
    qtbot.waitUntil(lambda: session.state.current == "b", timeout=30_000)
    assert session.tools.tool == ""


def test_all_four_steps_are_in_sight_before_anything_is_learned(
    widget: Any, folder: Path, qtbot: QtBot
) -> None:
    bar = widget.column.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() == 0)
    widget.session.entrance.open([folder])
    qtbot.waitUntil(lambda: widget.session.state.current == "a", timeout=30_000)
    assert bar.maximum() == 0
    button = widget.run_all.box.start_button
    assert button.visibleRegion().boundingRect() == button.rect()


@pytest.mark.parametrize("compared", [False, True])
def test_all_four_steps_are_in_sight_on_a_small_screen_while_it_learns(
    widget: Any, compared: bool, qtbot: QtBot
) -> None:
    window = widget.session.parent().parent()
    bar = widget.column.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() == 0)
    window.resize(1280, 694)  # what a screen of 1280 x 800 leaves
    curve = Curve((100, 200), (0.9, 0.5), (0.25, 0.5))
    comparison = Comparison(on=compared, before="nuclei", now="round-1")
    learning = Learning(phase="running", curve=curve)
    widget.learn.show(LoopState(learning=learning, comparison=comparison))
    qtbot.waitUntil(lambda: widget.learn.pages.height() > 50)
    assert widget.height() < 650
    assert widget.out_of_sight == bar.maximum() == 0
    assert widget.learn.plot.loss._parts["canvas"].isVisible() is not compared


@pytest.mark.parametrize("task", ["nuclei", "classes"])
def test_all_four_steps_are_in_sight_in_a_very_low_window_when_all_is_done(
    widget: Any, task: str, qtbot: QtBot
) -> None:
    bar = widget.column.verticalScrollBar()
    widget.session.changed.disconnect(widget._show)  # nothing but what is made up here
    widget.session.parent().parent().resize(1280, 608)
    curve = Curve((100, 200), (0.9, 0.5), (0.25, 0.5))
    rows = tuple(ClassRow(name, "#009e73", "A") for name in ("nucleus", "rest"))
    learned = LoopState(
        task=task,
        classes=rows if task == "classes" else (),
        learning=Learning(phase="running", sentence="It learns.", curve=curve),
        device="CPU, 4 cores",
        folder=Path("unet-loop"),
        model="round-1",
    )
    for panel in (widget.images, widget.correct, widget.learn, widget.run_all):
        panel.show(learned)
    widget.status.show(learned)
    run = Run(
        *("idle", "8 predicted, in 6 s."),
        project=str(Path("unet-loop").absolute()),
        report=Path("report.html"),
        worst=(Path("a.tif"),),
        unlike=1,
        images=8,
    )
    widget.run_all.show_batch(BatchState(run=run))
    box = widget.run_all.box
    qtbot.waitUntil(box.report_button.isVisible)
    assert "1 of 8 images looks unlike" in box.sentence.text()
    qtbot.waitUntil(lambda: widget.height() < 550)
    qtbot.waitUntil(lambda: widget.out_of_sight == bar.maximum() == 0)
    for part in (box.start_button, box.fix_button, widget.status.lines[1]):
        seen = part.visibleRegion
        qtbot.waitUntil(lambda p=part, s=seen: s().boundingRect() == p.rect())


def test_a_comparison_is_in_sight_in_a_very_low_window(
    widget: Any, qtbot: QtBot
) -> None:
    widget.session.changed.disconnect(widget._show)
    widget.session.parent().parent().resize(1280, 608)
    compared = LoopState(
        learning=Learning(phase="running", sentence="It learns."),
        comparison=Comparison(on=True, before="nuclei", now="round-1"),
        device="CPU, 4 cores",
    )
    widget.learn.show(compared)
    widget.status.show(compared)
    qtbot.waitUntil(lambda: widget.height() < 550)
    card = widget.learn.versus
    qtbot.waitUntil(lambda: not card.visibleRegion().isEmpty())
    qtbot.waitUntil(lambda: widget.out_of_sight == 0)


def test_settings_of_learning_leave_step_four_where_it_is(
    widget: Any, qtbot: QtBot
) -> None:
    qtbot.wait(50)  # it takes its place, and fits the window once
    widget.session.parent().parent().resize(1280, 694)
    qtbot.waitUntil(lambda: widget.height() < 650)
    button = widget.run_all.box.start_button
    height = button.mapTo(widget, button.rect().center()).y()
    widget.learn.advanced.click()
    form = widget.advanced.forms["model"]
    qtbot.waitUntil(lambda: not form.visibleRegion().isEmpty())
    assert widget.out_of_sight > 0
    assert button.mapTo(widget, button.rect().center()).y() == height
    assert button.visibleRegion().boundingRect() == button.rect()


def _drop(widget: Any, path: Path) -> None:
    """Let go of a file over the middle of a widget, as Qt hands it on."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    middle = widget.rect().center()
    how = (
        *(Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton),
        Qt.KeyboardModifier.NoModifier,
    )
    at = widget.childAt(middle) or widget
    place = at.mapFrom(widget, middle)
    while at is not None:  # the first that wants it, from the inside outwards
        if at.acceptDrops():
            enter = QDragEnterEvent(place, *how)
            QApplication.sendEvent(at, enter)
            if enter.isAccepted():
                QApplication.sendEvent(at, QDropEvent(QPointF(place), *how))
                return
        place, at = at.mapToParent(place), at.parentWidget()
    raise AssertionError("nobody took it")


def test_what_is_dropped_anywhere_on_the_dock_is_opened(
    widget: Any, folder: Path, qtbot: QtBot
) -> None:
    session = widget.session
    _drop(widget.images, folder)
    qtbot.waitUntil(lambda: len(session.state.images) == 3, timeout=30_000)
    other = folder.with_name("others")
    other.mkdir()
    (folder / "b.tif").rename(other / "b.tif")
    _drop(widget.correct, other / "b.tif")
    qtbot.waitUntil(lambda: session.state.current == "b", timeout=30_000)
    assert session.state.folder.parent == other
    _drop(widget.status, folder / "stack.tif")
    qtbot.waitUntil(lambda: session.state.current == "stack", timeout=30_000)


def test_page_down_is_the_next_image_after_a_click_on_the_dock(
    widget: Any, folder: Path, qtbot: QtBot
) -> None:
    session = widget.session
    session.entrance.open([folder])
    qtbot.waitUntil(lambda: session.state.current == "a", timeout=30_000)
    column = widget.findChild(Column)
    column.setFocus()
    for key, image in ((Qt.Key.Key_PageDown, "b"), (Qt.Key.Key_PageUp, "a")):
        qtbot.keyClick(column, key)
        qtbot.waitUntil(lambda image=image: session.state.current == image)


def test_closing_the_window_stores_everything_and_ends_the_engine(
    widget: Any, folder: Path, qtbot: QtBot
) -> None:
    session = widget.session
    session.entrance.open([folder])
    qtbot.waitUntil(lambda: session.layers.nuclei is not None, timeout=30_000)
    qtbot.waitUntil(lambda: session.layers.nuclei.data.any(), timeout=30_000)
    session.editor.accept_view()
    viewer = session.layers.viewer
    with qtbot.waitSignal(session.closed, timeout=30_000):
        viewer.close()
    with open_project(folder / "unet-loop") as project:
        assert (project.read_review(project.images[0]) == 1).all()
    assert (folder / "unet-loop/view.json").exists()
    # What it holds is not kept, nor the images that its viewer showed.
    assert viewer not in _desk._SESSIONS
    assert viewer not in _desk._BATCHES


def test_closing_the_dock_ends_nothing(widget: Any, folder: Path, qtbot: QtBot) -> None:
    session = widget.session
    session.entrance.open([folder])
    qtbot.waitUntil(lambda: session.layers.nuclei is not None, timeout=30_000)
    viewer = session.layers.viewer
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    session.steps.show("b")
    qtbot.waitUntil(lambda: session.state.current == "b", timeout=30_000)
    again = _widget.LoopWidget(viewer)
    assert again.session is session
    assert again.images.list.model().rowCount() == 3
    again.close()
    again.deleteLater()


def test_opening_the_dock_again_starts_an_engine_that_stopped_for_good(
    widget: Any, qtbot: QtBot
) -> None:
    session = widget.session
    qtbot.waitUntil(lambda: session.engine.ready, timeout=30_000)
    session.engine.close()
    assert not session.engine.ready
    again = _widget.LoopWidget(session.layers.viewer)
    qtbot.waitUntil(lambda: session.engine.ready, timeout=30_000)
    again.close()
    again.deleteLater()


def test_docks_opened_from_the_menu_share_a_place_instead_of_its_height(
    docks: Any, qtbot: QtBot
) -> None:
    first, second = docks.open("U-Net loop"), docks.open()
    window = docks.viewer.window._qt_window

    def dock_of(widget: Any) -> Any:
        while not isinstance(widget, QDockWidget):
            widget = widget.parentWidget()
        return widget

    both = dock_of(first), dock_of(second)
    qtbot.waitUntil(lambda: window.tabifiedDockWidgets(both[0]) == [both[1]])
    assert not second.visibleRegion().isEmpty()  # it is the one in front
