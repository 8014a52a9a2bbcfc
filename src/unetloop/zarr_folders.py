"""Which folders are OME-Zarr, and which images are in one: a plate holds many."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["around_zarr", "is_zarr", "zarr_attributes", "zarr_images"]

_DEEPEST = 3  # a plate has wells, these have fields
_DESCRIBED_BY = ("zarr.json", ".zattrs")
_KINDS = ("multiscales", "plate", "well", "bioformats2raw.layout")


def is_zarr(path: Path) -> bool:
    """Whether a path is that of an OME-Zarr, by its name or by what it says of itself.

    Images in a plate have names without a suffix. Folders in an OME-Zarr that only
    hold levels, labels or metadata are none.

    Parameters
    ----------
    path : Path
        A folder, or anything else.
    """
    if path.suffix == ".zarr":
        return True
    about = zarr_attributes(path) if path.is_dir() else {}
    return any(kind in about for kind in _KINDS) and "image-label" not in about


def zarr_attributes(folder: Path) -> dict[str, Any]:
    """Read what an OME-Zarr says of itself (NGFF 0.4 or 0.5).

    Parameters
    ----------
    folder : Path
        The OME-Zarr; of any other folder, and of damaged metadata, there is nothing.
    """
    for name in _DESCRIBED_BY:
        with suppress(OSError, ValueError, AttributeError):
            said = json.loads((folder / name).read_text("utf-8"))
            said = said.get("attributes", said)
            return dict(said.get("ome", said))
    return {}


def zarr_images(folder: Path) -> list[Path]:
    """List the images in an OME-Zarr.

    Parameters
    ----------
    folder : Path
        An image; or a plate, a well, or several series as bioformats2raw writes them.

    Returns
    -------
    list of Path
        The folder itself, unless it says that there are images in it.

    Notes
    -----
    https://ngff.openmicroscopy.org/0.4/#plate-md and #bf2raw
    """
    return _images(folder, _DEEPEST)


def _images(folder: Path, deep: int) -> list[Path]:
    inside = _names(folder, zarr_attributes(folder)) if deep else []
    return [image for name in inside for image in _images(folder / name, deep - 1)] or [
        folder
    ]


def _names(folder: Path, about: dict[str, Any]) -> list[str]:
    """Name the folders that hold the images; of damaged metadata none."""
    with suppress(KeyError, TypeError, AttributeError, OSError):
        if "plate" in about:
            return [str(well["path"]) for well in about["plate"]["wells"]]
        if "well" in about:
            return [str(field["path"]) for field in about["well"]["images"]]
        if "bioformats2raw.layout" in about:
            names = (entry.name for entry in folder.iterdir())
            return sorted(filter(str.isdecimal, names), key=int)
    return []


def around_zarr(path: Path) -> Path:
    """Give the folder that an image lies in, outside of any plate that it is part of.

    Parameters
    ----------
    path : Path
        The image.
    """
    outermost = path
    for folder in path.parents:
        if is_zarr(folder):
            outermost = folder
    return outermost.parent
