"""The panel of step 1: list, drops, buttons, and the line on how it is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit, QWidget

from napari_unet._panels.images import ImagesPanel
from napari_unet._state import ImageRow, LoopState, Reading

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton
ROWS = (
    ImageRow("a", "first.tif", "done", nuclei=9, reviewed=9),
    ImageRow("b", "second.tif", "in work", planes=12, nuclei=23, reviewed=5),
    ImageRow("c", "third.tif", "locked"),
    ImageRow("d", "fourth.tif", "missing"),
)
READING = Reading("CYX", "uint16", ("DAPI", "GFP"), "DAPI", 0.325, None, 32.2)
STATE = LoopState(
    folder=Path("images/project"), images=ROWS, current="b", reading=READING
)


@pytest.fixture
def panel(qtbot: QtBot) -> ImagesPanel:
    """Show a panel with four images; the second is on the screen."""
    panel = ImagesPanel()
    qtbot.addWidget(panel)
    panel.show(STATE)
    panel.resize(330, 360)
    with qtbot.waitActive(panel):
        panel.setVisible(True)
        panel.activateWindow()
    return panel


def click_row(qtbot: QtBot, panel: ImagesPanel, identifier: str) -> None:
    index = panel.list.rows.index_of(identifier)
    middle = panel.list.visualRect(index).center()
    qtbot.mouseClick(panel.list.viewport(), LEFT, pos=middle)


def selected(panel: ImagesPanel) -> list[str]:
    return [index.data() for index in panel.list.selectionModel().selectedIndexes()]


def dragged(event_type: type, paths: list[Path]) -> tuple[Any, QMimeData]:
    """Make a drag event; the mime data must live as long as the event."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    where = QPoint(50, 50) if event_type is QDragEnterEvent else QPointF(50, 50)
    modifier = Qt.KeyboardModifier.NoModifier
    return event_type(where, Qt.DropAction.CopyAction, mime, LEFT, modifier), mime


def test_without_images_a_sentence_invites_to_drop_some(qtbot: QtBot) -> None:
    panel = ImagesPanel()
    qtbot.addWidget(panel)
    panel.show(LoopState())
    panel.setVisible(True)
    assert panel.hint.isVisible()
    assert not panel.list.isVisible()
    assert panel.hint.text().startswith("Drop images or a folder here\n")
    assert panel.count.text() == ""
    assert not panel.next_button.isEnabled()
    assert not panel.lock_button.isEnabled()


def test_the_list_names_states_and_counts(panel: ImagesPanel) -> None:
    model = panel.list.rows
    words = [
        model.data(model.index(at), Qt.ItemDataRole.AccessibleTextRole)
        for at in range(model.rowCount())
    ]
    assert words == [
        "first.tif, done · 9 nuclei",
        "second.tif, in progress · 5 of 23 nuclei · 12 planes",
        "third.tif, for scoring",
        "fourth.tif, can't be read",
    ]
    assert panel.count.text() == "1 of 4 reviewed"
    assert panel.list.isVisible()


@pytest.mark.parametrize(("planes", "count"), [(1, "1 of 1"), (7, "0 of 1")])
def test_a_stack_is_not_reviewed_with_one_of_its_planes(
    panel: ImagesPanel, planes: int, count: str
) -> None:
    row = ImageRow("a", "a.tif", "in work", planes=planes, nuclei=9, reviewed=9)
    panel.show(LoopState(images=(row,), current="a"))
    assert panel.count.text() == f"{count} reviewed"


def test_the_image_on_the_screen_is_highlighted(panel: ImagesPanel) -> None:
    assert selected(panel) == ["second.tif"]
    panel.show(replace(STATE, current="d"))
    assert selected(panel) == ["fourth.tif"]
    panel.show(replace(STATE, current=""))
    assert selected(panel) == []


def test_a_click_asks_for_the_image(qtbot: QtBot, panel: ImagesPanel) -> None:
    with qtbot.waitSignal(panel.image_requested) as asked:
        click_row(qtbot, panel, "a")
    assert asked.args == ["a"]


