"""The images of a project: which file is which, wherever it was moved to."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from unetloop.images import open_image
from unetloop.zarr_folders import around_zarr

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["ProjectImage", "list_with", "place_of"]

_HASHED_BYTES = 1 << 20


@dataclass(frozen=True)
class ProjectImage:
    """An image of a project.

    Parameters
    ----------
    id : str
        Stable short name, used in file names.
    path : str
        Relative to the project folder where that is possible.
    height, width, planes : int
        Its size.
    fingerprint : str
        Hash of its size and first megabyte, by which it is found again after
        it was moved.
    """

    id: str
    path: str
    height: int
    width: int
    planes: int
    fingerprint: str


def place_of(image: ProjectImage, folder: Path) -> Path:
    """Say where an image's file is, if it was not moved; ``folder`` is the project."""
    return (folder / image.path).resolve()


def list_with(
    images: Sequence[ProjectImage], paths: Sequence[Path], folder: Path
) -> tuple[tuple[ProjectImage, ...], list[ProjectImage]]:
    """List image files among the images of a project; those there stay as they are.

    Parameters
    ----------
    images : sequence of ProjectImage
        What it has. Those whose file is gone are found again by their fingerprints.
    paths : sequence of Path
        The files; the same one may come twice.
    folder : Path
        The project.

    Returns
    -------
    tuple
        All its images then, and those of the files, in their order.

    Raises
    ------
    EngineError
        If a file can't be read.
    """
    entries = {image.id: image for image in images}
    places = {place_of(image, folder): image.id for image in images}
    lost = {path: entries[name] for path, name in places.items() if not path.exists()}
    files = [Path(path).resolve() for path in paths]
    for path in files:
        if path in places:
            continue
        fresh = _describe(path, folder)
        old = _find_again(fresh, path, lost)
        name = _free_name(path.stem, entries) if old is None else lost.pop(old).id
        places[path] = name
        entries[name] = replace(fresh, id=name)
    return tuple(entries.values()), [entries[places[path]] for path in files]


def _describe(path: Path, folder: Path) -> ProjectImage:
    """Say what is noted of an image file; it has no id yet."""
    with open_image(path) as opened:
        info = opened.info
    return ProjectImage(
        id="",
        path=_relative(path, folder),
        height=info.height,
        width=info.width,
        planes=info.planes,
        fingerprint=_fingerprint(path),
    )


def _find_again(
    image: ProjectImage, path: Path, lost: Mapping[Path, ProjectImage]
) -> Path | None:
    """Find where an image was before it was moved.

    Parameters
    ----------
    image : ProjectImage
        Of `describe_image`.
    path : Path
        Where it is now.
    lost : mapping of Path to ProjectImage
        Images that are not any more where they were.

    Returns
    -------
    Path or None
        Of equal ones, that with the same name. An OME-Zarr must have its name: its
        fingerprint is that of its description, which others may share.
    """
    same = [
        old
        for old, entry in lost.items()
        if replace(entry, id="", path=image.path) == image
        and (old.name == path.name or not path.is_dir())
    ]
    same.sort(key=lambda old: old.name != path.name)
    return same[0] if same else None


def _free_name(stem: str, taken: Collection[str]) -> str:
    """Make an id of a file's name that no other image has, in whatever case."""
    name = re.sub(r"[^\w.-]+", "_", stem) or "image"
    known = {other.casefold() for other in taken}
    number, result = 1, name
    while result.casefold() in known:
        number += 1
        result = f"{name}_{number}"
    return result


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:  # another drive on Windows
        return str(path)


def _fingerprint(path: Path) -> str:
    if path.is_dir():  # OME-Zarr: its description stands for it
        parts = sorted(path.glob("*.json")) + sorted(path.glob(".z*"))
        content = b"".join(part.read_bytes() for part in parts)
        # In a plate many are called and described alike.
        inside = path.relative_to(around_zarr(path)).parts[1:]
        content += "/".join(inside).encode()
        return hashlib.sha256(content).hexdigest()[:16]
    with path.open("rb") as stream:
        start = stream.read(_HASHED_BYTES)
    size = path.stat().st_size
    return hashlib.sha256(start + str(size).encode()).hexdigest()[:16]
