"""What TIFF, OME-TIFF, ImageJ TIFF and kin say of channels and of the pixel size."""

from __future__ import annotations

import re
from contextlib import suppress
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
_CENTIMETRE = 1e4

# Where a plane lies, which Fiji writes before its label: "c:1/2 z:3/9 t:1/4 - DAPI".
_PLACE = re.compile(r"^(?:[czt]:\d+/\d+ ?)+(?:- ?)?")
_APERIO_SIDE = re.compile(r"\bMPP *= *([\d.]+)")


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
    if tiff.is_metaseries:
        return [], _of_metaseries(tiff)
    if tiff.is_svs:
        return [], _of_svs(series.keyframe.description)
    names = _of_qpi(series) if tiff.is_qpi else []
    return names, _of_tags(tags, tiff.shaped_metadata or ())


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
    return (names if any(names) else []), (sizes[0], sizes[1], sizes[2])


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
    listed = labels if isinstance(labels, (list, tuple)) else ()
    names = _of_labels([str(label) for label in listed], metadata.get("channels", 1))
    unit = _unit(metadata.get("unit"))
    rows, columns = _resolution(tags, unit)
    # Fiji takes the dots of a screen or a printer, by the inch or cm, for a scale.
    most = _COARSEST_DOTS if unit >= _CENTIMETRE else _COARSEST
    return names, _believed(_spacing(metadata), rows, columns, most)


def _of_labels(labels: list[str], channels: int) -> list[str]:
    """Give the names of channels from the labels of planes, channels first."""
    names = [_PLACE.sub("", label.partition("\n")[0]).strip() for label in labels]
    first = names[:channels]
    same = all(name == first[at % channels] for at, name in enumerate(names))
    # One name for all is that of the file.
    return first if same and (channels == 1 or len(set(first)) > 1) else []


def _of_metaseries(tiff: Any) -> Sides:
    """Read what MetaXpress writes into single planes."""
    with suppress(Exception):  # the pixels may be whole all the same
        about = tiff.metaseries_metadata["PlaneInfo"]
        if about.get("spatial-calibration-state", True):
            unit = _unit(about["spatial-calibration-units"])
            rows, columns = (about[f"spatial-calibration-{axis}"] for axis in "yx")
            return _believed(nan, float(rows) * unit, float(columns) * unit)
    return UNKNOWN


def _of_svs(description: str) -> Sides:
    """Read what Aperio's scanners write: µm a pixel."""
    found = _APERIO_SIDE.search(description)
    try:
        side = float(found[1]) if found else nan
    except ValueError:
        side = nan
    return _believed(nan, side, side)


def _of_qpi(series: Any) -> list[str]:
    """Read the channels' names, one a page, that inForm and PhenoImager write."""
    from xml.etree import ElementTree

    names = []
    for page in series.pages:
        text = page.aspage().description
        try:
            # Its declaration speaks of bytes, and this is text.
            root = ElementTree.fromstring((text.partition("?>")[2] or text).strip())
            names.append(root.findtext("Name") or "")
        except ElementTree.ParseError:
            names.append("")
    return names if any(names) else []


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
