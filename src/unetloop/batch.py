"""Many images -> masks, tables and a report, as a job that a bad file does not stop.

What is done already is known by its records (`run_record`), the images are worked
on by threads (`workers`) or by other machines (`cluster`), and the tables are made
from the records (`summary`, `measurements`), so that a run may end at any moment.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unetloop.batch_image import process_image
from unetloop.batch_jobs import BatchOptions, make_jobs
from unetloop.errors import EngineError
from unetloop.events import (
    Event,
    ImageExported,
    ImageFailed,
    ImagePredicted,
    Notice,
    PredictionDone,
    Progress,
)
from unetloop.image_exports import export_image
from unetloop.image_job import DiskFull
from unetloop.naming import name_images
from unetloop.resume import Choice, choose, keep_exports
from unetloop.run_about import describe_run
from unetloop.run_record import ImageRecord, Records, now, write_run
from unetloop.run_tables import check_tables, write_tables
from unetloop.scale import Scale
from unetloop.summary import doubt, most_doubtful, most_unlike
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

_FEW_FAILURES = 0.05
_MOST_WORST = 20
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
    """One run: what there is to do, what came of it, and how it ends."""

    def __init__(
        self,
        images: Sequence[FoundImage],
        out: Path,
        model: Model,
        config: PredictionConfig,
        options: BatchOptions,
    ) -> None:
        self.out, self.model, self.config, self.options = out, model, config, options
        self.records = Records(out)
        self.began, self.started = time.monotonic(), now()
        self.scale = Scale.of(model).with_instances(options.instances)
        named = name_images(images, self.records)
        self.jobs = make_jobs(named, out, model, self.scale, config, options)
        self.left_alone: dict[str, str] = {}
        self.predicted = self.exported = self.failed = self.skipped = 0
        self.stopped = "finished"
        self.backend = ""
        self.utilisation: float | None = None

    def go(self, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """Do it all."""
        todo = []
        for index, job in enumerate(self.jobs):
            chosen = self._choose(job)
            if chosen is not None:
                todo.append(chosen)
            if cancelled():
                self.stopped = "cancelled"
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
            self._write_run(ended="")
            yield from self._work(todo, cancelled)
        yield from self._finish(changed=bool(todo))

    def _choose(self, job: ImageJob) -> ImageJob | None:
        """Say what is to be done with an image; None: nothing, it is skipped."""
        record = self.records.read(job.stem)
        choice = Choice("predict")
        if not self.options.overwrite:
            choice = choose(job, self.records)
            if choice.what in _LEFT_ALONE:
                self.left_alone[job.name] = _LEFT_ALONE[choice.what]
        # A failure may have been of the moment: a disk, a network share.
        skipped = choice.what not in ("predict", "failed", "export")
        if self.options.retry_failed:
            skipped = skipped or record is None or record.status != "failed"
        self.skipped += skipped
        if skipped:
            return None
        if choice.what == "export":
            return replace(job, again=choice.exports)
        return keep_exports(job, record)

    def _say_skipped(self) -> Iterator[Event]:
        if self.options.retry_failed:
            yield Notice(text=f"{self.skipped} images did not fail and are left out.")
        elif done := self.skipped - len(self.left_alone):
            yield Notice(text=f"{done} images are done already and left as they are.")
        if self.left_alone:
            first = min(self.left_alone)
            yield Notice(
                text=f"{len(self.left_alone)} images have results already that are "
                f"left alone ({first}: {self.left_alone[first]}). Overwrite replaces "
                "them.",
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
                    yield self._tell(job, news)
                yield clock.progress(ended + sum(shares.values()), what)
        except DiskFull as error:
            self.stopped = "disk full"
            yield Notice(
                text=f"The disk is full: {ended} of {len(todo)} images are done, and "
                f"whole. Free some space and run this again. ({error})",
                level="warning",
            )
            return
        if cancelled() and ended < len(todo):
            self.stopped = "cancelled"
            yield Notice(text="Cancelled; what is done is kept.", level="warning")

    def _updates(
        self, todo: list[ImageJob], cancelled: Callable[[], bool]
    ) -> Iterator[Update | tuple[None, Event]]:
        options = self.options
        if options.scheduler or options.jobs:
            from unetloop.cluster import run_on_cluster

            self.backend = options.scheduler or f"{options.jobs} processes"
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
        self.backend = network.backend
        yield None, Notice(text=f"Predicting with {network.backend}.")

        def process(
            job: ImageJob, stop: Stop, report: Callable[[float], None], gate: PixelGate
        ) -> ImageRecord:
            return process_image(job, network, stop, report, gate)

        began = time.perf_counter()
        yield from run_in_threads(todo, process, cancelled)
        wall = time.perf_counter() - began
        self.utilisation = round(network.busy_seconds / wall, 3) if wall else None

    def _tell(self, job: ImageJob, record: ImageRecord) -> Event:
        if record.status == "failed":
            self.failed += 1
            return ImageFailed(image=job.image, reason=record.reason)
        if job.again:
            self.exported += 1
            return ImageExported(image=job.image, exports=job.again)
        self.predicted += 1
        summary = record.summary
        return ImagePredicted(
            image=job.image,
            output=job.labels,
            nuclei=summary.get("nuclei"),
            diameter=_round(summary.get("diameter_px")),
            seconds=summary["seconds"],
            certainty=summary.get("certainty"),
            unlikeness=summary.get("unlikeness"),
            shares=summary.get("shares"),
        )

    def _finish(self, changed: bool) -> Iterator[Event]:
        """Make the tables of all records, and say how it ended."""
        rows, report = [], None
        try:
            tables = write_tables(
                self.records, self.left_alone, self._describe(now()), changed
            )
            rows, report = tables.rows, tables.report
            for text in tables.notices:
                yield Notice(text=text, level="warning")
            if changed:
                self._write_run(ended=now())
        except (EngineError, OSError) as error:
            yield Notice(
                text=f"The tables could not be written ({error}). The results of each "
                "image are whole: run this again to make the tables.",
                level="warning",
            )
        unlike = most_unlike(rows)
        known = any(row.get("unlikeness") is not None for row in rows)
        worst = unlike if known else most_doubtful(rows, _MOST_WORST)
        yield PredictionDone(
            predicted=self.predicted,
            exported=self.exported,
            failed=self.failed,
            skipped=self.skipped,
            seconds=time.monotonic() - self.began,
            stopped=self.stopped,
            out=self.out,
            report=report,
            unlike=len(unlike) if known else None,
            worst=tuple(
                {
                    "image": row["path"],
                    "labels": str(self.out / row["labels"]),
                    "unlikeness": row.get("unlikeness"),
                    "doubt": round(doubt(row), 4),
                }
                for row in worst[:_MOST_WORST]
            ),
        )

    def _describe(self, ended: str) -> dict[str, Any]:
        return describe_run(
            self.model,
            self.config,
            self.options.channel,
            sorted(set(self.options.exports)),
            self.scale.instances,
            started=self.started,
            ended=ended,
            stopped=self.stopped if ended else "",
            runtime={
                "backend": self.backend,
                "network_busy": self.utilisation,
                "jobs": self.options.jobs,
                "scheduler": self.options.scheduler,
            },
            counts={
                "predicted": self.predicted,
                "exported": self.exported,
                "failed": self.failed,
                "skipped": self.skipped,
            },
        )

    def _write_run(self, ended: str) -> None:
        inputs = []
        for job in self.jobs:
            record = self.records.read(job.stem)
            state = record.input if record else None
            inputs.append(
                {
                    "image": job.name,
                    "path": str(job.image),
                    "sha256": state.sha256 if state else None,
                    "bytes": state.size if state else None,
                    "status": "left alone"
                    if job.name in self.left_alone
                    else record.status
                    if record
                    else "to do",
                    "finished": record.finished if record else "",
                }
            )
        write_run(self.out, {**self._describe(ended), "inputs": inputs})


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


def _round(diameter: float | None) -> float | None:
    return None if diameter is None else round(diameter, 2)


def _pixels(todo: Sequence[ImageJob]) -> float | None:
    """Roughly how many pixels a job has; None: many."""
    if len(todo) > 200:
        return None
    sizes = [job.image.stat().st_size for job in todo if job.image.is_file()]
    return float(sum(sizes)) * 2 if len(sizes) == len(todo) else None