def test_a_wish_that_is_refused_leaves_no_highlight(
    qtbot: QtBot, panel: ImagesPanel
) -> None:
    click_row(qtbot, panel, "d")
    panel.show(replace(STATE, problem="The file is not there."))
    assert selected(panel) == ["second.tif"]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (Qt.Key.Key_PageDown, "next_requested"),
        (Qt.Key.Key_PageUp, "previous_requested"),
        (Qt.Key.Key_Down, "next_requested"),
        (Qt.Key.Key_Up, "previous_requested"),
    ],
)
def test_keys_in_the_list_go_on(
    qtbot: QtBot, panel: ImagesPanel, key: Qt.Key, name: str
) -> None:
    with qtbot.waitSignal(getattr(panel, name)):
        qtbot.keyClick(panel.list, key)
    assert selected(panel) == ["second.tif"]


def test_page_keys_act_from_every_place_of_the_panel(
    qtbot: QtBot, panel: ImagesPanel
) -> None:
    with qtbot.waitSignal(panel.next_requested):
        qtbot.keyClick(panel.lock_button, Qt.Key.Key_PageDown)
    with qtbot.waitSignal(panel.previous_requested):
        qtbot.keyClick(panel.lock_button, Qt.Key.Key_PageUp)


def test_buttons_ask_for_the_neighbours_and_the_layer(
    qtbot: QtBot, panel: ImagesPanel
) -> None:
    for button, signal in (
        (panel.next_button, panel.next_requested),
        (panel.previous_button, panel.previous_requested),
        (panel.layer_button, panel.layer_requested),
    ):
        with qtbot.waitSignal(signal):
            qtbot.mouseClick(button, LEFT)
    assert "PageUp" in panel.previous_button.toolTip()
    assert "PageDown" in panel.next_button.toolTip()


def test_clicks_do_not_take_the_keys_from_the_viewer(
    qtbot: QtBot, panel: ImagesPanel
) -> None:
    viewer = QLineEdit(panel)
    viewer.setVisible(True)
    viewer.setFocus()
    click_row(qtbot, panel, "a")
    qtbot.mouseClick(panel.next_button, LEFT)
    assert panel.focusWidget() is viewer


def test_the_lock_asks_and_shows_what_is_so(qtbot: QtBot, panel: ImagesPanel) -> None:
    with qtbot.waitSignal(panel.lock_requested) as asked:
        qtbot.mouseClick(panel.lock_button, LEFT)
    assert asked.args == ["b", True]
    assert not panel.lock_button.isChecked()

    locked = replace(STATE, images=(ROWS[0], replace(ROWS[1], state="locked")))
    panel.show(locked)
    assert panel.lock_button.isChecked()
    with qtbot.waitSignal(panel.lock_requested) as asked:
        qtbot.mouseClick(panel.lock_button, LEFT)
    assert asked.args == ["b", False]


def test_a_missing_image_cannot_be_locked(panel: ImagesPanel) -> None:
    panel.show(replace(STATE, current="d"))
    assert not panel.lock_button.isEnabled()


def test_files_and_a_folder_can_be_dropped(
    qtbot: QtBot, panel: ImagesPanel, tmp_path: Path
) -> None:
    paths = [tmp_path / "a.tif", tmp_path]
    entering, _mime = dragged(QDragEnterEvent, paths)
    QApplication.sendEvent(panel, entering)
    assert entering.isAccepted()
    assert panel.hint.isVisible()
    dropping, _mime2 = dragged(QDropEvent, paths)
    with qtbot.waitSignal(panel.open_requested) as asked:
        QApplication.sendEvent(panel, dropping)
    assert asked.args == [paths]
    assert panel.list.isVisible()


def test_a_drag_that_leaves_changes_nothing(panel: ImagesPanel, tmp_path: Path) -> None:
    entering, _mime = dragged(QDragEnterEvent, [tmp_path])
    QApplication.sendEvent(panel, entering)
    QApplication.sendEvent(panel, QDragLeaveEvent())
    assert panel.list.isVisible()
    assert panel.hint.text().startswith("Drop images or a folder here\n")


