"""The engine process: commands go in, events come out, and it is kept alive."""

from __future__ import annotations

import atexit
import logging
import sys
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from qtpy.QtCore import QCoreApplication, QObject, QProcess, Qt, Signal

from napari_unet._farewell import Farewell, end_farewells
from napari_unet._protocol import Commands, Lines, read_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet._protocol import Command

__all__ = ["Engine"]

_LOG = logging.getLogger(__name__)

# -P: a file in the user's folder that is called like a module must not be taken
# for it. faulthandler: where a crash was, for the bug report.
_ARGUMENTS = ("-P", "-X", "faulthandler", "-m", "unetloop", "serve")
_MOST_RESTARTS = 3
_RESTARTS_SECONDS = 60.0
_TAIL_LINES = 20


class Engine(QObject):
    """The engine ``unetloop serve``, as docs/formats.md describes it.

    If it dies unasked it is started again, at most three times a minute, and
    the project that was open is opened again.

    Parameters
    ----------
    parent : QObject, optional
        Who owns it.
    program : str, optional
        The executable; this Python if left out.
    arguments : sequence of str, optional
        Its arguments.
    """

    # Not "event": Qt would take that for QObject.event and call it.
    received = Signal(object)
    """Every event, as a dict: ``"event"`` is its name, ``"job"`` its job.

    A job that an engine took with it ends in a ``Failed`` that has
    ``"engine_died"`` true.
    """
    started = Signal()
    """It is ready for commands; emitted after each restart, too."""
    stopped = Signal(str)
    """It died unasked, or could not be started: what happens now, in words."""

    _refused = Signal(str)

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        program: str = sys.executable,
        arguments: Sequence[str] = _ARGUMENTS,
    ) -> None:
        super().__init__(parent)
        self._program = program
        self._arguments = list(arguments)
        self._process: QProcess | None = None
        self._ready = False
        self._gave_up = False
        self._commands = Commands()
        self._restarts: deque[float] = deque(maxlen=_MOST_RESTARTS)
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        # Queued: whoever sends must know the job's name before it fails.
        self._refused.connect(self._refuse, Qt.ConnectionType.QueuedConnection)
        QCoreApplication.instance().aboutToQuit.connect(self._on_quitting)
        _ENGINES.add(self)

    @property
    def ready(self) -> bool:
        """Whether commands are answered, and not only queued."""
        return self._ready

    @property
    def strained(self) -> bool:
        """Whether it learns, or works on many images: a field takes longer then."""
        return self._commands.heavy

    @property
    def detail(self) -> str:
        """The last lines that the engine wrote to stderr, for a bug report."""
        return "\n".join(self._tail)

    def start(self) -> None:
        """Start the process; what was sent before is sent when it is ready.

        One that gave up tries again, with the project that was opened last.
        """
        if self._process is not None:
            return
        self._gave_up = False
        self._restarts.clear()
        self._launch()

    def send(self, command: str, job: str | None = None, **values: Any) -> str:
        """Send a command.

        Parameters
        ----------
        command : str
            Its name.
        job : str, optional
            Name of the job, a fresh one if left out.
        **values
            Fields of the command: what JSON knows, paths, numpy's numbers.

        Returns
        -------
        str
            The job, which its events carry. It ends in ``JobDone`` or
            ``Failed``, whatever happens to the engine.
        """
        sent = self._commands.make(command, job, values)
        if self._gave_up:
            self._commands.refuse(sent)
            self._refused.emit(sent.job)
        elif self._ready:
            self._write(sent)
        else:
            self._commands.wait(sent)
        return sent.job

    def cancel(self, job: str, keep: bool = False) -> None:
        """Cancel a job; with ``keep`` the same training can go on from there."""
        self.send("cancel", target=job, keep=keep)

    def close(self) -> None:
        """End the process, soon; the event loop goes on meanwhile.

        It is told to quit, and killed if it is still there after some seconds.
        """
        process, self._process = self._process, None
        self._ready = False
        self._commands.clear()
        if process is None:
            return
        self._disconnect(process)
        if process.state() == QProcess.ProcessState.NotRunning:
            process.deleteLater()
        else:
            Farewell(process)

    def _launch(self) -> None:
        process = QProcess(self)
        self._process = process
        self._out, self._err = Lines(), Lines()
        process.readyReadStandardOutput.connect(self._on_output)
        process.readyReadStandardError.connect(self._on_error_output)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        process.start(self._program, self._arguments)

    def _disconnect(self, process: QProcess) -> None:
        process.readyReadStandardOutput.disconnect(self._on_output)
        process.readyReadStandardError.disconnect(self._on_error_output)
        process.finished.disconnect(self._on_finished)
        process.errorOccurred.disconnect(self._on_error)

    def _write(self, command: Command) -> None:
        self._commands.begin(command)
        if self._process is not None:
            self._process.write(command.line)

    # What the process says.

    def _on_output(self) -> None:
        process = self._process
        if process is None:
            return
        for line in self._out.feed(bytes(process.readAllStandardOutput())):
            self._on_line(line)
            if self._process is not process:  # closed by who heard it
                return

    def _on_line(self, line: str) -> None:
        event = read_event(line)
        if event is None:
            _LOG.debug("The engine said what is no event: %r", line)
            return
        if event["event"] in ("JobDone", "Failed"):
            self._commands.end(event)
        ready = event["event"] == "Notice" and event.get("text") == "ready"
        if ready and not self._ready:
            self._on_ready()
        self.received.emit(event)

    def _on_ready(self) -> None:
        self._ready = True
        for command in self._commands.take_waiting():
            self._write(command)
        self.started.emit()

    def _on_error_output(self) -> None:
        if self._process is not None:
            lines = self._err.feed(bytes(self._process.readAllStandardError()))
            self._tail.extend(line.rstrip() for line in lines)

    # How it ends.

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error != QProcess.ProcessError.FailedToStart or self._process is None:
            return  # a crash is told by `finished`, too
        process, self._process = self._process, None
        reason = process.errorString()
        process.deleteLater()
        self._give_up(f"The engine could not be started ({reason}).")

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        # The last words may still be in the pipes.
        self._on_output()
        process = self._process
        if process is None:
            return
        self._on_error_output()
        self._tail.extend(line.rstrip() for line in self._err.feed(b"\n") if line)
        self._process = None
        self._ready = False
        process.deleteLater()
        crashed = status == QProcess.ExitStatus.CrashExit
        why = "out of memory?" if crashed else f"exit code {code}"
        now = time.monotonic()
        full = len(self._restarts) == _MOST_RESTARTS
        if full and now - self._restarts[0] < _RESTARTS_SECONDS:
            self._give_up(f"The engine stopped again and again ({why}).")
            return
        self._restarts.append(now)
        lost = self._commands.take_lost()
        sentence = f"The engine stopped ({why}) and was started again."
        self._launch()
        self._fail(lost, sentence)
        if not self._gave_up:
            self.stopped.emit(sentence)

    def _give_up(self, reason: str) -> None:
        self._gave_up = True
        self._ready = False
        lost = self._commands.give_up()
        sentence = (
            f"{reason} Run 'unetloop info' in a terminal: it says what is wrong. "
            "Then open the dock again."
        )
        self._fail(lost, sentence)
        self.stopped.emit(sentence)

    def _fail(self, commands: Sequence[Command], sentence: str) -> None:
        for command in commands:
            self._emit_failed(command.job, sentence)

    def _refuse(self, job: str) -> None:
        self._emit_failed(job, "The engine does not run. Open the dock again.")

    def _emit_failed(self, job: str, sentence: str) -> None:
        self.received.emit(
            {
                "event": "Failed",
                "job": job,
                "message": sentence,
                "detail": self.detail,
                "engine_died": True,
            }
        )

    def _on_quitting(self) -> None:
        self.close()
        end_farewells()


_ENGINES: WeakSet[Engine] = WeakSet()


@atexit.register
def _close_engines() -> None:
    """End what runs when Python ends: IPython never leaves Qt's event loop."""
    for engine in list(_ENGINES):
        with suppress(RuntimeError):  # Qt deleted it, and its process with it
            engine.close()
    end_farewells()
