"""The panel of settings, made from the engine's own dataclasses."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

from napari_unet._panels.advanced import AdvancedPanel
from napari_unet._panels.form import Form
from napari_unet._state import Learning, LoopState
from unetloop.catalog import (
    ARCHITECTURES,
    CLASS_LOSSES,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
)
from unetloop.config import AugmentationConfig, NormalizationConfig, TrainingConfig
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot: QtBot) -> AdvancedPanel:
    """Show an opened panel."""
    panel = AdvancedPanel()
    qtbot.addWidget(panel)
    panel.resize(330, 900)
    with qtbot.waitActive(panel):
        panel.open(True)
        panel.activateWindow()
    return panel


@pytest.fixture
def training(panel: AdvancedPanel) -> Form:
    """Give the form of training."""
    return panel.forms["training"]


def enter(qtbot: QtBot, form: Form, name: str, text: str) -> None:
    """Type a value over what stands in a field."""
    native = form.fields[name].editor.native
    native.setFocus()
    native.selectAll()
    qtbot.keyClick(native, Qt.Key.Key_Backspace)
    qtbot.keyClicks(native, text)
    qtbot.keyClick(native, Qt.Key.Key_Return)


def test_it_is_closed_until_somebody_opens_it(qtbot: QtBot) -> None:
    panel = AdvancedPanel()
    qtbot.addWidget(panel)
    panel.show(LoopState())
    assert not panel.isVisible()
    assert panel.forms == {}
    panel.open(True)
    assert panel.isVisible()
    panel.open(False)
    assert not panel.isVisible()


def test_every_setting_of_training_has_its_row_and_tooltip(training: Form) -> None:
    for form, kind in (
        (training, TrainingConfig),
        (training.parts["augmentation"], AugmentationConfig),
        (training.parts["normalization"], NormalizationConfig),
    ):
        rows = {**form.fields, **form.parts}
        assert sorted(rows) == sorted(f.name for f in dataclasses.fields(kind))
        for item in dataclasses.fields(kind):
            if item.name in form.fields:
                native = form.fields[item.name].editor.native
                assert native.toolTip() == item.metadata["help"]


def test_a_new_field_appears_by_itself(qtbot: QtBot) -> None:
    @dataclass(frozen=True)
    class Inner:
        depth: int = field(default=3, metadata={"help": "levels"})

    @dataclass(frozen=True)
    class Outer:
        brand_new: float | None = field(default=None, metadata={"help": "just made"})
        name: str = "x"
        kind: str = "b"
        table: tuple[int, ...] = ()
        inner: Inner = field(default_factory=Inner)

    # The names of local classes cannot be looked up from outside.
    hints = {"brand_new": float | None, "name": str, "kind": str}
    Outer.__annotations__ = {**hints, "table": tuple[int, ...], "inner": Inner}
    Inner.__annotations__ = {"depth": int}
    form = Form(Outer, {"kind": ("a", "b")})
    qtbot.addWidget(form)
    assert list(form.fields) == ["brand_new", "name", "kind"]
    assert list(form.parts["inner"].fields) == ["depth"]
    assert form.read() == {}
    form.fields["kind"].editor.write("a")
    form.parts["inner"].fields["depth"].editor.write(4)
    assert form.read() == {"kind": "a", "inner": {"depth": 4}}


def test_names_of_the_catalog_can_be_chosen(
    panel: AdvancedPanel, training: Form
) -> None:
    def offered(form: Form, name: str) -> list[str]:
        combo = form.fields[name].editor.native
        return [combo.itemText(at) for at in range(combo.count())]

    assert offered(training, "loss") == [*LOSSES, *CLASS_LOSSES]
    assert offered(training, "optimizer") == list(OPTIMIZERS)
    assert offered(training, "schedule") == list(SCHEDULES)
    assert offered(training, "precision") == ["float32", "mixed"]
    part = training.parts["normalization"]
    assert offered(part, "nuclei") == ["bright", "dark", "either"]
    assert offered(panel.forms["model"], "architecture") == list(ARCHITECTURES)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("minutes", "2.5", {"minutes": 2.5}),
        ("minutes", "2,5", {"minutes": 2.5}),
        ("epochs", "30", {"epochs": 30}),
        ("learning_rate", "1e-4", {"learning_rate": 1e-4}),
        ("batch_size", "4", {"batch_size": 4}),
    ],
)
def test_only_what_differs_from_the_default_is_said(
    qtbot: QtBot,
    panel: AdvancedPanel,
    training: Form,
    name: str,
    text: str,
    expected: Mapping[str, Any],
) -> None:
    with qtbot.waitSignal(panel.settings_changed) as changed:
        enter(qtbot, training, name, text)
    assert changed.args == [expected]


def test_nested_settings_are_nested(
    qtbot: QtBot, panel: AdvancedPanel, training: Form
) -> None:
    flip = training.parts["augmentation"].fields["flip"].editor.native
    with qtbot.waitSignal(panel.settings_changed) as changed:
        qtbot.mouseClick(flip, LEFT, pos=QPoint(8, flip.height() // 2))
    assert changed.args == [{"augmentation": {"flip": False}}]
    with qtbot.waitSignal(panel.settings_changed) as changed:
        enter(qtbot, training, "epochs", "7")
    assert changed.args == [{"epochs": 7, "augmentation": {"flip": False}}]


def test_an_emptied_field_is_left_to_the_engine(
    qtbot: QtBot, panel: AdvancedPanel, training: Form
) -> None:
    enter(qtbot, training, "minutes", "5")
    with qtbot.waitSignal(panel.settings_changed) as changed:
        enter(qtbot, training, "minutes", "")
    assert changed.args == [{}]
    assert training.fields["minutes"].editor.native.placeholderText() == "auto"


def test_a_value_that_is_refused_says_why_below_its_field(
    qtbot: QtBot, panel: AdvancedPanel, training: Form
) -> None:
    trouble = training.fields["patch_size"].trouble
    assert not trouble.isVisible()
    with qtbot.assertNotEmitted(panel.settings_changed):
        enter(qtbot, training, "patch_size", "100")
    with pytest.raises(EngineError) as refused:
        TrainingConfig(patch_size=100)
    assert trouble.isVisible()
    said = refused.value.what.replace("patch_size", "Patch size")
    assert trouble.text() == said
    with qtbot.waitSignal(panel.settings_changed) as changed:
        enter(qtbot, training, "patch_size", "96")
    assert changed.args == [{"patch_size": 96}]
    assert not trouble.isVisible()


def test_a_refused_part_names_its_own_field(
    qtbot: QtBot, panel: AdvancedPanel, training: Form
) -> None:
    part = training.parts["normalization"]
    with qtbot.assertNotEmitted(panel.settings_changed):
        enter(qtbot, part, "low", "120")
    assert part.fields["low"].trouble.text().startswith("Low must be")
    assert not training.fields["learning_rate"].trouble.isVisible()


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("minutes", "long", "Minutes must be a number, or empty for auto."),
        ("epochs", "2.5", "Epochs must be a whole number, or empty for auto."),
        ("learning_rate", "", "Learning rate must be a number."),
    ],
)
def test_what_is_no_number_says_so(
    qtbot: QtBot,
    panel: AdvancedPanel,
    training: Form,
    name: str,
    typed: str,
    sentence: str,
) -> None:
    with qtbot.assertNotEmitted(panel.settings_changed):
        enter(qtbot, training, name, typed)
    assert training.fields[name].trouble.text() == sentence


def test_reset_puts_all_back(
    qtbot: QtBot, panel: AdvancedPanel, training: Form
) -> None:
    enter(qtbot, training, "minutes", "5")
    enter(qtbot, training.parts["augmentation"], "noise", "-1")
    with qtbot.waitSignal(panel.settings_changed) as changed:
        qtbot.mouseClick(panel.reset_button, LEFT)
    assert changed.args == [{}]
    assert training.read() == {}
    assert not training.parts["augmentation"].fields["noise"].trouble.isVisible()


def test_the_same_value_again_says_nothing(
    qtbot: QtBot, panel: AdvancedPanel, training: Form
) -> None:
    enter(qtbot, training, "minutes", "5")
    with qtbot.assertNotEmitted(panel.settings_changed):
        enter(qtbot, training, "minutes", "5.0")


def test_enter_in_a_field_does_not_reach_what_lies_around(qtbot: QtBot) -> None:
    heard: list[int] = []

    class Window(QWidget):
        def keyPressEvent(self, event: Any) -> None:
            heard.append(event.key())

    window = Window()
    qtbot.addWidget(window)
    panel = AdvancedPanel(window)
    window.setVisible(True)
    panel.open(True)
    enter(qtbot, panel.forms["training"], "minutes", "5")
    enter(qtbot, panel.forms["training"], "batch_size", "5")
    assert heard == []


def test_it_says_that_changes_wait_while_it_learns(panel: AdvancedPanel) -> None:
    panel.show(LoopState(learning=Learning(phase="running")))
    assert panel.note.isVisible()
    panel.show(LoopState())
    assert not panel.note.isVisible()
