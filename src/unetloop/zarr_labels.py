"""Masks as an OME-Zarr label image, for images that are OME-Zarr themselves."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.atomic import fresh_path, swap_folder
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["write_zarr_labels"]

_CHUNK = 1024
_SMALLEST = 512
_TYPES = {"T": "time", "Z": "space", "Y": "space", "X": "space"}


def write_zarr_labels(
    path: Path,
    labels: NDArray[Any],
    source: Path | None = None,
    pixel_size: tuple[float, float] | None = None,
    axes: str = "YX",
    spacing: float | None = None,
) -> None:
    """Write label numbers as OME-Zarr (NGFF 0.4 or 0.5, as the image is).

    Each coarser level takes every second row and column of the one before: labels
    are not averaged. The folder is written beside and renamed, so that a half one
    is never seen.

    Parameters
    ----------
    path : Path
        Folder to write; replaced if it is there.
    labels : array of int32
        (..., rows, columns); may be memory-mapped.
    source : Path, optional
        The OME-Zarr image whose version of the format is taken; without it, 0.4,
        which more programs open.
    pixel_size : tuple of float, optional
        Height and width of a pixel in µm.
    axes : str
        One letter an axis, of T, Z, Y, X.
    spacing : float, optional
        From one slice to the next, in µm.

    Raises
    ------
    EngineError
        If it can't be written.
    """
    import zarr

    version = 2
    if source is not None:
        version = int(zarr.open(str(source), mode="r").metadata.zarr_format)
    fresh = fresh_path(path)
    old = fresh.with_suffix(".old.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        group = zarr.open_group(str(fresh), mode="w", zarr_format=version)  # type: ignore[arg-type]
        sides = _known_sides(pixel_size, spacing)
        step = 1
        datasets: list[dict[str, Any]] = []
        while True:
            level = labels[..., ::step, ::step]
            name = str(len(datasets))
            chunks = (1,) * (level.ndim - 2) + tuple(
                min(side, _CHUNK) for side in level.shape[-2:]
            )
            array = group.create_array(
                name,
                shape=level.shape,
                chunks=chunks,
                dtype=np.int32,
                # NGFF wants a folder an axis; "." is what zarr 2 would take.
                chunk_key_encoding={
                    "name": "v2" if version == 2 else "default",
                    "separator": "/",
                },
                # NGFF 0.5 wants the axes' names here, too.
                dimension_names=list(axes.lower()) if version == 3 else None,
            )
            for index in np.ndindex(level.shape[:-2]):
                for row in range(0, level.shape[-2], _CHUNK):
                    array[(*index, slice(row, row + _CHUNK))] = level[index][
                        row : row + _CHUNK
                    ]
            scale = [
                sides.get(axis, 1.0) * (step if axis in "YX" else 1) for axis in axes
            ]
            datasets.append(
                {
                    "path": name,
                    "coordinateTransformations": [{"type": "scale", "scale": scale}],
                }
            )
            if max(level.shape[-2:]) <= _SMALLEST:
                break
            step *= 2
        _describe(group, datasets, axes, sides, version)
        swap_folder(fresh, path, old)
    except OSError as error:
        raise EngineError(
            f"The masks could not be written ({error.strerror or error}).",
            todo="Free some space or choose another folder.",
            path=str(path),
        ) from error
    finally:
        for rest in (fresh, old):
            shutil.rmtree(rest, ignore_errors=True)


def _known_sides(
    pixel_size: tuple[float, float] | None, spacing: float | None
) -> dict[str, float]:
    """Give what is known of the sides of a pixel, in µm, by their axes."""
    sides = {} if pixel_size is None else dict(zip("YX", pixel_size, strict=True))
    return sides if spacing is None else {"Z": spacing, **sides}


def _describe(
    group: Any,
    datasets: list[dict[str, Any]],
    axes: str,
    sides: dict[str, float],
    version: int,
) -> None:
    described = [
        {
            "name": axis.lower(),
            "type": _TYPES[axis],
            **({"unit": "micrometer"} if axis in sides else {}),
        }
        for axis in axes
    ]
    ngff = "0.5" if version == 3 else "0.4"
    scales = {"axes": described, "datasets": datasets, "name": "nuclei"}
    if version == 3:
        group.attrs["ome"] = {
            "version": ngff,
            "multiscales": [scales],
            "image-label": {},
        }
    else:
        group.attrs["multiscales"] = [{**scales, "version": ngff}]
        group.attrs["image-label"] = {"version": ngff}
