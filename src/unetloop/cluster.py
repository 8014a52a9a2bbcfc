"""The same batch on other processes and machines, by Dask.

Each image is one task, as in a thread of one machine, that reads from and writes to a
disk which all machines see; only its record comes back. So a worker that dies costs
the image that it had in hand, which Dask gives to another worker. The blocks of a
large plane are tasks of their own, put together by the image's.
"""

from __future__ import annotations

import os
import queue
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from unetloop import __version__
from unetloop.batch_image import process_image
from unetloop.checkpoint import Model, open_model
from unetloop.errors import EngineError
from unetloop.image_exports import export_image
from unetloop.images import open_image
from unetloop.large import is_large
from unetloop.prediction import finish, predict_region
from unetloop.quality import Reference
from unetloop.run_record import FileState, ImageRecord, Records, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from unetloop.image_job import ImageJob
    from unetloop.large import Block
    from unetloop.network import Network
    from unetloop.plane_view import PlaneView
    from unetloop.prediction import PredictedPlane
    from unetloop.workers import Update

__all__ = ["predict_on_worker", "run_on_cluster"]

_BREATH_SECONDS = 0.25
_CONNECT_SECONDS = 30
# On a network disk a look at a file is not for nothing.
_LOOK_SECONDS = 1.0
_STOP = ".stop"


def run_on_cluster(
    jobs: Sequence[ImageJob],
    model: Model,
    pixels: float | None,
    scheduler: str | None,
    count: int,
    cancelled: Callable[[], bool],
) -> Iterator[Update]:
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
        As `workers.run_in_threads`; shares of an image are not known.

    Raises
    ------
    EngineError
        If Dask is not installed, the scheduler does not answer, or a worker can't
        work with our files.
    DiskFull
        If there is no space for results.
    """
    out = jobs[0].out
    stop_file = Records(out).folder / _STOP
    stop_file.unlink(missing_ok=True)
    finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with _client(scheduler, min(count, len(jobs))) as client:
        tasks = {}
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
            tasks[task.key] = job
            task.add_done_callback(finished.put)
        try:
            waiting = dict(tasks)
            while waiting:
                if cancelled():
                    return
                try:
                    task = finished.get(timeout=_BREATH_SECONDS)
                except queue.Empty:
                    yield None, None
                    continue
                done = waiting.pop(task.key)
                record = _result(task, done)
                task.release()
                yield done, record
        finally:
            stop_file.touch()
            client.cancel([*tasks])


def _result(task: Any, job: ImageJob) -> ImageRecord:
    """Give what a task has found, or write down why it could not be done."""
    from distributed import KilledWorker

    error = task.exception()
    if error is None:
        record: ImageRecord = task.result()
        if Records(job.out).read(job.stem) != record:
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
        )
        Records(job.out).write(record)
        return record
    raise error


def predict_on_worker(
    job: ImageJob,
    model: Path,
    weights_hash: str,
    pixels: float | None,
    version: str,
) -> ImageRecord:
    """Do one image on a worker; its results and record are written there.

    Parameters
    ----------
    job : ImageJob
        Without the model's reference.
    model, weights_hash
        Folder and hash of the model.
    pixels : float or None
        As for `run_on_cluster`.
    version : str
        Of unetloop that sent it.

    Raises
    ------
    EngineError
        If this machine has another version or model, or does not see the folder.
    Stopped
        If the run was cancelled.
    DiskFull
        If there is no space for results.
    """
    if version != __version__:
        raise EngineError(
            "This worker has another version of unetloop.",
            todo="Install the same one everywhere.",
            worker=__version__,
            sent=version,
        )
    records = Records(job.out)
    if not records.folder.is_dir():
        raise EngineError(
            "A worker does not see the output folder.",
            todo="Choose one on a disk that all machines share, under the same path.",
            out=str(job.out),
        )
    record = records.read(job.stem)
    if record is not None and record.run == job.run and record.status != "begun":
        return record  # done, but the worker died before it could say so
    stop = _Stop(records.folder / _STOP)
    if job.again:
        return export_image(job, stop)
    opened, network = _load(model, weights_hash, pixels)
    reference = Reference.from_json(opened.card.reference)
    job = replace(job, reference=reference)
    if not _is_large(job.image):
        return process_image(job, network, stop)
    from distributed import worker_client

    # The worker is free for blocks while this task waits for them.
    with worker_client() as client:
        blocks = _Blocks(client, job, model, weights_hash, pixels)
        return process_image(job, network, stop, runner=blocks)


def predict_block_on_worker(
    job: ImageJob,
    model: Path,
    weights_hash: str,
    pixels: float | None,
    view: PlaneView,
    box: tuple[int, int, int, int],
    diameter: float,
) -> PredictedPlane:
    """Predict a block of a large plane on a worker.

    Parameters
    ----------
    job : ImageJob
        The image's.
    model, weights_hash, pixels
        As for `predict_on_worker`.
    view : PlaneView
        The plane, but without its image: that is opened here.
    box : tuple of int
        First row, first column, and the row and column behind the last.
    diameter : float
        Of the nuclei, in pixels.
    """
    _, network = _load(model, weights_hash, pixels)
    with open_image(job.image) as image:
        here = replace(view, image=image)
        work = predict_region(network, here, box, diameter, job.scale, job.config)
        return finish(work)


class _Blocks:
    """Gives the blocks of a large plane to the workers of a cluster."""

    def __init__(
        self,
        client: Any,
        job: ImageJob,
        model: Path,
        weights_hash: str,
        pixels: float | None,
    ) -> None:
        self.at_once = max(1, len(client.nthreads()))
        self._client = client
        self._sent = (replace(job, reference=None), model, weights_hash, pixels)

    def submit(self, view: PlaneView, diameter: float, block: Block) -> Any:
        """Begin with a block; give a future of its `PredictedPlane`."""
        bare = replace(view, image=None)  # type: ignore[arg-type]
        return self._client.submit(
            predict_block_on_worker,
            *self._sent,
            bare,
            block.box,
            diameter,
            pure=False,
            priority=10,  # before images that wait
        )


def _is_large(path: Path) -> bool:
    """Whether an image is one plane that is worked on in blocks."""
    try:
        with open_image(path) as image:
            size = (image.info.height, image.info.width)
            return image.info.planes == 1 and is_large(size, 1.0)
    except (EngineError, OSError):
        return False  # whoever works on it will say what is wrong


@lru_cache(maxsize=1)
def _load(path: Path, weights_hash: str, pixels: float | None) -> tuple[Model, Network]:
    model = open_model(path)
    if model.weights_hash != weights_hash:
        raise EngineError(
            "A worker sees another model under this path.",
            todo="Put the model on a disk that all machines share.",
            model=str(path),
        )
    return model, model.network(pixels)


class _Stop:
    """Says whether a run was cancelled; looks at its file once a second."""

    def __init__(self, file: Path) -> None:
        self._file, self._due, self._stopped = file, 0.0, False

    def __call__(self) -> bool:
        if not self._stopped and time.monotonic() >= self._due:
            self._stopped = self._file.exists()
            self._due = time.monotonic() + _LOOK_SECONDS
        return self._stopped


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
    with (
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            dashboard_address=None,
            env={"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads},
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client
