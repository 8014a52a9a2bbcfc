"""The column of a dock: what it scrolls to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_unet._panels.column import Column

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def test_it_scrolls_to_what_becomes_larger_and_to_nothing_later(qtbot: QtBot) -> None:
    above, below = QWidget(), QWidget()
    above.setMinimumHeight(150)
    below.setMinimumHeight(20)
    column = Column((above, below))
    qtbot.addWidget(column)
    column.resize(200, 300)
    with qtbot.waitExposed(column):
        column.setVisible(True)
    bar = column.verticalScrollBar()
    column.follow(below)
    below.setMinimumHeight(100)  # there is room
    qtbot.waitUntil(lambda: below.height() >= 100)
    qtbot.waitUntil(lambda: column._followed is None)
    above.setMinimumHeight(400)
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    assert bar.value() == 0
    column.follow(below)
    below.setMinimumHeight(200)
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
