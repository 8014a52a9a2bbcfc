"""One image of a batch: read it, predict, label, measure, and write everything.

The same function works in a thread of the batch and on another machine: all that
it needs comes in an `ImageJob`, and all that it has to say is in the record that
it leaves behind its results.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop import quality
from unetloop.batch_plane import work_on_plane
from unetloop.file_state import FileState
from unetloop.image_account import keep_account
from unetloop.image_job import PixelGate, Stopped
from unetloop.image_results import ImageResults, room_for
from unetloop.images import name_channels
from unetloop.plane_result import with_one_picture
from unetloop.reviewed import combined_hash
from unetloop.run_record import Records
from unetloop.summary import summarize_classes, summarize_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.image_job import ImageJob
    from unetloop.image_planes import Image, ImageInfo
    from unetloop.large import BlockRunner
    from unetloop.network import Network
    from unetloop.plane_result import PlaneResult
    from unetloop.run_record import ImageRecord

__all__ = ["process_image"]

_PLANES_AT_ONCE = 2
_PROBABILITIES = "probabilities"
_BLANK = (
    "All its pixels are alike in the channel that was looked at: there is nothing to "
    "find."
)
_NOTHING = (
    'No nucleus was found in the channel "{channel}": if they are in another one, '
    "choose that."
)


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
    room = gate or PixelGate(1 << 40)
    return keep_account(job, _Work(job, network, stop, report, room, runner).run)


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
        self._corrections: dict[int, str] = {}

    def run(self, record: ImageRecord) -> ImageRecord:
        """Do them all but the last: to write the record."""
        job = self.job
        records = Records(job.out)
        with job.open() as image:
            info = image.info
            channels, remark = job.look(image)
            shape = (info.planes, info.height, info.width)
            with (
                room_for(shape, records.folder) as planes,
                self._room_for_probabilities(shape, records.folder) as maps,
            ):
                work = self._planes(image, channels, planes, maps)
                found = list(with_one_picture(work))
                self._check()
                # From here on there are files, whose record is not whole yet.
                records.write(record)
                results = ImageResults(job, image, self._check)
                tables = [plane.columns for plane in found]
                outputs = [
                    results.write_labels(planes),
                    results.write_measurements(tables),
                    *results.export(job.exports, channels, planes, tables, maps),
                ]
                results.write_picture(max(found, key=lambda one: one.doubt).picture)
        summary = self._summarize(info, found)
        summary |= {"labels": self._relative(job.labels), "model": job.model}
        summary["channel"] = name_channels(info, channels)
        nothing = ""
        if all(plane.blank for plane in found):
            nothing = _BLANK
        elif summary.get("nuclei") == 0 and job.channel is None and not info.rgb:
            nothing = _NOTHING.format(**summary) if info.channels > 1 else ""
        return replace(
            record,
            status="done",
            reason=" ".join(filter(None, (remark, info.note, nothing))),
            # Somebody may have gone on correcting since the run began.
            corrections=combined_hash(self._corrections),
            outputs={self._relative(path): FileState.of(path) for path in outputs},
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
                certainty=[plane.sure for plane in found],
                doubtful=[plane.doubtful for plane in found],
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
            reviewed=sum(int(plane.columns["reviewed"].sum()) for plane in found),
        )

    @contextmanager
    def _room_for_probabilities(
        self, shape: tuple[int, ...], folder: Path
    ) -> Iterator[NDArray[np.float32] | None]:
        """Lend (planes, classes, rows, columns) if they are wanted."""
        if _PROBABILITIES not in self.job.exports:
            yield None
            return
        count = len(self.job.scale.task.classes)
        with room_for((shape[0], count, *shape[-2:]), folder) as room:
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
            reviewed = self.job.reviewed
            with (
                self.gate.hold(pixels, self.stop),
                self._verdicts(number, output.shape[1:]) as verdicts,
            ):
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
                    verdicts,
                    () if reviewed is None else reviewed.classes,
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

    @contextmanager
    def _verdicts(
        self, number: int, shape: tuple[int, ...]
    ) -> Iterator[NDArray[np.uint32] | None]:
        """Lend what somebody said of a plane, (rows, columns); None: nothing."""
        reviewed = self.job.reviewed
        plane = None if reviewed is None else reviewed.planes.get(number)
        if plane is None:
            yield None
            return
        plane.check(shape)
        with room_for(shape, Records(self.job.out).folder) as room:
            verdicts = room.view(np.uint32)
            self._corrections[number] = plane.read(verdicts)
            yield verdicts

    def _report(self, number: int, share: float, planes: int) -> None:
        self._shares[number] = share
        self.report(sum(self._shares.values()) / planes)

    def _statistics(self, found: list[PlaneResult]) -> NDArray[np.float64]:
        return quality.average(
            [row for plane in found for row in plane.statistics],
            [weight for plane in found for weight in plane.weights],
        )
