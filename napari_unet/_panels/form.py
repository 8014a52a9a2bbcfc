"""A form made from a dataclass of the engine: a new field appears by itself."""

from __future__ import annotations

import dataclasses
from functools import partial
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from magicgui.widgets import create_widget
from qtpy.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QSpinBox, QWidget

from napari_unet._panels.look import Word, colour, write_at
from unetloop.config import from_dict
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

__all__ = ["Form"]

_LARGEST = 2**31 - 1
_LONGEST = "Steps per epoch"  # of the names of fields


class Form(QWidget):
    """One row a field: its name, a widget of magicgui, and below it what is wrong.

    Parameters
    ----------
    kind : type
        A frozen dataclass that checks itself; nested ones become parts of the form.
    choices : mapping
        Names to choose from, by the name of the field.
    left_out : collection of str
        Fields without a row, nested ones too.
    """

    changed = Signal()

    def __init__(
        self,
        kind: type,
        choices: Mapping[str, Sequence[str]],
        left_out: Collection[str] = (),
    ) -> None:
        super().__init__()
        self._kind = kind
        self.fields: dict[str, _Field] = {}
        self.parts: dict[str, Form] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        hints = get_type_hints(kind)
        for item in dataclasses.fields(kind):
            if item.name in left_out:
                continue
            tip = item.metadata.get("help", "")
            if dataclasses.is_dataclass(hints[item.name]):
                part = Form(hints[item.name], choices, left_out)
                self._add_part(item.name, part, tip)
            elif editor := _editor(
                hints[item.name], _default(item), choices.get(item.name, ())
            ):
                self._add_field(item.name, editor, tip)
        self._trouble = _Trouble()
        self._grid.addWidget(self._trouble, self._grid.rowCount(), 0, 1, 2)

    def _add_part(self, name: str, part: Form, tip: str) -> None:
        title = Word(_spoken(name))
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        title.setToolTip(tip)
        part.changed.connect(self.changed)
        self.parts[name] = part
        row = self._grid.rowCount()
        self._grid.setRowMinimumHeight(row, 26)
        self._grid.addWidget(title, row, 0, 1, 2, Qt.AlignmentFlag.AlignBottom)
        self._grid.addWidget(part, row + 1, 0, 1, 2)

    def _add_field(self, name: str, editor: _Editor, tip: str) -> None:
        field = _Field(editor, _Trouble())
        self.fields[name] = field
        native = editor.native
        native.setToolTip(tip)
        native.setAccessibleName(_spoken(name))
        native.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        native.installEventFilter(self)
        editor.on_change(self.changed.emit)
        label = Word(_spoken(name))
        label.setToolTip(tip)
        label.rewritten.connect(partial(write_at, native))
        label.rewritten.connect(lambda: self._align(label))
        row = self._grid.rowCount()
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(native, row, 1)
        self._grid.addWidget(field.trouble, row + 1, 0, 1, 2)

    def _align(self, label: Word) -> None:
        """Have parts of the form stand in one line with it."""
        metrics = QFontMetrics(label.written_font())
        self._grid.setColumnMinimumWidth(0, metrics.horizontalAdvance(_LONGEST) + 4)

    def read(self) -> dict[str, Any] | None:
        """Give what differs from the defaults; None, and says why, if it is refused."""
        for trouble in (self._trouble, *(f.trouble for f in self.fields.values())):
            trouble.say("")
        values: dict[str, Any] = {}
        fine = True
        for name, field in self.fields.items():
            try:
                value = field.editor.read()
            except ValueError as error:
                field.trouble.say(f"{_spoken(name)} {error}")
                fine = False
                continue
            if value != field.editor.default:
                values[name] = value
        for name, part in self.parts.items():
            inner = part.read()
            fine = fine and inner is not None
            if inner:
                values[name] = inner
        if not fine:
            return None
        try:
            from_dict(self._kind, values)
        except EngineError as error:
            guilty = [name for name in error.received if name in self.fields]
            trouble = self.fields[guilty[0]].trouble if guilty else self._trouble
            named = _spoken(guilty[0]) if guilty else ""
            trouble.say(error.what.replace(guilty[0], named) if guilty else str(error))
            return None
        return values

    def write(self, values: Mapping[str, Any]) -> None:
        """Show these values, nested as `read` gives them, and defaults elsewhere.

        It is not told as a change.
        """
        with QSignalBlocker(self):
            for name, field in self.fields.items():
                field.editor.write(values.get(name, field.editor.default))
            for name, part in self.parts.items():
                part.write(values.get(name, {}))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave the wheel to what scrolls: no setting changes by accident."""
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))


@dataclasses.dataclass(frozen=True)
class _Field:
    editor: _Editor
    trouble: _Trouble


class _Editor:
    """A widget of magicgui that gives and takes a field's value.

    Parameters
    ----------
    widget : magicgui.widgets.bases.ValueWidget
        The widget.
    default : object
        Value of a field that nobody touched.
    """

    def __init__(self, widget: Any, default: Any) -> None:
        self.widget = widget
        self.native: QWidget = widget.native
        self.default = default
        self.write(default)

    def read(self) -> Any:
        """Give the value.

        Raises
        ------
        ValueError
            If what was typed is none; the text says what it must be.
        """
        return self.widget.value

    def write(self, value: Any) -> None:
        """Show a value."""
        self.widget.value = value

    def on_change(self, act: Callable[[], object]) -> None:
        """Call when a value was entered, not at each letter."""
        if isinstance(self.native, QLineEdit):
            self.native.editingFinished.connect(act)
        else:
            self.widget.changed.connect(lambda _: act())


class _NumberEditor(_Editor):
    """A number in a line of text; an empty line is None where that is allowed."""

    def __init__(self, widget: Any, default: Any, kind: type, optional: bool) -> None:
        self._number = kind
        self._optional = optional
        super().__init__(widget, default)
        if optional:
            self.native.setPlaceholderText("auto")

    def read(self) -> Any:
        """Give the number or None."""
        text = self.widget.value.strip().replace(",", ".")
        if self._optional and text.lower() in ("", "auto"):
            return None
        try:
            return self._number(text)
        except ValueError:
            kind = "a whole number" if self._number is int else "a number"
            way_out = ", or empty for auto" if self._optional else ""
            raise ValueError(f"must be {kind}{way_out}.") from None

    def write(self, value: Any) -> None:
        """Show a number or nothing."""
        self.widget.value = "" if value is None else f"{value:.10g}"


def _editor(hint: Any, default: Any, choices: Sequence[str]) -> _Editor | None:
    """Make the widget for a type; None for a type that has no widget here."""
    kind, optional = _without_none(hint)
    if get_origin(kind) is Literal:
        choices = get_args(kind)
    if choices:
        widget = create_widget(
            widget_type="ComboBox", options={"choices": list(choices)}, annotation=str
        )
        return _Editor(widget, default)
    if kind is bool:
        return _Editor(create_widget(annotation=bool), default)
    if kind is int and not optional:
        widget = create_widget(annotation=int, options={"min": 0, "max": _LARGEST})
        spin = widget.native
        if isinstance(spin, QSpinBox):
            spin.setKeyboardTracking(False)
        return _Editor(widget, default)
    if kind in (int, float):
        return _NumberEditor(create_widget(annotation=str), default, kind, optional)
    if kind is str and not optional:
        return _Editor(create_widget(annotation=str), default)
    return None


def _without_none(hint: Any) -> tuple[Any, bool]:
    inner = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) in (Union, UnionType) and len(inner) == 1:
        return inner[0], True
    return hint, False


def _default(item: dataclasses.Field[Any]) -> Any:
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    return item.default


def _spoken(name: str) -> str:
    return name.replace("_", " ").capitalize()


class _Trouble(QLabel):
    """What is wrong with a field; takes no room while nothing is."""

    def __init__(self) -> None:
        super().__init__()
        self.setIndent(0)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setVisible(False)

    def say(self, text: str) -> None:
        """Show a sentence, or nothing."""
        self.setText(text)
        if text:
            self.setStyleSheet(f"color: {colour(self, 'wrong').name()};")
        self.setVisible(bool(text))
