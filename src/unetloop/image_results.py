"""The files that a batch writes of one image: masks, table, exports, picture."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.atomic import replacing
from unetloop.catalog import load
from unetloop.errors import EngineError
from unetloop.export.image import ExportedImage
from unetloop.large import is_large, scratch_labels
from unetloop.masks import write_labels
from unetloop.measurement_table import MeasurementsWriter
from unetloop.run_record import Records
from unetloop.thumbnails import to_jpeg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.image_job import ImageJob
    from unetloop.image_planes import Image, ImageInfo

    Table = Mapping[str, NDArray[Any]]

__all__ = ["ImageResults", "label_shape", "room_for"]


class ImageResults:
    """Writes what is made of an open image, each file whole or not at all.

    Parameters
    ----------
    job : ImageJob
        Where it goes.
    image : Image
        The open image.
    check : callable
        Called between files; what it raises breaks the writing off.
    """

    def __init__(self, job: ImageJob, image: Image, check: Callable[[], None]) -> None:
        self._job, self._image, self._check = job, image, check

    def write_labels(self, planes: NDArray[np.int32]) -> Path:
        """Write the masks, (planes, rows, columns), as TIFF or OME-Zarr."""
        info, path = self._image.info, self._job.labels
        axes, shape = label_shape(info)
        labels, size = planes.reshape(shape), info.pixel_size
        if path.suffix == ".zarr":
            from unetloop.zarr_labels import write_zarr_labels

            write_zarr_labels(path, labels, self._job.image, size, axes, info.spacing)
        else:
            write_labels(path, labels, size, axes, info.spacing)
        return path

    def write_measurements(self, tables: Iterable[Table]) -> Path:
        """Write the image's part of the table, from one a plane."""
        job = self._job
        path = Records(job.out).path(job.stem, ".csv")
        # Of classes, the columns are those of its own tables.
        names = () if job.scale.task.classes else None
        with MeasurementsWriter(path, names) as writer:
            for number, columns in enumerate(tables):
                writer.write(job.name, str(number), columns)
        return path

    def export(
        self,
        names: Iterable[str],
        channels: Sequence[int],
        planes: NDArray[np.int32],
        tables: Sequence[Table],
        probabilities: NDArray[np.float32] | None = None,
    ) -> list[Path]:
        """Write exporters' files; pixels of pictures are read again.

        Parameters
        ----------
        names : iterable of str
            Which ones.
        channels : sequence of int
            What the network sees; pictures show the first.
        planes : array of int32
            (planes, rows, columns).
        tables : sequence of mapping
            Measurements of each plane.
        probabilities : array of float32, optional
            (planes, classes, rows, columns).
        """
        job = self._job
        classes = job.scale.task.classes
        about = replace(
            ExportedImage.of(self._image, job.name, channels, tables, self._check),
            probabilities=probabilities,
            class_names=tuple(tissue.name for tissue in classes),
            class_colors=tuple(tissue.color for tissue in classes),
        )
        paths = []
        for name in names:
            self._check()
            path = job.export_path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            load(job.exporters[name].write)(path, planes, about)
            paths.append(path)
        return paths

    def write_picture(self, picture: NDArray[np.uint8] | None) -> None:
        """Write the picture for the report, (rows, columns, 3), if there is one."""
        if picture is not None:
            path = Records(self._job.out).path(self._job.stem, ".jpg")
            with replacing(path) as fresh:
                fresh.write_bytes(to_jpeg(picture))


def label_shape(info: ImageInfo) -> tuple[str, tuple[int, ...]]:
    """Give axes and shape of an image's masks: TZYX, of those that it has."""
    axes = "".join(axis for axis in "TZ" if axis in info.axes) + "YX"
    return axes, tuple(info.size(axis) for axis in axes)


def room_for(shape: tuple[int, ...], folder: Path) -> Any:
    """Lend zeros of int32: in memory, or in a file where they would not fit well.

    Raises
    ------
    EngineError
        If the disk has no room for the file.
    """
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