def test_what_is_no_file_is_not_accepted(panel: ImagesPanel) -> None:
    mime = QMimeData()
    mime.setText("some words")
    event = QDragEnterEvent(
        *(QPoint(50, 50), Qt.DropAction.CopyAction, mime, LEFT),
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(panel, event)
    assert panel.list.isVisible()


def test_the_list_lets_drops_through_to_the_panel(panel: ImagesPanel) -> None:
    assert not panel.list.acceptDrops()
    assert not panel.list.viewport().acceptDrops()


def test_files_and_folders_can_be_chosen(
    qtbot: QtBot, panel: ImagesPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        QFileDialog, "getOpenFileNames", lambda *_: (["x.tif", "y.tif"], "")
    )
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "folder")
    qtbot.mouseClick(panel.open_button, LEFT)
    assert panel.menu.isVisible()
    files, folder = panel.menu.actions()
    with qtbot.waitSignal(panel.open_requested) as asked:
        qtbot.mouseClick(
            panel.menu, LEFT, pos=panel.menu.actionGeometry(files).center()
        )
    assert asked.args == [[Path("x.tif"), Path("y.tif")]]
    with qtbot.waitSignal(panel.open_requested) as asked:
        folder.trigger()
    assert asked.args == [[Path("folder")]]


def test_a_chooser_that_is_cancelled_asks_for_nothing(
    qtbot: QtBot, panel: ImagesPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([], ""))
    with qtbot.assertNotEmitted(panel.open_requested):
        panel.menu.actions()[0].trigger()


def test_only_rows_that_changed_are_read_again(panel: ImagesPanel) -> None:
    rows = tuple(ImageRow(str(at), f"{at}.tif") for at in range(2000))
    panel.show(LoopState(images=rows, current="3"))
    changes: list[tuple[int, int]] = []
    resets: list[object] = []
    panel.list.rows.dataChanged.connect(
        lambda first, last: changes.append((first.row(), last.row()))
    )
    panel.list.rows.modelReset.connect(lambda: resets.append(None))
    panel.show(LoopState(images=rows, current="3", saved="just now"))
    assert changes == []
    newer = (*rows[:7], replace(rows[7], state="done"), *rows[8:])
    panel.show(LoopState(images=newer, current="3"))
    assert changes == [(7, 7)]
    longer = (*newer, ImageRow("more", "more.tif"))
    panel.show(LoopState(images=longer, current="3"))
    assert panel.list.rows.rowCount() == 2001
    assert resets == []
    panel.show(LoopState(images=rows[:5], current="3"))
    assert panel.list.rows.rowCount() == 5
    assert selected(panel) == ["3.tif"]


@pytest.mark.parametrize("seen", [(200, 200, 200), (200, 60, 130)])
def test_thumbnails_are_drawn_as_they_are(
    qtbot: QtBot, panel: ImagesPanel, seen: tuple[int, int, int]
) -> None:
    thumbnail = np.full((64, 63, 3), seen, np.uint8)  # rows of colours need no padding
    if len(set(seen)) == 1:
        thumbnail = thumbnail[..., 0]
    row = ImageRow("t", "thumbnail.tif", thumbnail=thumbnail)
    panel.show(LoopState(images=(row,), current="t"))
    view = panel.list
    box = view.visualRect(view.rows.index(0))
    picture = view.viewport().grab().toImage()
    ratio = picture.devicePixelRatio()
    colour = picture.pixelColor(
        round((box.left() + 28) * ratio), round(box.center().y() * ratio)
    )
    assert (colour.red(), colour.green(), colour.blue()) == seen


def test_the_line_says_how_the_image_is_read(panel: ImagesPanel) -> None:
    line = panel.reading
    assert line.axes.text() == "one plane"
    assert line.channel.currentText() == "DAPI"
    assert line.depth.text() == "16 bit"
    assert line.pixel_size.text() == "0.325 µm"
    assert line.diameter.text() == "≈ 32 px"
    assert line.isVisible()
    assert "Axes in the file: CYX" in line.axes.parentWidget().toolTip()


