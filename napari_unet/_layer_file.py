"""A layer that came from no file, stored as an image to work on."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._workspace import user_folder
from unetloop.atomic import replacing
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["store_layer"]


def store_layer(
    name: str,
    data: Any,
    rgb: bool,
    pixel_size: float | None,
    spacing: float | None,
) -> Path:
    """Write a layer that came from no file as a TIFF, to work on from there.

    Parameters
    ----------
    name : str
        Of the layer.
    data : array-like
        (planes..., rows, columns), with colours behind if ``rgb`` says so.
    rgb : bool
        What no shape tells: a stack may be three columns wide.
    pixel_size, spacing : float, optional
        Of a pixel, and from slice to slice, in micrometres.

    Raises
    ------
    EngineError
        If it can't be written.
    """
    import tifffile

    array = np.asarray(data)
    axes = "TZYXS"[-array.ndim :] if rgb else "TZYX"[-array.ndim :]
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
                photometric="rgb" if rgb else "minisblack",
                metadata=about,
                **(
                    {
                        "resolution": (1e4 / pixel_size, 1e4 / pixel_size),
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
