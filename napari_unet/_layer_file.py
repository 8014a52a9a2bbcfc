"""A layer as a file to work on: its own, or one that is written of it."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._workspace import user_folder
from unetloop.atomic import replacing
from unetloop.errors import EngineError
from unetloop.images import open_image
from unetloop.zarr_folders import is_zarr, zarr_images

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet._users_layers import UsersImage

__all__ = ["store_layer"]


def store_layer(layer: UsersImage) -> Path:
    """Give the file of a layer to work on: its own, or a TIFF that is written of it.

    That is for layers that came from no file, from one that the engine can't read,
    or that show something else by now: another size, or real for whole numbers.

    Parameters
    ----------
    layer : UsersImage
        The layer.

    Raises
    ------
    EngineError
        If it can't be written, or has more axes than an image.
    """
    if layer.path is not None and _shows(layer, layer.path):
        return layer.path
    return _write(layer)


def _shows(layer: UsersImage, path: Path) -> bool:
    """Whether the engine reads from a file what the layer shows."""
    if path.is_dir() and (not is_zarr(path) or zarr_images(path) != [path]):
        return True  # a folder of images
    try:
        with open_image(path) as image:
            info = image.info
    except EngineError:
        return False
    sizes = dict(zip(layer.axes, layer.data.shape, strict=False))
    real = np.dtype(layer.data.dtype).kind == "f"
    same = real == (info.dtype.kind == "f")
    return same and (sizes.get("Y"), sizes.get("X")) == (info.height, info.width)


def _write(layer: UsersImage) -> Path:
    import tifffile

    array, axes, name = np.asarray(layer.data), layer.axes, layer.name
    if len(axes) != array.ndim:
        raise EngineError(
            "The layer has more axes than time, channel, slice, row and column.",
            todo="Save the part that you need as a TIFF, and open that.",
            layer=name,
        )
    pixel_size, spacing = layer.pixel_size, layer.spacing
    digest = hashlib.sha256(array.tobytes() + axes.encode()).hexdigest()[:8]
    stem = re.sub(r"[^\w.-]+", "_", name) or "layer"
    path = user_folder() / "layers" / f"{stem}-{digest}" / f"{stem}.tif"
    if path.exists():
        return path
    about: dict[str, Any] = {"axes": axes}
    if spacing:
        about |= {"spacing": spacing, "unit": "um"}
    try:
        with replacing(path) as fresh:
            tifffile.imwrite(
                fresh,
                array,
                photometric="rgb" if "S" in axes else "minisblack",
                metadata=about,
                **(
                    {
                        "resolution": (1e4 / pixel_size[1], 1e4 / pixel_size[0]),
                        "resolutionunit": "CENTIMETER",
                    }
                    if pixel_size
                    else {}
                ),
            )
    except (OSError, ValueError) as error:
        raise EngineError(
            f"The layer could not be stored as an image ({error}).",
            todo="Save it as a TIFF and open that.",
            layer=name,
        ) from error
    return path
