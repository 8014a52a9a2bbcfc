"""The list of classes, and what else panels show of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QColorDialog

from napari_unet._panels.advanced import AdvancedPanel
from napari_unet._panels.correct import CorrectPanel
from napari_unet._panels.images import ImagesPanel
from napari_unet._panels.learn import LearnPanel
from napari_unet._panels.reading import ReadingLine
from napari_unet._panels.run_all import RunAllPanel
from napari_unet._state import ClassRow, ImageRow, LoopState, Reading, Shown
from unetloop.catalog import CLASS_LOSSES

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_unet._panels.classes import ClassList

ROWS = (
    ClassRow("background", "#0072b2", "A"),
    ClassRow("a class with a name that is far too long for any dock", "#e69f00", "S"),
    ClassRow("tumour", "#009e73", ""),
)
STATE = LoopState(task="classes", classes=ROWS, current="a", model="", models=())


@pytest.fixture
def panel(qtbot: QtBot) -> CorrectPanel:
    panel = CorrectPanel()
    qtbot.addWidget(panel)
    QTest.qWaitForWindowExposed(panel)
    panel.setVisible(True)
    panel.show(STATE)
    return panel


@pytest.fixture
def classes(panel: CorrectPanel) -> ClassList:
    return panel.classes


def test_a_click_asks_for_a_brush_and_what_is_painted_looks_pressed(
    classes: ClassList,
) -> None:
    picked: list[int] = []
    classes.picked.connect(picked.append)
    classes.lines[1].button.click()
    classes.eraser.click()
    assert picked == [2, 0]
    assert not classes.lines[1].button.isChecked()
    classes.show_classes(ROWS, 2)
    assert classes.lines[1].button.isChecked()
    classes.show_classes(ROWS, 0)
    assert classes.eraser.isChecked()
    assert not classes.lines[1].button.isChecked()


def test_a_double_click_renames_and_escape_does_not(classes: ClassList) -> None:
    named: list[tuple[int, str]] = []
    classes.renamed.connect(lambda *values: named.append(values))
    line = classes.lines[2]
    QTest.mouseDClick(line.button, Qt.MouseButton.LeftButton)
    QTest.keyClicks(line.editor, "stroma")
    QTest.keyClick(line.editor, Qt.Key.Key_Return)
    assert named == [(3, "stroma")]
    line.menu.actions()[0].trigger()
    QTest.keyClicks(line.editor, "else")
    QTest.keyClick(line.editor, Qt.Key.Key_Escape)
    assert named == [(3, "stroma")]
    assert line.button.isVisible()


def test_colour_and_removal_are_asked_for(classes: ClassList) -> None:
    wanted: list[object] = []
    classes.recoloured.connect(lambda *values: wanted.append(values))
    classes.remove_requested.connect(wanted.append)
    classes.add_requested.connect(lambda: wanted.append("add"))
    classes.lines[0].swatch.click()
    (dialog,) = classes.findChildren(QColorDialog)
    assert dialog.currentColor().name() == "#0072b2"
    dialog.setCurrentColor(Qt.GlobalColor.red)
    dialog.accept()
    classes.lines[0].menu.actions()[-1].trigger()
    classes.add_button.click()
    assert wanted == [(1, "#ff0000"), 1, "add"]


def test_a_long_name_is_cut_and_its_tooltip_has_it_all(panel: CorrectPanel) -> None:
    line = panel.classes.lines[1]
    panel.resize(300, 400)
    assert line.button.text().endswith("…")
    assert ROWS[1].name in line.button.toolTip()
    assert panel.minimumSizeHint().width() < 400


def test_all_of_few_lines_are_seen_and_of_many_some(
    qtbot: QtBot, panel: CorrectPanel
) -> None:
    area = panel.classes.area
    panel.resize(320, 500)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() == 0)
    many = tuple(ClassRow(f"class {n}", "#0072b2") for n in range(1, 41))
    panel.show(replace(STATE, classes=many))
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)
    assert len(panel.classes.lines) == 40
    assert area.height() < 300
    panel.show(STATE)
    assert len(panel.classes.lines) == 3


def test_only_tools_that_mean_something_are_there(panel: CorrectPanel) -> None:
    seen = {name for name, button in panel.buttons.items() if button.isVisible()}
    assert seen == {"ignore", "box", "undo", "redo"}
    assert all(button.isVisible() for button in panel.classes.buttons)
    assert not panel.threshold.slider.isVisible()
    assert panel.hint.text() == "Choose a class and paint"
    panel.show(replace(STATE, brush=1))
    assert panel.hint.text() == "Painting background"
    panel.show_tool("ignore")
    assert "box" in panel.hint.text()
    panel.show_tool("")
    panel.show(LoopState(current="a"))
    seen = {name for name, button in panel.buttons.items() if button.isVisible()}
    assert len(seen) == 9
    assert not panel.classes.isVisible()
    assert not any(button.isVisible() for button in panel.classes.buttons)
    assert panel.threshold.slider.isVisible()
    assert panel.hint.text() == ""


def test_probabilities_look_ticked_when_they_are_there(panel: CorrectPanel) -> None:
    wanted: list[bool] = []
    panel.probabilities_requested.connect(wanted.append)
    panel.probabilities.click()
    assert wanted == [True]
    assert panel.probabilities.picture == "unticked"
    panel.show(replace(STATE, shown=Shown(probabilities=True)))
    assert panel.probabilities.picture == "ticked"
    panel.probabilities.click()
    assert wanted == [True, False]


def test_what_is_segmented_is_chosen_beside_the_images(qtbot: QtBot) -> None:
    panel = ImagesPanel()
    qtbot.addWidget(panel)
    panel.show(LoopState())
    wanted: list[str] = []
    panel.task_requested.connect(wanted.append)
    panel.task.setCurrentIndex(1)
    panel.task.activated.emit(1)
    assert wanted == ["classes"]
    assert panel.task.currentText() == "nuclei"  # until it is so
    images = (ImageRow("a", "a.tif", "in work"), ImageRow("b", "b.tif", "proposed"))
    panel.show(replace(STATE, images=images))
    assert panel.task.currentText() == "tissue classes"
    assert panel.count.text() == "1 of 2 painted"


def test_classes_have_no_diameter(qtbot: QtBot) -> None:
    line = ReadingLine()
    qtbot.addWidget(line)
    line.setVisible(True)
    line.show_reading(Reading("YXS", "uint8", ("all colours",), "all", sized=False))
    assert not line.diameter.isVisible()
    assert "nuclei" not in line.axes.parentWidget().toolTip()
    line.show_reading(Reading("YX", "uint8", ("0",), "0"))
    assert line.diameter.isVisible()


def test_without_a_model_there_is_nothing_to_run(qtbot: QtBot, tmp_path: Path) -> None:
    run_all, learn = RunAllPanel(), LearnPanel()
    for panel in (run_all, learn):
        qtbot.addWidget(panel)
        panel.show(replace(STATE, folder=tmp_path))
    assert "learn first" in run_all.box.start_button.toolTip()
    assert learn.model.placeholderText() == "none yet"
    assert learn.model.currentIndex() == -1


def test_advanced_offers_what_fits_classes(qtbot: QtBot) -> None:
    panel = AdvancedPanel()
    qtbot.addWidget(panel)
    panel.open(True)
    assert "diameter" in panel.forms["training"].fields
    panel.write({"epochs": 8})
    panel.show(STATE)
    form = panel.forms["training"]
    losses = form.fields["loss"].editor.native
    assert [losses.itemText(at) for at in range(losses.count())] == [
        "default",
        *CLASS_LOSSES,
    ]
    assert "diameter" not in form.fields
    assert "nuclei" not in form.parts["normalization"].fields
    assert form.read() == {"epochs": 8}
    sent: list[dict[str, object]] = []
    panel.settings_changed.connect(sent.append)
    form.fields["loss"].editor.write("binary_crossentropy")
    assert sent == [{"epochs": 8, "loss": "binary_crossentropy"}]
    assert panel.layout().count() == 3  # the other forms are gone
