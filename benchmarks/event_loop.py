"""Waiting in a script that runs a viewer: Qt's event loop goes on meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QEventLoop, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["wait"]

_EVERY = 10


def wait(seconds: float, until: Callable[[], object] = lambda: False) -> bool:
    """Let the event loop run; true if the condition came true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if until():
            return True
        loop = QEventLoop()
        QTimer.singleShot(_EVERY, loop.quit)
        loop.exec()
    return False
