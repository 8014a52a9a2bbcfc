"""What all docks of a viewer share: where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_unet._desk import Docked

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def test_a_window_never_opens_larger_than_its_screen(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    dock = QDockWidget(window)
    dock.setWidget(Docked())
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    free = window.screen().availableGeometry()
    window.resize(free.width() + 180, free.height() - 50)
    window.show()
    qtbot.waitUntil(lambda: window.frameGeometry().width() <= free.width())
    assert window.height() == free.height() - 50
