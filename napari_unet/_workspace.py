"""Where the project of a user's images lies, and what else is remembered there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.files import find_images, replacing
from unetloop.images import open_image
from unetloop.journal import Journal
from unetloop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unetloop.project import Project

__all__ = [
    "_FOLDER_NAME",
    "View",
    "Workspace",
    "open_workspace",
    "store_layer",
    "user_folder",
]

_FOLDER_NAME = "unet-loop"
_VIEW = "view.json"


@dataclass
class View:
    """What the plugin remembers of a project beside its annotations.

    Parameters
    ----------
    current : str
        Id of the image on the screen.
    plane : int
        Its plane.
    camera : dict
        ``"center"`` and ``"zoom"``.
    model : str
        Name of the model that predicts.
    outlines : bool
        Whether nuclei are shown as outlines.
    automatic : bool
        Whether training starts by itself.
    learned : int
        Corrections that the last training knew.
    images : dict
        By id: ``channel``, ``diameter``, ``pixel_size``, ``contrast``,
        ``locked``, ``nuclei``, ``reviewed``, ``state``.
    training : dict
        Settings that differ from their defaults.
    instances : dict
        ``threshold`` and ``min_size``, where they were changed.
    unfinished : dict
        The training that is under way, as the engine was asked for it.
    """

    current: str = ""
    plane: int = 0
    camera: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    outlines: bool = True
    automatic: bool = True
    learned: int = 0
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    instances: dict[str, float] = field(default_factory=dict)
    unfinished: dict[str, Any] = field(default_factory=dict)

    def of(self, image: str) -> dict[str, Any]:
        """Give what is remembered of one image, to be changed in place."""
        return self.images.setdefault(image, {})

    def save(self, folder: Path) -> None:
        """Write it into a project folder.

        Raises
        ------
        EngineError
            If it can't be written.
        """
        try:
            with replacing(folder / _VIEW) as fresh:
                fresh.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")
        except OSError as error:
            raise EngineError(
                f"The view could not be stored ({error.strerror or error}).",
                todo="Free some space or make the folder writable.",
                path=str(folder),
            ) from error

    @classmethod
    def load(cls, folder: Path) -> View:
        """Read it; what is missing or damaged is as in the beginning."""
        try:
            values = json.loads((folder / _VIEW).read_text("utf-8"))
        except (OSError, ValueError):
            return cls()
        if not isinstance(values, dict):
            return cls()
        start = cls()
        for item in fields(cls):
            given = values.get(item.name)
            if isinstance(given, type(getattr(start, item.name))):
                setattr(start, item.name, given)
        return start


@dataclass
class Workspace:
    """An open project.

    Parameters
    ----------
    project : Project
        Locked by this viewer.
    journal : Journal
        Of it.
    view : View
        What else is remembered.
    first : str
        Id of the image to show.
    said : tuple of str
        Sentences that the user should read.
    closed : bool
        Whether it was let go of.
    """

    project: Project
    journal: Journal
    view: View
    first: str
    said: tuple[str, ...] = ()
    closed: bool = False

    def close(self) -> None:
        """Store everything and let go of the project."""
        if self.closed:
            return
        self.closed = True
        try:
            self.view.save(self.project.folder)
        finally:
            try:
                self.journal.close()
            finally:
                self.project.close()


def user_folder() -> Path:
    """Say where projects go whose images lie where nothing can be written."""
    base = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_DATA_HOME")
    return Path(base or Path.home() / ".local" / "share") / "napari-unet-loop"


def open_workspace(
    paths: Sequence[Path],
    old: Workspace | None = None,
    into: Path | None = None,
    reading: dict[str, Any] | None = None,
) -> Workspace:
    """Open the project of images, and make it where there is none.

    Parameters
    ----------
    paths : sequence of Path
        Image files, folders with images, or a project folder.
    old : Workspace, optional
        The one that is open; closed once it is clear that there is another.
    into : Path, optional
        Folder of a project that the images are added to; left out: the one beside
        the first of them.
    reading : dict, optional
        ``channel`` and ``diameter`` of those for which nothing else was chosen.

    Raises
    ------
    EngineError
        If nothing is found, or the project can't be opened.
    """
    said: list[str] = []
    paths = [Path(path).absolute() for path in paths]
    if not paths:
        raise EngineError("No image was given.", todo="Choose a file or a folder.")
    if len(paths) == 1 and (paths[0] / "project.json").exists():
        folder, found = paths[0], []
    else:
        found = [item.path for item in find_images(paths)]
        beside = paths[0] if _holds_images(paths[0]) else paths[0].parent
        folder = into or beside / _FOLDER_NAME
        if into is None and not _writable(beside):
            name = hashlib.sha256(str(beside).encode()).hexdigest()[:8]
            folder = user_folder() / f"{beside.name}-{name}"
            said.append(
                f"{beside} can't be written to, so the corrections are kept in "
                f"{folder}."
            )
    if old is not None:
        old.close()
    project = open_project(folder, create=True)
    try:
        if project.classes:
            raise EngineError(
                "This project is of tissue classes, and the dock numbers nuclei.",
                todo="Train on it with: unetloop train --task classes --project FOLDER",
                folder=str(folder),
            )
        known = {(project.folder / image.path).resolve() for image in project.images}
        new = [path for path in found if path.resolve() not in known]
        said += _add(project, new)
        if not project.images:
            raise EngineError("None of these images can be read.", todo=" ".join(said))
        journal = Journal(project)
    except BaseException:
        project.close()
        raise
    view = View.load(project.folder)
    ids = {image.id for image in project.images}
    by_path = {
        (project.folder / image.path).resolve(): image.id for image in project.images
    }
    first = view.current if view.current in ids else project.images[0].id
    here = [by_path[path.resolve()] for path in found if path.resolve() in by_path]
    if here and (into is not None or first not in here):
        first = here[0]
    for image in here:
        view.images[image] = {**(reading or {}), **view.of(image)}
    return Workspace(project, journal, view, first, tuple(said))


def store_layer(name: str, data: Any, pixel_size: float | None) -> Path:
    """Write a layer that came from no file as a TIFF, to work on from there.

    Parameters
    ----------
    name : str
        Of the layer.
    data : array-like
        (planes..., rows, columns), perhaps with colours behind.
    pixel_size : float, optional
        In micrometres.

    Raises
    ------
    EngineError
        If it can't be written.
    """
    import tifffile

    array = np.asarray(data)
    digest = hashlib.sha256(array.tobytes()).hexdigest()[:8]
    stem = re.sub(r"[^\w.-]+", "_", name) or "layer"
    path = user_folder() / "layers" / f"{stem}-{digest}" / f"{stem}.tif"
    if path.exists():
        return path
    rgb = array.ndim == 3 and array.shape[-1] in (3, 4) and array.dtype == np.uint8
    axes = "YXS" if rgb else "TZYX"[-array.ndim :]
    try:
        with replacing(path) as fresh:
            tifffile.imwrite(
                fresh,
                array,
                photometric="rgb" if rgb else "minisblack",
                metadata={"axes": axes},
                **(
                    {
                        "resolution": (1e4 / pixel_size, 1e4 / pixel_size),
                        "resolutionunit": "CENTIMETER",
                    }
                    if pixel_size
                    else {}
                ),
            )
    except (OSError, ValueError) as error:
        raise EngineError(
            f"The layer could not be stored as an image ({error}).",
            todo="Save it as a TIFF and open that.",
            layer=name,
        ) from error
    return path


def _holds_images(path: Path) -> bool:
    return path.is_dir() and path.suffix != ".zarr"


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _add(project: Project, paths: list[Path]) -> list[str]:
    """Add the images that can be read; say which can't."""
    if not paths:
        return []
    try:
        project.add_images(paths)
    except EngineError:
        readable, said = [], []
        for path in paths:
            try:
                open_image(path).close()
                readable.append(path)
            except EngineError as error:
                said.append(f"{path.name} is left out: {error}")
        project.add_images(readable)
        return said
    return []
