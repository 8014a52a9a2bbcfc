"""What all docks of a viewer share: where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRect, Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

from napari_unet._desk import Docked

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class _Tall(Docked):
    """A dock of which some pixels are below the fold."""

    below = 100

    @property
    def out_of_sight(self) -> int:
        return self.below


def _window(qtbot: QtBot, widget: Docked) -> tuple[QMainWindow, QRect]:
    window = QMainWindow()
    qtbot.addWidget(window)
    dock = QDockWidget(window)
    dock.setWidget(widget)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    return window, window.screen().availableGeometry()


def test_a_window_never_opens_larger_than_its_screen(qtbot: QtBot) -> None:
    window, free = _window(qtbot, Docked())
    window.resize(free.width() + 180, free.height() - 50)
    window.show()
    qtbot.waitUntil(lambda: window.frameGeometry().width() <= free.width())
    assert window.height() == free.height() - 50


def test_a_window_becomes_as_high_as_its_dock_needs(qtbot: QtBot) -> None:
    window, free = _window(qtbot, _Tall())
    window.setGeometry(free.left() + 20, free.bottom() - 330, 500, 300)
    window.show()
    qtbot.waitUntil(lambda: window.height() == 400)
    assert window.width() == 500
    assert free.contains(window.frameGeometry())


def test_docks_leave_room_for_the_image(qtbot: QtBot) -> None:
    window, free = _window(qtbot, Docked())
    image = QWidget()
    window.setCentralWidget(image)
    window.resize(300, 300)
    window.show()
    qtbot.waitUntil(lambda: image.width() == 416)
    assert window.height() == 300
    assert free.contains(window.frameGeometry())


def test_it_becomes_no_higher_than_the_screen(qtbot: QtBot) -> None:
    window, free = _window(qtbot, _Tall())
    window.resize(500, free.height() - 40)
    window.show()
    qtbot.waitUntil(lambda: window.frameGeometry().height() == free.height())
    assert window.frameGeometry().top() == free.top()


def test_a_window_that_is_high_enough_stays_as_it_is(qtbot: QtBot) -> None:
    tall = _Tall()
    tall.below = 0
    window, free = _window(qtbot, tall)
    window.setGeometry(free.left() + 20, free.top() + 30, 500, 300)
    window.show()
    qtbot.waitExposed(window)
    for _ in range(5):
        QApplication.processEvents()
    assert window.geometry() == QRect(free.left() + 20, free.top() + 30, 500, 300)
