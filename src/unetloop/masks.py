"""Masks in and out: label numbers, as TIFFs that Fiji opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from unetloop.atomic import replacing
from unetloop.errors import EngineError
from unetloop.image_formats import read_indices
from unetloop.images import open_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["number_areas", "read_both", "read_labels", "to_labels", "write_labels"]

_LARGE_BYTES = 1 << 28
_TILE = 512
_MANY_AREAS = 4  # a nucleus may lie in pieces, but not in so many


def read_labels(path: Path, plane: int | None = None) -> NDArray[np.int32]:
    """Read label numbers.

    Parameters
    ----------
    path : Path
        Any image of one channel, or of colours that are all grey. Of a picture with a
        palette of colours, the numbers are its indices, as in PASCAL VOC.
    plane : int, optional
        Which plane; None: the only one.

    Returns
    -------
    array of int32
        (rows, columns).

    Raises
    ------
    EngineError
        If it holds fractions, colours without a palette, negative or too large
        numbers, or more planes than one and none was named.
    """
    with open_image(path) as image:
        info = image.info
        if plane is None and info.planes != 1:
            raise EngineError(
                "A mask of one plane was expected.",
                todo="Save each plane, and that of the image, as a file of its own.",
                path=str(path),
                shape=info.shape,
            )
        values = image.read_plane(plane or 0, range(info.channels))
    if info.rgb and (indices := read_indices(path)) is not None:
        values = indices[..., None]
    grey = info.rgb and bool((values == values[..., :1]).all())
    if values.shape[2] != 1 and not grey:
        raise EngineError(
            "A mask must have one channel of label numbers, not colours.",
            todo="Save it as grey levels of 8 or 16 bits, one number a nucleus.",
            path=str(path),
            shape=info.shape,
        )
    return to_labels(values[..., 0], path)


def read_both(
    predicted: Path, truth: Path
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Read two masks that are to be compared, plane by plane.

    Yields
    ------
    predicted, truth : array of int32
        (rows, columns) each.

    Raises
    ------
    EngineError
        If they differ in size or number of planes, or one is no mask.
    """
    sizes = {}
    for path in (predicted, truth):
        with open_image(path) as image:
            info = image.info
            sizes[path] = info.planes, info.height, info.width
    if sizes[predicted] != sizes[truth]:
        raise EngineError(
            "Masks and truth must have the same planes, rows and columns.",
            todo="Look whether they belong to the same image.",
            predicted=f"{predicted} {sizes[predicted]}",
            truth=f"{truth} {sizes[truth]}",
        )
    for plane in range(sizes[truth][0]):
        yield read_labels(predicted, plane), read_labels(truth, plane)


def to_labels(values: NDArray[Any], path: Path) -> NDArray[np.int32]:
    """Take the pixels of a mask, or of a part of it, as label numbers.

    Parameters
    ----------
    values : array
        (rows, columns), at least one pixel of any real dtype.
    path : Path
        The mask, for messages.

    Raises
    ------
    EngineError
        If there are fractions, negative or too large numbers.
    """
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            whole = bool(np.all(values == np.round(values)))
        if not whole:
            raise EngineError(
                "A mask must hold whole numbers.",
                todo="Save the label numbers themselves, not a picture of them.",
                path=str(path),
            )
    if values.dtype.kind in "if" and values.min() < 0:
        raise EngineError(
            "A mask must not hold negative numbers.",
            todo="Save the background as 0, and nuclei as 1, 2, 3 ...",
            path=str(path),
        )
    # In 64 bits: as float32, the largest number and one more are the same.
    if values.dtype.kind != "b" and float(values.max()) > np.iinfo(np.int32).max:
        raise EngineError(
            "A mask's numbers must fit into 32 bits.",
            todo="Number the nuclei anew, from 1.",
            path=str(path),
        )
    return values.astype(np.int32)


