"""One opener a format: file -> (axes, data, channel names, sides, close)."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.image_axes import MICROMETRES, UNKNOWN, several_images, usual_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.image_axes import Sides

    Opened = tuple[str, Any, list[str], Sides, Callable[[], None] | None]

__all__ = [
    "PICTURE_SUFFIXES",
    "open_picture",
    "open_with_plugin",
    "open_zarr",
    "read_indices",
]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
"""How files are called that `open_picture` reads, in lower case."""

_MOST_PIXELS = 1 << 32
_PNG_RGB, _PNG_GRAY_ALPHA, _PNG_RGBA = 2, 4, 6


class _Lazy:
    """An array with its coarser ``copies``, and a ``note``: what is to be known."""

    def __init__(self, array: Any, copies: Sequence[Any] = (), note: str = "") -> None:
        self._array = array
        self.copies = copies
        self.note = note
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        return self._array[index]


def open_picture(path: Path) -> Opened:
    """Open PNG, JPEG or BMP with Pillow."""
    from PIL import Image as PillowImage

    # Pillow takes large pictures for attacks; a slide scan is none.
    PillowImage.MAX_IMAGE_PIXELS = _MOST_PIXELS
    with PillowImage.open(path) as picture:
        if _has_deep_colours(path):
            pixels = _read_deep_colours(path)
        elif picture.mode in ("P", "CMYK", "YCbCr", "LAB", "HSV", "PA"):
            pixels = np.asarray(picture.convert("RGB"))
        elif picture.mode == "LA":
            pixels = np.asarray(picture.convert("L"))
        else:
            pixels = np.asarray(picture)
    axes = "YXS" if pixels.ndim == 3 else "YX"
    return axes, pixels, [], UNKNOWN, None


def _has_deep_colours(path: Path) -> bool:
    """Whether it is a PNG of several channels with 16 bits, of which Pillow drops 8."""
    with path.open("rb") as file:
        header = file.read(26)
    return (
        header[:8] == b"\x89PNG\r\n\x1a\n"
        and header[24:25] == b"\x10"
        and (header[25] in (_PNG_RGB, _PNG_GRAY_ALPHA, _PNG_RGBA))
    )


def _read_deep_colours(path: Path) -> NDArray[Any]:
    """Read such a PNG: (rows, columns, colours) of uint16; grey without its alpha."""
    from imagecodecs import png_decode

    pixels: NDArray[Any] = png_decode(path.read_bytes())
    return pixels[..., 0] if pixels.shape[-1] == 2 else pixels


def read_indices(path: Path) -> NDArray[np.uint8] | None:
    """Read the numbers that a PNG or BMP holds in place of colours.

    Parameters
    ----------
    path : Path
        A file that `open_picture` opens, or any other.

    Returns
    -------
    array of uint8 or None
        (rows, columns). None: it has no palette, or one of greys, which says nothing
        that the grey levels don't.
    """
    from PIL import Image as PillowImage

    try:
        with PillowImage.open(path, formats=("PNG", "BMP")) as picture:
            if picture.mode != "P":
                return None
            palette = np.array(picture.getpalette("RGB")).reshape(-1, 3)
            grey = bool((palette == palette[:, :1]).all())
            return None if grey else np.asarray(picture)
    except OSError:  # of another format, or no file
        return None


def open_zarr(path: Path) -> Opened:
    """Open an OME-Zarr (NGFF 0.4 or 0.5)."""
    import zarr

    try:
        group = zarr.open(str(path), mode="r")
    except FileNotFoundError as error:
        raise EngineError(
            "This folder is no OME-Zarr image, or lacks the file that describes it.",
            todo="Copy it again, whole; hidden files (.zattrs, .zgroup) belong to it.",
            path=str(path),
        ) from error
    if isinstance(group, zarr.Array):
        axes = "TZCYX"[-group.ndim :] if group.ndim != 3 else "ZYX"
        return axes, group, [], UNKNOWN, None
    attributes = dict(group.attrs)
    attributes = dict(attributes.get("ome", attributes))
    scales = attributes.get("multiscales")
    if not scales:
        raise EngineError(
            "This folder is no OME-Zarr image (a plate holds images deeper down).",
            todo="Open one of the folders inside.",
            path=str(path),
        )
    levels = scales[0]["datasets"]
    first = levels[0]
    if first["path"] not in group:
        raise EngineError(
            "The pixels of this OME-Zarr image are missing.",
            todo="Copy the folder again, whole.",
            path=f"{path}/{first['path']}",
        )
    array = group[first["path"]]
    described = scales[0].get("axes") or list("tczyx"[-array.ndim :])
    names = [axis["name"] if isinstance(axis, dict) else axis for axis in described]
    axes = usual_axes("".join(name[:1].upper() for name in names), array.shape, path)
    channels = attributes.get("omero", {}).get("channels", [])
    labels = [str(channel.get("label", "")) for channel in channels]
    sides = dict.fromkeys("ZYX", nan)
    scaled = [
        transform["scale"]
        for place in (first, scales[0])  # those of all levels come on top
        for transform in place.get("coordinateTransformations", [])
        if transform.get("type") == "scale"
    ]
    if scaled:
        for axis, entry in zip(axes, described, strict=False):
            unit = entry.get("unit", "") if isinstance(entry, dict) else ""
            sides[axis] = MICROMETRES.get(str(unit).strip().lower(), nan)
    for factors in scaled:
        for axis, factor in zip(axes, factors, strict=False):
            sides[axis] *= float(factor)
    there = [level["path"] for level in levels[1:] if level["path"] in group]
    copies = [_Lazy(group[name]) for name in there]
    size = sides["Z"], sides["Y"], sides["X"]
    return axes, _Lazy(array, copies), labels, size, None


def open_with_plugin(path: Path, plugin: str | None) -> Opened:
    """Open any other format with bioio, if its reader plug-in is installed."""
    install = f"bioio {plugin}" if plugin else "bioio and the reader of its format"
    try:
        from bioio import BioImage  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise EngineError(
            f"No reader for this format ({path.suffix or 'no suffix'}) is installed.",
            todo=f"Install it with: pip install {install}"
            if plugin
            else "Export the image as TIFF, or install a bioio reader plug-in.",
            path=str(path),
        ) from error
    try:
        image = BioImage(path)
        data, count = image.dask_data, len(image.scenes)
    except Exception as error:
        raise EngineError(
            f"No reader for this format ({path.suffix}) is installed, or the file is "
            "damaged.",
            todo=f"Install it with: pip install {install}",
            path=str(path),
        ) from error
    sizes = image.physical_pixel_sizes
    sides = sizes.Z or nan, sizes.Y or nan, sizes.X or nan
    note = several_images(count) if count > 1 else ""
    names = list(image.channel_names)
    return "".join(image.dims.order), _Lazy(data, note=note), names, sides, None
