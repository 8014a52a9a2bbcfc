"""Threads share one network and the memory, and end together."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from unetloop.image_job import DiskFull, PixelGate, Stopped
from unetloop.workers import SharedNetwork, run_in_threads

SECONDS = 20.0  # that something may take before a test has failed


def jobs(count: int) -> list[Any]:
    return [SimpleNamespace(number=number) for number in range(count)]


def done(updates: Any) -> list[int]:
    """Run to the end; the numbers of the jobs whose records came."""
    return [
        job.number
        for job, what in updates
        if job is not None and not isinstance(what, float)
    ]


def test_every_image_comes_once_with_its_record() -> None:
    def process(job: Any, stop: Any, report: Any, gate: Any) -> Any:
        report(0.5)
        return f"record of {job.number}"

    updates = list(run_in_threads(jobs(20), process, lambda: False))
    records = {job.number: what for job, what in updates if isinstance(what, str)}
    assert records == {number: f"record of {number}" for number in range(20)}
    shares = [job.number for job, what in updates if isinstance(what, float)]
    assert sorted(shares) == list(range(20))


def test_some_images_are_worked_on_at_once() -> None:
    met = threading.Barrier(2, timeout=SECONDS)

    def process(job: Any, stop: Any, report: Any, gate: Any) -> Any:
        met.wait()  # raises if nobody comes
        return "record"

    assert sorted(done(run_in_threads(jobs(2), process, lambda: False))) == [0, 1]


def test_when_the_run_is_cancelled_what_was_begun_is_given_up() -> None:
    begun, cancelled = threading.Event(), threading.Event()
    finished = []

    def process(job: Any, stop: Any, report: Any, gate: Any) -> Any:
        if job.number == 0:
            return "record"
        begun.set()
        for _ in range(10_000):
            if stop():
                raise Stopped
            cancelled.wait(0.01)
        finished.append(job.number)
        return "record"

    numbers = []
    for job, _ in run_in_threads(jobs(50), process, cancelled.is_set):
        numbers += [job.number] if job is not None else []
        if begun.is_set():
            cancelled.set()
    assert numbers == [0]
    assert finished == []


def test_while_nothing_happens_whoever_listens_can_breathe() -> None:
    go_on = threading.Event()

    def process(job: Any, stop: Any, report: Any, gate: Any) -> Any:
        assert go_on.wait(SECONDS)
        return "record"

    breaths = 0
    for job, _ in run_in_threads(jobs(1), process, lambda: False):
        breaths += job is None
        if breaths == 2:
            go_on.set()
    assert breaths >= 2


def test_a_full_disk_is_told_whatever_else_went_wrong() -> None:
    both = threading.Barrier(2, timeout=SECONDS)

    def process(job: Any, stop: Any, report: Any, gate: Any) -> Any:
        both.wait()
        raise DiskFull("no space") if job.number else ValueError("a fault")

    with pytest.raises(DiskFull, match="no space"):
        done(run_in_threads(jobs(2), process, lambda: False))


def test_after_a_fault_no_further_image_is_begun() -> None:
    begun = []

    def process(job: Any, stop: Any, report: Any, gate: Any) -> Any:
        begun.append(job.number)
        if job.number == 0:
            raise ValueError("a fault")
        while not stop():
            threading.Event().wait(0.01)
        raise Stopped

    with pytest.raises(ValueError, match="a fault"):
        done(run_in_threads(jobs(50), process, lambda: False))
    assert len(begun) <= 4  # three at once, and one before it is known


def test_leaving_half_way_stops_the_threads() -> None:
    stopped = threading.Event()

    def process(job: Any, stop: Any, report: Any, gate: Any) -> Any:
        report(0.1)
        while not stop():
            threading.Event().wait(0.01)
        stopped.set()
        raise Stopped

    updates = run_in_threads(jobs(9), process, lambda: False)
    next(updates)
    updates.close()
    assert stopped.is_set()
    names = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("image") for name in names)


def test_calls_of_the_network_take_turns() -> None:
    class Network:
        backend, channels, bytes_a_pixel = "a test", 1, 1500
        inside = most = 0

        def __call__(self, batch: np.ndarray) -> np.ndarray:
            self.inside += 1
            self.most = max(self.most, self.inside)
            threading.Event().wait(0.005)
            self.inside -= 1
            return batch

    network = Network()
    shared = SharedNetwork(network)
    tile = np.zeros((1, 2, 2, 1), np.float32)
    threads = [threading.Thread(target=shared, args=(tile,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert network.most == 1
    assert shared.busy_seconds >= 8 * 0.005


def test_a_call_that_fails_lets_the_next_one_in() -> None:
    class Network:
        backend, channels, bytes_a_pixel = "a test", 1, 1500

        def __call__(self, batch: np.ndarray) -> np.ndarray:
            if not batch.any():
                raise MemoryError
            return batch

    shared = SharedNetwork(Network())
    with pytest.raises(MemoryError):
        shared(np.zeros((1, 1, 1, 1), np.float32))
    assert shared(np.ones((1, 1, 1, 1), np.float32)).all()


def test_planes_go_in_while_they_fit_and_a_large_one_alone() -> None:
    gate = PixelGate(100)
    inside = []

    def never() -> bool:
        return False

    def large() -> None:
        with gate.hold(5000, never):
            inside.append("large")

    with gate.hold(60, never):
        with gate.hold(40, never):
            thread = threading.Thread(target=large)
            thread.start()
        assert inside == []  # 60 are still taken
    thread.join(SECONDS)
    assert inside == ["large"]
    with gate.hold(100, never):  # all of it was given back
        pass


def test_who_waits_at_the_gate_can_be_told_to_stop() -> None:
    gate = PixelGate(100)
    with gate.hold(100, lambda: False):
        with pytest.raises(Stopped), gate.hold(1, lambda: True):
            pass
    with gate.hold(100, lambda: True):  # nobody has to wait
        pass


def test_what_fails_inside_gives_its_room_back() -> None:
    gate = PixelGate(100)
    with pytest.raises(OSError, match="a fault"), gate.hold(100, lambda: False):
        raise OSError("a fault")
    with gate.hold(100, lambda: True):
        pass
