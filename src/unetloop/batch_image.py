"""One image of a batch: read it, predict, label, measure, and write everything.

The same function works in a thread of the batch and on another machine: all that
it needs comes in an `ImageJob`, and all that it has to say is in the record that
it leaves behind its results.
"""

from __future__ import annotations

import shutil
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop import quality
from unetloop.batch_plane import PlaneResult, work_on_plane
from unetloop.catalog import load
from unetloop.errors import EngineError
from unetloop.export.image import ExportedImage
from unetloop.files import replacing, write_labels
from unetloop.image_job import DiskFull, PixelGate, Stopped
from unetloop.images import open_image, resolve_channels
from unetloop.large import is_large, scratch_labels
from unetloop.measurements import MeasurementsWriter
from unetloop.run_record import FileState, ImageRecord, Records, now
from unetloop.summary import summarize_classes, summarize_image
from unetloop.thumbnails import to_jpeg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.image_job import ImageJob
    from unetloop.images import Image, ImageInfo
    from unetloop.large import BlockRunner
    from unetloop.network import Network

__all__ = ["process_image"]

_FULL = {28, 122}  # ENOSPC and EDQUOT: no space, and no quota left
_PLANES_AT_ONCE = 2
_PROBABILITIES = "probabilities"


def process_image(
    job: ImageJob,
    network: Network,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[float], None] = lambda share: None,
    gate: PixelGate | None = None,
    runner: BlockRunner | None = None,
) -> ImageRecord:
    """Predict an image, write its results, and then its record.

    Parameters
    ----------
    job : ImageJob
        What to do.
    network : Network
        The model's.
    stop : callable
        Asked often; when true, the image is given up.
    report : callable
        Told which share of the image is done.
    gate : PixelGate, optional
        Shared by the images that are worked on at once.
    runner : BlockRunner, optional
        Predicts the blocks of large planes elsewhere.

    Returns
    -------
    ImageRecord
        What is written: ``done``, or ``failed`` with its reason.

    Raises
    ------
    Stopped
        If it was given up.
    DiskFull
        If a result or the record can't be written for want of space.
    """
    records = Records(job.out)
    before = records.read(job.stem)
    began = time.monotonic()
    record = ImageRecord(
        name=job.name,
        stem=job.stem,
        image=str(job.image),
        settings=job.settings,
        status="begun",
        run=job.run,
    )
    try:
        try:
            record = replace(record, input=FileState.of(job.image))
            room = gate or PixelGate(1 << 40)
            work = _Work(job, network, stop, report, room, runner)
            record = work.run(records, record, began)
        except (EngineError, OSError, MemoryError) as error:
            if _disk_is_full(error):
                raise
            reason = str(error) if isinstance(error, EngineError) else _reason(error)
            record = replace(record, status="failed", reason=reason)
        except (Stopped, DiskFull):
            raise
        except Exception as error:  # noqa: BLE001 - a bad file must not stop the run
            record = replace(
                record,
                status="failed",
                reason=_reason(error),
                detail="".join(traceback.format_exception(error)),
            )
        if record.status == "failed":
            record = replace(record, outputs=_left_behind(job, before))
        seconds = round(time.monotonic() - began, 3)
        summary = {**record.summary, "seconds": seconds}
        record = replace(record, summary=summary, finished=now())
        records.write(record)
    except (EngineError, OSError) as error:
        if _disk_is_full(error):
            raise DiskFull(str(error)) from error
        raise
    return record


def _left_behind(job: ImageJob, before: ImageRecord | None) -> dict[str, FileState]:
    """Say which files of an image that failed are ours: the next try replaces them."""
    records = Records(job.out)
    now_there = records.read(job.stem)
    if now_there is None or now_there.status != "begun":  # it wrote nothing
        return before.outputs if before else {}
    paths = [job.labels, *(job.export_path(name) for name in job.exports)]
    return {
        path.relative_to(job.out).as_posix(): FileState.of(path)
        for path in paths
        if path.exists()
    }


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"It can't be read or written ({error.strerror})."
    if isinstance(error, MemoryError):
        return "There is not enough memory for it."
    return f"Something unforeseen happened ({type(error).__name__}: {error})."


def _disk_is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False


