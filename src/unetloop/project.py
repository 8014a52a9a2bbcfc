"""The project folder: images, their annotations, models; only this file knows paths.

::

    project.json               format, version, and the images
    segmentation/<id>/<plane>.tif   int32 or uint16, 0 background, 1..N nuclei
    review/<id>/<plane>.tif         0 nobody has looked, 1 right, 2 ignore
    models/<name>/             model folders
    cache/                     what can be computed again
    journal.sqlite             every edit, see `journal`
    lock                       held while a program has the project open

Who holds the lock may start a helper that opens the same project *shared*: it
reads what was flushed, and writes models and cache alone.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unetloop.classes import check_classes
from unetloop.errors import EngineError, refusals_named
from unetloop.locks import take_lock
from unetloop.masks import read_labels, write_labels
from unetloop.project_file import read_project, unwritable, write_project
from unetloop.project_images import ProjectImage, list_with, place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filelock import FileLock
    from numpy.typing import NDArray

    from unetloop.classes import TissueClass

__all__ = ["Project", "ProjectImage", "open_project"]


class Project:
    """An open project folder; close it, or use it in a ``with`` statement.

    Parameters
    ----------
    folder : Path
        The folder, which exists.
    images : tuple of ProjectImage
        What ``project.json`` lists.
    classes : tuple of TissueClass
        What the numbers of its segmentations mean, from 1; none: nuclei.
    lock : filelock.FileLock, optional
        Held until `close`. None: the project is open shared.
    """

    def __init__(
        self,
        folder: Path,
        images: tuple[ProjectImage, ...],
        classes: tuple[TissueClass, ...] = (),
        lock: FileLock | None = None,
    ) -> None:
        self.folder = folder
        self.images = images
        self.classes = classes
        self._lock = lock

    @property
    def shared(self) -> bool:
        """Whether another program holds the lock, and may change the project."""
        return self._lock is None

    @property
    def task(self) -> Literal["nuclei", "classes"]:
        """What its segmentations hold: numbered nuclei, or classes."""
        return "classes" if self.classes else "nuclei"

    @property
    def models_folder(self) -> Path:
        """Where model folders are kept."""
        return self.folder / "models"

    @property
    def exams_path(self) -> Path:
        """What new corrections said of the models that had not learned from them."""
        return self.models_folder / "exams.json"

    @property
    def cache_folder(self) -> Path:
        """Where things are kept that can be computed again."""
        return self.folder / "cache"

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return self.folder / "journal.sqlite"

    def image(self, identifier: str) -> ProjectImage:
        """Find an image by its id.

        Raises
        ------
        EngineError
            If the project has none of this id, nor was it added meanwhile.
        """
        for _ in range(2):
            for image in self.images:
                if image.id == identifier:
                    return image
            if not self.shared:
                break
            self.refresh()
        raise EngineError("The project has no such image.", image=identifier)

    def refresh(self) -> None:
        """Where it is shared: read again which images and classes there are.

        Raises
        ------
        EngineError
            If ``project.json`` is damaged or gone.
        """
        if self.shared:
            self.images, self.classes = read_project(self.folder / "project.json")

    def set_classes(self, classes: Sequence[TissueClass]) -> None:
        """Say what the numbers of the segmentations mean, from 1; none: nuclei.

        Numbers that are in segmentations stay what they are, so that new classes
        belong behind the others.

        Raises
        ------
        EngineError
            If two have the same name, there is only one, or it can't be written.
        """
        if classes:
            check_classes(classes)
        self._store(self.images, tuple(classes))

    def path_of(self, image: ProjectImage) -> Path:
        """Say where an image's file is.

        Raises
        ------
        EngineError
            If it is not there any more.
        """
        path = place_of(image, self.folder)
        if not path.exists():
            raise EngineError(
                "The image was moved or its drive is away.",
                todo="Bring it back, or open it from where it is now.",
                path=str(path),
            )
        return path

    def add_images(self, paths: Sequence[Path]) -> list[ProjectImage]:
        """Add image files; those that are there already are left as they are.

        One that was moved or renamed is found again by its fingerprint, and keeps
        its annotations.

        Raises
        ------
        EngineError
            If one can't be read; then none is added. Or if it is shared.
        """
        images, added = list_with(self.images, paths, self.folder)
        self._store(images, self.classes)
        return added

    def read_segmentation(self, image: ProjectImage, plane: int = 0) -> NDArray[Any]:
        """Read label numbers, int32 (rows, columns); zeros where there are none."""
        return self._read("segmentation", image, plane)

    def read_review(self, image: ProjectImage, plane: int = 0) -> NDArray[np.uint8]:
        """Read review marks, uint8 (rows, columns); zeros where there are none."""
        return self._read("review", image, plane).astype(np.uint8)

    def write_segmentation(
        self, image: ProjectImage, plane: int, labels: NDArray[Any]
    ) -> None:
        """Write label numbers (rows, columns), in one atomic step."""
        self._write("segmentation", image, plane, labels)

    def write_review(
        self, image: ProjectImage, plane: int, review: NDArray[np.uint8]
    ) -> None:
        """Write review marks (rows, columns), in one atomic step."""
        self._write("review", image, plane, review)

    def annotation_path(self, kind: str, image: ProjectImage, plane: int) -> Path:
        """Where the ``segmentation`` or ``review`` of a plane is, or would be."""
        return self.folder / kind / image.id / f"{plane}.tif"

    def close(self) -> None:
        """Let other programs open the project."""
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, kind: str, image: ProjectImage, plane: int) -> NDArray[Any]:
        self._check_plane(image, plane)
        path = self.annotation_path(kind, image, plane)
        if not path.exists():
            return np.zeros((image.height, image.width), np.int32)
        return read_labels(path)

    def _write(
        self, kind: str, image: ProjectImage, plane: int, array: NDArray[Any]
    ) -> None:
        self._check_own()
        self._check_plane(image, plane)
        if array.shape != (image.height, image.width):
            raise EngineError(
                f"The {kind} must have the image's size "
                f"({image.height} x {image.width}).",
                shape=array.shape,
            )
        write_labels(self.annotation_path(kind, image, plane), array)

    def _check_plane(self, image: ProjectImage, plane: int) -> None:
        if not 0 <= plane < image.planes:
            raise EngineError(
                f"The image has {image.planes} planes.", image=image.id, plane=plane
            )

    def _check_own(self) -> None:
        if self.shared:
            raise EngineError(
                "The project belongs to the program that holds its lock.",
                todo="Change it there.",
                path=str(self.folder),
            )

    def _store(
        self, images: tuple[ProjectImage, ...], classes: tuple[TissueClass, ...]
    ) -> None:
        self._check_own()
        write_project(self.folder / "project.json", images, classes)
        self.images, self.classes = images, classes


@refusals_named()
def open_project(folder: Path, create: bool = False, shared: bool = False) -> Project:
    """Open a project folder, and make it first if asked to.

    Parameters
    ----------
    folder : Path
        The folder.
    create : bool
        Make a new project where there is none.
    shared : bool
        Read it beside the program that holds its lock, which started this one;
        images and annotations can't be changed, and none is made.

    Raises
    ------
    EngineError
        If it is no project, damaged, of a newer version, not writable, or open
        in another program.
    """
    folder = Path(folder).absolute()
    file = folder / "project.json"
    if not file.exists() and (shared or not create):
        raise EngineError(
            "There is no project in this folder.",
            todo="Give the one that napari made: unet-loop, beside the images.",
            path=str(folder),
        )
    if shared:
        return Project(folder, *read_project(file))
    lock = take_lock(
        folder / "lock",
        taken=EngineError(
            "The project is open in another program or window.",
            todo="Close it there first.",
            path=str(folder),
        ),
        refused=partial(unwritable, folder),
    )
    try:
        for kind in ("segmentation", "review"):  # of programs that were killed
            for rest in (folder / kind).glob("*/.*.new"):
                rest.unlink(missing_ok=True)
        if not file.exists():
            write_project(file, (), ())
        return Project(folder, *read_project(file), lock)
    except BaseException:
        lock.release()
        raise
