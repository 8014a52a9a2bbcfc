"""What a person said of an image, read strip by strip, and put over a prediction.

A plane's segmentation and review become one array of *verdicts*: 0 nobody looked, 1
ignored, 2 right and background, 2 + n right and nucleus (or class) n. Proposals are not
in it, so that its hash changes with corrections alone.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.annotations import IGNORED, REVIEWED
from unetloop.errors import EngineError
from unetloop.images import open_image
from unetloop.journal import Journal
from unetloop.project import open_project
from unetloop.proposals import has_room

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.classes import TissueClass
    from unetloop.project import Project, ProjectImage

__all__ = [
    "UNSEEN",
    "ReviewedImage",
    "ReviewedPlane",
    "combined_hash",
    "find_reviewed",
    "keep_reviewed",
    "keep_reviewed_classes",
]

UNSEEN, OUT, RIGHT = 0, 1, 2
"""Verdicts: nobody looked, ignored, right; nucleus n is ``RIGHT + n``."""

_STRIP_PIXELS = 1 << 22


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
        """Read the verdicts of all pixels.

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
            If the files can't be read, or are of another size.
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
        height, width = self.shape
        rows = max(1, _STRIP_PIXELS // max(width, 1))
        with ExitStack() as stack:
            review = stack.enter_context(open_image(self.review))
            labels = None
            if self.segmentation.exists():
                labels = stack.enter_context(open_image(self.segmentation))
            for image in filter(None, (review, labels)):
                self.check((image.info.height, image.info.width))
            for row in range(0, height, rows):
                box = (row, 0, min(row + rows, height), width)
                marks = review.read_plane(0, (0,), box)[..., 0]
                strip = np.zeros(marks.shape, np.uint32)
                strip[marks == IGNORED] = OUT
                right = marks == REVIEWED
                strip[right] = RIGHT
                if labels is not None and right.any():
                    numbers = labels.read_plane(0, (0,), box)[..., 0]
                    strip[right] += numbers[right].astype(np.uint32)
                yield row, strip


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
                journal.forget(image.id)
        finally:
            journal.close()


def keep_reviewed(
    labels: NDArray[np.int32], verdicts: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """Put the nuclei that are right among the predicted ones, as the viewer does.

    The outcome is that of `proposals.place_proposals` for a field that is the whole
    plane, but for two things: no proposal of before is left, and what is ignored
    becomes background. It works in strips.

    Parameters
    ----------
    labels : array of int32
        (rows, columns): 0 background, 1..N predicted nuclei; changed in place, to 1..M
        in the order of their first pixels. May be memory-mapped.
    verdicts : array of uint32
        The same size, see the module.

    Returns
    -------
    array of int64
        (M + 1,): the number that each nucleus had as a prediction; 0: it was reviewed.
    """
    strips = _strips_of(labels.shape)
    most = max((int(labels[strip].max(initial=0)) for strip in strips), default=0)
    areas, room = np.zeros(most + 1, np.int64), np.zeros(most + 1, np.int64)
    numbers = np.zeros(0, np.uint32)
    for strip in strips:
        found, seen = labels[strip], verdicts[strip]
        areas += np.bincount(found.ravel(), minlength=most + 1)
        room += np.bincount(found[seen == UNSEEN], minlength=most + 1)
        numbers = np.union1d(numbers, seen[seen > RIGHT])
    shown = has_room(areas, room)
    order = np.zeros(most + len(numbers) + 1, np.int32)
    sources, count = [0], 0
    for strip in strips:
        found, seen = np.asarray(labels[strip]), np.asarray(verdicts[strip])
        merged = np.where((seen == UNSEEN) & shown[found], found, 0)
        own = seen > RIGHT
        merged[own] = most + 1 + np.searchsorted(numbers, seen[own])
        here, first = np.unique(merged, return_index=True)
        fresh = (order[here] == 0) & (here > 0)
        new = here[fresh][np.argsort(first[fresh])]
        order[new] = np.arange(count + 1, count + 1 + len(new))
        count += len(new)
        sources += [int(number) if number <= most else 0 for number in new]
        labels[strip] = order[merged]
    return np.array(sources, np.int64)


def keep_reviewed_classes(
    labels: NDArray[np.int32],
    verdicts: NDArray[np.uint32],
    painted: Sequence[TissueClass],
    known: Sequence[TissueClass],
) -> None:
    """Put the classes that are right over predicted ones; 0 where it is ignored.

    Parameters
    ----------
    labels : array of int32
        (rows, columns): predicted classes, from 1; changed in place.
    verdicts : array of uint32
        The same size, see the module. Where it is right that there is no class, the
        predicted one stays: every pixel has one.
    painted, known : sequence of TissueClass
        Classes of the project and of the model, known again by their names.

    Raises
    ------
    EngineError
        If a class was painted that the model does not know.
    """
    names = [tissue.name for tissue in known]
    own = verdicts > RIGHT
    for value in np.unique(verdicts[own]).tolist():
        number = value - RIGHT
        name = painted[number - 1].name if number <= len(painted) else str(number)
        if name not in names:
            raise EngineError(
                f"{name!r} was painted in this image, a class that the model does not "
                "know.",
                todo="Learn from the project again, or leave the project out.",
                classes=", ".join(names),
            )
        labels[verdicts == value] = names.index(name) + 1
    labels[verdicts == OUT] = 0


def _strips_of(shape: tuple[int, ...]) -> list[Any]:
    rows = max(1, _STRIP_PIXELS // max(shape[1], 1))
    return [slice(row, row + rows) for row in range(0, shape[0], rows)]
