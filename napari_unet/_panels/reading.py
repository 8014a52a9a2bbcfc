"""One line that says how the image is read, with three places to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from napari_unet._panels.inline import InlineCombo, InlineNumber
from napari_unet._panels.look import Word
from napari_unet._words import channel_in_words

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent

    from napari_unet._state import Reading

__all__ = ["ReadingLine"]

_BITS = {
    "bool": "1 bit",
    "uint8": "8 bit",
    "uint16": "16 bit",
    "uint32": "32 bit",
    "int8": "8 bit signed",
    "int16": "16 bit signed",
    "int32": "32 bit signed",
    "float16": "16 bit float",
    "float32": "32 bit float",
    "float64": "64 bit float",
}
_ALL_CHANNELS = "all channels"


class ReadingLine(QWidget):
    """The line itself, as ``CYX · DAPI · 16 bit · 0.325 µm · nuclei ≈ 32 px``.

    Where the dock is narrow, words give way to signs; the tooltip has all of it.

    Signals: ``changed(values)``; ``refused(sentence)`` when what was typed could not be
    taken, with an empty sentence when that is over.
    """

    changed = Signal(dict)
    refused = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._reading: Reading | None = None
        self.axes = Word()
        self.channel = InlineCombo("Channel", "Channel that shows the nuclei")
        self.depth = Word()
        self.pixel_size = InlineNumber(
            "Size of a pixel",
            "µm",
            "Size of a pixel in µm; empty: not known",
            "type a number of µm above 0, such as 0.65, or nothing if it is not known",
        )
        self.nuclei = Word()
        self.diameter = InlineNumber(
            "Diameter of a nucleus",
            "px",
            "Diameter of a typical nucleus in pixels; empty: found by itself (≈)",
            "type a number of pixels above 0, such as 25, or nothing to have it found",
        )
        self._dots = [Word("\u2009·\u2009") for _ in range(4)]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for widget in (
            *(self.axes, self._dots[0], self.channel, self._dots[1], self.depth),
            *(self._dots[2], self.pixel_size, self._dots[3], self.nuclei),
            self.diameter,
        ):
            row.addWidget(widget)
        row.addStretch(1)
        self._show_none()
        # Not while the style is being applied: Qt would lose one of the two.
        queued = Qt.ConnectionType.QueuedConnection
        for part in (self.channel, self.pixel_size, self.diameter):
            self.axes.rewritten.connect(part.write_at, queued)
        self.axes.rewritten.connect(self._fit, queued)
        self.channel.activated.connect(self._on_channel)
        self.pixel_size.edited.connect(
            lambda value: self.changed.emit({"pixel_size": value})
        )
        self.diameter.edited.connect(
            lambda value: self.changed.emit({"diameter": value})
        )
        self.pixel_size.refused.connect(self.refused)
        self.diameter.refused.connect(self.refused)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_reading(self, reading: Reading | None) -> None:
        """Show how the image is read; cheap where it is shown already."""
        if reading is self._reading:
            return
        self._reading = reading
        if reading is None:
            self._show_none()
            return
        self.axes.setText(reading.axes)
        self.depth.setText(_BITS.get(reading.dtype, reading.dtype))
        for widget in (self.depth, self.pixel_size):
            widget.setVisible(True)
        for dot in self._dots:
            dot.setVisible(True)
        for sized in (self._dots[3], self.nuclei, self.diameter):
            sized.setVisible(reading.sized)
        self._show_channels(reading)
        self.pixel_size.set_value(reading.pixel_size, "? µm")
        found = reading.diameter_found
        self.diameter.set_value(
            reading.diameter, "auto" if found is None else f"≈ {found:.0f} px"
        )
        self._fit()

    def _show_none(self) -> None:
        # The first word stays, though empty: the line keeps its height.
        self.axes.setText("")
        self.setToolTip("")
        for widget in (self.channel, self.depth, self.pixel_size, self.nuclei):
            widget.setVisible(False)
        self.diameter.setVisible(False)
        for dot in self._dots:
            dot.setVisible(False)

    def _show_channels(self, reading: Reading) -> None:
        names = [channel_in_words(name) for name in reading.channel_names]
        at = _index_of(reading)
        if at < 0:
            names, at = [_ALL_CHANNELS, *names], 0
        # One channel needs no words, and no dot before them.
        several = len(reading.channel_names) > 1
        self.channel.setVisible(several)
        self._dots[0].setVisible(several)
        with QSignalBlocker(self.channel):
            if names != [self.channel.itemText(i) for i in range(self.channel.count())]:
                self.channel.clear()
                self.channel.addItems(names)
            self.channel.setCurrentIndex(at)
        self.channel.updateGeometry()

    def _fit(self) -> None:
        """Say "nuclei" where there is room for the word, else show its sign."""
        if self._reading is None:
            return
        several = not self.channel.isHidden()
        parts = [self.axes.text(), self.depth.text(), self.pixel_size.text()]
        if several:
            parts.insert(1, self.channel.currentText())
        if self._reading.sized:
            parts.append(f"nuclei {self.diameter.text()}")
        self.setToolTip(" · ".join(parts))
        for word in ("nuclei ", "⌀ "):
            self.nuclei.setText(word)
            row = self.layout()
            if row.sizeHint().width() <= self.width():
                break

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Choose the words for the new width."""
        super().resizeEvent(event)
        self._fit()

    def _on_channel(self, index: int) -> None:
        if self._reading is None:
            return
        self.channel.updateGeometry()
        names = self._reading.channel_names
        if self.channel.count() > len(names):
            if index == 0:
                return
            index -= 1
        # A number is never mistaken for another channel of the same name.
        name = names[index]
        plain = names.count(name) == 1 and not name.isdecimal()
        self.changed.emit({"channel": name if plain else str(index)})


def _index_of(reading: Reading) -> int:
    """Find the channel by its number or name; -1: all of them, as grey."""
    wanted = reading.channel.strip()
    if wanted.isdecimal() and int(wanted) < len(reading.channel_names):
        return int(wanted)
    names = [name.lower() for name in reading.channel_names]
    return names.index(wanted.lower()) if wanted.lower() in names else -1
