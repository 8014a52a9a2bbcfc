"""ImageJ regions of interest: a ``.zip`` that Fiji's ROI Manager opens."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np

from unetloop.atomic import replacing
from unetloop.export.image import failures_named
from unetloop.export.outlines import iterate_outlines

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from roifile import ImagejRoi

    from unetloop.export.image import ExportedImage
    from unetloop.export.outlines import Outline

__all__ = ["write"]

# Segments of a path, as in java.awt.geom.PathIterator.
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0


def write(path: Path, planes: NDArray[np.int32], about: ExportedImage) -> None:
    """Write one region a nucleus, along the edges of its pixels.

    A nucleus of one piece without holes is a traced polygon, any other a
    composite; both hold exactly its pixels. Names are the label, with the plane
    in front in a stack; the position is that of the plane.

    Parameters
    ----------
    path : Path
        File to write, ``.zip``.
    planes : array of int32
        (planes, rows, columns): 0 background, one number a nucleus.
    about : ExportedImage
        The image.

    Raises
    ------
    EngineError
        If it can't be written, or has other planes.
    """
    about.check(planes)
    with (
        failures_named(path),
        replacing(path) as fresh,
        zipfile.ZipFile(fresh, "w") as archive,
    ):
        for number, labels in enumerate(planes):
            plane = about.plane_name(number)
            for outline in iterate_outlines(labels):
                about.between()
                name = f"{plane}-{outline.label}" if plane else str(outline.label)
                roi = _to_roi(outline, name)
                _place(roi, number, about)
                archive.writestr(_entry(f"{name}.roi"), roi.tobytes())


def _entry(name: str) -> zipfile.ZipInfo:
    """Describe a file of the archive; without the time, so that bytes are the same."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16  # or else unpacked files can't be read
    return entry


def _to_roi(outline: Outline, name: str) -> ImagejRoi:
    from roifile import ROI_TYPE, ImagejRoi

    rings = [ring for polygon in outline.polygons for ring in polygon]
    if len(rings) == 1:
        roi = ImagejRoi.frompoints(rings[0], name=name)
        roi.roitype = ROI_TYPE.TRACED
        return roi
    points = np.concatenate(rings)
    segments: list[float] = []
    for ring in rings:
        kinds = np.full(len(ring), _LINE)
        kinds[0] = _MOVE
        segments += np.column_stack([kinds, ring]).ravel().tolist()
        segments.append(_CLOSE)
    left, top = points.min(axis=0).tolist()
    right, bottom = points.max(axis=0).tolist()
    return ImagejRoi(
        roitype=ROI_TYPE.RECT,
        name=name,
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        shape_roi_size=len(segments),
        multi_coordinates=np.array(segments, np.float32),
    )


def _place(roi: ImagejRoi, number: int, about: ExportedImage) -> None:
    """Say which plane it is on: ImageJ counts from 1, and 0 is every channel."""
    place = about.place(number)
    if about.planes == 1:
        return
    if about.channels == 1 and 1 in (about.times, about.slices):
        roi.position = number + 1
    else:
        roi.z_position, roi.t_position = place.slice + 1, place.time + 1
