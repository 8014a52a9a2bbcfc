"""The panel of step 3: one button, one sentence, two curves, the models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_unet._curve import Curve
from napari_unet._panels.learn import LearnPanel
from napari_unet._state import Comparison, Learning, LoopState
from napari_unet._words import in_words

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton
CURVE = Curve((100, 200, 300), (0.9, 0.5, float("nan")), (None, 0.25, 0.5))


@pytest.fixture
def panel(qtbot: QtBot) -> LearnPanel:
    """Show a panel before anything was learned."""
    panel = LearnPanel()
    qtbot.addWidget(panel)
    panel.show(LoopState())
    panel.resize(330, 320)
    with qtbot.waitActive(panel):
        panel.setVisible(True)
        panel.activateWindow()
    return panel


def learning(**values: Any) -> LoopState:
    return LoopState(learning=Learning(**values))


@pytest.mark.parametrize(
    ("phase", "text", "signal"),
    [
        ("idle", "Learn now", "start_requested"),
        ("running", "Pause", "pause_requested"),
        ("paused", "Go on", "resume_requested"),
    ],
)
def test_the_button_follows_the_phase(
    qtbot: QtBot, panel: LearnPanel, phase: str, text: str, signal: str
) -> None:
    panel.show(learning(phase=phase))
    assert panel.main_button.text() == text
    with qtbot.waitSignal(getattr(panel, signal)):
        qtbot.mouseClick(panel.main_button, LEFT)


@pytest.mark.parametrize(
    ("phase", "stoppable"),
    [
        ("idle", False),
        ("starting", True),
        ("running", True),
        ("paused", True),
        ("stopping", False),
    ],
)
def test_what_runs_can_be_stopped(
    qtbot: QtBot, panel: LearnPanel, phase: str, stoppable: bool
) -> None:
    panel.show(learning(phase=phase))
    assert panel.stop_button.isEnabled() is stoppable
    if stoppable:
        with qtbot.waitSignal(panel.stop_requested):
            qtbot.mouseClick(panel.stop_button, LEFT)


@pytest.mark.parametrize("phase", ["starting", "stopping"])
def test_a_second_click_cannot_come_in_between(panel: LearnPanel, phase: str) -> None:
    panel.show(learning(phase=phase))
    assert not panel.main_button.isEnabled()


def test_it_says_why_it_cannot_start(panel: LearnPanel) -> None:
    panel.show(learning(can_start="Correct a few nuclei first."))
    assert not panel.main_button.isEnabled()
    assert panel.main_button.toolTip() == "Correct a few nuclei first."
    assert panel.sentence.text() == "Correct a few nuclei first."
    panel.show(learning(phase="running", can_start="It learns already."))
    assert panel.main_button.isEnabled()


def test_learning_by_itself_asks_and_shows_what_is_so(
    qtbot: QtBot, panel: LearnPanel
) -> None:
    assert panel.automatic.isChecked()
    with qtbot.waitSignal(panel.automatic_requested) as asked:
        qtbot.mouseClick(panel.automatic, LEFT)
    assert asked.args == [False]
    assert panel.automatic.isChecked()
    panel.show(learning(automatic=False))
    assert not panel.automatic.isChecked()


def test_the_bar_says_how_far_it_is(panel: LearnPanel) -> None:
    panel.show(learning(phase="running", fraction=0.42))
    assert panel.bar.value() == 420
    panel.show(learning(phase="idle", fraction=0.42))
    assert panel.bar.value() == 0


def test_where_there_is_room_curves_have_their_place_from_the_beginning(
    panel: LearnPanel,
) -> None:
    panel.be_low(False)
    assert panel.pages.isVisible()
    before = panel.sizeHint().height()
    panel.show(learning(phase="starting"))
    assert panel.sizeHint().height() == before


def test_in_a_low_window_no_room_is_kept_before_anything_is_learned(
    panel: LearnPanel,
) -> None:
    panel.be_low(True)
    low = panel.minimumSizeHint().height()
    assert not panel.pages.isVisible()
    panel.show(learning(phase="starting"))
    assert panel.pages.isVisible()
    assert panel.minimumSizeHint().height() > low
    panel.show(learning())  # whatever came of it: nothing moves twice
    assert panel.pages.isVisible()


def test_in_a_low_window_plots_give_way_to_their_titles(panel: LearnPanel) -> None:
    panel.show(learning(phase="running", curve=CURVE))
    canvas = panel.plot.loss._parts["canvas"]
    panel.resize(400, 320)
    assert canvas.isVisible()
    panel.resize(400, panel.minimumSizeHint().height())
    assert not canvas.isVisible()
    assert panel.plot.loss.title.visibleRegion().boundingRect().height() > 0
    panel.resize(400, 320)
    assert canvas.isVisible()


def test_a_comparison_is_whole_in_a_low_window(panel: LearnPanel) -> None:
    panel.show(learning(phase="running", curve=CURVE))
    low = panel.minimumSizeHint().height()
    panel.show(LoopState(comparison=Comparison(on=True, before="a", now="b")))
    panel.resize(400, panel.minimumSizeHint().height())
    assert panel.height() > low
    assert panel.versus.height() >= panel.versus.minimumSizeHint().height()


def test_curves_of_the_last_training_are_there_at_once(panel: LearnPanel) -> None:
    panel.show(learning(curve=CURVE))
    assert panel.pages.isVisible()


def test_settings_are_asked_for_with_one_button(
    qtbot: QtBot, panel: LearnPanel
) -> None:
    for opened, picture in ((True, "open"), (False, "closed")):
        with qtbot.waitSignal(panel.advanced_toggled) as asked:
            qtbot.mouseClick(panel.advanced, LEFT)
        assert asked.args == [opened]
        assert panel.advanced.picture == picture


def test_nothing_jumps_however_long_the_sentence_is(panel: LearnPanel) -> None:
    panel.show(learning(phase="starting"))

    def places() -> list[int]:
        panel.layout().activate()
        widgets = (panel.sentence, panel.bar, panel.plot)
        return [widget.geometry().top() for widget in widgets]

    before = places()
    long = "A sentence that is much longer than any dock is wide. " * 5
    panel.show(learning(phase="running", sentence=long, curve=CURVE, seconds_left=1))
    assert places() == before
    assert panel.sentence.toolTip() == long


def test_curves_are_drawn_with_their_first_and_last_value(panel: LearnPanel) -> None:
    assert panel.plot.loss.title.text() == "Loss"
    panel.show(learning(phase="running", curve=CURVE))
    loss, score = panel.plot.loss, panel.plot.score
    assert loss.title.text() == "Loss  0.90 → 0.50"
    assert score.title.text() == "Score, corrected  0.25 → 0.50"
    assert "it learns from" in score.toolTip()
    assert loss.curve() == ([100, 200], [0.9, 0.5])
    assert score.curve() == ([200, 300], [0.25, 0.5])
    panel.show(learning(curve=Curve()))
    assert loss.title.text() == "Loss"
    assert loss.curve() == ([], [])
    panel.show(learning(curve=Curve((0,), (0.9,), (0.25,), held_out=True)))
    assert score.title.text() == "Score, held out  0.25"
    assert "does not learn from" in score.toolTip()
    assert "average precision" in score.toolTip()
    curve = Curve().grown({"step": 5, "score": 0.5, "measure": "mean_iou"})
    panel.show(learning(curve=curve))
    assert "over the classes" in score.toolTip()


def test_a_curve_is_of_the_same_pixels_where_that_is_known() -> None:
    curve = Curve().grown({"event": "StartScored", "fit": 0.5, "fit_loss": 0.4})
    for step, fit in ((30, 0.6), (60, None), (90, 0.7)):
        loss = None if fit is None else 0.9 - fit
        event = {"step": step, "loss": 0.1 * step, "fit": fit, "fit_loss": loss}
        curve = curve.grown({**event, "score": None, "val_loss": None})
    assert curve.steps == (0, 30, 60, 90)
    assert curve.scores == (0.5, 0.6, None, 0.7)
    assert curve.losses == pytest.approx((0.4, 0.3, None, 0.2))
    assert not curve.held_out
    again = curve.grown({"step": 60, "fit": 0.65, "fit_loss": 0.25})
    assert again.steps == (0, 30, 60)
    assert again.scores[-1] == 0.65
    assert again.grown({"event": "StartScored", "fit": 0.1}) is again
    bare = Curve().grown({"step": 30, "loss": 0.4}).grown({"step": 60, "loss": 0.3})
    assert bare.losses == (0.4, 0.3)
    held = Curve().grown({"score": 0.5, "val_loss": 0.4})
    held = held.grown({"step": 30, "score": None, "val_loss": None, "fit": None})
    assert held.held_out
    assert held.losses == (0.4, None)


def test_the_last_point_is_the_model_that_is_kept() -> None:
    curve = Curve().grown({"fit": 0.73, "fit_loss": 0.4})
    curve = curve.grown({"step": 30, "fit": None, "fit_loss": None})
    done = {"steps": 40, "fit": 0.71, "score": None}
    assert curve.ended(done).scores == (0.73, None, 0.71)
    assert curve.ended(done).losses == (0.4, None, None)
    assert curve.ended({**done, "steps": 30}).scores == (0.73, 0.71)
    assert curve.ended({**done, "fit": None}) is curve
    held = Curve().grown({"score": 0.5}).ended({"steps": 9, "score": 0.6, "fit": None})
    assert held.scores == (0.5, 0.6)


def test_of_another_project_nothing_is_drawn_until_it_learns(panel: LearnPanel) -> None:
    panel.show(learning(curve=CURVE))
    canvas = panel.plot.loss._parts["canvas"]
    assert canvas.isVisible()
    top = panel.plot.loss.title.y()
    panel.show(learning(curve=Curve()))
    assert not canvas.isVisible()
    panel.plot.loss.layout().activate()
    assert panel.plot.loss.title.y() == top


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ((0.28, 0.39), (0.25, 0.4)),
        ((0.81, 0.815), (0.75, 0.9)),
        ((0.0, 0.01), (0.0, 0.1)),
        ((0.98, 0.99), (0.9, 1.0)),
        ((0.2575, 0.243), (0.24, 0.27)),
        ((3.2, 0.4), (0.0, 4.0)),
    ],
)
def test_the_axis_ends_at_round_numbers_close_to_the_curve(
    panel: LearnPanel, values: tuple[float, ...], ends: tuple[float, float]
) -> None:
    loss = values[0] in (0.2575, 3.2)
    plot = panel.plot.loss if loss else panel.plot.score
    plot.draw((0, 1), values, 1)
    low, high = plot._parts["view"].viewRange()[1]
    middle, half = sum(ends) / 2, (ends[1] - ends[0]) / 2
    assert (low, high) == pytest.approx((middle - half * 1.08, middle + half * 1.08))


def test_in_a_low_window_plots_are_as_low_as_the_comparison(panel: LearnPanel) -> None:
    panel.show(learning(curve=CURVE))
    pages = panel.plot.minimumSizeHint(), panel.versus.minimumSizeHint()
    assert pages[0].height() <= pages[1].height()


def test_the_plot_leaves_the_mouse_alone(panel: LearnPanel) -> None:
    panel.show(learning(phase="starting"))
    plot = panel.plot.loss
    inside = plot.childAt(plot.width() // 2, plot.height() // 2)
    assert inside in (None, plot)


def test_the_plot_follows_the_theme(qtbot: QtBot, panel: LearnPanel) -> None:
    panel.setStyleSheet("QWidget { background-color: #222222; color: #eeeeee; }")
    panel.show(learning(curve=CURVE))
    QApplication.processEvents()
    panel.setStyleSheet("QWidget { background-color: #eeeeee; color: #222222; }")
    QApplication.processEvents()
    plot = panel.plot.loss.grab().toImage()
    corner = plot.pixelColor(plot.width() - 2, plot.height() - 2)
    assert corner.name() == "#eeeeee"


def test_a_model_can_be_chosen(qtbot: QtBot, panel: LearnPanel) -> None:
    state = LoopState(models=("from 12 images", "nuclei"), model="nuclei")
    panel.show(state)
    assert panel.model.currentText() == "nuclei"
    panel.model.showPopup()
    view = panel.model.view()
    with qtbot.waitSignal(panel.model_requested) as asked:
        view.setCurrentIndex(panel.model.model().index(0, 0))
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert asked.args == ["from 12 images"]
    assert panel.model.currentText() == "nuclei"
    with qtbot.assertNotEmitted(panel.model_requested):
        panel.show(replace(state, model="from 12 images"))
    assert panel.model.currentText() == "from 12 images"


def test_comparing_asks_and_shows_what_is_so(qtbot: QtBot, panel: LearnPanel) -> None:
    assert not panel.compare.isEnabled()
    assert panel.compare.toolTip() == "Open some images first."
    ready = Comparison(why_not="", before="nuclei", now="round-1")
    panel.show(LoopState(comparison=ready))
    assert "what nuclei makes of it" in panel.compare.toolTip()
    assert panel.pages.currentWidget() is panel.plot
    with qtbot.waitSignal(panel.compare_requested) as asked:
        qtbot.mouseClick(panel.compare, LEFT)
    assert asked.args == [True]
    assert not panel.compare.isChecked()
    panel.show(LoopState(learning=Learning(curve=CURVE), comparison=ready))
    panel.layout().activate()
    top = panel.pages.geometry()
    sentence = "The model nuclei finds 41 nuclei in view."
    panel.show(LoopState(comparison=replace(ready, on=True, sentence=sentence)))
    assert panel.compare.isChecked()
    assert panel.pages.currentWidget() is panel.versus
    assert panel.pages.geometry() == top
    assert panel.versus.sentence.text() == sentence
    assert "flatters" in panel.versus.sentence.toolTip()
    assert panel.versus.only_now.text() == "only by round-1"
    with qtbot.waitSignal(panel.compare_requested) as asked:
        qtbot.mouseClick(panel.compare, LEFT)
    assert asked.args == [False]
    panel.show(LoopState(comparison=ready))
    assert panel.pages.currentWidget() is panel.plot


def test_the_legend_shows_lines_as_they_are_over_the_image(
    panel: LearnPanel,
) -> None:
    shown = Comparison(True, "", "nuclei", "round-1")

    def darkest_and_brightest() -> tuple[int, int]:
        sample = panel.versus._samples[2].grab().toImage()
        greys = [
            sample.pixelColor(sample.width() // 2, row).lightness()
            for row in range(sample.height())
        ]
        return min(greys), max(greys)

    panel.show(LoopState(comparison=shown))
    assert darkest_and_brightest()[1] == 255
    panel.show(LoopState(comparison=replace(shown, bright=True)))
    assert darkest_and_brightest()[0] == 0
    assert darkest_and_brightest()[1] > 200
    panel.show(LoopState(comparison=replace(shown, sized=False)))
    assert "says otherwise" in panel.versus.before.text()
    assert panel.versus.only_now.text() == ""
    assert panel.versus._samples[2].isHidden()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (-3, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3599, "1 h"),
        (4500, "1 h 15 min"),
        (7200, "2 h"),
    ],
)
def test_times_are_said_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
