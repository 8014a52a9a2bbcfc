"""A dock by the keyboard alone: what Tab reaches, and what Enter does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_unet._batch_state import FileRow
from napari_unet._panels.batch_files import FilesTable
from napari_unet._panels.button import Button
from napari_unet._panels.column import Column
from napari_unet._panels.correct import CorrectPanel
from napari_unet._panels.image_list import ImageList
from napari_unet._panels.learn import LearnPanel
from napari_unet._panels.measurements import MeasurementsTable
from napari_unet._state import LoopState

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot
    from qtpy.QtGui import QKeyEvent

KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class _Viewer(QWidget):
    """A window that notes the keys that reach it."""

    def __init__(self, *parts: QWidget) -> None:
        super().__init__()
        self.keys: list[int] = []
        self.column = Column(parts)
        QVBoxLayout(self).addWidget(self.column)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.keys.append(event.key())


def shown(qtbot: QtBot, *parts: QWidget) -> _Viewer:
    viewer = _Viewer(*parts)
    qtbot.addWidget(viewer)
    with qtbot.waitActive(viewer):
        viewer.show()
        viewer.activateWindow()
    return viewer


def tab_to(part: QWidget) -> None:
    """Bring the focus there as Tab does."""
    part.setFocus(Qt.FocusReason.TabFocusReason)
    part.window().setAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)


@pytest.mark.parametrize("key", KEYS)
def test_enter_presses_the_button_that_tab_reached(qtbot: QtBot, key: Qt.Key) -> None:
    button = Button("Learn now")
    viewer = shown(qtbot, button)
    tab_to(button)
    with qtbot.waitSignal(button.clicked):
        qtbot.keyClick(button, key)
    assert viewer.keys == []
    qtbot.keyClick(button, Qt.Key.Key_A)
    assert viewer.keys == [Qt.Key.Key_A]


@pytest.mark.parametrize("make", [ImageList, QCheckBox, FilesTable, MeasurementsTable])
def test_enter_elsewhere_in_a_dock_says_nothing_of_the_image(
    qtbot: QtBot, make: type[QWidget]
) -> None:
    made = make()
    viewer = shown(qtbot, made)
    part = getattr(made, "view", made)
    tab_to(part)
    for key in KEYS:
        qtbot.keyClick(part, key)
    assert viewer.keys == []


@pytest.mark.parametrize("make", [ImageList, QCheckBox, lambda: Button("Learn now")])
def test_enter_is_the_viewers_where_nobody_chose_the_focus(
    qtbot: QtBot, make: Callable[[], QWidget]
) -> None:
    made = make()
    pressed = []
    if isinstance(made, Button):
        made.clicked.connect(lambda: pressed.append(made))
    viewer = shown(qtbot, made)
    part = getattr(made, "view", made)
    part.setFocus(Qt.FocusReason.ActiveWindowFocusReason)  # as in a window just opened
    for key in KEYS:
        qtbot.keyClick(part, key)
    assert viewer.keys == [*KEYS]
    assert not pressed


def test_enter_in_a_field_is_the_fields(qtbot: QtBot) -> None:
    field = QLineEdit()
    viewer = shown(qtbot, field)
    field.setFocus(Qt.FocusReason.MouseFocusReason)
    for key in KEYS:
        qtbot.keyClick(field, key)
    assert viewer.keys == []


def test_what_tab_reached_is_framed(qtbot: QtBot) -> None:
    panel = LearnPanel()
    panel.show(LoopState())
    viewer = shown(qtbot, panel)

    def picture() -> object:
        QApplication.processEvents()
        box = viewer.column.widget().rect()
        return viewer.column.widget().grab(box).toImage()

    panel.setFocus()
    before = picture()
    qtbot.keyClick(panel, Qt.Key.Key_Tab)
    focused = viewer.focusWidget()
    assert focused is panel.model
    assert picture() != before
    viewer.setFocus()
    assert picture() == before


def test_tab_goes_from_above_to_below(qtbot: QtBot) -> None:
    panel = CorrectPanel()
    panel.show(LoopState(current="a", can_undo=True, can_redo=True))
    viewer = shown(qtbot, panel)
    last = panel.buttons["redo"]
    last.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(last, Qt.Key.Key_Tab)
    assert viewer.focusWidget() is panel.threshold.slider
    qtbot.keyClick(panel.threshold.slider, Qt.Key.Key_Tab)
    assert viewer.focusWidget() is panel.min_size.slider


def test_tab_leaves_a_table(qtbot: QtBot) -> None:
    table, behind = FilesTable(), Button("Run")
    table.set_rows([FileRow("a.tif", "a.tif"), FileRow("b.tif", "b.tif")])
    viewer = shown(qtbot, table, behind)
    table.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(table, Qt.Key.Key_Tab)
    assert viewer.focusWidget() is behind


def test_enter_shows_the_file_that_the_arrows_reached(qtbot: QtBot) -> None:
    table = FilesTable()
    table.set_rows([FileRow("a.tif", "a"), FileRow("/b.tif", "b", status="done")])
    viewer = shown(qtbot, table)
    picked: list[str] = []
    table.picked.connect(picked.append)
    table.setFocus(Qt.FocusReason.TabFocusReason)
    for key in (Qt.Key.Key_Home, Qt.Key.Key_Return, Qt.Key.Key_Down, *KEYS):
        qtbot.keyClick(table, key)
    assert picked == ["/b.tif"] * 2
    assert not set(KEYS) & set(viewer.keys)
