"""The dock "U-Net loop": its panels, and what joins them to the session."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from napari_unet._activity import Activity
from napari_unet._panels.advanced import AdvancedPanel
from napari_unet._panels.correct import CorrectPanel
from napari_unet._panels.images import ImagesPanel
from napari_unet._panels.learn import LearnPanel
from napari_unet._panels.status import StatusLine
from napari_unet._session import Session

if TYPE_CHECKING:
    from napari import Viewer

    from napari_unet._state import LoopState

__all__ = ["LoopWidget", "session_of"]

_SAY = {"info": show_info, "warning": show_warning, "error": show_error}
_SESSIONS: WeakKeyDictionary[Viewer, Session] = WeakKeyDictionary()


def session_of(viewer: Viewer) -> Session:
    """Give a viewer's session, which all its docks share; made when first asked for.

    It ends with the viewer's window, not with a dock.
    """
    # Each dock is given a proxy of its own that hides what is private.
    viewer = getattr(viewer, "__wrapped__", viewer)
    session = _SESSIONS.get(viewer)
    if session is None:
        session = Session(viewer)
        session.said.connect(_say)
        activity = Activity(session)
        session.changed.connect(activity.show)
        session.closed.connect(activity.close)
        _SESSIONS[viewer] = session
        _Ending(viewer, session)
    return session


class LoopWidget(QWidget):
    """Images, Correct and Learn, one below the other, and what is going on.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.session = session = session_of(napari_viewer)
        self.images, self.correct = ImagesPanel(), CorrectPanel()
        self.learn, self.advanced = LearnPanel(), AdvancedPanel()
        self.status = StatusLine()
        self._lay_out()
        images, correct, learn = self.images, self.correct, self.learn
        images.open_requested.connect(session.open)
        images.layer_requested.connect(session.use_layer)
        images.image_requested.connect(session.show_image)
        images.next_requested.connect(session.next)
        images.previous_requested.connect(session.previous)
        images.reading_changed.connect(session.change_reading)
        images.lock_requested.connect(session.lock)
        correct.tool_requested.connect(session.use_tool)
        correct.outlines_requested.connect(session.set_outlines)
        correct.threshold_changed.connect(session.set_threshold)
        correct.min_size_changed.connect(session.set_min_size)
        learn.start_requested.connect(session.start_learning)
        learn.pause_requested.connect(session.pause_learning)
        learn.resume_requested.connect(session.resume_learning)
        learn.stop_requested.connect(session.stop_learning)
        learn.automatic_requested.connect(session.set_automatic)
        learn.model_requested.connect(session.choose_model)
        self.advanced.settings_changed.connect(session.set_training)
        self.advanced.model_changed.connect(session.set_network)
        self.advanced.write(session.learner.settings)
        session.training_set.connect(self.advanced.write)
        session.changed.connect(self._show)
        session.tool_armed.connect(correct.show_tool)
        self._show(session.state)

    def _lay_out(self) -> None:
        inside = QWidget()
        steps = QVBoxLayout(inside)
        steps.setContentsMargins(6, 6, 6, 6)
        steps.setSpacing(10)
        for panel in (self.images, self.correct, self.learn, self.advanced):
            steps.addWidget(panel)
        steps.addStretch()
        area = _Column()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area, 1)
        self.status.setContentsMargins(6, 0, 6, 4)
        layout.addWidget(self.status)

    def _show(self, state: LoopState) -> None:
        panels = (self.images, self.correct, self.learn, self.advanced, self.status)
        for panel in panels:
            panel.show(state)


class _Column(QScrollArea):
    """Scrolls up and down, and is never narrower than what it holds."""

    def minimumSizeHint(self) -> QSize:
        """Give the width of the panels and of the scroll bar."""
        width = self.widget().minimumSizeHint().width()
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(width + bar, super().minimumSizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See the panels become wider."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


class _Ending(QObject):
    """Stores everything when a viewer's window closes, and ends its session."""

    def __init__(self, viewer: Viewer, session: Session) -> None:
        window = viewer.window._qt_window
        super().__init__(window)
        self._session = session
        session.setParent(self)
        window.installEventFilter(self)
        window.destroyed.connect(session.close)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See the window close; it may still be called back."""
        if event.type() == QEvent.Type.Close:
            self._session.save()
        return False


def _say(text: str, level: str) -> None:
    _SAY[level](text)
