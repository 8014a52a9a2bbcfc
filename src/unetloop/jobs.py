"""Jobs that wait and run one at a time; what somebody looks at goes before others.

A job is a generator of events. Between two events of a job the quick ones that
wait are run, so that an answer waits for a step and not for a training.
"""

from __future__ import annotations

import itertools
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unetloop.errors import EngineError, explain
from unetloop.events import Event, Failed, JobDone

__all__ = ["Job", "JobQueue", "unforeseen"]

Job = Callable[[Callable[[], bool]], Iterator[Event]]
"""Given what says whether it is cancelled, it gives the job's events.

What the generator returns, a dict, becomes the result of its `JobDone`.
"""

# Quick jobs run within each other, the newest first, but not without end.
_DEEPEST = 8


@dataclass(frozen=True)
class _Item:
    """A job that waits or runs; those that came later have a higher number."""

    number: int
    name: str
    kind: str
    run: Job
    quick: bool


class JobQueue:
    """Runs jobs in a thread of its own.

    Parameters
    ----------
    emit : callable
        Gets each event and the name of its job. Never raises.
    """

    def __init__(self, emit: Callable[[Event, str], None]) -> None:
        self._emit = emit
        self._waiting: deque[_Item] = deque()
        self._running: list[_Item] = []
        self._cancelled: set[str] = set()
        self._left: set[str] = set()
        self._changed = threading.Condition()
        self._closing = False
        self._numbers = itertools.count(1)
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def add(self, name: str | None, kind: str, run: Job, quick: bool = False) -> None:
        """Queue a job.

        Parameters
        ----------
        name : str or None
            By which it is cancelled, and which its events carry.
        kind : str
            What it does, for `has`.
        run : Job
            The job.
        quick : bool
            Run it before others, and between two steps of one that runs. When
            it is cancelled it is broken off between two of its events; another
            job must look for itself.
        """
        number = next(self._numbers)
        item = _Item(number, name or f"job-{number}", kind, run, quick)
        with self._changed:
            if quick:
                self._waiting.appendleft(item)
            else:
                self._waiting.append(item)
            self._changed.notify_all()

    def has(self, kind: str) -> bool:
        """Whether a job of this kind waits or runs."""
        with self._changed:
            return any(item.kind == kind for item in (*self._waiting, *self._running))

    def cancel(self, name: str | None, keep: bool = False) -> None:
        """Cancel the job of this name, or all if it is None.

        Parameters
        ----------
        name : str or None
            Of the job.
        keep : bool
            Break it off between two of its events, as `close` does, instead of
            letting it come to an end.
        """
        with self._changed:
            dropped = [item for item in self._waiting if name in (None, item.name)]
            for item in dropped:
                self._waiting.remove(item)
            (self._left if keep else self._cancelled).update(
                item.name for item in self._running if name in (None, item.name)
            )
            self._changed.notify_all()
        for item in dropped:
            self._emit(JobDone(cancelled=True), item.name)

    def wait_while(self, condition: Callable[[], bool]) -> None:
        """Within a job: sleep while this holds, and run quick jobs meanwhile.

        Parameters
        ----------
        condition : callable
            Asked again after `wake`, `cancel` and each quick job.
        """
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closing or self._next_quick() or not condition()
                )
                if self._closing or not condition():
                    return
            self._run_quick()

    def wake(self) -> None:
        """Ask what `wait_while` waits for again."""
        with self._changed:
            self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Break off what runs between two events, and forget what waits.

        Parameters
        ----------
        seconds : float
            How long to wait for that, at most.
        """
        with self._changed:
            self._closing = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or bool(self._waiting))
                if self._closing:
                    return
                item = self._begin(self._waiting[0])
            self._run(item)

    def _begin(self, item: _Item) -> _Item:
        # In one step, so that `cancel` finds every job in one place or the other.
        self._waiting.remove(item)
        self._running.append(item)
        return item

    def _next_quick(self, after: int = 0) -> _Item | None:
        """Find the newest quick job that waits, if it came after another one."""
        quick = (item for item in self._waiting if item.quick and item.number > after)
        return next(quick, None)

    def _run_quick(self, after: int = 0) -> None:
        while len(self._running) < _DEEPEST:
            with self._changed:
                item = self._next_quick(after)
                if item is None:
                    return
                self._begin(item)
            self._run(item)

    def _run(self, item: _Item) -> None:
        last: Event | None
        try:
            last = self._drain(item)
        except EngineError as error:
            last = Failed(message=str(error))
        except Exception as error:  # noqa: BLE001 - the engine must live on
            last = unforeseen(error)
        # Before it is said to be over, so that its name is free again.
        with self._changed:
            self._running.remove(item)
            self._cancelled.discard(item.name)
            self._left.discard(item.name)
        if last is not None:
            self._emit(last, item.name)

    def _drain(self, item: _Item) -> Event | None:
        """Run a job to its end; give the event that ends it, None when closing."""

        def cancelled() -> bool:
            return item.name in self._cancelled

        events = item.run(cancelled)
        while True:
            try:
                event = next(events)
            except StopIteration as stop:
                return JobDone(result=stop.value or {}, cancelled=cancelled())
            self._emit(event, item.name)
            # A quick job makes way for newer ones alone.
            self._run_quick(item.number if item.quick else 0)
            left = item.name in self._left or (item.quick and cancelled())
            if self._closing or left:
                _close(events)
                return None if self._closing else JobDone(cancelled=True)


def _close(events: Iterator[Event]) -> None:
    """Let a generator clean up; other iterators have nothing to."""
    close = getattr(events, "close", None)
    if close is not None:
        close()


def unforeseen(error: Exception) -> Failed:
    """Say what nobody thought of, with the traceback for a bug report."""
    known = explain(error)
    return Failed(
        message=str(known)
        if known
        else f"Something unforeseen happened ({type(error).__name__}: {error}).",
        detail="".join(traceback.format_exception(error)),
    )
