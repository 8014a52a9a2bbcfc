"""Many images -> masks, tables and a report, as a job that a bad file does not stop.

What is done already is known by its records (`run_record`), the images are worked
on by threads (`workers`) or by other machines (`cluster`), and the tables are made
from the records (`summary`, `measurements`), so that a run may end at any moment.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from unetloop.batch_image import process_image
from unetloop.batch_jobs import BatchOptions, make_jobs
from unetloop.counts import counted
from unetloop.events import (
    Event,
    Notice,
    Progress,
)
from unetloop.image_exports import export_image
from unetloop.image_job import DiskFull
from unetloop.naming import name_images
from unetloop.resume import Choice, choose, keep_exports
from unetloop.run_account import RunAccount
from unetloop.run_record import ImageRecord, Records
from unetloop.run_tables import check_tables
from unetloop.scale import Scale
from unetloop.workers import SharedNetwork, run_in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from unetloop.checkpoint import Model
    from unetloop.config import PredictionConfig
    from unetloop.files import FoundImage
    from unetloop.image_job import ImageJob, PixelGate
    from unetloop.workers import Update

    Stop = Callable[[], bool]

__all__ = ["BatchOptions", "predict_images"]

_LEFT_ALONE = {
    "foreign": "its results were there before, and not from this program's runs",
    "edited": "its results were changed after they were written",
}


def predict_images(
    images: Sequence[FoundImage],
    out: Path,
    model: Model,
    config: PredictionConfig,
    options: BatchOptions | None = None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Write masks, tables and a report of images; docs/formats.md lists the files.

    What an earlier run has done with the same model and settings, of images that
    are the same, is left as it is.

    Parameters
    ----------
    images : sequence of FoundImage
        What to predict.
    out : Path
        Folder to write into.
    model : Model
        An opened model.
    config : PredictionConfig
        Tiles, flips, and the nucleus diameter if it is known.
    options : BatchOptions, optional
        What else was chosen.
    cancelled : callable
        Asked between batches; when true, the job ends with what is done.

    Yields
    ------
    Event
        `Progress`, `ImagePredicted`, `ImageFailed`, `Notice`, `PredictionDone`.

    Raises
    ------
    EngineError
        Before any work, if an option is wrong, or ``out`` can't be written, holds
        tables of something else, or is another run's just now.
    """
    options = options or BatchOptions()
    out = out.absolute()
    run = _Run(images, out, model, config, options)
    if not options.overwrite:
        check_tables(out)
    with run.records.locked():
        yield from run.go(cancelled)


