"""Work beside the event loop, whose result comes back into it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from qtpy.QtCore import QObject, Signal

from napari_unet._worker import Worker
from unetloop.errors import EngineError, explain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Background"]

Result = TypeVar("Result")


class Background(QObject):
    """Threads that read and write files while the viewer stays awake.

    What computes for long in them does so in the process ``worker``.

    Parameters
    ----------
    parent : QObject, optional
        Qt's owner.
    """

    _finished = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="unet-loop")
        self._queue = ThreadPoolExecutor(1, thread_name_prefix="unet-loop-queue")
        self.worker = Worker()
        self._closed = False
        self._finished.connect(self._on_finished)

    def run(
        self,
        work: Callable[[], Result],
        then: Callable[[Result], None],
        failed: Callable[[EngineError], None],
    ) -> None:
        """Work in a thread, then call back in the event loop.

        Parameters
        ----------
        work : callable
            Runs in a thread; touches neither Qt nor napari.
        then : callable
            Gets its result.
        failed : callable
            Gets the `EngineError` that it raised, or what the system refused as one.
            So it does with any other exception, lest somebody waits for ever; that
            is raised in the event loop, too, where napari shows it.
        """
        self._submit(self._threads, work, then, failed)

    def run_in_turn(
        self,
        work: Callable[[], Result],
        then: Callable[[Result], None],
        failed: Callable[[EngineError], None],
    ) -> None:
        """Do as `run`, one after the other, and call back in the order of the calls.

        For what commands to the engine wait for: who came first is first there, too.
        """
        self._submit(self._queue, work, then, failed)

    def _submit(
        self,
        threads: ThreadPoolExecutor,
        work: Callable[[], Result],
        then: Callable[[Result], None],
        failed: Callable[[EngineError], None],
    ) -> None:
        if self._closed:
            return

        def job() -> None:
            try:
                result: Any = work()
                call: Callable[[Any], None] = then
            except EngineError as error:
                result, call = error, failed
            except Exception as error:  # noqa: BLE001 - raised again in the loop
                known = explain(error)
                result = known or error
                call = failed if known is not None else partial(_fail, failed)
            if not self._closed:
                self._finished.emit(call, result)

        threads.submit(job)

    def close(self) -> None:
        """Wait for what runs, drop what waits; nothing is called back any more."""
        self._closed = True
        self.worker.close()
        for threads in (self._threads, self._queue):
            threads.shutdown(wait=True, cancel_futures=True)

    def _on_finished(self, call: Callable[[Any], None], result: Any) -> None:
        if not self._closed:
            call(result)


def _fail(failed: Callable[[EngineError], None], error: Exception) -> None:
    what = f"{type(error).__name__}: {error}"
    try:
        failed(EngineError(f"Something went wrong that should not ({what})."))
    finally:
        raise error
