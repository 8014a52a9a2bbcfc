"""How the engine's process ends: told to quit, and killed if it does not."""

from __future__ import annotations

from qtpy.QtCore import QCoreApplication, QObject, QProcess, QTimer

__all__ = ["Farewell", "end_farewells"]

_FAREWELL_MS = 5000
_QUITTING_MS = 4000


class Farewell(QObject):
    """A process that was told to quit, until it has."""

    def __init__(self, process: QProcess) -> None:
        application = QCoreApplication.instance()
        super().__init__(application)  # it keeps this alive
        self._process = process
        process.setParent(self)
        process.finished.connect(self.deleteLater)
        application.aboutToQuit.connect(self.end_now)
        process.write(b'{"command": "quit"}\n')
        process.closeWriteChannel()
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(process.kill)
        timer.start(_FAREWELL_MS)

    def end_now(self) -> None:
        """Give it a moment to write down what it has, then kill it."""
        # No event loop and no window are left that this could hold up.
        if not self._process.waitForFinished(_QUITTING_MS):
            self._process.kill()
            self._process.waitForFinished(_QUITTING_MS)


def end_farewells() -> None:
    """See to it that no process is left, since nothing will watch it any more."""
    application = QCoreApplication.instance()
    if application is None:
        return
    for child in application.children():
        if isinstance(child, Farewell):
            child.end_now()
