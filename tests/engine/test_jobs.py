"""Order, cancelling and pausing of jobs, without a network or a process."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pytest

from unetloop.errors import EngineError
from unetloop.events import Event, Failed, JobDone, Notice, Progress
from unetloop.jobs import Job, JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

WAIT = 20  # seconds, for what comes at once unless it is broken


class Said:
    """What jobs say, in order; waits for it, never for time."""

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[str, Event]] = queue.Queue()

    def __call__(self, event: Event, job: str) -> None:
        self._events.put((job, event))

    def next(self) -> tuple[str, Event]:
        return self._events.get(timeout=WAIT)

    def until_done(self, job: str) -> tuple[list[tuple[str, str]], Event]:
        """Give what came before a job's end, in words, and its end."""
        before = []
        while True:
            name, event = self.next()
            if name == job and isinstance(event, (JobDone, Failed)):
                return before, event
            before.append((name, getattr(event, "text", type(event).__name__)))


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def jobs(said: Said) -> Iterator[JobQueue]:
    jobs = JobQueue(said)
    yield jobs
    jobs.close(WAIT)


class Steps:
    """A job of steps that the test allows one by one."""

    def __init__(self, listens: bool = True) -> None:
        self.listens = listens
        self.asked = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)
        self.closed = False

    def asks(self) -> None:
        """Wait until it wants to do its next step."""
        assert self.asked.acquire(timeout=WAIT)

    def allow(self) -> None:
        self.allowed.release()

    def __call__(self, cancelled: Callable[[], bool]) -> Iterator[Event]:
        try:
            step = 0
            while not (self.listens and cancelled()):
                self.asked.release()
                assert self.allowed.acquire(timeout=WAIT)
                step += 1
                yield Notice(text=f"step {step}")
        except GeneratorExit:
            self.closed = True
            raise


def notices(*texts: str) -> Job:
    def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
        for text in texts:
            yield Notice(text=text)

    return run


def test_what_a_job_returns_is_its_result(jobs: JobQueue, said: Said) -> None:
    def run(cancelled: Callable[[], bool]) -> Generator[Event, None, dict[str, int]]:
        yield Progress(done=1, total=1, unit="it")
        return {"found": 3}

    jobs.add("a", "look", run)
    assert said.until_done("a") == ([("a", "Progress")], JobDone(result={"found": 3}))


def test_jobs_keep_their_order_and_quick_ones_go_between_two_steps(
    jobs: JobQueue, said: Said
) -> None:
    steps = Steps()
    jobs.add("long", "train", steps)
    jobs.add("next", "predict", notices("last"))
    steps.asks()
    jobs.add("old", "field", notices("old"), quick=True)
    jobs.add("new", "field", notices("new"), quick=True)
    steps.allow()
    before, _ = said.until_done("old")
    assert [text for _, text in before] == ["step 1", "new", "JobDone", "old"]
    steps.asks()
    jobs.cancel("long")
    steps.allow()
    assert said.until_done("long") == ([("long", "step 2")], JobDone(cancelled=True))
    assert said.until_done("next")[0] == [("next", "last")]


def test_a_quick_job_that_is_cancelled_is_broken_off(
    jobs: JobQueue, said: Said
) -> None:
    field = Steps(listens=False)
    jobs.add("field", "field", field, quick=True)
    field.asks()
    jobs.cancel("field")
    field.allow()
    assert said.until_done("field")[1] == JobDone(cancelled=True)
    assert field.closed
    jobs.add("field", "field", notices("again"), quick=True)  # the name is free
    assert said.until_done("field") == ([("field", "again")], JobDone())


def test_a_job_may_be_broken_off_and_not_know_that_it_is_cancelled(
    jobs: JobQueue, said: Said
) -> None:
    steps = Steps()
    jobs.add("long", "train", steps)
    steps.asks()
    jobs.cancel("long", keep=True)
    steps.allow()
    end = [("long", "step 1")], JobDone(cancelled=True)
    assert said.until_done("long") == end
    assert steps.closed
    jobs.add("long", "train", notices("again"))  # the name is free
    assert said.until_done("long") == ([("long", "again")], JobDone())


def test_a_job_that_waits_is_cancelled_at_once(jobs: JobQueue, said: Said) -> None:
    steps = Steps()
    jobs.add("long", "train", steps)
    steps.asks()
    jobs.add("other", "predict", notices("never"))
    jobs.cancel("other")
    jobs.cancel("unknown")
    assert said.next() == ("other", JobDone(cancelled=True))
    jobs.add("other", "predict", notices("never"))
    jobs.cancel(None)
    assert said.next() == ("other", JobDone(cancelled=True))
    steps.allow()
    assert said.until_done("long")[1] == JobDone(cancelled=True)


def test_cancelling_all_reaches_the_job_below_a_quick_one(
    jobs: JobQueue, said: Said
) -> None:
    steps, field = Steps(), Steps(listens=False)
    jobs.add("long", "train", steps)
    steps.asks()
    jobs.add("field", "field", field, quick=True)
    steps.allow()
    field.asks()
    jobs.cancel(None)
    field.allow()
    assert said.until_done("field")[1] == JobDone(cancelled=True)
    assert said.until_done("long")[1] == JobDone(cancelled=True)


def test_a_job_that_waits_lets_quick_ones_pass(jobs: JobQueue, said: Said) -> None:
    held = threading.Event()
    held.set()

    def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
        yield Notice(text="before")
        jobs.wait_while(lambda: held.is_set() and not cancelled())
        yield Notice(text="after")

    jobs.add("long", "train", run)
    assert jobs.has("train")
    assert said.next()[0] == "long"
    for name in ("a", "b"):
        jobs.add(name, "field", notices("quick"), quick=True)
        assert said.until_done(name) == ([(name, "quick")], JobDone())
    held.clear()
    jobs.wake()
    assert said.until_done("long")[0] == [("long", "after")]
    assert not jobs.has("train")
    held.set()
    jobs.add("long", "train", run)
    said.next()
    jobs.cancel("long")
    assert said.until_done("long")[1] == JobDone(cancelled=True)


def test_closing_breaks_off_what_runs_and_what_is_held(
    jobs: JobQueue, said: Said
) -> None:
    closed = []

    def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
        try:
            while True:
                yield Notice(text="step")
                jobs.wait_while(lambda: True)
        except GeneratorExit:
            closed.append(True)
            raise

    jobs.add("long", "train", run)
    said.next()
    jobs.add("never", "predict", notices("never"))
    jobs.close(WAIT)
    assert closed == [True]
    assert said.next() == ("long", Notice(text="step"))
    with pytest.raises(queue.Empty):
        said._events.get_nowait()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(EngineError("No."), "No."), (ValueError("x"), "unforeseen happened (ValueError")],
)
def test_a_job_that_fails_says_so_and_the_next_one_runs(
    jobs: JobQueue, said: Said, error: Exception, sentence: str
) -> None:
    def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
        yield Notice(text="before")
        raise error

    jobs.add("bad", "train", run)
    jobs.add("good", "train", notices("fine"))
    failed = said.until_done("bad")[1]
    assert isinstance(failed, Failed)
    assert sentence in failed.message
    assert said.until_done("good")[1] == JobDone()
