"""The process that a viewer starts: its streams, its priority, its end.

What it is told and answers is `server`'s; docs/formats.md describes it.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import NoReturn

from unetloop.events import Notice
from unetloop.server import Server

__all__ = ["leave_room_for_the_viewer", "serve"]

_NICENESS = 5
# Whoever opens images at once has asked for the first field by then.
_HEAD_START_SECONDS = 3.0


def serve() -> NoReturn:
    """Answer commands from stdin until it ends or ``{"command": "quit"}`` comes.

    Then the process ends: within a step of a training, whose state is kept.
    """
    # What libraries print must not fall between the events; a file name that is
    # no Unicode becomes an escape that JSON knows.
    out = os.fdopen(
        os.dup(1), "w", encoding="utf-8", errors="backslashreplace", buffering=1
    )
    commands = os.fdopen(os.dup(0), "r", encoding="utf-8", errors="replace")
    os.dup2(2, 1)
    if not commands.isatty():
        # Ctrl+C in the viewer's terminal is not meant for us; its end is our end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    leave_room_for_the_viewer()
    server = Server(out)
    server.emit(Notice(text="ready"))
    server.prepare(_HEAD_START_SECONDS)
    for line in commands:
        if not server.handle(line):
            break
    server.close()
    # Not through the interpreter's end: Keras may be importing in its thread.
    os._exit(0)


def leave_room_for_the_viewer() -> None:
    """Take one core less and a lower priority, so that the screen stays smooth.

    Measured on 4 cores in training: the 99th percentile of the gaps in the
    viewer's event loop falls from 55 to 45 ms.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, cores - 1)))
    if hasattr(os, "nice"):
        with suppress(OSError):  # some containers forbid it
            os.nice(_NICENESS)
