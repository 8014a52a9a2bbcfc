"""What came of a run: counted, told, and written down when it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from unetloop.errors import EngineError
from unetloop.events import (
    Event,
    ImageExported,
    ImageFailed,
    ImagePredicted,
    Notice,
    PredictionDone,
)
from unetloop.run_about import describe_run
from unetloop.run_record import now, read_run, write_run
from unetloop.run_tables import write_tables
from unetloop.triage import doubt, most_doubtful, most_unlike

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from unetloop.batch_jobs import BatchOptions
    from unetloop.checkpoint import Model
    from unetloop.config import InstanceConfig, PredictionConfig
    from unetloop.image_job import ImageJob
    from unetloop.run_record import ImageRecord, Records

__all__ = ["RunAccount"]

_MOST_WORST = 20


class RunAccount:
    """The account of one run into a folder.

    Attributes
    ----------
    left_alone : dict of str
        Images whose results are not this program's, by name, and why.
    predicted, exported, failed, skipped : int
        How many images were.
    stopped : str
        ``finished``, ``cancelled`` or ``disk full``.
    backend : str
        What ran the network; empty: nothing did.
    network_busy : float or None
        Share of the time in which it ran.

    Parameters
    ----------
    records : Records
        The folder's.
    jobs : sequence of ImageJob
        All images of the run.
    model : Model
        The opened model.
    config : PredictionConfig
        How it is run.
    options : BatchOptions
        What else was chosen.
    instances : InstanceConfig
        How maps become nuclei.
    """

    def __init__(
        self,
        records: Records,
        jobs: Sequence[ImageJob],
        model: Model,
        config: PredictionConfig,
        options: BatchOptions,
        instances: InstanceConfig,
    ) -> None:
        self._records, self._jobs, self._model = records, jobs, model
        self._config, self._options, self._instances = config, options, instances
        self._began, self._started = time.monotonic(), now()
        self._before = read_run(records.out) or {}
        self._remarks: dict[str, list[str]] = {}
        self.left_alone: dict[str, str] = {}
        self.predicted = self.exported = self.failed = self.skipped = 0
        self.stopped = "finished"
        self.backend = ""
        self.network_busy: float | None = None

    def tell(self, job: ImageJob, record: ImageRecord) -> Event:
        """Count an image that ended, and say so."""
        if record.status == "failed":
            self.failed += 1
            return ImageFailed(image=job.image, reason=record.reason)
        if job.again:
            self.exported += 1
            return ImageExported(image=job.image, exports=job.again)
        self.predicted += 1
        if record.reason:
            self._remarks.setdefault(record.reason, []).append(job.name)
        summary = record.summary
        diameter = summary.get("diameter_px")
        return ImagePredicted(
            image=job.image,
            output=job.labels,
            nuclei=summary.get("nuclei"),
            diameter=None if diameter is None else round(diameter, 2),
            seconds=summary["seconds"],
            certainty=summary.get("certainty"),
            unlikeness=summary.get("unlikeness"),
            shares=summary.get("shares"),
            channel=summary.get("channel", ""),
        )

    def say_remarks(self) -> Iterator[Notice]:
        """Say what is to be known of images that were predicted; once for many."""
        for remark, names in self._remarks.items():
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield Notice(text=f"{min(names)}{more}: {remark}", level="warning")

    def finish(self, changed: bool) -> Iterator[Event]:
        """Make the tables of all records, and say how it ended."""
        rows, report = [], None
        try:
            tables = write_tables(
                self._records,
                self.left_alone,
                self._describe(now()),
                {job.settings for job in self._jobs},
                changed,
            )
            rows, report = tables.rows, tables.report
            for text in tables.notices:
                yield Notice(text=text, level="warning")
            if changed:
                self.write_run(ended=now())
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
            seconds=time.monotonic() - self._began,
            stopped=self.stopped,
            out=self._records.out,
            report=report,
            unlike=len(unlike) if known else None,
            worst=tuple(
                {
                    "image": row["path"],
                    "labels": str(self._records.out / row["labels"]),
                    "unlikeness": row.get("unlikeness"),
                    "doubt": round(doubt(row), 4),
                }
                for row in worst[:_MOST_WORST]
            ),
        )

    def write_run(self, ended: str) -> None:
        """Write ``run.json``, with what became of each image so far."""
        inputs = []
        for job in self._jobs:
            record = self._records.read(job.stem)
            state = record.input if record else None
            status = record.status if record else "to do"
            inputs.append(
                {
                    "image": job.name,
                    "path": str(job.image),
                    "sha256": state.sha256 if state else None,
                    "bytes": state.size if state else None,
                    "status": "left alone" if job.name in self.left_alone else status,
                    "finished": record.finished if record else "",
                }
            )
        write_run(self._records.out, {**self._describe(ended), "inputs": inputs})

    def _describe(self, ended: str) -> dict[str, Any]:
        network = {"backend": self.backend, "network_busy": self.network_busy}
        if not self.backend:  # masks and methods are those of a run before
            before = self._before.get("runtime", {})
            network = {name: before.get(name, network[name]) for name in network}
        return describe_run(
            self._model,
            self._config,
            self._options.channel,
            self._options.channel_if_there,
            self._options.channels,
            self._options.diameters,
            self._options.pixel_size,
            self._options.pixel_sizes,
            sorted(set(self._options.exports)),
            self._instances,
            started=self._started,
            ended=ended,
            stopped=self.stopped if ended else "",
            runtime={
                **network,
                "jobs": self._options.jobs,
                "scheduler": self._options.scheduler,
            },
            counts={
                "predicted": self.predicted,
                "exported": self.exported,
                "failed": self.failed,
                "skipped": self.skipped,
            },
            project=self._options.project,
        )
