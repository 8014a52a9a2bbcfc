"""The lines at the bottom, and what all panels owe to the dock."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QEvent, QRect
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from napari_unet._curve import Curve
from napari_unet._panels.advanced import AdvancedPanel
from napari_unet._panels.correct import CorrectPanel
from napari_unet._panels.images import ImagesPanel
from napari_unet._panels.learn import LearnPanel
from napari_unet._panels.look import Lines
from napari_unet._panels.run_all import RunAllPanel
from napari_unet._panels.status import StatusLine
from napari_unet._state import ImageRow, Learning, LoopState, Reading

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from qtpy.QtGui import QPaintEvent

PANELS = (
    *(ImagesPanel, CorrectPanel, LearnPanel, AdvancedPanel),
    *(RunAllPanel, StatusLine),
)
FULL = LoopState(
    images=tuple(ImageRow(str(at), f"image {at}.tif") for at in range(30)),
    current="4",
    reading=Reading("CYX", "uint16", ("DAPI", "GFP"), "DAPI", 0.325, None, 32.0),
    learning=Learning(
        *("running", "Learning from 34 nuclei on 3 images.", 0.4, 200.0),
        Curve((1, 2), (0.5, 0.4), (None, 0.3)),
    ),
    device="CPU, 4 cores",
    field_seconds=0.43,
    saved="12:03",
)


@pytest.fixture
def line(qtbot: QtBot) -> StatusLine:
    """Show the line in a dock of usual width."""
    line = StatusLine()
    qtbot.addWidget(line)
    line.resize(500, 60)
    line.setVisible(True)
    return line


def said(line: StatusLine) -> list[str]:
    return [part.text() for part in line.lines]


def test_it_says_saved_when_time_to_go_speed_and_machine(line: StatusLine) -> None:
    line.show(replace(FULL, busy="Segmenting…"))
    assert said(line) == [
        "CPU, 4 cores",
        "Saved 12:03 · 3 min to go · 0.4 s a field",
        "Segmenting…",
    ]
    assert line.lines[0].toolTip().splitlines() == said(line)
    line.show(replace(FULL, learning=Learning("idle", seconds_left=200.0)))
    assert said(line) == ["CPU, 4 cores", "Saved 12:03 · 0.4 s a field", ""]
    line.show(LoopState(device="CPU, 4 cores", busy="Segmenting…"))
    assert said(line) == ["CPU, 4 cores", "", "Segmenting…"]  # nothing moves
    assert line.lines[0].toolTip() == "CPU, 4 cores\nSegmenting…"


def test_nothing_is_left_of_the_last_text(qtbot: QtBot) -> None:
    class Watched(Lines):
        painted = QRect()

        def paintEvent(self, event: QPaintEvent) -> None:
            self.painted = event.rect()
            super().paintEvent(event)

    holder = QWidget()
    qtbot.addWidget(holder)
    holder.setStyleSheet("QLabel { margin: 4px; }")
    label = Watched()
    QVBoxLayout(holder).addWidget(label)
    holder.resize(200, 60)
    with qtbot.waitExposed(holder):
        holder.show()
    label.painted = QRect()
    label.setText("Saved")
    qtbot.waitUntil(lambda: not label.painted.isNull())
    assert label.painted == label.rect()


def test_before_the_engine_is_there_it_says_so(line: StatusLine) -> None:
    line.show(LoopState())
    assert said(line) == ["The engine starts…", "", ""]
    assert not line.problem.isVisible()


def test_a_problem_has_its_own_ground_and_moves_nothing(line: StatusLine) -> None:
    line.show(FULL)
    height = line.sizeHint().height()
    line.show(replace(FULL, problem="The disk is full: make room. " * 10))
    assert line.problem.isVisible()
    assert line.problem.words.text().startswith("The disk is full")
    assert line.problem.words.toolTip().startswith("The disk is full")
    assert line.sizeHint().height() == height
    line.show(FULL)
    assert not line.problem.isVisible()
    assert line.lines[1].isVisible()


def test_a_problem_is_dismissed_by_a_click(line: StatusLine, qtbot: QtBot) -> None:
    line.show(replace(FULL, problem="There is no image here."))
    with qtbot.waitSignal(line.dismissed):
        line.problem.close_button.click()
    assert line.problem.isVisible()  # what is so is shown, not what is wished


def make_dock() -> tuple[QWidget, list[Any]]:
    """Put all panels below each other."""
    dock = QWidget()
    column = QVBoxLayout(dock)
    column.setContentsMargins(8, 6, 8, 6)
    panels = [panel() for panel in PANELS]
    for at, panel in enumerate(panels):
        column.addWidget(panel, 1 if at == 0 else 0)
    return dock, panels


def settle() -> None:
    """Let everything happen that waits; what it deletes may delete more."""
    for _ in range(5):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()


@pytest.mark.parametrize("state", [LoopState(), FULL], ids=["empty", "full"])
def test_all_fit_into_a_dock_of_one_screen(qtbot: QtBot, state: LoopState) -> None:
    dock, panels = make_dock()
    qtbot.addWidget(dock)
    for panel in panels:
        panel.show(state)
    dock.setVisible(True)
    dock.layout().activate()
    need = dock.minimumSizeHint()
    assert need.width() <= 380
    assert need.height() <= 735  # what napari leaves of 800


def test_the_same_state_again_costs_nothing(qtbot: QtBot) -> None:
    dock, panels = make_dock()
    qtbot.addWidget(dock)
    for panel in panels:
        panel.show(FULL)
    dock.resize(330, 800)
    with qtbot.waitExposed(dock):
        dock.setVisible(True)
    settle()

    asked: list[int] = []

    class Watch(QWidget):
        def eventFilter(self, watched: Any, event: QEvent) -> bool:
            if event.type() in (QEvent.Type.UpdateRequest, QEvent.Type.LayoutRequest):
                asked.append(event.type())
            return False

    watch = Watch()
    qtbot.addWidget(watch)
    dock.installEventFilter(watch)
    for panel in panels:
        panel.show(replace(FULL))
    QApplication.processEvents()
    dock.removeEventFilter(watch)
    assert asked == []


def test_nothing_is_left_after_closing(qtbot: QtBot) -> None:
    before = set(QApplication.topLevelWidgets())
    dock, panels = make_dock()
    dock.setVisible(True)
    for panel in panels:
        panel.show(FULL)
    panels[3].open(True)
    kept = [weakref.ref(panel) for panel in panels]
    dock.close()
    dock.deleteLater()
    del dock, panels, panel
    settle()
    gc.collect()
    assert [panel() for panel in kept if panel() is not None] == []
    assert set(QApplication.topLevelWidgets()) - before == set()


def test_loading_the_panels_loads_no_plot_and_no_form() -> None:
    import subprocess
    import sys

    names = ", ".join(
        f"napari_unet._panels.{name}"
        for name in ("images", "correct", "learn", "advanced", "run_all", "status")
    )
    program = f"import {names}, sys; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert loaded & {"pyqtgraph", "magicgui", "napari", "tensorflow", "keras"} == set()