def test_what_is_not_known_is_said(panel: ImagesPanel) -> None:
    reading = Reading("YX", "complex64", ("0",), "0")
    panel.show(replace(STATE, reading=reading))
    assert not panel.reading.channel.isVisible()
    assert panel.reading.depth.text() == "complex64"
    assert panel.reading.pixel_size.text() == "? µm"
    assert panel.reading.diameter.text() == "auto"
    panel.show(replace(STATE, reading=None))
    assert panel.reading.axes.text() == ""
    assert not panel.reading.diameter.isVisible()


@pytest.mark.parametrize(
    ("names", "channel", "shown", "picked", "asked"),
    [
        (("DAPI", "GFP"), "gfp", ["DAPI", "GFP"], 0, "DAPI"),
        (("0", "1"), "1", ["channel 0", "channel 1"], 0, "0"),
        (("1", "2"), "1", ["channel 1", "channel 2"], 1, "2"),
        (("GFP", "GFP"), "0", ["GFP", "GFP"], 1, "1"),
        (
            ("red", "green", "blue"),
            "",
            ["all channels", "red", "green", "blue"],
            2,
            "green",
        ),
    ],
)
def test_another_channel_can_be_chosen(
    qtbot: QtBot,
    panel: ImagesPanel,
    names: tuple[str, ...],
    channel: str,
    shown: list[str],
    picked: int,
    asked: str,
) -> None:
    reading = replace(READING, channel_names=names, channel=channel)
    panel.show(replace(STATE, reading=reading))
    combo = panel.reading.channel
    assert [combo.itemText(at) for at in range(combo.count())] == shown
    combo.showPopup()
    view = combo.view()
    with qtbot.waitSignal(panel.reading_changed) as changed:
        index = combo.model().index(picked, 0)
        view.setCurrentIndex(index)
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert changed.args == [{"channel": asked}]


def type_into(qtbot: QtBot, edit: Any, text: str) -> None:
    qtbot.mouseClick(edit, LEFT)
    qtbot.keyClicks(edit, text)
    qtbot.keyClick(edit, Qt.Key.Key_Return)


def test_in_a_high_window_more_images_are_seen(
    qtbot: QtBot, panel: ImagesPanel
) -> None:
    rows = tuple(ImageRow(str(at), f"{at}.tif") for at in range(50))
    panel.show(LoopState(images=rows, current="0"))
    view = panel.list
    panel.resize(356, panel.minimumSizeHint().height())
    qtbot.waitUntil(lambda: view.height() < 100)
    panel.resize(356, 1000)
    seven = view.rows.index(7)
    qtbot.waitUntil(
        lambda: view.viewport().rect().contains(view.visualRect(seven).center())
    )


def test_a_choice_that_is_cut_off_says_so(panel: ImagesPanel) -> None:
    long = "DAPI and more than there is room for in any dock"
    reading = replace(READING, channel_names=(long, "GFP"), channel=long)
    panel.show(replace(STATE, reading=reading))
    panel.layout().activate()
    combo = panel.reading.channel
    assert combo.shown_text != long
    assert combo.shown_text.endswith("…")
    assert not panel.reading.depth.isVisible()  # which matters less
    assert f"{long} · 16 bit" in combo.parentWidget().toolTip()
    panel.show(STATE)
    panel.layout().activate()
    assert combo.shown_text == "DAPI"
    assert panel.reading.depth.isVisible()


def test_choices_are_listed_whole_where_the_chosen_one_is_short(
    qtbot: QtBot, panel: ImagesPanel
) -> None:
    with qtbot.waitExposed(panel):
        QWidget.show(panel)  # its own `show` is given a state
    combo = panel.task
    combo.showPopup()
    view = combo.view()
    longest = view.sizeHintForColumn(0)
    assert combo.width() < longest
    assert view.viewport().width() >= longest
    combo.hidePopup()


