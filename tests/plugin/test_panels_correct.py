"""The panel of step 2: tools, outlines, sliders."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QLineEdit

from napari_unet._panels.correct import CorrectPanel
from napari_unet._state import ImageRow, LoopState, Shown

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QSlider

LEFT = Qt.MouseButton.LeftButton
STATE = LoopState(
    images=(ImageRow("a", "a.tif"),), current="a", can_undo=True, can_redo=True
)
KEYS = {
    "accept": "A",
    "delete": "D",
    "split": "S",
    "join": "J",
    "new": "N",
    "ignore": "I",
    "box": "⏎",
    "undo": QKeySequence("Ctrl+Z").toString(QKeySequence.SequenceFormat.NativeText),
    "redo": QKeySequence("Ctrl+Shift+Z").toString(
        QKeySequence.SequenceFormat.NativeText
    ),
}


@pytest.fixture
def panel(qtbot: QtBot) -> CorrectPanel:
    """Show a panel with an image open."""
    panel = CorrectPanel()
    qtbot.addWidget(panel)
    panel.show(STATE)
    panel.resize(330, 240)
    with qtbot.waitActive(panel):
        panel.setVisible(True)
        panel.activateWindow()
    return panel


@pytest.mark.parametrize("name", KEYS)
def test_each_tool_is_a_button_with_its_key(
    qtbot: QtBot, panel: CorrectPanel, name: str
) -> None:
    button = panel.buttons[name]
    assert button.key == KEYS[name].replace("Shift", "⇧")
    assert f"({KEYS[name]})" in button.toolTip()
    with qtbot.waitSignal(panel.tool_requested) as asked:
        qtbot.mouseClick(button, LEFT)
    assert asked.args == [name]


def test_a_part_of_the_view_is_right_with_shift(
    qtbot: QtBot, panel: CorrectPanel
) -> None:
    button = panel.buttons["box"]
    assert "Shift" in button.toolTip()
    with qtbot.waitSignal(panel.tool_requested) as asked:
        qtbot.mouseClick(button, LEFT, Qt.KeyboardModifier.ShiftModifier)
    assert asked.args == ["part"]
    assert not button.isChecked()
    panel.show_tool("box")
    assert button.isChecked()
    assert "Drag a box" in panel.hint.text()


def test_clicks_do_not_take_the_keys_from_the_viewer(
    qtbot: QtBot, panel: CorrectPanel
) -> None:
    viewer = QLineEdit(panel)
    viewer.setVisible(True)
    viewer.setFocus()
    qtbot.mouseClick(panel.buttons["split"], LEFT)
    qtbot.mouseClick(panel.threshold.slider, LEFT)
    assert panel.focusWidget() is viewer


@pytest.mark.parametrize(
    "tool", [name for name in KEYS if name not in ("undo", "redo")]
)
def test_the_armed_tool_looks_pressed_and_says_what_to_do(
    panel: CorrectPanel, tool: str
) -> None:
    panel.show_tool(tool)
    pressed = [name for name, button in panel.buttons.items() if button.isChecked()]
    assert pressed == [tool]
    assert panel.hint.text()
    assert panel.hint.shown_lines() == [panel.hint.text()]
    panel.show_tool("")
    assert not any(button.isChecked() for button in panel.buttons.values())
    assert panel.hint.text() == ""


def test_the_hint_of_a_tool(panel: CorrectPanel) -> None:
    panel.show_tool("split")
    assert panel.hint.text() == "Drag across the nucleus"


def test_a_click_alone_arms_nothing(qtbot: QtBot, panel: CorrectPanel) -> None:
    qtbot.mouseClick(panel.buttons["join"], LEFT)
    assert not panel.buttons["join"].isChecked()
    panel.show_tool("join")
    qtbot.mouseClick(panel.buttons["join"], LEFT)
    assert panel.buttons["join"].isChecked()


def test_without_an_image_nothing_can_be_corrected(panel: CorrectPanel) -> None:
    panel.show(LoopState())
    assert not any(button.isEnabled() for button in panel.buttons.values())
    assert not panel.outlines.isEnabled()
    assert not panel.threshold.slider.isEnabled()


def test_the_sliders_show_no_numbers_of_no_model(
    qtbot: QtBot, panel: CorrectPanel
) -> None:
    fresh = CorrectPanel()
    qtbot.addWidget(fresh)
    for one in (panel, fresh):
        one.show(LoopState())
        sliders = one.threshold, one.min_size
        assert [slider.number.text() for slider in sliders] == ["–", "–"]
        assert [slider.slider.value() for slider in sliders] == [0, 0]
    panel.show(STATE)
    assert panel.threshold.number.text() == "0.55"
    assert panel.threshold.value() == pytest.approx(0.55)


def test_undo_and_redo_can_be_pressed_where_there_is_something_to(
    panel: CorrectPanel,
) -> None:
    panel.show(replace(STATE, can_undo=False))
    assert not panel.buttons["undo"].isEnabled()
    assert panel.buttons["redo"].isEnabled()
    assert panel.buttons["accept"].isEnabled()


def test_outlines_ask_and_show_what_is_so(qtbot: QtBot, panel: CorrectPanel) -> None:
    assert panel.outlines.key == "O"
    assert panel.outlines.isChecked()
    with qtbot.waitSignal(panel.outlines_requested) as asked:
        qtbot.mouseClick(panel.outlines, LEFT)
    assert asked.args == [False]
    assert panel.outlines.isChecked()
    panel.show(replace(STATE, shown=Shown(outlines=False)))
    assert not panel.outlines.isChecked()
    with qtbot.waitSignal(panel.outlines_requested) as asked:
        qtbot.mouseClick(panel.outlines, LEFT)
    assert asked.args == [True]


def test_sliders_show_what_masks_are_made_with_and_stay_silent(
    qtbot: QtBot, panel: CorrectPanel
) -> None:
    with qtbot.assertNotEmitted(panel.threshold_changed, wait=100):
        panel.show(replace(STATE, shown=Shown(threshold=0.7, min_size=0.25)))
    assert panel.threshold.value() == pytest.approx(0.7)
    assert panel.threshold.number.text() == "0.70"
    assert panel.min_size.value() == pytest.approx(0.25)
    assert panel.min_size.number.text() == "25 %"


def test_the_smallest_nucleus_is_finer_at_the_low_end(panel: CorrectPanel) -> None:
    slider = panel.min_size.slider
    slider.setValue(1)
    low = panel.min_size.value()
    slider.setValue(slider.maximum() - 1)
    high = 1 - panel.min_size.value()
    assert 0 < low < high / 20
    slider.setValue(slider.maximum())
    assert panel.min_size.value() == 1
    assert panel.threshold.value() == pytest.approx(0.55)


def test_the_ends_of_the_threshold(panel: CorrectPanel) -> None:
    panel.threshold.slider.setValue(0)
    assert panel.threshold.value() == 0.1
    panel.threshold.slider.setValue(panel.threshold.slider.maximum())
    assert panel.threshold.value() == 0.9


def drag(qtbot: QtBot, slider: QSlider, steps: int) -> None:
    """Drag the handle to the right end, a little at a time."""
    middle = slider.height() // 2
    share = slider.value() / slider.maximum()
    start = round(share * (slider.width() - 20)) + 10
    qtbot.mousePress(slider, LEFT, pos=QPoint(start, middle))
    for at in range(1, steps + 1):
        x = start + (slider.width() - start) * at // steps
        qtbot.mouseMove(slider, pos=QPoint(x, middle))


@pytest.mark.parametrize("name", ["threshold", "min_size"])
def test_a_drag_speaks_while_it_lasts_but_not_too_often(
    qtbot: QtBot, panel: CorrectPanel, name: str
) -> None:
    named = getattr(panel, name)
    heard: list[tuple[float, float]] = []
    signal = getattr(panel, f"{name}_changed")
    signal.connect(lambda value: heard.append((time.monotonic(), value)))
    for at in range(100):
        named.slider.setValue(at)
    assert len(heard) >= 1
    last = named.value()
    qtbot.waitUntil(lambda: heard[-1][1] == last)
    times = [when for when, _ in heard]
    gaps = [after - before for before, after in pairwise(times)]
    assert len(heard) <= 3 + (times[-1] - times[0]) / 0.06
    assert all(gap > 0.055 for gap in gaps)


def test_a_dragged_slider_is_not_moved_by_news(
    qtbot: QtBot, panel: CorrectPanel
) -> None:
    with qtbot.waitSignal(panel.threshold_changed):
        drag(qtbot, panel.threshold.slider, 10)
    assert panel.threshold.slider.isSliderDown()
    there = panel.threshold.value()
    panel.show(replace(STATE, shown=Shown(threshold=0.2)))
    assert panel.threshold.value() == there
    qtbot.mouseRelease(panel.threshold.slider, LEFT)
    panel.show(replace(STATE, shown=Shown(threshold=0.2)))
    assert panel.threshold.value() == pytest.approx(0.2)


def test_what_was_missed_is_said_until_something_else_is_done(
    qtbot: QtBot, panel: CorrectPanel
) -> None:
    panel.show_missed("Nothing to split there")
    assert panel.hint.shown_lines() == ["Nothing to split there"]
    panel.show(replace(STATE, saved="at 12:03"))  # nobody did anything
    assert panel.hint.text() == "Nothing to split there"
    panel.show_tool("join")
    assert panel.hint.text() == "Drag across the parts"
    panel.show_missed("Nothing to join there")
    panel.show_missed("")
    assert panel.hint.text() == "Drag across the parts"


def test_what_was_missed_is_said_for_a_while(qtbot: QtBot, panel: CorrectPanel) -> None:
    panel._rest.setInterval(50)
    panel.show_missed("Nothing to split there")
    assert panel.hint.text()
    qtbot.waitUntil(lambda: not panel.hint.text())


def test_sliders_are_long_one_below_the_other_and_share_a_row_in_a_low_window(
    panel: CorrectPanel,
) -> None:
    def places() -> list[tuple[int, int, int]]:
        panel.layout().activate()
        sliders = panel.threshold.slider, panel.min_size.slider
        return [(one.x(), one.y(), one.width()) for one in sliders]

    (left, top, width), (also_left, below, as_wide) = places()
    assert (left, width) == (also_left, as_wide)
    assert width > panel.width() / 2
    assert below > top
    high = panel.minimumSizeHint().height()
    panel.be_low(True)
    (left, top, short), (right, beside, _width) = places()
    assert beside == top
    assert right > left + short
    assert short < width / 2
    assert panel.minimumSizeHint().height() < high
    panel.be_low(False)
    assert [place[2] for place in places()] == [width, width]
