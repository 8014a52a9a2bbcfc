"""The panels in large fonts: what stands side by side is equally large and whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from napari._qt.qt_resources import get_stylesheet
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QLineEdit, QTableView, QWidget

from napari_unet._batch_state import BatchState
from napari_unet._curve import Curve
from napari_unet._panels.advanced import AdvancedPanel
from napari_unet._panels.batch_files import FilesTable
from napari_unet._panels.batch_form import BatchForm
from napari_unet._panels.image_list import ImageList
from napari_unet._panels.images import ImagesPanel
from napari_unet._panels.learn import LearnPanel
from napari_unet._panels.measurements import MeasurementsTable
from napari_unet._state import ImageRow, Learning, LoopState, Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

POINTS = 16
READING = Reading("CYX", "uint16", ("DAPI", "GFP"), "DAPI", 0.3)


@pytest.fixture
def large(qtbot: QtBot) -> Callable[[QWidget], None]:
    """Show a widget in napari's theme with a large font."""

    def show(widget: QWidget) -> None:
        qtbot.addWidget(widget)
        sheet = get_stylesheet("dark", extra_variables={"font_size": f"{POINTS}pt"})
        widget.setStyleSheet(sheet)
        with qtbot.waitExposed(widget):
            QWidget.setVisible(widget, True)

    return show


def test_what_can_be_changed_in_a_line_is_as_large_as_the_line(
    qtbot: QtBot, large: Callable[[QWidget], None]
) -> None:
    panel = ImagesPanel()
    panel.show(LoopState(reading=READING))
    large(panel)
    line = panel.reading
    for part in (panel.task, line.channel, line.pixel_size, line.diameter):
        qtbot.waitUntil(lambda part=part: part.font().pointSizeF() >= POINTS)
    assert panel.hint.font().pointSizeF() >= POINTS


@pytest.mark.parametrize("make", [BatchForm, AdvancedPanel])
def test_what_is_typed_is_as_large_as_its_name(
    make: type[Any], large: Callable[[QWidget], None]
) -> None:
    panel = make()
    if make is AdvancedPanel:
        panel.open(True)
    else:
        panel.show(BatchState(models=(("nuclei", "nuclei"),)))
    large(panel)
    lines = [line for line in panel.findChildren(QLineEdit) if line.isVisible()]
    assert lines
    assert {line.font().pointSizeF() >= POINTS for line in lines} == {True}


def test_parts_of_a_form_stand_in_one_line_with_it(
    qtbot: QtBot, large: Callable[[QWidget], None]
) -> None:
    panel = AdvancedPanel()
    panel.open(True)
    large(panel)
    training = panel.forms["training"]
    forms = [panel.forms["model"], training, *training.parts.values()]

    def places() -> set[int]:
        return {
            field.editor.native.mapTo(panel, field.editor.native.rect().topLeft()).x()
            for form in forms
            for field in form.fields.values()
        }

    # On a busy machine it is shown before all of its fonts are as large.
    qtbot.waitUntil(lambda: len(places()) == 1)


def test_the_titles_of_the_plots_are_whole(large: Callable[[QWidget], None]) -> None:
    panel = LearnPanel()
    curve = Curve((100, 200), (0.9, 0.5), (0.25, 0.5))
    panel.show(LoopState(learning=Learning(phase="running", curve=curve)))
    large(panel)
    panel.resize(panel.minimumSizeHint())
    for plot in (panel.plot.score, panel.plot.loss):
        right = plot.title.mapTo(panel, plot.title.rect().topRight()).x()
        assert right < panel.width()
        assert plot.title.sizeHint().width() <= plot.width()


def test_two_lines_of_text_have_room_in_a_row_of_the_list(
    large: Callable[[QWidget], None],
) -> None:
    view = ImageList()
    view.rows.set_rows((ImageRow("a", "a.tif"),))
    font = view.font()
    font.setPointSizeF(2 * POINTS)
    large(view)
    view.setFont(font)
    view.doItemsLayout()
    row = view.visualRect(view.rows.index(0))
    assert row.height() >= 2 * view.fontMetrics().height()


@pytest.mark.parametrize(
    "make", [ImagesPanel, LearnPanel, BatchForm, FilesTable, MeasurementsTable]
)
def test_who_cannot_see_a_field_is_told_what_it_is(
    qtbot: QtBot, make: Callable[[], QWidget]
) -> None:
    panel = make()
    qtbot.addWidget(panel)
    kinds = (QLineEdit, QComboBox, QAbstractSpinBox, QTableView)
    fields = [panel, *panel.findChildren(QWidget)]
    nameless = [
        field
        for field in fields
        if isinstance(field, kinds)
        and not field.accessibleName()
        and not isinstance(field.parent(), kinds)
    ]
    assert not nameless