class _Run:
    """One run: what there is to do, and who does it."""

    def __init__(
        self,
        images: Sequence[FoundImage],
        out: Path,
        model: Model,
        config: PredictionConfig,
        options: BatchOptions,
    ) -> None:
        self.model, self.options = model, options
        self.records = Records(out)
        scale = Scale.of(model).with_instances(options.instances)
        named = name_images(images, self.records)
        self.jobs = make_jobs(named, out, model, scale, config, options)
        self.account = RunAccount(
            self.records, self.jobs, model, config, options, scale.instances
        )

    def go(self, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """Do it all."""
        todo = []
        for index, job in enumerate(self.jobs):
            chosen = self._choose(job)
            if chosen is not None:
                todo.append(chosen)
            if cancelled():
                self.account.stopped = "cancelled"
                todo.clear()
                break
            if index % 100 == 99:
                yield Progress(
                    done=index + 1,
                    total=len(self.jobs),
                    unit="images",
                    what="looking for what is done",
                )
        yield from self._say_skipped()
        if todo:
            self.account.write_run(ended="")
            yield from self._work(todo, cancelled)
            yield from self.account.say_remarks()
            yield Notice(text="Writing tables and report.")
        yield from self.account.finish(changed=bool(todo))

    def _choose(self, job: ImageJob) -> ImageJob | None:
        """Say what is to be done with an image; None: nothing, it is skipped."""
        record = self.records.read(job.stem)
        choice = Choice("predict")
        if not self.options.overwrite:
            choice = choose(job, self.records)
            if choice.what in _LEFT_ALONE:
                self.account.left_alone[job.name] = _LEFT_ALONE[choice.what]
        # A failure may have been of the moment: a disk, a network share.
        skipped = choice.what not in ("predict", "failed", "export")
        if self.options.retry_failed:
            skipped = skipped or record is None or record.status != "failed"
        self.account.skipped += skipped
        if skipped:
            return None
        if choice.what == "export":
            return replace(job, again=choice.exports)
        return keep_exports(job, record)

    def _say_skipped(self) -> Iterator[Event]:
        skipped, left_alone = self.account.skipped, self.account.left_alone
        if self.options.retry_failed:
            yield Notice(
                text=f"Left out, since they did not fail: {counted(skipped, 'image')}."
            )
        elif done := skipped - len(left_alone):
            yield Notice(
                text=f"Done already and left as they are: {counted(done, 'image')}."
            )
        if left_alone:
            first = min(left_alone)
            yield Notice(
                text=f"Has results already, which are left alone: "
                f"{counted(len(left_alone), 'image')} ({first}: {left_alone[first]}). "
                "Overwrite replaces them.",
                level="warning",
            )

    def _work(
        self, todo: list[ImageJob], cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        shares: dict[str, float] = {}
        ended = 0
        clock = _Clock(len(todo))
        what = ""
        try:
            for job, news in self._updates(todo, cancelled):
                if job is None and isinstance(news, Event):
                    yield news
                    continue
                if job is not None:
                    what = job.image.name
                if job is not None and isinstance(news, float):
                    shares[job.stem] = news
                elif job is not None and isinstance(news, ImageRecord):
                    shares.pop(job.stem, None)
                    ended += 1
                    yield self.account.tell(job, news)
                yield clock.progress(ended + sum(shares.values()), what)
        except DiskFull as error:
            self.account.stopped = "disk full"
            yield Notice(
                text=f"The disk is full: {ended} of {len(todo)} images are done, and "
                f"whole. Free some space and run this again. ({error})",
                level="warning",
            )
            return
        if cancelled() and ended < len(todo):
            self.account.stopped = "cancelled"
            # No warning: it is what was wanted.
            yield Notice(text="Cancelled; what is done is kept.")

    def _updates(
        self, todo: list[ImageJob], cancelled: Callable[[], bool]
    ) -> Iterator[Update | tuple[None, Event]]:
        options = self.options
        if options.scheduler or options.jobs:
            from unetloop.cluster import run_on_cluster

            self.account.backend = options.scheduler or f"{options.jobs} processes"
            yield from run_on_cluster(
                todo,
                self.model,
                _pixels(todo),
                options.scheduler,
                options.jobs,
                cancelled,
            )
            return
        again = [job for job in todo if job.again]
        if again:

            def export(job: ImageJob, stop: Stop, *_: object) -> ImageRecord:
                return export_image(job, stop)

            yield from run_in_threads(again, export, cancelled)
        todo = [job for job in todo if not job.again]
        if not todo or cancelled():
            return
        network = SharedNetwork(self.model.network(_pixels(todo)))
        self.account.backend = network.backend
        yield None, Notice(text=f"Predicting with {network.backend}.")

        def process(
            job: ImageJob, stop: Stop, report: Callable[[float], None], gate: PixelGate
        ) -> ImageRecord:
            return process_image(job, network, stop, report, gate)

        began = time.perf_counter()
        yield from run_in_threads(todo, process, cancelled)
        wall = time.perf_counter() - began
        if wall:
            self.account.network_busy = round(network.busy_seconds / wall, 3)


class _Clock:
    """Says how much of the job is done and how long the rest will take."""

    def __init__(self, total: int) -> None:
        self._began, self._total = time.monotonic(), total

    def progress(self, done: float, what: str) -> Progress:
        seconds = time.monotonic() - self._began
        left = seconds * (self._total - done) / done if done > 0 else None
        return Progress(
            done=round(done, 3),
            total=self._total,
            unit="images",
            seconds_left=left,
            what=what,
        )


def _pixels(todo: Sequence[ImageJob]) -> float | None:
    """Roughly how many pixels a job has; None: many."""
    if len(todo) > 200:
        return None
    try:
        sizes = [job.image.stat().st_size for job in todo if job.image.is_file()]
    except OSError:  # it went away just now
        return None
    return float(sum(sizes)) * 2 if len(sizes) == len(todo) else None
