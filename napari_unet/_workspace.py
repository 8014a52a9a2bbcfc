"""Where the project of a user's images lies, and what else is remembered there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from napari_unet._view import VIEW_FILE, View
from unetloop.classes import name_classes
from unetloop.errors import EngineError
from unetloop.files import find_images
from unetloop.images import open_image
from unetloop.imported import count_imported
from unetloop.journal import Journal
from unetloop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unetloop.project import Project

__all__ = [
    "Workspace",
    "open_workspace",
    "user_folder",
]

_FOLDER_NAME = "unet-loop"
# One beside the other: the same images may be segmented both ways.
_ENDINGS = {"nuclei": ("", "-nuclei"), "classes": ("-classes", "")}
_FIRST_CLASSES = ("background", "tissue")
_PROJECT_FILE = "project.json"


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
    _closing: Lock = field(default_factory=Lock, repr=False, compare=False)

    def write_view(self, text: str) -> None:
        """Write what `View.dump` gave, unless it was closed since; in any thread.

        Raises
        ------
        EngineError
            If it can't be written.
        """
        with self._closing:
            if not self.closed:
                self.view.write(self.project.folder, text)

    def close(self) -> None:
        """Store everything and let go of the project; in any thread, once."""
        with self._closing:
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
    task: str = "",
    otherwise: str = "nuclei",
    at: Path | None = None,
) -> Workspace:
    """Open the project of images, and make it where there is none.

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
        found = [item.path for item in find_images(paths)]
        beside = paths[0] if _holds_images(paths[0]) else paths[0].parent
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
        project, journal, view = old.project, old.journal, old.view
        said += _add(project, found)
        journal.flush()
        for entry in project.images:
            journal.forget(entry.id)  # another program may have changed its masks
    else:
        project, journal, more = _open(folder, found, task or otherwise)
        said += more
        view = View.load(project.folder)
        if project.classes and not (project.folder / VIEW_FILE).exists():
            view.outlines = False  # areas are what one wants to see of them
    ids = {image.id for image in project.images}
    by_path = {
        (project.folder / image.path).resolve(): image.id for image in project.images
    }
    first = view.current if view.current in ids else project.images[0].id
    here = [by_path[path.resolve()] for path in found if path.resolve() in by_path]
    if here and (into is not None or first not in here):
        first = here[0]
    if at is not None:
        first = by_path.get(at.resolve(), first)
    for image in here:
        view.images[image] = {**(reading or {}), **view.of(image)}
    for image, counts in count_imported(project, journal).items():
        # Remembered: a plane that is corrected further is the journal's from then on.
        before = view.imported.setdefault(image, {})
        for action, count in counts.items():
            before[action] = max(before.get(action, 0), count)
    return Workspace(project, journal, view, first, tuple(said))


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


def _open(
    folder: Path, found: list[Path], task: str
) -> tuple[Project, Journal, list[str]]:
    """Open a project that has these images; give sentences to read, too."""
    fresh = not (folder / _PROJECT_FILE).exists()
    project = open_project(folder, create=True)
    try:
        if fresh and task == "classes":
            project.set_classes(name_classes(_FIRST_CLASSES))
        said = _add(project, found)
        if not project.images:
            raise EngineError("None of these images can be read.", todo=" ".join(said))
        return project, Journal(project), said
    except BaseException:
        project.close()
        raise


def _holds_images(path: Path) -> bool:
    return path.is_dir() and path.suffix != ".zarr"


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
