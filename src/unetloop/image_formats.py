"""One opener a format: file -> (axes, data, channel names, pixel size, close)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Opened = tuple[
        str, Any, list[str], tuple[float, float] | None, Callable[[], None] | None
    ]

__all__ = ["open_picture", "open_tiff", "open_with_plugin", "open_zarr"]

_MICROMETRES = {
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
    "micrometer": 1.0,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "inch": 25400.0,
}
_LARGE = 1 << 25
_MOST_PIXELS = 1 << 32
_PNG_RGB, _PNG_GRAY_ALPHA, _PNG_RGBA = 2, 4, 6


class _LazyTiff:
    """A TIFF series that is sliced page by page, or by region where it is large.

    ``copies`` are its coarser copies, if the file has some.
    """

    def __init__(self, series: Any, axes: str) -> None:
        self._series = series
        self.copies = [_LazyTiff(level, axes) for level in series.levels[1:]]
        self.shape = series.shape
        self.dtype = series.dtype
        self._inside = len(axes) - sum(axis in "TZC" for axis in axes)
        # Only where the pages hold whole planes can they be read one by one.
        self._by_page = all(axis in "TZC" for axis in axes[: -self._inside])

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        outer = index[: len(index) - self._inside]
        inner = index[len(outer) :]
        page_bytes = np.prod(self.shape[len(outer) :]) * self.dtype.itemsize
        pages = len(self._series.pages)
        planes = int(np.prod(self.shape[: len(outer)], dtype=np.int64))
        if page_bytes > _LARGE or not self._by_page or pages != planes:
            if np.prod(self.shape) * self.dtype.itemsize <= _LARGE:
                return self._series.asarray()[index]
            import zarr

            store = self._series.aszarr(level=0)
            return zarr.open(store, mode="r")[index]
        numbers = np.arange(planes).reshape(self.shape[: len(outer)])[outer]
        read = [self._read_page(int(number))[inner] for number in np.ravel(numbers)]
        return np.reshape(np.stack(read), (*np.shape(numbers), *read[0].shape))

    def _read_page(self, number: int) -> Any:
        page = self._series.pages[number]
        if page is None:
            raise EngineError(
                "A plane of this image is missing.",
                todo="Put all files of this OME-TIFF into its folder.",
            )
        file = page.parent.filehandle
        closed = file.closed  # one of several; too many to stay open
        if closed:
            file.open()
        try:
            return page.asarray()
        finally:
            if closed:
                file.close()


class _LazyZarr:
    """A Zarr array with its coarser ``copies``."""

    def __init__(self, array: Any, copies: list[Any]) -> None:
        self._array = array
        self.copies = copies
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        return self._array[index]


def open_tiff(path: Path) -> Opened:
    """Open TIFF, OME-TIFF, ImageJ TIFF and kin with tifffile."""
    import tifffile

    tiff = tifffile.TiffFile(path)
    try:
        if not tiff.series:
            raise EngineError("The TIFF file holds no image.", path=str(path))
        listed = list(enumerate(tiff.series))
        if tiff.is_ome and len(listed) > 1:
            # The metadata may list what is in other files, too.
            mine = [item for item in listed if _lies_in(item[1], tiff)]
            listed = mine or listed
        number, series = max(listed, key=lambda item: item[1].size)
        axes = _usual_axes(series.axes, series.shape, path)
        names, pixel_size = _tiff_metadata(tiff, series, number)
    except BaseException:
        tiff.close()
        raise
    return axes, _LazyTiff(series, axes), names, pixel_size, tiff.close


def _lies_in(series: Any, tiff: Any) -> bool:
    return any(page is not None and page.parent is tiff for page in series.pages)


def _usual_axes(axes: str, shape: tuple[int, ...], path: Path) -> str:
    """Name the axes by T, Z, C, Y, X, S; unknown ones become Z or T if free."""
    if axes.count("S") and shape[axes.index("S")] not in (3, 4):
        axes = axes.replace("S", "C" if "C" not in axes else "Q", 1)
    result = list(axes)
    for position, axis in enumerate(axes):
        if axis not in "TZCYXS":
            free = next((name for name in "ZTC" if name not in result), None)
            if free is None:
                raise EngineError(
                    "The image has more axes than time, slice, channel, row, column.",
                    path=str(path),
                    axes=axes,
                    shape=shape,
                )
            result[position] = free
    if len(set(result)) != len(result):
        raise EngineError("The image has an axis twice.", path=str(path), axes=axes)
    return "".join(result)


def _tiff_metadata(
    tiff: Any, series: Any, number: int
) -> tuple[list[str], tuple[float, float] | None]:
    if tiff.is_ome and tiff.ome_metadata:
        return _ome_metadata(tiff.ome_metadata, number)
    names: list[str] = []
    unit = None
    imagej = tiff.imagej_metadata if tiff.is_imagej else None
    if imagej:
        labels = imagej.get("Labels")
        names = list(labels) if isinstance(labels, (list, tuple)) else []
        unit = _MICROMETRES.get(str(imagej.get("unit", "")).strip().lower())
    tags = series.keyframe.tags
    resolutions = [tags.get("YResolution"), tags.get("XResolution")]
    if unit is None:
        code = tags.get("ResolutionUnit")
        value = 0 if code is None else int(code.value)
        unit = None if imagej else {2: 25400.0, 3: 1e4}.get(value)
    if unit is None or None in resolutions:
        return names, None
    try:
        rows, columns = (tag.value[1] / tag.value[0] * unit for tag in resolutions)
    except (ZeroDivisionError, TypeError, IndexError):
        return names, None
    # 72 or 96 dots an inch is what programs write that know no pixel size.
    return names, (rows, columns) if 1e-4 < rows < 100 else None


def _ome_metadata(
    xml: str, series: int
) -> tuple[list[str], tuple[float, float] | None]:
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return [], None
    found = root.findall(".//{*}Image/{*}Pixels")
    if not found:
        return [], None
    pixels = found[min(series, len(found) - 1)]
    names = [item.get("Name") or "" for item in pixels.findall("{*}Channel")]
    sizes = []
    for axis in ("Y", "X"):
        unit = pixels.get(f"PhysicalSize{axis}Unit", "µm").lower()
        try:
            size = float(pixels.get(f"PhysicalSize{axis}", "nan"))
        except ValueError:
            size = math.nan
        sizes.append(size * _MICROMETRES.get(unit, math.nan))
    return (names if all(names) else []), (sizes[0], sizes[1])


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
    return axes, pixels, [], None, None


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


def open_zarr(path: Path) -> Opened:
    """Open an OME-Zarr (NGFF 0.4 or 0.5)."""
    import zarr

    group = zarr.open(str(path), mode="r")
    if isinstance(group, zarr.Array):
        axes = "TZCYX"[-group.ndim :] if group.ndim != 3 else "ZYX"
        return axes, group, [], None, None
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
    array = group[first["path"]]
    described = scales[0].get("axes") or list("tczyx"[-array.ndim :])
    names = [axis["name"] if isinstance(axis, dict) else axis for axis in described]
    axes = _usual_axes("".join(name[:1].upper() for name in names), array.shape, path)
    channels = attributes.get("omero", {}).get("channels", [])
    labels = [str(channel.get("label", "")) for channel in channels]
    pixel_size = None
    for transform in first.get("coordinateTransformations", []):
        if transform.get("type") == "scale":
            sizes = []
            for axis in "YX":
                position = axes.index(axis)
                entry = described[position]
                unit = entry.get("unit", "") if isinstance(entry, dict) else ""
                factor = _MICROMETRES.get(unit)
                if factor:
                    sizes.append(float(transform["scale"][position]) * factor)
            pixel_size = (sizes[0], sizes[1]) if len(sizes) == 2 else None
    there = [level["path"] for level in levels[1:] if level["path"] in group]
    copies = [_LazyZarr(group[name], []) for name in there]
    return axes, _LazyZarr(array, copies), labels, pixel_size, None


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
        data = image.dask_data
    except Exception as error:
        raise EngineError(
            f"No reader for this format ({path.suffix}) is installed, or the file is "
            "damaged.",
            todo=f"Install it with: pip install {install}",
            path=str(path),
        ) from error
    sizes = image.physical_pixel_sizes
    pixel_size = (sizes.Y, sizes.X) if sizes.Y and sizes.X else None
    return "".join(image.dims.order), data, list(image.channel_names), pixel_size, None
