"""Step 2: the tools, each with its key, and how masks are shown and made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from napari_unet._panels.button import Button
from napari_unet._panels.look import Heading, Lines
from napari_unet._panels.slider import NamedSlider

if TYPE_CHECKING:
    from napari_unet._state import LoopState

__all__ = ["CorrectPanel"]


@dataclass(frozen=True)
class _Tool:
    text: str
    key: str
    tip: str
    hint: str = ""  # once it was clicked and waits for the pointer


_TOOLS = {
    "accept": _Tool(
        *("Accept", "A", "The nucleus under the pointer is right"),
        "Click the nucleus that is right",
    ),
    "delete": _Tool(
        *("Delete", "D", "Remove the nucleus under the pointer"),
        "Click the nucleus to remove",
    ),
    "split": _Tool(
        *("Split", "S", "Drag a line across a nucleus to cut it in two"),
        "Drag a line across the nucleus",
    ),
    "join": _Tool(
        *("Join", "J", "Drag a line across parts that are one nucleus"),
        "Drag a line across the parts",
    ),
    "new": _Tool(
        *("New", "N", "Paint a nucleus that is missing"),
        "Paint the missing nucleus",
    ),
    "ignore": _Tool(
        *("Ignore", "I", "Never use the nucleus under the pointer"),
        "Click what is never to be used",
    ),
    "box": _Tool(
        *("Box is right", "⏎", "All in view is right; go to the next place"),
        "Drag a box in which all is right",
    ),
    "undo": _Tool("Undo", "Ctrl+Z", "Take the last correction back"),
    "redo": _Tool("Redo", "Ctrl+Shift+Z", "Do again what was taken back"),
}
_ROWS = (
    *(("accept", "delete", "split"), ("join", "new", "ignore")),
    *(("box",), ("undo", "redo")),
)


class CorrectPanel(QWidget):
    """Step 2 of the dock."""

    tool_requested = Signal(str)
    outlines_requested = Signal(bool)
    threshold_changed = Signal(float)
    min_size_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._armed = ""
        self._outlines = True
        self._busy: tuple[bool, bool, bool] | None = None
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
        self.threshold = NamedSlider(
            *("Threshold", 0.1, 0.9, self),
            tip="How sure the model must be that a pixel is nucleus; "
            "lower finds more, higher finds less",
        )
        self.threshold.moved.connect(self.threshold_changed)
        self.min_size = NamedSlider(
            *("Smallest nucleus", 0.0, 1.0, self),
            power=2.0,
            percent=True,
            tip="Leave out what is smaller than this part of a typical nucleus",
        )
        self.min_size.moved.connect(self.min_size_changed)
        self._lay_out()

    def _button(self, name: str) -> Button:
        tool = _TOOLS[name]
        native = QKeySequence.SequenceFormat.NativeText
        key = QKeySequence(tool.key).toString(native) if "+" in tool.key else tool.key
        button = Button(tool.text, key=key, tip=f"{tool.tip} ({key})")
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
        column.addLayout(top)
        rows = [[self.buttons[name] for name in names] for names in _ROWS]
        rows[2].append(self.outlines)
        for buttons in rows:
            row = QHBoxLayout()
            row.setSpacing(4)
            for button in buttons:
                row.addWidget(button, 1)
            column.addLayout(row)
        column.addSpacing(2)
        sliders = QGridLayout()
        sliders.setSpacing(4)
        sliders.setHorizontalSpacing(8)
        self.threshold.add_to(sliders, 0)
        self.min_size.add_to(sliders, 1)
        column.addLayout(sliders)

    def show(self, state: LoopState) -> None:
        """Show which tools can be used, and how masks are shown and made."""
        can = (bool(state.current), state.can_undo, state.can_redo)
        if can != self._busy:
            self._busy = can
            for name, button in self.buttons.items():
                button.setEnabled(
                    {"undo": state.can_undo, "redo": state.can_redo}.get(name, can[0])
                )
            self.outlines.setEnabled(can[0])
            self.threshold.set_enabled(can[0])
            self.min_size.set_enabled(can[0])
        self._outlines = state.shown.outlines
        self.outlines.setChecked(self._outlines)
        self.outlines.set_face("Outlines", "ticked" if self._outlines else "unticked")
        self.threshold.set_value(state.shown.threshold)
        self.min_size.set_value(state.shown.min_size)

    def show_tool(self, name: str) -> None:
        """Mark the tool that waits for the pointer; an empty name marks none."""
        self._armed = name
        for key, button in self.buttons.items():
            button.setChecked(key == name)
        self.hint.say(_TOOLS[name].hint if name in _TOOLS else "")

    def _on_clicked(self, name: str) -> None:
        # What looks pressed is what is armed, not what was clicked.
        self.buttons[name].setChecked(name == self._armed)
        self.tool_requested.emit(name)

    def _on_outlines(self, wanted: bool) -> None:
        self.outlines.setChecked(self._outlines)
        self.outlines_requested.emit(wanted)
