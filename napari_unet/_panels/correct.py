"""Step 2: the tools, each with its key, and how masks are shown and made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from napari_unet._panels.button import Button
from napari_unet._panels.classes import ClassList
from napari_unet._panels.look import Heading, Lines
from napari_unet._panels.slider import NamedSlider, Sliders

if TYPE_CHECKING:
    from napari_unet._state import LoopState

__all__ = ["CorrectPanel"]


@dataclass(frozen=True)
class _Tool:
    text: str
    key: str
    tip: str
    hint: str = ""  # once it was clicked and waits for the pointer
    more: str = ""  # behind the key in the tooltip

    @property
    def written_key(self) -> str:
        """The key as people of this system write it."""
        native = QKeySequence.SequenceFormat.NativeText
        several = "+" in self.key
        return QKeySequence(self.key).toString(native) if several else self.key

    @property
    def cap(self) -> str:
        """The same, short enough to be drawn; as in napari's own lists of keys."""
        return self.written_key.replace("Shift", "⇧")

    def say(self) -> str:
        """Give the tooltip."""
        return f"{self.tip} ({self.written_key}){self.more}"


_TOOLS = {
    "accept": _Tool(
        *("Accept", "A", "The nucleus under the pointer is right"),
        "Click what is right",
    ),
    "delete": _Tool(
        *("Delete", "D", "Remove the nucleus under the pointer"),
        "Click what to remove",
    ),
    "split": _Tool(
        *("Split", "S", "Drag a line across a nucleus to cut it in two"),
        "Drag across the nucleus",
    ),
    "join": _Tool(
        *("Join", "J", "Drag a line across parts that are one nucleus"),
        "Drag across the parts",
    ),
    "new": _Tool(
        *("New", "N", "Paint a nucleus that is missing"),
        "Paint the nucleus",
    ),
    "ignore": _Tool(
        *("Ignore", "I", "Never use the nucleus under the pointer"),
        "Click what to ignore",
    ),
    "box": _Tool(
        *("View is right", "⏎", "All in view is right; go to the next place"),
        "Drag a box that is right",
        ".\nOf a part: press Shift+Enter, or click here with Shift, then drag a box",
    ),
    "undo": _Tool("Undo", "Ctrl+Z", "Take the last correction back"),
    "redo": _Tool("Redo", "Ctrl+Shift+Z", "Do again what was taken back"),
}
# What tools mean where tissue classes are told apart; others are hidden there.
_OF_CLASSES = {
    "ignore": _Tool(
        *("Ignore", "I", "Drag a box that is never used; again: use it"),
        "Drag a box to ignore",
    ),
    "box": _TOOLS["box"],
    "undo": _TOOLS["undo"],
    "redo": _TOOLS["redo"],
}
_ROWS = (
    *(("accept", "delete", "split"), ("join", "new", "ignore")),
    ("box", "undo", "redo"),
)


MISSED_MS = 5000
"""How long it is said that there was nothing to correct."""


