"""GeoJSON that QuPath opens: one detection a nucleus, with its measurements."""

from __future__ import annotations

import json
import math
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.atomic import replacing
from unetloop.export.image import failures_named
from unetloop.export.outlines import iterate_outlines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.export.image import ExportedImage
    from unetloop.export.outlines import Outline

__all__ = ["write"]

_CLASS = {"name": "Nucleus", "color": [255, 215, 0]}
_SPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "napari-unet-loop")
_ALL_CHANNELS = -1


def write(path: Path, planes: NDArray[np.int32], about: ExportedImage) -> None:
    """Write a FeatureCollection: polygons along the edges of the pixels, with holes.

    Coordinates are pixels from the upper left corner of the image, as in QuPath.
    A nucleus in pieces is a MultiPolygon. The identifier of a nucleus follows
    from image, plane and label. Measurements that are not known are left out.

    Parameters
    ----------
    path : Path
        File to write, ``.geojson``.
    planes : array of int32
        (planes, rows, columns): 0 background, one number a nucleus.
    about : ExportedImage
        The image.

    Raises
    ------
    EngineError
        If it can't be written, or has other planes.

    Notes
    -----
    RFC 7946 for the geometry; QuPath's own keys are ``plane`` in it, and
    ``objectType``, ``name``, ``classification`` and ``measurements``.
    """
    about.check(planes)
    with (
        failures_named(path),
        replacing(path) as fresh,
        fresh.open("w", encoding="utf-8") as file,
    ):
        file.write('{"type": "FeatureCollection", "features": [')
        separator = "\n"
        for number, labels in enumerate(planes):
            rows = _measured(about, number)
            for outline in iterate_outlines(labels):
                about.between()
                feature = _to_feature(outline, number, about)
                if outline.label in rows:
                    feature["properties"]["measurements"] = rows[outline.label]
                file.write(separator + json.dumps(feature, ensure_ascii=False))
                separator = ",\n"
        file.write("\n]}\n")


def _to_feature(outline: Outline, number: int, about: ExportedImage) -> dict[str, Any]:
    polygons = [
        [np.concatenate([ring, ring[:1]]).tolist() for ring in polygon]
        for polygon in outline.polygons
    ]
    place = about.place(number)
    name = f"{about.name}/{number}/{outline.label}"
    name = name.encode(errors="backslashreplace").decode()  # it may be no Unicode
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_SPACE, name)),
        "geometry": {
            "type": "Polygon" if len(polygons) == 1 else "MultiPolygon",
            "coordinates": polygons[0] if len(polygons) == 1 else polygons,
            "plane": {"c": _ALL_CHANNELS, "z": place.slice, "t": place.time},
        },
        "properties": {
            "objectType": "detection",
            "name": str(outline.label),
            "classification": _CLASS,
        },
    }


def _measured(about: ExportedImage, number: int) -> Mapping[int, dict[str, float]]:
    """Give each label's measurements, without those that are not known."""
    if about.measurements is None:
        return {}
    table = about.measurements[number]
    names = [name for name in table if name != "label"]
    columns = [table[name].tolist() for name in names]
    return {
        label: {
            name: _number(value)
            for name, value in zip(names, values, strict=True)
            if math.isfinite(value)
        }
        for label, *values in zip(table["label"].tolist(), *columns, strict=True)
    }


def _number(value: float) -> float:
    """Give as many digits as the table of measurements has."""
    if isinstance(value, int):
        return value
    rounded = float(f"{value:.12g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded
