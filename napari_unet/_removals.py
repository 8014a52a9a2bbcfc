"""What is said when the user takes our layers away: once, however many they are."""

from __future__ import annotations

from qtpy.QtCore import QObject, QTimer, Signal

__all__ = ["Removals"]


class Removals(QObject):
    """Gathers the names of layers until whoever removes them is done.

    Signal: ``said(text, level)``.
    """

    said = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._say)

    def note(self, name: str) -> None:
        """Say soon that this layer was removed."""
        self._names.append(name)
        self._rest.start(0)

    def forget(self) -> None:
        """Say nothing: a viewer that a script closes removes its layers first."""
        self._names.clear()
        self._rest.stop()

    def _say(self) -> None:
        *others, last = self._names
        self._names.clear()
        names = f"{', '.join(others)} and {last}" if others else last
        self.said.emit(
            f"Nothing is lost: {names} will be back with the next correction or image.",
            "info",
        )
