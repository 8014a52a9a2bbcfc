"""Which project a user's images belong to: found or made, and opened."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet._view import VIEW_FILE, View
from napari_unet._workspace import Workspace, user_folder
from unetloop.classes import name_classes
from unetloop.errors import EngineError
from unetloop.files import find_images
from unetloop.images import open_image
from unetloop.imported import count_imported
from unetloop.journal import Journal
from unetloop.project import open_project
from unetloop.zarr_folders import around_zarr, is_zarr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unetloop.project import Project

__all__ = ["Opening", "open_workspace"]

_FOLDER_NAME = "unet-loop"
# One beside the other: the same images may be segmented both ways.
_ENDINGS = {"nuclei": ("", "-nuclei"), "classes": ("-classes", "")}
_FIRST_CLASSES = ("background", "tissue")
_PROJECT_FILE = "project.json"

Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Opening:
    """A project that was opened, or gone on with, and what is new in it.

    Parameters
    ----------
    workspace : Workspace
        The project.
    first : str
        Id of the image to show.
    said : tuple of str
        Sentences that the user should read.
    images : tuple of str
        Ids of the images that were asked for.
    reading : mapping
        How these are read, where nothing else was chosen for them.
    imported : mapping
        What was reviewed elsewhere: as from `count_imported`.
    """

    workspace: Workspace
    first: str
    said: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)
    imported: Counts = field(default_factory=dict)

    def take_note(self) -> None:
        """Have what is new in the view, which belongs to the event loop."""
        view = self.workspace.view
        for image in self.images:
            known = view.of(image)
            for name, value in self.reading.items():
                known.setdefault(name, value)
        for image, counts in self.imported.items():
            # Remembered: a plane that is corrected further is the journal's from then.
            before = view.imported.setdefault(image, {})
            for action, count in counts.items():
                before[action] = max(before.get(action, 0), count)


def open_workspace(
    paths: Sequence[Path],
    old: Workspace | None = None,
    into: Path | None = None,
    reading: dict[str, Any] | None = None,
    task: str = "",
    otherwise: str = "nuclei",
    at: Path | None = None,
) -> Opening:
    """Open the project of images, and make it where there is none; for threads.

    Parameters
    ----------
    paths : sequence of Path
        Image files, folders with images, or a project folder.
    old : Workspace, optional
        The one that is open. It stays open, and goes on where it is the same project.
    into : Path, optional
        Folder of a project that the images are added to; left out: the one beside
        the first of them.
    reading : dict, optional
        ``channel`` and ``diameter`` of those for which nothing else was chosen.
    task : str
        What is segmented, ``"nuclei"`` or ``"classes"``; empty: as in the project
        beside the images that was open last.
    otherwise : str
        The same, for images that have no project yet and if ``task`` is empty.
    at : Path, optional
        The image to show.

    Raises
    ------
    EngineError
        If nothing is found, or the project can't be opened.
    """
    said: list[str] = []
    paths = [Path(path).absolute() for path in paths]
    if not paths:
        raise EngineError("No image was given.", todo="Choose a file or a folder.")
    if len(paths) == 1 and (paths[0] / _PROJECT_FILE).exists():
        folder, found = paths[0], []
    else:
        found = _find(paths)
        beside = paths[0] if _holds_images(paths[0]) else around_zarr(paths[0])
        usual = beside / _FOLDER_NAME
        if into is None and not _writable(beside):
            name = hashlib.sha256(str(beside).encode()).hexdigest()[:8]
            usual = user_folder() / f"{beside.name}-{name}"
        folder = into or _folder_for(usual, task, otherwise)
        if usual.parent != beside:
            said.append(
                f"{beside} can't be written to, so the corrections are kept in "
                f"{folder}."
            )
    if old is not None and _is_open(old, folder):
        workspace, project = old, old.project
        said += _add(project, found)
        old.journal.flush()
        for entry in project.images:
            old.journal.forget(entry.id)  # another program may have changed its masks
    else:
        workspace, more = _open(folder, found, task or otherwise)
        project = workspace.project
        said += more
    ids = {image.id for image in project.images}
    by_path = {
        (project.folder / image.path).resolve(): image.id for image in project.images
    }
    current = workspace.view.current
    first = current if current in ids else project.images[0].id
    here = [by_path[path.resolve()] for path in found if path.resolve() in by_path]
    if here and (into is not None or first not in here):
        first = here[0]
    if at is not None:
        first = by_path.get(at.resolve(), first)
    imported = count_imported(project, workspace.journal)
    return Opening(workspace, first, tuple(said), tuple(here), reading or {}, imported)


def _find(paths: Sequence[Path]) -> list[Path]:
    """List the images that paths stand for."""
    try:
        return [item.path for item in find_images(paths)]
    except EngineError as error:
        # The command line's word for it says nothing here.
        todo = error.todo.replace(", or add --recursive", "")
        raise EngineError(error.what, todo=todo, **error.received) from error


def _is_open(old: Workspace, folder: Path) -> bool:
    """Whether a folder is that of a project that is open; if it was removed, it isn't.

    That is closed then, for another one is made in its place.
    """
    if old.project.folder.resolve() != folder.resolve():
        return False
    if (folder / _PROJECT_FILE).exists():
        return not old.closed
    old.close()
    return False


def _open(folder: Path, found: list[Path], task: str) -> tuple[Workspace, list[str]]:
    """Open a project that has these images; give sentences to read, too."""
    fresh = not (folder / _PROJECT_FILE).exists()
    project = open_project(folder, create=True)
    try:
        if fresh and task == "classes":
            project.set_classes(name_classes(_FIRST_CLASSES))
        said = _add(project, found)
        if not project.images:
            raise EngineError("None of these images can be read.", todo=" ".join(said))
        view = View.load(project.folder)
        if project.classes and not (project.folder / VIEW_FILE).exists():
            view.outlines = False  # areas are what one wants to see of them
        return Workspace(project, Journal(project), view), said
    except BaseException:
        project.close()
        raise


def _holds_images(path: Path) -> bool:
    return path.is_dir() and not is_zarr(path)


def _folder_for(usual: Path, task: str, otherwise: str) -> Path:
    """Choose the folder of a project: one that is there, or a new one."""
    tasks = (task,) if task else tuple(_ENDINGS)
    endings = {ending for one in tasks for ending in _ENDINGS[one]}
    there = [usual.with_name(usual.name + ending) for ending in sorted(endings)]
    there = [folder for folder in there if (folder / _PROJECT_FILE).exists()]
    fitting = [folder for folder in there if _task_in(folder) in tasks]
    if fitting:
        return max(fitting, key=_last_open)
    wanted = [usual.with_name(usual.name + end) for end in _ENDINGS[task or otherwise]]
    return next((folder for folder in wanted if folder not in there), wanted[0])


def _task_in(folder: Path) -> str:
    """Say what a project segments; if it can't be read, opening it will say why."""
    try:
        return open_project(folder, shared=True).task
    except EngineError:
        return "nuclei"


def _last_open(folder: Path) -> float:
    return max(
        (folder / name).stat().st_mtime
        for name in (VIEW_FILE, _PROJECT_FILE)
        if (folder / name).exists()
    )


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _add(project: Project, found: list[Path]) -> list[str]:
    """Add the images that are new and can be read; say which can't."""
    known = {(project.folder / image.path).resolve() for image in project.images}
    paths = [path for path in found if path.resolve() not in known]
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
