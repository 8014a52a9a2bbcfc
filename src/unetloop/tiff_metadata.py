"""What TIFF, OME-TIFF, ImageJ TIFF and kin say of channels and of the pixel size."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.image_axes import MICROMETRES, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unetloop.image_axes import Sides

__all__ = ["read_metadata"]

# Sides of a pixel in µm that are believed. 72 to 1200 dots an inch are what programs
# write that know no pixel size: of a screen, a printer, a page.
_FINEST, _COARSEST, _COARSEST_DOTS = 1e-4, 100.0, 20.0


def read_metadata(tiff: Any, series: Any, number: int) -> tuple[list[str], Sides]:
    """Read the names of the channels, and how large a pixel is.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        The open file.
    series : tifffile.TiffPageSeries
        The image in it.
    number : int
        Which of its images that is.

    Returns
    -------
    names : list of str
        Of the channels; none where the file has none.
    sides : Sides
        As far as the file knows them.
    """
    if tiff.is_ome and tiff.ome_metadata:
        return _of_ome(tiff.ome_metadata, number)
    if tiff.is_lsm:
        return _of_lsm(tiff.lsm_metadata or {})
    if tiff.is_stk:
        return [], _of_stk(tiff.stk_metadata or {})
    tags = series.keyframe.tags
    if tiff.is_imagej and tiff.imagej_metadata:
        return _of_imagej(tiff.imagej_metadata, tags)
    return [], _of_tags(tags, tiff.shaped_metadata or ())


def _of_ome(xml: str, number: int) -> tuple[list[str], Sides]:
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return [], UNKNOWN
    found = root.findall(".//{*}Image/{*}Pixels")
    if not found:
        return [], UNKNOWN
    pixels = found[min(number, len(found) - 1)]
    names = [item.get("Name") or "" for item in pixels.findall("{*}Channel")]
    sizes = []
    for axis in "ZYX":
        unit = pixels.get(f"PhysicalSize{axis}Unit", "µm").lower()
        try:
            size = float(pixels.get(f"PhysicalSize{axis}", "nan"))
        except ValueError:
            size = nan
        sizes.append(size * MICROMETRES.get(unit, nan))
    return (names if all(names) else []), (sizes[0], sizes[1], sizes[2])


def _of_lsm(metadata: Mapping[str, Any]) -> tuple[list[str], Sides]:
    """Read what Zeiss writes, whose voxels are measured in metres."""
    colours = metadata.get("ChannelColors")
    names = colours.get("ColorNames") if isinstance(colours, dict) else None
    depth, rows, columns = (
        float(metadata.get(f"VoxelSize{axis}", nan)) * 1e6 for axis in "ZYX"
    )
    return list(names or []), _believed(depth, rows, columns)


def _of_stk(metadata: Mapping[str, Any]) -> Sides:
    """Read what MetaMorph writes; its slices are measured in micrometres."""
    unit = _unit(metadata.get("CalibrationUnits"))  # "pixel" if not calibrated
    rows, columns = (
        float(metadata.get(f"{axis}Calibration", nan)) * unit for axis in "YX"
    )
    steps = np.abs(np.asarray(metadata.get("ZDistance", ()), float))
    steps = steps[np.isfinite(steps) & (steps > 0)]
    depth = float(np.median(steps)) if steps.size else nan
    return _believed(depth, rows, columns)


def _of_imagej(metadata: Mapping[str, Any], tags: Any) -> tuple[list[str], Sides]:
    labels = metadata.get("Labels")
    names = list(labels) if isinstance(labels, (list, tuple)) else []
    rows, columns = _resolution(tags, _unit(metadata.get("unit")))
    return names, _believed(_spacing(metadata), rows, columns)


def _of_tags(tags: Any, notes: Sequence[Mapping[str, Any]]) -> Sides:
    """Read what any TIFF may say, and tifffile's own notes, which know of slices."""
    code = tags.get("ResolutionUnit")
    unit = {2: 25400.0, 3: 1e4}.get(0 if code is None else int(code.value), nan)
    rows, columns = _resolution(tags, unit)
    depth = _spacing(notes[0]) if notes else nan
    return _believed(depth, rows, columns, _COARSEST_DOTS)


def _resolution(tags: Any, unit: float) -> tuple[float, float]:
    """Give height and width of a pixel in µm; tags hold pixels a unit."""
    try:
        rows, columns = (
            tag.value[1] / tag.value[0] * unit
            for tag in (tags["YResolution"], tags["XResolution"])
        )
    except (KeyError, ZeroDivisionError, TypeError, IndexError):
        return nan, nan
    return rows, columns


def _spacing(metadata: Mapping[str, Any]) -> float:
    spacing = metadata.get("spacing")
    if not isinstance(spacing, (int, float)):
        return nan
    return spacing * _unit(metadata.get("unit"))


def _unit(name: Any) -> float:
    """Give the micrometres in a unit of length; NaN: it is not known."""
    return MICROMETRES.get(str(name).strip().lower(), nan)


def _believed(
    depth: float, rows: float, columns: float, most: float = _COARSEST
) -> Sides:
    """Give the sides of a pixel if they can be some."""
    believed = all(_FINEST < side < most for side in (rows, columns))
    return (depth, rows, columns) if believed else UNKNOWN