def number_areas(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Give each nucleus a number where a mask has one for all: 255, for instance.

    Parameters
    ----------
    labels : array of int32
        (rows, columns), 0 background.

    Returns
    -------
    labels : array of int32
        Each connected area (8 neighbours) with its own number, if one number is in
        so many areas that it can't be that of a nucleus; else as given.
    areas : int
        How many there are; 0: as given.
    """
    largest = int(labels.max(initial=0))
    inside = labels > 0
    if largest == 0 or (labels[inside] != largest).any():
        return labels, 0
    areas, count = ndimage.label(inside, np.ones((3, 3), bool))
    if count < _MANY_AREAS:
        return labels, 0
    return np.asarray(areas, np.int32), int(count)


def write_labels(
    path: Path,
    labels: NDArray[Any],
    pixel_size: tuple[float, float] | None = None,
    axes: str = "YX",
    spacing: float | None = None,
) -> None:
    """Write label numbers as a compressed TIFF that Fiji opens, in one atomic step.

    Parameters
    ----------
    path : Path
        File to write; its folder is made.
    labels : array of int
        (rows, columns), or more axes in front.
    pixel_size : tuple of float, optional
        Height and width of a pixel in µm.
    axes : str
        One letter an axis.
    spacing : float, optional
        From one slice to the next, in µm; noted beside a pixel size only, and up to
        number 65535: a plain TIFF knows no depth.

    Raises
    ------
    EngineError
        If it can't be written.
    """
    import tifffile

    largest = int(labels.max()) if labels.size else 0
    lowest = int(labels.min()) if labels.size else 0
    if labels.dtype.kind not in "bui" or lowest < 0 or largest > np.iinfo(np.int32).max:
        raise EngineError(
            "Labels must be whole numbers from 0 that fit into 32 bits.",
            path=str(path),
            dtype=str(labels.dtype),
            lowest=lowest,
            largest=largest,
        )
    # ImageJ knows no 32-bit integers: beyond 16 bits it is a plain TIFF.
    small = largest <= np.iinfo(np.uint16).max
    options: dict[str, Any] = {"imagej": small and labels.nbytes <= _LARGE_BYTES}
    if pixel_size is not None:
        # Dots per centimetre; per micrometre in ImageJ's own dialect.
        per = 1.0 if options["imagej"] else 1e4
        options["resolution"] = (per / pixel_size[1], per / pixel_size[0])
        options["resolutionunit"] = "NONE" if options["imagej"] else "CENTIMETER"
    description: dict[str, Any] = {"axes": axes}
    if pixel_size is not None and options["imagej"]:
        description["unit"] = "um"
        if spacing is not None:
            description["spacing"] = spacing
    try:
        with replacing(path) as fresh:
            dtype = np.dtype(np.uint16 if small else np.int32)
            data: Any = labels
            if labels.nbytes > _LARGE_BYTES:  # perhaps on disk: tile by tile
                data = _iterate_tiles(labels, dtype)
                options.update(shape=labels.shape, tile=(_TILE, _TILE))
            else:
                data = labels.astype(dtype)
            tifffile.imwrite(
                fresh,
                data,
                dtype=dtype,
                compression="zlib",
                metadata=description,
                bigtiff=labels.nbytes > 1 << 31,
                **options,
            )
    except OSError as error:
        raise EngineError(
            f"The masks could not be written ({error.strerror or error}).",
            todo="Free some space or choose another folder.",
            path=str(path),
        ) from error


def _iterate_tiles(
    labels: NDArray[Any], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    """Give the tiles of each plane, row by row, each of the full size."""
    for plane in labels.reshape(-1, *labels.shape[-2:]):
        for row in range(0, plane.shape[0], _TILE):
            for column in range(0, plane.shape[1], _TILE):
                part = plane[row : row + _TILE, column : column + _TILE]
                tile = np.zeros((_TILE, _TILE), dtype)
                tile[: part.shape[0], : part.shape[1]] = part
                yield tile
