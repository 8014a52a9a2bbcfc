"""What a person said of images in a project: found, and read strip by strip.

What is read are `verdicts`. They are known again by a hash, which changes with
corrections, and not with proposals.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unetloop.annotations import REVIEWED
from unetloop.errors import EngineError
from unetloop.images import open_image
from unetloop.journal import Journal
from unetloop.masks import to_labels
from unetloop.project import open_project
from unetloop.verdicts import row_strips, to_verdicts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from unetloop.classes import TissueClass
    from unetloop.project import Project, ProjectImage

__all__ = [
    "ReviewedImage",
    "ReviewedPlane",
    "combined_hash",
    "find_reviewed",
]


@dataclass(frozen=True)
class ReviewedPlane:
    """Files of a plane that somebody looked at.

    Parameters
    ----------
    segmentation, review : Path
        Its files in the project; the first may be missing, where there is but
        background.
    shape : tuple of int
        Its rows and columns.
    """

    segmentation: Path
    review: Path
    shape: tuple[int, int]

    def read(self, verdicts: NDArray[np.uint32] | None = None) -> str:
        """Read the `verdicts` of all pixels.

        Parameters
        ----------
        verdicts : array of uint32, optional
            (rows, columns), to be filled; memory-mapped, for instance.

        Returns
        -------
        str
            SHA-256 of the verdicts; empty: nobody looked at any pixel.

        Raises
        ------
        EngineError
            If the files can't be read, are of another size, or hold no label numbers.
        """
        digest, seen = hashlib.sha256(), False
        for row, strip in self._strips():
            digest.update(strip.tobytes())
            seen = seen or bool(strip.any())
            if verdicts is not None:
                verdicts[row : row + len(strip)] = strip
        return digest.hexdigest() if seen else ""

    def check(self, shape: tuple[int, ...]) -> None:
        """See that a plane of this size is the one that was corrected.

        Raises
        ------
        EngineError
            If it is another one.
        """
        if tuple(shape) != self.shape:
            raise EngineError(
                "The project's corrections of this image are of another size.",
                todo="Bring the image back that was corrected, or leave the project "
                "out.",
                path=str(self.review),
                image=tuple(shape),
                corrections=self.shape,
            )

    def _strips(self) -> Iterator[tuple[int, NDArray[np.uint32]]]:
        """Give the first row of each strip, and its verdicts."""
        if not self.review.exists():
            raise EngineError(
                "The project's corrections of this image can't be seen from here.",
                todo="Put the project on a disk that all machines share, under the "
                "same path, or leave it out.",
                path=str(self.review),
            )
        with ExitStack() as stack:
            review = stack.enter_context(open_image(self.review))
            labels = None
            if self.segmentation.exists():
                labels = stack.enter_context(open_image(self.segmentation))
            for image in filter(None, (review, labels)):
                self.check((image.info.height, image.info.width))
            for rows in row_strips(self.shape):
                box = (rows.start, 0, rows.stop, self.shape[1])
                marks = review.read_plane(0, (0,), box)[..., 0]
                numbers = None
                if labels is not None and (marks == REVIEWED).any():
                    values = labels.read_plane(0, (0,), box)[..., 0]
                    numbers = to_labels(values, self.segmentation)
                yield rows.start, to_verdicts(marks, numbers)


@dataclass(frozen=True)
class ReviewedImage:
    """Which planes of an image somebody looked at.

    Parameters
    ----------
    planes : mapping of int to ReviewedPlane
        By number; none for an image that nobody corrected.
    sha256 : str
        `combined_hash` of them; empty: nobody looked at any pixel.
    classes : tuple of TissueClass
        What the numbers mean, from 1; none: they number nuclei.
    """

    planes: Mapping[int, ReviewedPlane]
    sha256: str
    classes: tuple[TissueClass, ...] = ()

    @classmethod
    def of(
        cls,
        planes: Mapping[int, ReviewedPlane],
        classes: tuple[TissueClass, ...] = (),
    ) -> ReviewedImage:
        """Look through the planes; those that nobody looked at are left out.

        One that can't be read is left to whoever needs it, and says so then.
        """
        hashes = {}
        for number, plane in planes.items():
            try:
                hashes[number] = plane.read()
            except EngineError as error:
                hashes[number] = f"unreadable: {error}"
        kept = {number: planes[number] for number, known in hashes.items() if known}
        return cls(kept, combined_hash(hashes), classes)


def combined_hash(planes: Mapping[int, str]) -> str:
    """Make one hash of those of an image's planes; empty ones do not count."""
    known = [f"{number} {sha256}\n" for number, sha256 in planes.items() if sha256]
    return hashlib.sha256("".join(sorted(known)).encode()).hexdigest() if known else ""


def find_reviewed(
    folder: Path, images: Collection[str], task: str
) -> dict[str, ReviewedImage]:
    """Find what was corrected of images in a project.

    Where nobody has the project open, what its journal knows beyond its files is
    written first; else whoever has it open does so.

    Parameters
    ----------
    folder : Path
        The project.
    images : collection of str
        Resolved paths of those that are of interest.
    task : str
        ``"nuclei"`` or ``"classes"``: what is to be predicted.

    Returns
    -------
    dict of str to ReviewedImage
        By resolved path; images that nobody corrected are not in it.

    Raises
    ------
    EngineError
        If it is no project, damaged, of another task, or can't be read.
    """
    _bring_up_to_date(folder)
    found = {}
    with open_project(folder, shared=True) as project:
        if project.task != task:
            raise EngineError(
                f"The project is of {project.task}, and the model of {task}.",
                todo="Leave the project out, or choose another model.",
                project=str(folder),
            )
        for image in project.images:
            with suppress(EngineError):  # it was moved, and is none of these
                path = str(project.path_of(image).resolve())
                if path in images:
                    found[path] = _planes(project, image)
    reviewed = {
        path: ReviewedImage.of(planes, project.classes)
        for path, planes in found.items()
    }
    return {path: image for path, image in reviewed.items() if image.planes}


def _planes(project: Project, image: ProjectImage) -> dict[int, ReviewedPlane]:
    """List the planes of an image that have a review."""
    return {
        plane: ReviewedPlane(
            project.annotation_path("segmentation", image, plane),
            review,
            (image.height, image.width),
        )
        for plane in range(image.planes)
        if (review := project.annotation_path("review", image, plane)).exists()
    }


def _bring_up_to_date(folder: Path) -> None:
    """Write what a program that was killed had in the journal alone."""
    try:
        project = open_project(folder)
    except EngineError:  # whoever has it open writes; or it can but be read
        return
    with project:
        if not project.journal_path.exists():
            return
        journal = Journal(project)
        try:
            for image in project.images:
                for plane in sorted(journal.unsettled_planes(image.id)):
                    for array in ("segmentation", "review"):
                        journal.state(image, plane, array)
                    journal.flush()
                    journal.forget(image.id)  # there may be many
        finally:
            journal.close()
