"""OME-Zarr label images: chunked, with a pyramid, for napari and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unetloop.zarr_labels import write_zarr_labels

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from unetloop.export.image import ExportedImage

__all__ = ["write"]


def write(path: Path, planes: NDArray[np.int32], about: ExportedImage) -> None:
    """Write label numbers as OME-Zarr (NGFF 0.4), chunk by chunk.

    Parameters
    ----------
    path : Path
        Folder to write, ``.ome.zarr``; replaced in one step if it is there.
    planes : array of int32
        (planes, rows, columns): 0 background, one number a nucleus. May be
        memory-mapped: it is never read whole.
    about : ExportedImage
        The image.

    Raises
    ------
    EngineError
        If it can't be written, or has other planes.
    """
    about.check(planes)
    sizes = {"T": about.times, "Z": about.slices}
    outer = tuple(sizes[axis] for axis in about.axes)
    labels = planes.reshape(*outer, *planes.shape[1:])
    write_zarr_labels(
        path,
        labels,
        pixel_size=about.pixel_size,
        axes=f"{about.axes}YX",
        spacing=about.spacing,
    )
