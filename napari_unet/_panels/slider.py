"""A named slider that speaks while it is dragged, but not too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QSizePolicy, QSlider
from superqt.utils import QSignalThrottler

from napari_unet._panels.look import Lines, Word

if TYPE_CHECKING:
    from qtpy.QtGui import QWheelEvent

__all__ = ["NamedSlider", "Sliders"]

INTERVAL_MS = 60
_STEPS = 160
_LEAST_WIDTH = 60  # two stand beside each other in a narrow dock
_GAP = 2  # between two, beside the spacing
_NONE = "–"


class NamedSlider(QObject):
    """Name, slider and value: three widgets beside each other.

    Parameters
    ----------
    name : str
        What it sets.
    low, high : float
        Its ends.
    parent : QObject
        With which it ends.
    power : float
        Above 1, the slider is finer towards ``low``.
    percent : bool
        Show the value as a percentage.
    tip : str
        Tooltip.
    """

    moved = Signal(float)

    def __init__(
        self,
        name: str,
        low: float,
        high: float,
        parent: QObject,
        *,
        power: float = 1.0,
        percent: bool = False,
        tip: str = "",
    ) -> None:
        super().__init__(parent)
        self._low, self._high, self._power = low, high, power
        self._percent = percent
        self.name = Word(name)
        self.slider = _CalmSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setMinimumWidth(_LEAST_WIDTH)
        across = QSizePolicy.Policy.Ignored
        self.slider.setSizePolicy(across, QSizePolicy.Policy.Fixed)
        self.slider.setPageStep(_STEPS // 20)
        self.slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.slider.setAccessibleName(name)
        self.number = Lines(right=True, room="100 %")
        self._write(None)
        for widget in self.parts():
            widget.setToolTip(tip)
        self._throttle = QSignalThrottler(parent=self)
        self._throttle.setTimeout(INTERVAL_MS)
        self._throttle.triggered.connect(lambda: self.moved.emit(self.value()))
        self.slider.valueChanged.connect(self._on_moved)

    def parts(self) -> tuple[Word, QSlider, Lines]:
        """Give name, slider and number, from left to right."""
        return self.name, self.slider, self.number

    def set_enabled(self, enabled: bool) -> None:
        """Let it be used, or not."""
        for widget in self.parts():
            widget.setEnabled(enabled)

    def set_visible(self, visible: bool) -> None:
        """Show it, or take it away."""
        for widget in self.parts():
            widget.setVisible(visible)

    def value(self) -> float:
        """Give what the slider stands at, to the hundredth of its range or finer."""
        share: float = (self.slider.value() / _STEPS) ** self._power
        return round(self._low + share * (self._high - self._low), 6)

    def set_value(self, value: float | None) -> None:
        """Move the slider without a signal; never out of a hand that drags it.

        Without a value it rests at its beginning, and no number is shown.
        """
        if value == self._shown or self.slider.isSliderDown():
            return
        low = self._low if value is None else value
        share = (low - self._low) / (self._high - self._low)
        share = min(max(share, 0.0), 1.0)
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(_STEPS * share ** (1 / self._power)))
        self._write(value)

    def _on_moved(self) -> None:
        self._write(self.value())
        self._throttle.throttle()

    def _write(self, value: float | None) -> None:
        self._shown = value
        written = _percentage if self._percent else "{:.2f}".format
        self.number.setText(_NONE if value is None else written(value))


class Sliders(QGridLayout):
    """Sliders one below the other; in a low window beside each other, and shorter.

    Parameters
    ----------
    sliders : NamedSlider
        From top to bottom, or left to right.
    """

    def __init__(self, *sliders: NamedSlider) -> None:
        super().__init__()
        self.setHorizontalSpacing(6)
        self.setVerticalSpacing(4)
        self._sliders = sliders
        self.be_low(False)

    def be_low(self, low: bool) -> None:
        """Take less height, in a low window."""
        for place, slider in enumerate(self._sliders):
            mine = 4 * place  # with a gap to the next
            row, left = (0, mine) if low else (place, 0)
            for column, part in enumerate(slider.parts(), left):
                self.addWidget(part, row, column)  # moved, if it has a place
            self.setColumnStretch(mine + 1, int(left == mine))
            if mine:
                self.setColumnMinimumWidth(mine - 1, _GAP if low else 0)


def _percentage(value: float) -> str:
    percent = 100 * value
    return f"{percent:.1f} %" if 0 < percent < 3 else f"{percent:.0f} %"


class _CalmSlider(QSlider):
    """A slider that the wheel does not move while the dock is scrolled."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to what scrolls."""
        event.ignore()
