"""What a worker of a cluster does: an image, or a block of a large one."""

from __future__ import annotations

import time
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
from unetloop.run_record import Records
from unetloop.workers import SharedNetwork

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.boxes import Box
    from unetloop.image_job import ImageJob
    from unetloop.large import Block
    from unetloop.network import Network
    from unetloop.plane_view import PlaneView
    from unetloop.prediction import PredictedPlane
    from unetloop.run_record import ImageRecord

__all__ = ["STOP", "predict_block_on_worker", "predict_on_worker", "stop_file"]

STOP = ".stop-"
"""Beginning of the names of the files by which runs are stopped."""

# On a network disk a look at a file is not for nothing.
_LOOK_SECONDS = 1.0


def stop_file(records: Records, run: str) -> Path:
    """Say which file tells the workers of a run that it was cancelled.

    Each run has its own: workers may still be at an image of the run before.
    """
    return records.folder / f"{STOP}{run}"


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
    stop = _Stop(stop_file(records, job.run))
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
    box: Box,
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
    # The thread that waits for blocks of a large plane is not alone with it.
    return model, SharedNetwork(model.network(pixels))


class _Stop:
    """Says whether a run was cancelled; looks at its file once a second."""

    def __init__(self, file: Path) -> None:
        self._file, self._due, self._stopped = file, 0.0, False

    def __call__(self) -> bool:
        if not self._stopped and time.monotonic() >= self._due:
            self._stopped = self._file.exists()
            self._due = time.monotonic() + _LOOK_SECONDS
        return self._stopped
