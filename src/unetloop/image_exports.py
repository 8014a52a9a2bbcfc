"""Exports of an image whose masks are there already: no network is asked."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.file_state import FileState
from unetloop.image_account import keep_account
from unetloop.image_job import Stopped
from unetloop.image_results import ImageResults, label_shape, room_for
from unetloop.images import open_image
from unetloop.run_record import Records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.image_job import ImageJob
    from unetloop.image_planes import Image
    from unetloop.run_record import ImageRecord

__all__ = ["export_image"]

_STRIP_PIXELS = 1 << 24


def export_image(
    job: ImageJob, stop: Callable[[], bool] = lambda: False
) -> ImageRecord:
    """Write the exports ``job.again`` from an image's masks and table.

    Parameters
    ----------
    job : ImageJob
        What to do; `resume.choose` has seen that masks and table are as they were
        written.
    stop : callable
        Asked often; when true, the image is given up, and its record is as before.

    Returns
    -------
    ImageRecord
        What is written: ``done``, or ``failed`` with its reason.

    Raises
    ------
    Stopped
        If it was given up.
    DiskFull
        If a file can't be written for want of space.
    """
    records = Records(job.out)
    before = records.read(job.stem)

    def check() -> None:
        if stop():
            raise Stopped

    def work(record: ImageRecord) -> ImageRecord:
        if before is None:  # removed since it was looked at
            raise FileNotFoundError(2, "its record is gone")
        with job.open() as image, open_image(job.labels) as masks:
            _, shape = label_shape(image.info)
            shape = (image.info.planes, *shape[-2:])
            channels, _ = job.look(image)
            with room_for(shape, records.folder) as planes:
                _read_masks(masks, planes, check)
                tables = [] if job.scale.task.classes else _read_tables(job, shape[0])
                # If it is broken off from here on, what is there is not trusted.
                records.write(record)
                results = ImageResults(job, image, check)
                paths = results.export(job.again, channels, planes, tables)
        outputs = {
            path.relative_to(job.out).as_posix(): FileState.of(path) for path in paths
        }
        return replace(
            before,
            image=record.image,
            input=record.input,
            run=job.run,
            outputs={**before.outputs, **outputs},
            exports=sorted({*before.exports, *job.again}),
        )

    return keep_account(job, work)


def _read_masks(
    masks: Image, planes: NDArray[np.int32], check: Callable[[], None]
) -> None:
    """Fill (planes, rows, columns), strip by strip."""
    _, height, width = planes.shape
    rows = max(1, _STRIP_PIXELS // width)
    for number, plane in enumerate(planes):
        for top in range(0, height, rows):
            check()
            bottom = min(top + rows, height)
            box = (top, 0, bottom, width)
            plane[top:bottom] = masks.read_plane(number, (0,), box)[..., 0]


def _read_tables(job: ImageJob, planes: int) -> list[dict[str, NDArray[Any]]]:
    """Read the image's measurements, as `measurements.measure_plane` gave them."""
    path: Path = Records(job.out).path(job.stem, ".csv")
    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    values = np.array([[float(cell or "nan") for cell in row[2:]] for row in rows])
    values = values.reshape(len(rows), len(names) - 2)
    plane = np.array([int(row[1]) for row in rows], np.int64)
    tables = []
    for number in range(planes):
        mine = values[plane == number]
        table: dict[str, NDArray[Any]] = dict(zip(names[2:], mine.T, strict=True))
        table["label"] = table["label"].astype(np.int64)
        tables.append(table)
    return tables
