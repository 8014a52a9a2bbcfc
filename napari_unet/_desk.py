"""What all docks of a viewer share: its loop, and its batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_unet._activity import Activity
from napari_unet._batch_desk import BatchDesk
from napari_unet._session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari import Viewer
    from qtpy.QtGui import QShowEvent

__all__ = [
    "BATCH",
    "LOOP",
    "PLUGIN",
    "Docked",
    "batch_of",
    "open_dock",
    "session_of",
]

PLUGIN, LOOP, BATCH = "napari-unet-loop", "U-Net loop", "Batch predict a folder"
"""Names of the plugin and of its docks, as in napari's menu."""

_LEAST_IMAGE = 416
"""Pixels of the screen that docks should leave of the image's width: less would cut
napari's notifications off."""
_SAY = {"info": show_info, "warning": show_warning, "error": show_error}
_SESSIONS: WeakKeyDictionary[Viewer, Session] = WeakKeyDictionary()
_BATCHES: WeakKeyDictionary[Viewer, BatchDesk] = WeakKeyDictionary()


def session_of(viewer: Viewer) -> Session:
    """Give a viewer's session, which all its docks share; made when first asked for.

    It ends with the viewer's window, not with a dock. An engine that stopped for good
    is started again when the dock is opened again.
    """
    viewer = _bare(viewer)
    session = _SESSIONS.get(viewer)
    if session is None:
        session = Session(viewer)
        session.said.connect(_say)
        activity = Activity(session)
        session.changed.connect(activity.show)
        session.closed.connect(activity.close)
        _SESSIONS[viewer] = session
        _Ending(viewer, _SESSIONS, session.close, session.save)
        if viewer in _BATCHES:
            _BATCHES[viewer].join(session)
    session.engine.start()
    return session


def batch_of(viewer: Viewer) -> BatchDesk:
    """Give a viewer's batches, which all its docks share; made when first asked for."""
    viewer = _bare(viewer)
    desk = _BATCHES.get(viewer)
    if desk is None:
        desk = BatchDesk(viewer, _SESSIONS.get(viewer))
        desk.said.connect(_say)

        def fix(paths: Any, known: Any) -> None:
            open_dock(viewer, LOOP)
            session_of(viewer).entrance.fix(paths, known)

        desk.fix_wanted.connect(fix)
        _BATCHES[viewer] = desk
        _Ending(viewer, _BATCHES, desk.close)
    desk.batch.engine.start()
    return desk


def open_dock(viewer: Viewer, name: str) -> None:
    """Show one of our docks, ``LOOP`` or ``BATCH``, which may be open already."""
    window = _bare(viewer).window
    dock, _ = window.add_plugin_dock_widget(PLUGIN, name, tabify=True)
    dock.show()
    dock.raise_()


class Docked(QWidget):
    """A widget whose dock lies over another of ours that is in the same place.

    napari's menu puts docks one below the other; ours need the height, and the second
    one would be left with a strip of it.

    Where the screen has room, the window becomes as high as it takes to see it whole.
    """

    _placed = False

    @property
    def out_of_sight(self) -> int:
        """How many pixels of its height one would have to scroll to."""
        return 0

    def showEvent(self, event: QShowEvent) -> None:
        """Take the place when it is shown for the first time."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            QTimer.singleShot(0, self._take_place)

    def _take_place(self) -> None:
        dock = _dock_of(self)
        window = None if dock is None else dock.parentWidget()
        if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
            return
        _fit_screen(window, self.out_of_sight)
        area = window.dockWidgetArea(dock)
        for other in window.findChildren(QDockWidget):
            ours = PLUGIN in other.windowTitle() and other.isVisible()
            here = window.dockWidgetArea(other) == area and not other.isFloating()
            if other is not dock and ours and here:
                window.tabifyDockWidget(other, dock)
                dock.raise_()
                return


def _fit_screen(window: QMainWindow, lacking: int) -> None:
    """Let a window be as large as dock and image need, but no larger than its screen.

    Parameters
    ----------
    window : QMainWindow
        The viewer's.
    lacking : int
        Pixels of its height that the dock lacks.
    """
    screen = window.screen()
    if screen is None or window.isMaximized() or window.isFullScreen():
        return
    free, frame = screen.availableGeometry(), window.frameGeometry()
    image = window.centralWidget()
    narrow = 0 if image is None else max(_LEAST_IMAGE - image.width(), 0)
    wished = frame.adjusted(0, 0, narrow, lacking)
    size = wished.size().boundedTo(free.size())
    change = size - frame.size()
    if change.isNull():
        return
    window.resize(window.size() + change)
    # What became another size stays on the screen.
    left = min(frame.left(), free.left() + free.width() - size.width())
    top = min(frame.top(), free.top() + free.height() - size.height())
    window.move(
        max(left, free.left()) if change.width() else frame.left(),
        max(top, free.top()) if change.height() else frame.top(),
    )


def _dock_of(widget: QWidget) -> QDockWidget | None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent


def _bare(viewer: Viewer) -> Viewer:
    # Each dock is given a proxy of its own that hides what is private.
    bare: Viewer = getattr(viewer, "__wrapped__", viewer)
    return bare


class _Ending(QObject):
    """Stores everything when a viewer's window closes, and ends what it owns."""

    def __init__(
        self,
        viewer: Viewer,
        owned: WeakKeyDictionary[Viewer, Any],
        end: Callable[[], None],
        store: Callable[[], None] = lambda: None,
    ) -> None:
        window = viewer.window._qt_window
        super().__init__(window)
        self._store = store
        owned[viewer].setParent(self)
        window.installEventFilter(self)
        window.destroyed.connect(end)
        # It holds its viewer, and that would never be gone as long as it is here.
        window.destroyed.connect(lambda: owned.pop(viewer, None))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See the window close; it may still be called back."""
        if event.type() == QEvent.Type.Close:
            self._store()
        return False


def _say(text: str, level: str) -> None:
    _SAY[level](text)
