"""Step 3: what training does, in one button, one sentence and two curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_unet._panels.bar import Bar
from napari_unet._panels.button import Button
from napari_unet._panels.look import Heading, Lines, Word
from napari_unet._panels.plot import CurvePlot
from napari_unet._panels.versus import VersusCard

if TYPE_CHECKING:
    from qtpy.QtGui import QWheelEvent

    from napari_unet._state import Comparison, Learning, LoopState

__all__ = ["LearnPanel"]

_PLOT_HEIGHT = 84
# Phase: text and pictogram of the button, whether it and "stop" can be pressed.
_FACES = {
    "idle": ("Learn now", "play", True, False),
    "starting": ("Starting…", "play", False, True),
    "running": ("Pause", "pause", True, True),
    "paused": ("Go on", "play", True, True),
    "stopping": ("Stopping…", "stop", False, False),
}


class _Pages(QStackedWidget):
    """Plots and comparison, one in the other's place, so that nothing moves."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        # By a function: PySide would hand the page's number on.
        self.currentChanged.connect(lambda _: self.updateGeometry())

    def sizeHint(self) -> QSize:
        """Give the height that plots are best read at."""
        return QSize(super().sizeHint().width(), _PLOT_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """Give the height of its words: in a low window the plots give way."""
        shown = self.currentWidget().minimumSizeHint().height()
        return QSize(super().minimumSizeHint().width(), shown)


class LearnPanel(QWidget):
    """Step 3 of the dock."""

    start_requested = Signal()
    pause_requested = Signal()
    resume_requested = Signal()
    stop_requested = Signal()
    automatic_requested = Signal(bool)
    model_requested = Signal(str)
    compare_requested = Signal(bool)
    advanced_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._learning: Learning | None = None
        self._automatic = True
        self.automatic = QCheckBox("Learns by itself")
        self.automatic.setToolTip(
            "Learning starts by itself after the first corrections"
        )
        self.automatic.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.automatic.clicked.connect(self._on_automatic)
        self.main_button = Button("Learn now", picture="play")
        self.main_button.clicked.connect(self._on_main)
        self.stop_button = Button(
            picture="stop", tip="Stop learning; what was learned is kept"
        )
        self.stop_button.clicked.connect(self.stop_requested)
        self.sentence = Lines(2)
        self.advanced = Button(
            "Advanced", picture="closed", tip="Settings of learning", quiet=True
        )
        self.advanced.setCheckable(True)
        self.advanced.toggled.connect(self._on_advanced)
        self.bar = Bar("Progress of learning")
        self.bar.hide()
        self.plot = CurvePlot()
        self.versus = VersusCard()
        self.pages = _Pages()
        self.pages.addWidget(self.plot)
        self.pages.addWidget(self.versus)
        self.pages.setVisible(False)
        self.compare = Button("Compare")
        self.compare.setCheckable(True)
        self.compare.clicked.connect(self._on_compare)
        self._comparison: Comparison | None = None
        self.model = _Models()
        self.model.activated.connect(self._on_model)
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        top = QHBoxLayout()
        top.addWidget(Heading("3  Learn"))
        top.addSpacing(12)
        top.addWidget(Word("Model"))
        top.addWidget(self.model, 1)
        top.addWidget(self.compare)
        column.addLayout(top)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        self.stop_button.setMinimumWidth(32)
        buttons.addWidget(self.main_button, 1)
        buttons.addWidget(self.stop_button)
        buttons.addSpacing(2)
        buttons.addWidget(self.automatic)
        buttons.addWidget(self.advanced)
        column.addLayout(buttons)
        column.addWidget(self.bar)
        column.addWidget(self.sentence)
        column.addWidget(self.pages)

    def be_low(self, low: bool) -> None:
        """Take less height, in a low window."""
        if not low:
            self._open_pages()
        self.sentence.take(1 if low else 2)
        self.versus.sentence.take(2 if low else 3)
        policy = self.bar.sizePolicy()
        # Else nothing beside it moves when it appears.
        policy.setRetainSizeWhenHidden(not low)
        self.bar.setSizePolicy(policy)

    def show(self, state: LoopState) -> None:
        """Show what training does and which model predicts."""
        self.model.show_models(state.models, state.model)
        self._show_comparison(state.comparison)
        learning = state.learning
        if learning is self._learning:
            return
        self._learning = learning
        self._automatic = learning.automatic
        self.automatic.setChecked(learning.automatic)
        text, picture, can_press, can_stop = _FACES[learning.phase]
        can_start = learning.phase != "idle" or not learning.can_start
        self.main_button.set_face(text, picture)
        self.main_button.setEnabled(can_press and can_start)
        self.main_button.setToolTip("" if can_start else learning.can_start)
        self.stop_button.setEnabled(can_stop)
        self.sentence.say(learning.sentence or learning.can_start)
        busy = learning.phase != "idle"
        self.bar.setVisible(busy)
        self.bar.show_share(learning.fraction if busy else 0.0)
        if busy or learning.curve.steps:
            self._open_pages()
        if learning.phase == "starting":
            # Between two sentences nobody notices; between two steps they might.
            self.plot.prepare()
        self.plot.show_curve(learning.curve)

    def _show_comparison(self, comparison: Comparison) -> None:
        if comparison is self._comparison:
            return
        self._comparison = comparison
        self.compare.setChecked(comparison.on)
        self.compare.setEnabled(not comparison.why_not)
        self.compare.setToolTip(
            comparison.why_not
            or f"Show over what is in view what {comparison.before} makes of it, and "
            f"how {comparison.now} differs; nothing is changed"
        )
        self.pages.setCurrentWidget(self.versus if comparison.on else self.plot)
        if comparison.on:
            self._open_pages()
            self.versus.show_comparison(comparison)

    def _open_pages(self) -> None:
        """Give curves and comparison their place, and keep it: nothing moves twice.

        In a low window they get none before anything is learned: step 4 would be out
        of sight behind nothing.
        """
        self.pages.setVisible(True)

    def _on_compare(self, wanted: bool) -> None:
        shown = self._comparison
        self.compare.setChecked(shown is not None and shown.on)
        self.compare_requested.emit(wanted)

    def _on_main(self) -> None:
        phase = self._learning.phase if self._learning else "idle"
        if phase == "running":
            self.pause_requested.emit()
        elif phase == "paused":
            self.resume_requested.emit()
        else:
            self.start_requested.emit()

    def _on_advanced(self, opened: bool) -> None:
        self.advanced.set_face(self.advanced.text(), "open" if opened else "closed")
        self.advanced_toggled.emit(opened)

    def _on_automatic(self, wanted: bool) -> None:
        self.automatic.setChecked(self._automatic)
        self.automatic_requested.emit(wanted)

    def _on_model(self, index: int) -> None:
        name = self.model.itemText(index)
        self.model.restore()
        self.model_requested.emit(name)


class _Models(QComboBox):
    """The models to choose from; shows the one that predicts, not the one wished."""

    def __init__(self) -> None:
        super().__init__()
        self._current = ""
        self._names: tuple[str, ...] = ()
        self.setToolTip("Model that predicts, and that learning starts from")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Model")
        self.setPlaceholderText("none yet")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_models(self, names: tuple[str, ...], current: str) -> None:
        """Show names and the current one; cheap where they are shown already."""
        if (names, current) == (self._names, self._current):
            return
        with QSignalBlocker(self):
            if names != self._names:
                self.clear()
                self.addItems(list(names))
                self._names = names
        self._current = current
        self.restore()

    def restore(self) -> None:
        """Show the model that predicts."""
        with QSignalBlocker(self):
            self.setCurrentIndex(self.findText(self._current))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to what scrolls: no model changes by accident."""
        event.ignore()
