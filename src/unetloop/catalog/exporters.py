"""Formats that a user may have results written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CLASS_EXPORTERS", "EXPORTERS", "Exporter"]


@dataclass(frozen=True)
class Exporter:
    """A format: ``write(path, planes, about)``, the file's suffix, a line of help."""

    write: str
    suffix: str
    help: str


EXPORTERS: Mapping[str, Exporter] = {
    "rois": Exporter(
        write="unetloop.export.rois:write",
        suffix=".zip",
        help="ImageJ regions of interest, for the ROI Manager of Fiji",
    ),
    "geojson": Exporter(
        write="unetloop.export.geojson:write",
        suffix=".geojson",
        help="outlines and measurements as GeoJSON, for QuPath",
    ),
    "coco": Exporter(
        write="unetloop.export.coco:write",
        suffix=".json",
        help="instance masks in COCO's format, to train and score other programs",
    ),
    "overlay": Exporter(
        write="unetloop.export.overlay:write",
        suffix=".png",
        help="pictures of the images with the nuclei outlined",
    ),
    "ome_zarr": Exporter(
        write="unetloop.export.ome_zarr:write",
        suffix=".ome.zarr",
        help="label images as OME-Zarr with a pyramid, for napari and others",
    ),
}

CLASS_EXPORTERS: Mapping[str, Exporter] = {
    "overlay": EXPORTERS["overlay"],
    "ome_zarr": EXPORTERS["ome_zarr"],
    "probabilities": Exporter(
        write="unetloop.export.probabilities:write",
        suffix=".ome.tif",
        help="probability of each class, as OME-TIFF with a channel a class",
    ),
}
"""Formats for what a model of classes predicts; all others are of nuclei."""
