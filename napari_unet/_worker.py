"""A process that computes: in a thread, the same would keep the event loop waiting.

Much of numpy holds Python's lock while it works. The event loop asks for that lock
at each of the hundreds of calls that a repaint makes, and waits each time.

``python -m napari_unet._worker`` is the process: pickled calls come in by stdin,
answers go out by stdout. It ends with its stdin, and so with the viewer.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Worker"]

Result = TypeVar("Result")

_COMMAND = (sys.executable, "-P", "-m", "napari_unet._worker")
_ATTEMPTS = 2


class Worker:
    """Calls functions in a process of its own, one after the other.

    The process is started with the first call, and again where it died.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._closed = False

    def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function there, and wait for what it returns; for threads.

        Parameters
        ----------
        function : callable
            At the top of a module that imports no napari and no Qt.
        *arguments
            What pickle knows.

        Raises
        ------
        EngineError
            If the process can't be started or dies.
        Exception
            Whatever the function raises.
        """
        with self._lock:
            answer = self._ask((function, arguments))
        if answer is None:
            raise EngineError(
                "The process that outlines nuclei stopped (out of memory?).",
                todo="Close other programs, then move the view to try again.",
            )
        succeeded, value = answer
        if not succeeded:
            raise value
        result: Result = value
        return result

    def close(self) -> None:
        """End the process; a call that is under way fails."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def _ask(self, question: Any) -> tuple[bool, Any] | None:
        """Give what it answers; None where it died each time."""
        for _ in range(_ATTEMPTS):
            if self._closed:
                break
            try:
                process = self._running()
                if process.stdin is None or process.stdout is None:
                    break
                pickle.dump(question, process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
                process.stdin.flush()
                answer: tuple[bool, Any] = pickle.load(process.stdout)
            except (OSError, EOFError, pickle.UnpicklingError):
                self._end()
            except BaseException:  # what was sent in part must not be read on
                self._end()
                raise
            else:
                return answer
        return None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not sent is of no use
                    pipe.close()
        process.wait()


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer calls until there are no more."""
    while True:
        try:
            function, arguments = pickle.load(questions)
        except EOFError:
            return
        try:
            answer = True, function(*arguments)
        except Exception as error:  # noqa: BLE001 - raised again where it was called
            answer = False, error
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


if __name__ == "__main__":
    # What anything prints must not fall among the answers.
    mine = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if hasattr(os, "nice"):
        os.nice(5)  # the viewer comes first
    with suppress(KeyboardInterrupt):
        _serve(sys.stdin.buffer, mine)