def test_diameter_and_pixel_size_can_be_typed(qtbot: QtBot, panel: ImagesPanel) -> None:
    for edit, typed, asked in (
        (panel.reading.diameter, "40", {"diameter": 40.0}),
        (panel.reading.pixel_size, "0,5", {"pixel_size": 0.5}),
    ):
        with qtbot.waitSignal(panel.reading_changed) as changed:
            type_into(qtbot, edit, typed)
        assert changed.args == [asked]
        assert not edit.hasFocus()
    assert panel.reading.diameter.text() == "40 px"


def test_an_emptied_diameter_is_found_by_itself_again(
    qtbot: QtBot, panel: ImagesPanel
) -> None:
    reading = replace(READING, diameter=25.0)
    panel.show(replace(STATE, reading=reading))
    edit = panel.reading.diameter
    assert edit.text() == "25 px"
    qtbot.mouseClick(edit, LEFT)
    qtbot.keyClick(edit, Qt.Key.Key_Backspace)
    with qtbot.waitSignal(panel.reading_changed) as changed:
        qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert changed.args == [{"diameter": None}]


@pytest.mark.parametrize("typed", ["", "large", "-3", "0", "nan", "inf", "32.2.1"])
def test_nonsense_in_the_line_changes_nothing(
    qtbot: QtBot, panel: ImagesPanel, typed: str
) -> None:
    edit = panel.reading.pixel_size
    with qtbot.assertNotEmitted(panel.reading_changed):
        type_into(qtbot, edit, typed)
    assert edit.text() == "0.325 µm"


def test_what_can_be_typed_is_said_until_something_else_is_done(
    qtbot: QtBot, panel: ImagesPanel
) -> None:
    said, edit = panel.reading.refusal, panel.reading.diameter
    panel.resize(356, 400)
    places = [panel.lock_button.geometry(), panel.reading.geometry()]
    assert not said.isVisible()
    for typed in ("0.5a", "-3", "abc"):
        type_into(qtbot, edit, typed)
        assert said.isVisible()
        assert f"“{typed}” is no diameter: type 25" in said.text()
        assert said.shown_lines() == [said.text()]
        assert [panel.lock_button.geometry(), panel.reading.geometry()] == places
        assert panel.focusWidget() is None
        qtbot.mouseClick(said, LEFT)
        assert not said.isVisible()
    type_into(qtbot, panel.reading.pixel_size, "0.5a")
    assert "type 0.65" in said.text()
    panel.show(replace(STATE, reading=replace(READING, diameter_found=30.0)))
    assert said.isVisible()  # what the engine says meanwhile is nobody's action
    panel.show(replace(STATE, current="another"))
    assert not said.isVisible()
    with qtbot.waitSignal(panel.reading_changed) as changed:
        type_into(qtbot, panel.reading.pixel_size, "0.5 um")
    assert changed.args == [{"pixel_size": 0.5}]
    assert not said.isVisible()


def test_what_can_be_typed_is_said_for_a_while(
    qtbot: QtBot, panel: ImagesPanel
) -> None:
    panel.reading._rest.setInterval(50)
    type_into(qtbot, panel.reading.diameter, "abc")
    assert panel.reading.refusal.isVisible()
    qtbot.waitUntil(panel.reading.diameter.isVisible)
    assert panel.reading.diameter.text() == "≈ 32 px"


def test_escape_takes_back_what_was_typed(qtbot: QtBot, panel: ImagesPanel) -> None:
    edit = panel.reading.pixel_size
    qtbot.mouseClick(edit, LEFT)
    qtbot.keyClicks(edit, "9")
    with qtbot.assertNotEmitted(panel.reading_changed):
        qtbot.keyClick(edit, Qt.Key.Key_Escape)
    assert edit.text() == "0.325 µm"


def test_what_is_being_typed_is_not_overwritten(
    qtbot: QtBot, panel: ImagesPanel
) -> None:
    edit = panel.reading.diameter
    qtbot.mouseClick(edit, LEFT)
    qtbot.keyClicks(edit, "4")
    panel.show(replace(STATE, reading=replace(READING, diameter_found=28.0)))
    qtbot.keyClicks(edit, "0")
    with qtbot.waitSignal(panel.reading_changed) as changed:
        qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert changed.args == [{"diameter": 40.0}]
