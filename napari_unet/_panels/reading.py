"""One line that says how the image is read, with three places to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QStackedLayout, QWidget

from napari_unet._panels.inline import InlineCombo, InlineNumber
from napari_unet._panels.look import Lines, Word
from napari_unet._words import axes_in_words, channel_in_words

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent, QResizeEvent

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
REFUSAL_MS = 6000
"""How long it is said that something was not taken."""


class ReadingLine(QWidget):
    """As ``one plane · DAPI · 16 bit · 0.325 µm · nuclei ≈ 32 px``.

    Where the dock is narrow, words give way; the tooltip has all of it. What
    was typed and could not be taken is said in its place for a while, or until it is
    clicked.

    Signal: ``changed(values)``.
    """

    changed = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self._reading: Reading | None = None
        self.axes = Word()
        self.channel = InlineCombo("Channel", "Channel that shows the nuclei")
        self.depth = Word()
        self.pixel_size = InlineNumber(
            "Size of a pixel",
            "µm",
            "Size of a pixel in µm, of all images that state none; empty: not known",
            "no size in µm: type 0.65, for example, or nothing",
        )
        self.nuclei = Word()
        self.diameter = InlineNumber(
            "Diameter of a nucleus",
            "px",
            "Diameter of a typical nucleus in pixels; empty: found by itself (≈)",
            "no diameter: type 25, for example, or nothing",
        )
        self._dots = [Word("\u2009·\u2009") for _ in range(4)]
        self.refusal = Lines()
        self._read = QWidget()
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._read)
        self._pages.addWidget(self.refusal)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REFUSAL_MS)
        self._rest.timeout.connect(lambda: self.refuse(""))
        row = QHBoxLayout(self._read)
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
        self.pixel_size.refused.connect(self.refuse)
        self.diameter.refused.connect(self.refuse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_reading(self, reading: Reading | None) -> None:
        """Show how the image is read; cheap where it is shown already."""
        if reading is self._reading:
            return
        self._reading = reading
        if reading is None:
            self._show_none()
            return
        self.axes.setText(axes_in_words(reading.axes))
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
        self._read.setToolTip("")
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
        """Say what there is room for: a sign for "nuclei" will do, and no bits."""
        if self._reading is None:
            return
        several = not self.channel.isHidden()
        parts = [self.axes.text(), self.depth.text(), self.pixel_size.text()]
        if several:
            parts.insert(1, self.channel.currentText())
        if self._reading.sized:
            parts.append(f"nuclei {self.diameter.text()}")
        letters = f"Axes in the file: {self._reading.axes}"
        self._read.setToolTip("\n".join((" · ".join(parts), letters)))
        row = self._read.layout()
        for word, bits in (("nuclei ", True), ("⌀ ", True), ("⌀ ", False)):
            self.nuclei.setText(word)
            self.depth.setVisible(bits)
            self._dots[2].setVisible(bits)
            if row.sizeHint().width() <= self.width():
                break

    def refuse(self, sentence: str) -> None:
        """Say why what was typed is not how the image is read; empty: no more."""
        self.refusal.say(sentence, "wrong")
        self._pages.setCurrentIndex(1 if sentence else 0)
        if sentence:
            self._rest.start()
        else:
            self._rest.stop()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take a click as read."""
        self.refuse("")

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
        # Of channels with one name, the number says which is meant.
        name = names[index]
        plain = names.count(name) == 1
        self.changed.emit({"channel": name if plain else str(index)})


def _index_of(reading: Reading) -> int:
    """Find the channel by its name, or else its number; -1: all of them, as grey."""
    wanted = reading.channel.strip().lower()
    names = [name.lower() for name in reading.channel_names]
    if wanted in names:
        return names.index(wanted)
    return int(wanted) if wanted.isdecimal() and int(wanted) < len(names) else -1
