"""``project.json``: which images a project has, and what it tells apart."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unetloop.atomic import replacing
from unetloop.classes import classes_from_json, classes_to_json
from unetloop.errors import EngineError, refusals_named
from unetloop.images import open_image

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from unetloop.classes import TissueClass

__all__ = [
    "FORMAT",
    "VERSION",
    "ProjectImage",
    "describe_image",
    "find_again",
    "free_name",
    "read_project",
    "unwritable",
    "write_project",
]

FORMAT = "unetloop-project"
VERSION = 2
"""The newest that is read: 1 is a project of nuclei, 2 one of tissue classes."""

_NUCLEI_VERSION = 1

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


@refusals_named()
def read_project(
    file: Path,
) -> tuple[tuple[ProjectImage, ...], tuple[TissueClass, ...]]:
    """Read ``project.json``: the images, and the classes, if there are any.

    Raises
    ------
    EngineError
        If it is gone, damaged, foreign or written by a newer version.
    """
    damaged = EngineError(
        "The project.json of this project is damaged.",
        todo="Put back a copy of it; the annotations beside it are not touched.",
        path=str(file),
    )
    try:
        content = json.loads(file.read_text("utf-8"))
        if content["format"] != FORMAT:
            raise EngineError("This project.json is not ours.", path=str(file))
        version = int(content["version"])
        if version > VERSION:
            raise EngineError(
                "This project was written by a newer version.",
                todo="Update with: pip install -U napari-unet-loop",
                version=version,
            )
        images = tuple(ProjectImage(**image) for image in content["images"])
        return images, classes_from_json(content.get("classes", ()))
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise damaged from error


def write_project(
    file: Path, images: Sequence[ProjectImage], classes: Sequence[TissueClass]
) -> None:
    """Write ``project.json``, in one atomic step.

    Raises
    ------
    EngineError
        If it can't be written.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        # Programs that know no classes must not take their numbers for nuclei.
        "version": VERSION if classes else _NUCLEI_VERSION,
        "images": [asdict(image) for image in images],
    }
    if classes:
        content["task"] = "classes"
        content["classes"] = classes_to_json(classes)
    try:
        with replacing(file) as fresh:
            fresh.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise unwritable(file.parent, error) from error


def unwritable(folder: Path, error: OSError) -> EngineError:
    """Say that a project folder can't be written, and why."""
    return EngineError(
        f"The project folder can't be written ({error.strerror or error}).",
        todo="Free some space, or choose a folder that you may write to.",
        path=str(folder),
    )


def describe_image(path: Path, folder: Path) -> ProjectImage:
    """Say what is recorded of an image file; it has no id yet."""
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


def find_again(
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


def free_name(stem: str, taken: Collection[str]) -> str:
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
        return hashlib.sha256(content).hexdigest()[:16]
    with path.open("rb") as stream:
        start = stream.read(_HASHED_BYTES)
    size = path.stat().st_size
    return hashlib.sha256(start + str(size).encode()).hexdigest()[:16]
