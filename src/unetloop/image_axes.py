"""What axes and units of length are called in the metadata of images."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MICROMETRES", "UNKNOWN", "Sides", "several_images", "usual_axes"]

Sides = tuple[float, float, float]
"""From slice to slice, height and width of a pixel, in µm; NaN: not known."""

UNKNOWN: Sides = (nan, nan, nan)

MICROMETRES = {
    "m": 1e6,
    "meter": 1e6,
    "cm": 1e4,
    "centimeter": 1e4,
    "mm": 1e3,
    "millimeter": 1e3,
    "um": 1.0,
    "µm": 1.0,
    "μm": 1.0,
    "\\u00b5m": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "å": 1e-4,
    "angstrom": 1e-4,
    "inch": 25400.0,
}
"""Micrometres in a unit of length, by its names in lower case."""


def usual_axes(axes: str, shape: tuple[int, ...], path: Path) -> str:
    """Name the axes of an image by T, Z, C, Y, X and S, in their order.

    Parameters
    ----------
    axes : str
        One letter an axis, as a file names them; those that are unknown become Z,
        T or C if the image has none, and an S that is no colours becomes C.
    shape : tuple of int
        Size of each.
    path : Path
        The image, for messages.

    Raises
    ------
    EngineError
        If there are too many axes, or one is there twice.
    """
    if axes.count("S") and shape[axes.index("S")] not in (3, 4):
        axes = axes.replace("S", "C" if "C" not in axes else "Q", 1)
    result = list(axes)
    for position, axis in enumerate(axes):
        if axis not in "TZCYXS":
            free = next((name for name in "ZTC" if name not in result), None)
            if free is None:
                raise EngineError(
                    "The image has more axes than time, slice, channel, row, column.",
                    todo="Save the part that you need as a TIFF of its own.",
                    path=str(path),
                    axes=axes,
                    shape=shape,
                )
            result[position] = free
    if len(set(result)) != len(result):
        raise EngineError("The image has an axis twice.", path=str(path), axes=axes)
    return "".join(result)


def several_images(count: int) -> str:
    """Say that a file holds so many images, of which one is read."""
    return (
        f"The file holds {count} images, and the first was read: save the others as "
        "files of their own."
    )
