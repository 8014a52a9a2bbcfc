"""Numbers and choices that stand within a line of text and can be changed there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QLineEdit,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
)

if TYPE_CHECKING:
    from qtpy.QtGui import (
        QFocusEvent,
        QKeyEvent,
        QMouseEvent,
        QPaintEvent,
        QWheelEvent,
    )
    from qtpy.QtWidgets import QWidget

__all__ = ["InlineCombo", "InlineNumber"]

# Looks like text with a dotted line below it, which says that it can be changed.
_LIKE_TEXT = """
%(kind)s { background: transparent; border: none; min-height: 0px; padding: 0px 1px;
  border-bottom: 1px dotted rgba(128, 128, 128, 220); border-radius: 0px;
  font-size: %(points).1fpt; }
%(kind)s:hover, %(kind)s:focus { background: rgba(128, 128, 128, 70); }
"""
# What keyboards have instead.
_TYPED = {"µm": "um"}
_ARROW, _BESIDE_TEXT = 12, 16  # pixels of a choice: the arrow, without air and with it
_SMALL_ARROW = """
QComboBox::drop-down { width: 10px; border: none; }
QComboBox::down-arrow { width: 8px; }
"""


def _style(widget: QWidget, sheet: str) -> None:
    # Setting a style sheet is slow, the same one too.
    if widget.styleSheet() != sheet:
        widget.setStyleSheet(sheet)


class InlineNumber(QLineEdit):
    """A number within a line of text: click, type, Enter; Esc takes it back.

    Signals: ``edited(value)``; ``refused(sentence)`` when what was typed is no number
    above 0, with an empty sentence when that is over.

    Parameters
    ----------
    name : str
        What it is, for those who can't see the line.
    unit : str
        Behind the number.
    tip : str
        Tooltip.
    expected : str
        What it is none of, and what can be typed, as the end of a sentence.
    """

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, name: str, unit: str, tip: str, expected: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._unit = unit
        self._expected = expected
        self._value: float | None = None
        self._shown = ""
        self.setToolTip(tip)
        self.write_at(self.font().pointSizeF())
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus | Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.textChanged.connect(self.updateGeometry)

    def write_at(self, points: float) -> None:
        """Take the size of the text around it."""
        _style(self, _LIKE_TEXT % {"kind": "QLineEdit", "points": points})

    def set_value(self, value: float | None, instead: str) -> None:
        """Show a value, or what stands in its place where there is none."""
        self._value = value
        self._shown = instead if value is None else f"{value:.4g} {self._unit}"
        if not self.hasFocus():
            self.setText(self._shown)

    def sizeHint(self) -> QSize:
        """Give the size of the text; room to type while it is edited."""
        wide = self.fontMetrics().horizontalAdvance(self.text() or " ") + 7
        return QSize(
            max(wide, 44 if self.hasFocus() else 0), self.fontMetrics().height() + 3
        )

    def minimumSizeHint(self) -> QSize:
        """Give the same."""
        return self.sizeHint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Leave the bare number to be overwritten."""
        super().focusInEvent(event)
        self.refused.emit("")
        self.setText("" if self._value is None else f"{self._value:.6g}")
        self.selectAll()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take what was typed."""
        super().focusOutEvent(event)
        self._take()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Keep all selected after the click that began to edit."""
        fresh = not self.isModified() and not self.hasSelectedText()
        super().mouseReleaseEvent(event)
        if fresh:
            self.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter ends, Esc takes back; neither reaches the viewer, where they act."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clearFocus()  # which takes it, unless it had none
            self._take()
        elif event.key() == Qt.Key.Key_Escape:
            self.setText(self._shown)
            self.clearFocus()
        else:
            super().keyPressEvent(event)
            event.accept()

    def _take(self) -> None:
        typed, before = self.text(), self._value
        changed = self.isModified()
        self.setModified(False)
        value = before
        if changed:
            try:
                value = self._read(typed)
            except ValueError:
                self.refused.emit(f"“{typed}” is {self._expected}.")
            else:
                self.refused.emit("")
        if value == before:
            self.setText(self._shown)
            return
        self.set_value(value, "…")
        self.edited.emit(value)

    def _read(self, typed: str) -> float | None:
        """Read a number above 0; nothing and ``auto`` mean that there is none.

        Raises
        ------
        ValueError
            If it is none.
        """
        text = typed.casefold()
        for unit in (self._unit.casefold(), _TYPED.get(self._unit, self._unit)):
            text = text.replace(unit, "")
        text = text.replace(",", ".").replace("≈", "").strip()
        if text in ("", "auto"):
            return None
        value = float(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value


class InlineCombo(QComboBox):
    """A choice within a line of text; gives way where the line is too long.

    Parameters
    ----------
    name : str
        What it is, for those who can't see the line.
    tip : str
        Tooltip.
    """

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.write_at(self.font().pointSizeF())
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def write_at(self, points: float) -> None:
        """Take the size of the text around it."""
        sheet = _LIKE_TEXT % {"kind": "QComboBox", "points": points}
        _style(self, sheet + _SMALL_ARROW)

    def sizeHint(self) -> QSize:
        """Give the size of the text that is shown, not of the longest."""
        metrics = self.fontMetrics()
        wide = metrics.horizontalAdvance(self.currentText()) + _BESIDE_TEXT
        return QSize(wide, metrics.height() + 3)

    def minimumSizeHint(self) -> QSize:
        """Give room for a few letters."""
        return QSize(min(self.sizeHint().width(), 44), self.sizeHint().height())

    @property
    def shown_text(self) -> str:
        """What there is room for; where that is not all, it ends in "…"."""
        room = self.width() - _ARROW
        more = Qt.TextElideMode.ElideRight
        text: str = self.fontMetrics().elidedText(self.currentText(), more, room)
        return text

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self.shown_text
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def showPopup(self) -> None:
        """List the choices whole, though the text that is shown may be short."""
        view = self.view()
        frame = view.verticalScrollBar().sizeHint().width() + 2 * view.frameWidth()
        view.setMinimumWidth(view.sizeHintForColumn(0) + frame)
        super().showPopup()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to what scrolls: nothing changes by accident."""
        event.ignore()
