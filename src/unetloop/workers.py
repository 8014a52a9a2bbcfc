"""Threads that work on several images at once and share one network.

While one image waits for the disk or has its nuclei divided, the network runs
over another: it is the part that must never rest. An image goes from its beginning
to its end in one thread, and only the calls of the network are one after the other.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from unetloop.image_job import DiskFull, PixelGate, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from unetloop.image_job import ImageJob
    from unetloop.network import Network
    from unetloop.run_record import ImageRecord

    Process = Callable[
        [ImageJob, Callable[[], bool], Callable[[float], None], PixelGate], ImageRecord
    ]

__all__ = ["SharedNetwork", "Update", "run_in_threads"]

Update = tuple["ImageJob | None", "float | ImageRecord | None"]
"""A job, and the share of it that is done, or its record; (None, None): a breath."""

_IMAGES_AT_ONCE = 3
# Together as many pixels as the largest plane that is worked on in one piece.
_PIXELS_AT_ONCE = 1 << 24
_BREATH_SECONDS = 0.25


class SharedNetwork:
    """A network that threads take turns with, and that knows how busy it was.

    Parameters
    ----------
    network : Network
        Need not bear several threads.
    """

    def __init__(self, network: Network) -> None:
        self.backend, self.channels = network.backend, network.channels
        self.bytes_a_pixel = network.bytes_a_pixel
        self.busy_seconds = 0.0
        self._network = network
        self._turn = threading.Lock()

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict the maps of a batch of tiles."""
        with self._turn:
            began = time.perf_counter()
            try:
                return self._network(batch)
            finally:
                self.busy_seconds += time.perf_counter() - began


def run_in_threads(
    jobs: Sequence[ImageJob], process: Process, cancelled: Callable[[], bool]
) -> Iterator[Update]:
    """Process images, some at once, in their order.

    Parameters
    ----------
    jobs : sequence of ImageJob
        What to do.
    process : callable
        Does one; given the job, what says that it is given up, what is told which
        share of it is done, and the gate that all share.
    cancelled : callable
        When true, images that were begun are given up.

    Yields
    ------
    Update
        At least four times a second, so that whoever listens can do other things.

    Raises
    ------
    DiskFull
        Once all threads have stopped.
    """
    updates: queue.SimpleQueue[tuple[ImageJob, float | ImageRecord | BaseException]]
    updates = queue.SimpleQueue()
    stopping = threading.Event()
    gate = PixelGate(_PIXELS_AT_ONCE)

    def stop() -> bool:
        return stopping.is_set() or cancelled()

    def work(job: ImageJob) -> None:
        try:
            if stop():
                raise Stopped
            record = process(job, stop, lambda share: updates.put((job, share)), gate)
            updates.put((job, record))
        except BaseException as error:  # noqa: BLE001 - raised again by whoever listens
            updates.put((job, error))

    ended = 0
    failure: BaseException | None = None
    with ThreadPoolExecutor(_IMAGES_AT_ONCE, "image") as pool:
        try:
            for job in jobs:
                pool.submit(work, job)
            while ended < len(jobs):
                try:
                    done, what = updates.get(timeout=_BREATH_SECONDS)
                except queue.Empty:
                    yield None, None
                    continue
                if isinstance(what, float):
                    yield done, what
                    continue
                ended += 1
                if not isinstance(what, BaseException):
                    yield done, what
                elif not isinstance(what, Stopped):
                    failure = failure if isinstance(failure, DiskFull) else what
                    stopping.set()
        finally:
            stopping.set()
            pool.shutdown(cancel_futures=True)
    if failure is not None:
        raise failure