class _Work:
    """The steps of one image."""

    def __init__(
        self,
        job: ImageJob,
        network: Network,
        stop: Callable[[], bool],
        report: Callable[[float], None],
        gate: PixelGate,
        runner: BlockRunner | None,
    ) -> None:
        self.job, self.network = job, network
        self.stop, self.report, self.gate = stop, report, gate
        self.runner = runner
        self._shares: dict[int, float] = {}

    def run(self, records: Records, record: ImageRecord, began: float) -> ImageRecord:
        """Do them all but the last: to write the record."""
        job = self.job
        with open_image(job.image) as image:
            info = image.info
            channels = resolve_channels(info, job.channel, self.network.channels)
            axes = "".join(axis for axis in info.axes if axis in "TZYX")
            outer = tuple(info.size(axis) for axis in axes if axis in "TZ")
            shape = (*outer, info.height, info.width)
            with (
                _room_for(shape, records.folder) as labels,
                self._room_for_probabilities(shape, records.folder) as maps,
            ):
                planes = labels.reshape(-1, info.height, info.width)
                found = list(self._planes(image, channels, planes, maps))
                self._check()
                # From here on there are files, whose record is not whole yet.
                records.write(record)
                outputs = [self._write_labels(labels, image, f"{axes[:-2]}YX")]
                part = self._write_measurements(records, found)
                outputs += self._export(image, channels, planes, found, maps)
                self._write_picture(records, found)
        summary = self._summarize(info, found)
        summary |= {"labels": self._relative(job.labels), "model": job.model}
        return replace(
            record,
            status="done",
            outputs={
                self._relative(path): FileState.of(path) for path in (*outputs, part)
            },
            exports=list(job.exports),
            summary=summary,
        )

    def _summarize(self, info: ImageInfo, found: list[PlaneResult]) -> dict[str, Any]:
        focus = [plane.focus for plane in found]
        if self.job.scale.task.classes:
            return summarize_classes(
                info,
                self.job.scale.task.maps,
                areas=np.sum([plane.columns["area_px"] for plane in found], axis=0),
                certainty=float(np.mean([plane.sure for plane in found])),
                doubtful=float(np.mean([plane.doubtful for plane in found])),
                focus=focus,
            )
        return summarize_image(
            info,
            areas=np.concatenate([plane.columns["area_px"] for plane in found]),
            certainty=np.concatenate([plane.certainty[1:] for plane in found]),
            diameters=[plane.diameter for plane in found],
            focus=focus,
            statistics=self._statistics(found),
            reference=self.job.reference,
        )

    @contextmanager
    def _room_for_probabilities(
        self, shape: tuple[int, ...], folder: Path
    ) -> Iterator[NDArray[np.float32] | None]:
        """Lend (planes, classes, rows, columns) if they are wanted."""
        if _PROBABILITIES not in self.job.exports:
            yield None
            return
        planes = int(np.prod(shape[:-2]))
        count = len(self.job.scale.task.classes)
        with _room_for((planes, count, *shape[-2:]), folder) as room:
            yield room.view(np.float32)

    def _check(self) -> None:
        if self.stop():
            raise Stopped

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.job.out).as_posix()

    def _planes(
        self,
        image: Image,
        channels: tuple[int, ...],
        output: NDArray[np.int32],
        maps: NDArray[np.float32] | None,
    ) -> Iterator[PlaneResult]:
        numbers = range(image.info.planes)

        def run(number: int) -> PlaneResult:
            self._check()
            pixels = image.info.height * image.info.width
            with self.gate.hold(pixels, self.stop):
                return work_on_plane(
                    image,
                    number,
                    channels,
                    self.network,
                    self.job.scale,
                    self.job.config,
                    output[number],
                    self.stop,
                    lambda share: self._report(number, share, len(numbers)),
                    self.runner,
                    None if maps is None else maps[number],
                )

        if len(numbers) == 1:
            yield run(0)
            return
        # While the nuclei of one plane are divided, the network runs over the next.
        failed = threading.Event()
        stop, self.stop = self.stop, lambda: failed.is_set() or stop()
        with ThreadPoolExecutor(_PLANES_AT_ONCE, "plane") as pool:
            futures = [pool.submit(run, number) for number in numbers]
            try:
                for future in futures:
                    yield future.result()
            except BaseException:
                failed.set()
                for future in futures:
                    future.cancel()
                raise
            finally:
                self.stop = stop

    def _report(self, number: int, share: float, planes: int) -> None:
        self._shares[number] = share
        self.report(sum(self._shares.values()) / planes)

    def _write_labels(self, labels: NDArray[np.int32], image: Image, axes: str) -> Path:
        path, size = self.job.labels, image.info.pixel_size
        if path.suffix == ".zarr":
            from unetloop.zarr_labels import write_zarr_labels

            write_zarr_labels(path, labels, self.job.image, size, axes)
        else:
            write_labels(path, labels, size, axes)
        return path

    def _write_measurements(self, records: Records, found: list[PlaneResult]) -> Path:
        path = records.path(self.job.stem, ".csv")
        # Of classes, the columns are those of its own tables.
        names = () if self.job.scale.task.classes else None
        with MeasurementsWriter(path, names) as writer:
            for number, plane in enumerate(found):
                writer.write(self.job.name, str(number), plane.columns)
        return path

    def _export(
        self,
        image: Image,
        channels: tuple[int, ...],
        planes: NDArray[np.int32],
        found: list[PlaneResult],
        maps: NDArray[np.float32] | None,
    ) -> list[Path]:
        if not self.job.exports:
            return []
        tables = [plane.columns for plane in found]
        classes = self.job.scale.task.classes
        about = replace(
            ExportedImage.of(image, self.job.name, channels, tables),
            probabilities=maps,
            class_names=tuple(tissue.name for tissue in classes),
            class_colors=tuple(tissue.color for tissue in classes),
        )
        paths = []
        for name in self.job.exports:
            self._check()
            path = self.job.export_path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            load(self.job.exporters[name].write)(path, planes, about)
            paths.append(path)
        return paths

    def _write_picture(self, records: Records, found: list[PlaneResult]) -> None:
        worst = max(found, key=lambda plane: plane.doubt)
        if worst.picture is not None:
            with replacing(records.path(self.job.stem, ".jpg")) as fresh:
                fresh.write_bytes(to_jpeg(worst.picture))

    def _statistics(self, found: list[PlaneResult]) -> NDArray[np.float64]:
        return quality.average(
            [row for plane in found for row in plane.statistics],
            [weight for plane in found for weight in plane.weights],
        )


def _room_for(shape: tuple[int, ...], folder: Path) -> Any:
    """Give zeros in memory, or in a file where they would not fit well."""
    if not is_large((int(np.prod(shape[:-1])), shape[-1]), 1.0):
        return nullcontext(np.zeros(shape, np.int32))
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = int(np.prod(shape)) * 4, shutil.disk_usage(folder).free
    if free < needed:
        raise EngineError(
            f"The disk has {free / 1e9:.1f} GB left, and {needed / 1e9:.1f} GB are "
            "needed.",
            todo="Free some space or choose another folder.",
            path=str(folder),
        )
    return scratch_labels(shape, folder)
