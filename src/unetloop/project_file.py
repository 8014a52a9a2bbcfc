"""``project.json``: which images a project has, and what it tells apart."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from unetloop.atomic import replacing
from unetloop.classes import classes_from_json, classes_to_json
from unetloop.errors import EngineError, refusals_named
from unetloop.project_images import ProjectImage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from unetloop.classes import TissueClass

__all__ = ["read_project", "unwritable", "write_project"]

_FORMAT = "unetloop-project"
# The newest that is read; one of nuclei is written as the older one.
_VERSION = 2
_NUCLEI_VERSION = 1


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
        if content["format"] != _FORMAT:
            raise EngineError("This project.json is not ours.", path=str(file))
        version = int(content["version"])
        if version > _VERSION:
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
        "format": _FORMAT,
        # Programs that know no classes must not take their numbers for nuclei.
        "version": _VERSION if classes else _NUCLEI_VERSION,
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
