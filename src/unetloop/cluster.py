"""The same batch on other processes and machines, by Dask.

Each image is one task, as in a thread of one machine, that reads from and writes to a
disk which all machines see; only its record comes back. So a worker that dies costs
the image that it had in hand, which Dask gives to another worker. The blocks of a
large plane are tasks of their own, put together by the image's.
"""

from __future__ import annotations

import logging
import math
import os
import queue
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unetloop import __version__
from unetloop.cluster_worker import STOP, predict_on_worker, stop_file
from unetloop.errors import EngineError
from unetloop.events import Notice
from unetloop.file_state import FileState
from unetloop.run_record import ImageRecord, Records, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from unetloop.checkpoint import Model
    from unetloop.image_job import ImageJob
    from unetloop.workers import Update

__all__ = ["run_on_cluster"]

_BREATH_SECONDS = 0.25
_CONNECT_SECONDS = 30
# NFS asks again for the names in a folder after a minute at the latest.
_SEEN_SECONDS = 65.0
_LONG_AGO_SECONDS = 86400.0
_LOOK_SECONDS = 10.0
_NO_WORKERS = Notice(
    text="The scheduler has no workers now: images wait until some are started, where "
    "unetloop is installed, with 'dask worker' and its address; see docs/cluster.md.",
    level="warning",
)


def run_on_cluster(
    jobs: Sequence[ImageJob],
    model: Model,
    pixels: float | None,
    scheduler: str | None,
    count: int,
    cancelled: Callable[[], bool],
) -> Iterator[Update | tuple[None, Notice]]:
    """Process images on a Dask cluster.

    Parameters
    ----------
    jobs : sequence of ImageJob
        What to do; all of the same output folder.
    model : Model
        The opened model.
    pixels : float or None
        Roughly how many there are; None: many.
    scheduler : str or None
        Address of a scheduler; None: a cluster of this machine.
    count : int
        Processes of that.
    cancelled : callable
        When true, images that wait are dropped, and those begun are given up.

    Yields
    ------
    Update
        As `workers.run_in_threads`; shares of an image are not known. A notice where
        there is nobody to work yet.

    Raises
    ------
    EngineError
        If Dask is not installed, the scheduler does not answer or no longer does, or
        a worker can't work with our files.
    DiskFull
        If there is no space for results.
    """
    records = Records(jobs[0].out)
    _remove_old_stops(records)
    finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with _client(scheduler, min(count, len(jobs))) as client:
        waiting = {}
        for job in jobs:
            # The statistics are large, and the worker has them in its model.
            task = client.submit(
                predict_on_worker,
                replace(job, reference=None),
                model.path,
                model.weights_hash,
                pixels,
                __version__,
                pure=False,
            )
            waiting[task.key] = job
            task.add_done_callback(finished.put)
        # Those of this machine are there as long as we are.
        due = 0.0 if scheduler is not None else math.inf
        try:
            while waiting:
                if cancelled():
                    return
                try:
                    task = finished.get(timeout=_BREATH_SECONDS)
                except queue.Empty:
                    yield None, None
                    if time.monotonic() >= due:
                        due = time.monotonic() + _LOOK_SECONDS
                        if not _has_workers(client):
                            due = math.inf  # it is said once
                            yield None, _NO_WORKERS
                    continue
                done = waiting.pop(task.key)
                record = _result(task, done)
                task.release()
                yield done, record
        finally:
            if waiting:  # those not begun end with the client, the others by this
                stop_file(records, jobs[0].run).touch()


def _has_workers(client: Any) -> bool:
    try:
        return bool(client.nthreads())
    except OSError:  # the scheduler is away, which is said when its tasks are lost
        return True


def _result(task: Any, job: ImageJob) -> ImageRecord:
    """Give what a task has found, or write down why it could not be done."""
    from distributed import KilledWorker

    error = task.exception()
    if error is None:
        try:
            record: ImageRecord = task.result()
        except CancelledError as lost:  # by Dask: we look at no task of a stopped run
            raise EngineError(
                "The connection to the Dask scheduler was lost.",
                todo="See that it runs, and run this again: what is done is kept.",
            ) from lost
        if not _is_seen(record, Records(job.out)):
            raise EngineError(
                "A worker wrote its results where this machine does not see them.",
                todo="Choose an output folder on a disk that all machines share, "
                "under the same path.",
                out=str(job.out),
            )
        return record
    if isinstance(error, KilledWorker):
        reason = (
            "The workers that had this image in hand died, one after the other: it "
            "may need more memory than they have."
        )
        record = ImageRecord(
            name=job.name,
            stem=job.stem,
            image=str(job.image),
            settings=job.settings,
            status="failed",
            reason=reason,
            run=job.run,
            input=FileState.of(job.image),
            finished=now(),
            corrections=job.corrections,
        )
        Records(job.out).write(record)
        return record
    if isinstance(error, ImportError) or "deserializ" in str(error):
        raise EngineError(
            "The scheduler or a worker can't read what it was sent: they run where "
            "unetloop is not installed, or another version of it, Dask or Python.",
            todo="Install the same on all machines, and start them from there.",
        ) from error
    raise error


def _is_seen(record: ImageRecord, records: Records) -> bool:
    """Whether a worker's record is on our disk; a network disk shows it late."""
    until = time.monotonic() + _SEEN_SECONDS
    while records.read(record.stem) != record:
        if time.monotonic() >= until:
            return False
        time.sleep(_BREATH_SECONDS)
    return True


def _remove_old_stops(records: Records) -> None:
    """Remove what stopped runs of long ago: no worker is at them any more."""
    for path in records.folder.glob(f"{STOP}*"):
        with suppress(OSError):  # another machine may be at it, too
            if time.time() - path.stat().st_mtime > _LONG_AGO_SECONDS:
                path.unlink()


@contextmanager
def _client(scheduler: str | None, count: int) -> Iterator[Any]:
    """Connect to a scheduler, or start one with some processes."""
    try:
        from distributed import Client, LocalCluster
        from distributed.comm import get_address_host_port
    except ImportError as error:
        raise EngineError(
            "Dask is not installed, which is needed for more processes and machines.",
            todo="Install it with: pip install 'napari-unet-loop[cluster]'",
        ) from error
    # What ends its connection is an error of ours, in one sentence.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    if scheduler is not None:
        try:
            get_address_host_port(scheduler)  # a client would try for long
            client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise EngineError(
                "There is no Dask scheduler at this address.",
                todo="Start one with 'dask scheduler', and give what it prints, as "
                "tcp://host:8786.",
                scheduler=scheduler,
            ) from error
        with client:
            yield client
        return
    threads = str(max(1, (os.cpu_count() or 1) // count))
    try:
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            dashboard_address=None,
            # Its page is not made, but its port is taken, that of another run.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            env={"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads},
        )
    except (OSError, RuntimeError) as error:  # as on a machine that is very busy
        raise EngineError(
            f"The processes did not start ({error}).",
            todo="Ask for fewer with --jobs, or leave it out.",
            jobs=count,
        ) from error
    with cluster, Client(cluster, set_as_default=False) as client:
        yield client