class CorrectPanel(QWidget):
    """Step 2 of the dock."""

    tool_requested = Signal(str)
    outlines_requested = Signal(bool)
    probabilities_requested = Signal(bool)
    threshold_changed = Signal(float)
    min_size_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._armed = ""
        self._outlines = True
        self._can: tuple[bool, bool, bool] | None = None
        self._task = "nuclei"
        self._tools = _TOOLS
        self._painting = self._missed = ""
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(MISSED_MS)
        self._rest.timeout.connect(lambda: self.show_missed(""))
        self.classes = ClassList()
        self.hint = Lines(1, right=True)
        self.buttons = {name: self._button(name) for name in _TOOLS}
        self.outlines = Button(
            "Outlines",
            key="O",
            picture="ticked",
            tip="Show outlines instead of filled nuclei (O)",
            quiet=True,
        )
        self.outlines.setCheckable(True)
        self.outlines.clicked.connect(self._on_outlines)
        self.probabilities = Button(
            "Probabilities",
            picture="unticked",
            tip="Have a layer a class with its probability",
            quiet=True,
        )
        self.probabilities.setCheckable(True)
        self.probabilities.clicked.connect(self._on_probabilities)
        self.threshold = NamedSlider(
            *("Threshold", 0.1, 0.9, self),
            tip="How sure the model must be that a pixel is nucleus; "
            "lower finds more, higher finds less",
        )
        self.threshold.moved.connect(self.threshold_changed)
        self.min_size = NamedSlider(
            *("Min. size", 0.0, 1.0, self),
            power=2.0,
            percent=True,
            tip="Leave out what is smaller than this part of a typical nucleus",
        )
        self.min_size.moved.connect(self.min_size_changed)
        self._lay_out()

    def _button(self, name: str) -> Button:
        tool = _TOOLS[name]
        button = Button(tool.text, key=tool.cap, tip=tool.say())
        button.setCheckable(bool(tool.hint))
        button.clicked.connect(lambda: self._on_clicked(name))
        return button

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        top = QHBoxLayout()
        top.addWidget(Heading("2  Correct"))
        top.addWidget(self.hint, 1)
        top.addSpacing(4)
        top.addWidget(self.outlines)
        column.addLayout(top)
        column.addWidget(self.classes)
        rows = [[self.buttons[name] for name in names] for names in _ROWS]
        rows[1] = [*self.classes.buttons, *rows[1], self.probabilities]
        for buttons in rows:
            row = QHBoxLayout()
            row.setSpacing(4)
            for button in buttons:
                row.addWidget(button, 1)
            column.addLayout(row)
        column.addSpacing(2)
        self._sliders = Sliders(self.threshold, self.min_size)
        column.addLayout(self._sliders)
        self._show_task()

    def be_low(self, low: bool) -> None:
        """Take less height, in a low window."""
        self._sliders.be_low(low)

    def show(self, state: LoopState) -> None:
        """Show which tools can be used, and how masks are shown and made."""
        if state.task != self._task:
            self._task = state.task
            self._show_task()
        self._show_classes(state)
        can = (bool(state.current), state.can_undo, state.can_redo)
        if can != self._can:
            self._can = can
            for name, button in self.buttons.items():
                button.setEnabled(
                    {"undo": state.can_undo, "redo": state.can_redo}.get(name, can[0])
                )
            self.outlines.setEnabled(can[0])
            for part in (self.classes, *self.classes.buttons, self.probabilities):
                part.setEnabled(can[0])
            self.threshold.set_enabled(can[0])
            self.min_size.set_enabled(can[0])
        self._outlines = state.shown.outlines
        self.outlines.setChecked(self._outlines)
        self.outlines.set_face("Outlines", "ticked" if self._outlines else "unticked")
        # Before an image is open there is no model whose numbers these would be.
        self.threshold.set_value(state.shown.threshold if can[0] else None)
        self.min_size.set_value(state.shown.min_size if can[0] else None)

    def show_tool(self, name: str) -> None:
        """Mark the tool that waits for the pointer; an empty name marks none."""
        self._armed = name
        for key, button in self.buttons.items():
            button.setChecked(key == name)
        self.show_missed("")

    def show_missed(self, sentence: str) -> None:
        """Say for a while that there was nothing to correct; empty: no more."""
        self._missed = sentence
        if sentence:
            self._rest.start()
        self._say_hint()

    def _show_task(self) -> None:
        """Show the tools of what is segmented, and no others."""
        classes = self._task == "classes"
        self._tools = _OF_CLASSES if classes else _TOOLS
        for name, button in self.buttons.items():
            button.setVisible(name in self._tools)
            if name in self._tools:
                tool = self._tools[name]
                button.setText(tool.text)
                button.setToolTip(tool.say())
        for part in (self.classes, *self.classes.buttons, self.probabilities):
            part.setVisible(classes)
        self.threshold.set_visible(not classes)
        self.min_size.set_visible(not classes)
        shown = "areas" if classes else "nuclei"
        self.outlines.setToolTip(f"Show outlines instead of filled {shown} (O)")

    def _show_classes(self, state: LoopState) -> None:
        """Show the classes, and say which one is painted."""
        self.classes.show_classes(state.classes, state.brush)
        painting = ""
        if state.task == "classes" and state.current:
            names = [row.name for row in state.classes]
            brush = state.brush
            painting = "Choose a class and paint"
            if brush == 0:
                painting = "Erasing"
            elif brush is not None and brush <= len(names):
                painting = f"Painting {names[brush - 1]}"
        if painting != self._painting:
            self._painting = painting
            self._say_hint()
        wanted = state.shown.probabilities
        self.probabilities.setChecked(wanted)
        picture = "ticked" if wanted else "unticked"
        self.probabilities.set_face(self.probabilities.text(), picture)

    def _say_hint(self) -> None:
        tool = self._tools.get(self._armed)
        if self._missed:
            self.hint.say(self._missed, "wrong")
        else:
            self.hint.say(tool.hint if tool is not None else self._painting)

    def _on_clicked(self, name: str) -> None:
        # What looks pressed is what is armed, not what was clicked.
        self.buttons[name].setChecked(name == self._armed)
        shift = Qt.KeyboardModifier.ShiftModifier
        part = name == "box" and QApplication.keyboardModifiers() & shift
        self.tool_requested.emit("part" if part else name)

    def _on_probabilities(self, wanted: bool) -> None:
        self.probabilities.setChecked(not wanted)
        self.probabilities_requested.emit(wanted)

    def _on_outlines(self, wanted: bool) -> None:
        self.outlines.setChecked(self._outlines)
        self.outlines_requested.emit(wanted)
