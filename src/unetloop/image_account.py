"""How work on an image of a batch ends: with its record, whatever happened."""

from __future__ import annotations

import shutil
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from unetloop.errors import EngineError, explain, is_disk_full
from unetloop.file_state import FileState
from unetloop.image_job import DiskFull, Stopped
from unetloop.run_record import ImageRecord, Records, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from unetloop.image_job import ImageJob

__all__ = ["keep_account"]


def keep_account(
    job: ImageJob, work: Callable[[ImageRecord], ImageRecord]
) -> ImageRecord:
    """Do the work on an image, and write down what became of it.

    Parameters
    ----------
    job : ImageJob
        What to do.
    work : callable
        Given the record that is written before anything else is, gives that which is
        written behind all results.

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
        corrections=job.corrections,
    )
    try:
        try:
            record = replace(record, input=FileState.of(job.image))
            record = work(record)
        except (Stopped, DiskFull):
            raise
        except Exception as error:
            if is_disk_full(error):
                raise
            # A bad file must not stop the run.
            known = error if isinstance(error, EngineError) else explain(error)
            said = f"{type(error).__name__}: {error}"
            record = replace(
                record,
                status="failed",
                reason=str(known or f"Something unforeseen happened ({said})."),
                detail="" if known else "".join(traceback.format_exception(error)),
            )
        if record.status == "failed":
            record = replace(record, outputs=_left_behind(job, before))
        seconds = round(time.monotonic() - began, 3)
        # Of what is only exported, the time is that of the prediction.
        summary = {"seconds": seconds, **record.summary}
        record = replace(record, summary=summary, finished=now())
        records.write(record)
    except Exception as error:
        if job.again and before is not None:
            _take_back(job, before)
        if is_disk_full(error):
            raise DiskFull(str(error)) from error
        raise
    return record


def _take_back(job: ImageJob, before: ImageRecord) -> None:
    """Be as before an export that was broken off: the masks were not touched."""
    with suppress(OSError):
        for name in job.again:  # none of them was there
            path = job.export_path(name)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        Records(job.out).write(before)


def _left_behind(job: ImageJob, before: ImageRecord | None) -> dict[str, FileState]:
    """Say which files of an image that failed are ours: the next try replaces them."""
    records = Records(job.out)
    now_there = records.read(job.stem)
    if now_there is None or now_there.status != "begun":  # it wrote nothing
        return before.outputs if before else {}
    names = {*job.exports, *job.again, *(before.exports if before else ())}
    known = names & set(job.exporters)
    paths = [job.labels, *(job.export_path(name) for name in sorted(known))]
    return {
        path.relative_to(job.out).as_posix(): FileState.of(path)
        for path in paths
        if path.exists()
    }
