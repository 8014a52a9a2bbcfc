"""The probability of each tissue class, as an image with a channel a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unetloop.atomic import replacing
from unetloop.errors import EngineError
from unetloop.export.image import failures_named

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from unetloop.export.image import ExportedImage

__all__ = ["write"]

_LARGE_BYTES = 1 << 28
_TILE = 512


def write(path: Path, planes: NDArray[np.int32], about: ExportedImage) -> None:
    """Write probabilities as a float32 TIFF, 0 to 1, that Fiji and napari open.

    Axes are those of the image with a channel axis in front of the rows; the
    channels have the classes' names.

    Parameters
    ----------
    path : Path
        File to write, ``.tif``.
    planes : array of int32
        (planes, rows, columns): class numbers.
    about : ExportedImage
        The image, with its ``probabilities``.

    Raises
    ------
    EngineError
        If it can't be written, or there are no probabilities.
    """
    import tifffile

    about.check(planes)
    if about.probabilities is None:
        raise EngineError(
            "There are no probabilities of classes to write.", image=about.name
        )
    outer = [about.times if axis == "T" else about.slices for axis in about.axes]
    data = about.probabilities.reshape(*outer, *about.probabilities.shape[1:])
    description: dict[str, Any] = {"axes": f"{about.axes}CYX"}
    options: dict[str, Any] = {}
    if data.nbytes > _LARGE_BYTES:  # perhaps on disk: tile by tile
        options = {"tile": (_TILE, _TILE), "bigtiff": data.nbytes > 1 << 31}
    description["Channel"] = {"Name": list(about.class_names)}
    if about.pixel_size is not None:
        height, width = about.pixel_size
        description |= {
            "PhysicalSizeX": width,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": height,
            "PhysicalSizeYUnit": "µm",
        }
    if about.spacing is not None:
        description |= {
            "PhysicalSizeZ": about.spacing,
            "PhysicalSizeZUnit": "µm",
        }
    with failures_named(path), replacing(path) as fresh:
        tifffile.imwrite(
            fresh,
            data,
            ome=True,
            photometric="minisblack",
            compression="zlib",
            metadata=description,
            **options,
        )
