"""The image on the screen: what is recorded of it, and reading it from the project."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._census import Cell, Census, cells_of
from napari_unet._marks import HALO
from napari_unet._nuclei import NUCLEI
from napari_unet._pixels import read_pixels
from napari_unet._tissue import task_of
from unetloop.errors import EngineError
from unetloop.pieces import grown, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet._pixels import Pixels
    from napari_unet._task import Task
    from napari_unet._workspace import Workspace
    from unetloop.journal import Journal
    from unetloop.pieces import Window
    from unetloop.project import ProjectImage

__all__ = ["Current", "Opened", "Truth", "load_plane", "read_current"]

_STRIP = 256
# A plane's nuclei and reviews are in the truth, on the screen, and in the journal.
_BYTES_A_PIXEL = 15
_MOST_BYTES = 3 << 30


@dataclass
class Truth:
    """What is recorded of an image, plane by plane; the screen follows it.

    Parameters
    ----------
    segmentation : array of int32
        (planes, rows, columns).
    review : array of uint8
        The same size.
    loaded : set of int
        Planes that were read from the project.
    seen : set of int
        Those, and those that were, and were let go of since.
    changed : set of Cell
        Where it was written since somebody looked.
    task : Task
        What the segmentation's numbers mean.
    widths : dict
        By plane: how many pixels wide its outlines are drawn; see `width`.
    """

    segmentation: NDArray[np.int32]
    review: NDArray[np.uint8]
    loaded: set[int] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)
    changed: set[Cell] = field(default_factory=set)
    task: Task = NUCLEI
    widths: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, planes: int, shape: tuple[int, int]) -> Truth:
        """Make one of which nothing is known."""
        return cls(
            np.zeros((planes, *shape), np.int32), np.zeros((planes, *shape), np.uint8)
        )

    def write(
        self, array: str, plane: int, window: Window, values: NDArray[Any]
    ) -> None:
        """Write a rectangle of the ``"segmentation"`` or the ``"review"``."""
        target = self.review if array == "review" else self.segmentation
        target[plane][window] = values
        self.changed |= cells_of(plane, window)

    def is_empty(self, plane: int) -> bool:
        """Whether nothing is on a plane: a glance at every fourth row and column."""
        arrays = self.segmentation[plane], self.review[plane]
        return not any(array[::4, ::4].any() for array in arrays)

    def width(self, plane: int) -> int:
        """Say how many pixels wide a plane's outlines are drawn."""
        return self.widths.get(plane, 1)

    def set_loaded(self, plane: int) -> None:
        """Take note that a plane was read."""
        self.loaded.add(plane)
        self.seen.add(plane)
        rows, columns = self.review.shape[1:]
        self.changed |= cells_of(plane, (slice(0, rows), slice(0, columns)))

    def take_changed(self) -> set[Cell]:
        """Say where it was written since this was last asked."""
        changed, self.changed = self.changed, set()
        return changed

    def all_marks(self) -> NDArray[np.uint8]:
        """Draw the marks of all planes that are loaded."""
        marks = np.zeros(self.review.shape, np.uint8)
        rows, columns = self.review.shape[1:]
        for plane in self.loaded:
            marks[plane] = self.draw_marks(plane, (slice(0, rows), slice(0, columns)))
        return marks

    def draw_marks(self, plane: int, window: Window) -> NDArray[np.uint8]:
        """Draw the marks of a rectangle of a plane, which its neighbours change."""
        seen = grown(window, HALO, self.review.shape[1:])
        marks = self.task.draw_marks(
            self.segmentation[plane][seen],
            self.review[plane][seen],
            (seen[0].start, seen[1].start),
            self.width(plane),
        )
        return marks[within(window, seen)]

    def copy_segmentation(self) -> NDArray[np.int32]:
        """Copy it; planes that were not read take no memory."""
        copy = np.zeros(self.segmentation.shape, np.int32)
        for plane in self.loaded:
            copy[plane] = self.segmentation[plane]
        return copy


@dataclass
class Current:
    """The image on the screen.

    Parameters
    ----------
    entry : ProjectImage
        What the project says of it.
    pixels : Pixels
        What is shown.
    truth : Truth
        Its nuclei and reviews.
    census : Census
        Counts them.
    """

    entry: ProjectImage
    pixels: Pixels
    truth: Truth
    census: Census = field(default_factory=Census)

    @property
    def loaded(self) -> set[int]:
        """Planes that were read from the project."""
        return self.truth.loaded

    @property
    def full(self) -> bool:
        """Whether another plane would take more memory than is given to one image."""
        rows, columns = self.pixels.plane_shape
        more = (len(self.loaded) + 1) * rows * columns * _BYTES_A_PIXEL
        return bool(self.loaded) and more > _MOST_BYTES

    def next_plane(self, plane: int) -> int | None:
        """Give the next plane after one that is not reviewed; None: all others are.

        Behind the last one comes the first: one may have begun in the middle.
        """
        counts, areas = self.census.planes(), bool(self.truth.task.classes)
        others: list[int] = [*range(plane + 1, self.entry.planes), *range(plane)]
        for other in others:
            counted = other in counts and counts[other].is_done(areas)
            if not counted and not self._is_done(other, areas):
                return other
        return None

    def _is_done(self, plane: int, areas: bool) -> bool:
        """Look at a plane, which may have been reviewed since it was counted."""
        if plane not in self.loaded:
            return False
        labels, review = self.truth.segmentation[plane], self.truth.review[plane]
        if areas:
            return bool(review.all())
        left = np.any((labels > 0) & (review == 0))
        return bool(review.any() and not left)

    def go_on_with(self, before: Current) -> None:
        """Take over what is known of planes that are not in memory any more."""
        self.census = before.census
        self.truth.seen |= before.truth.seen


@dataclass(frozen=True)
class Opened:
    """An image that was read, made ready for the screen.

    Parameters
    ----------
    current : Current
        The image.
    plane : int
        Its plane to begin with.
    nuclei : array of int32
        (planes, rows, columns), a copy of its segmentation.
    marks : array of uint8
        The same size, as of `draw_marks`.
    free : int
        A number that no nucleus has.
    texture : tuple of int and array of uint8, optional
        For how many colours the one of the plane was made, and it.
    """

    current: Current
    plane: int
    nuclei: NDArray[np.int32]
    marks: NDArray[np.uint8]
    free: int
    texture: tuple[int, NDArray[np.uint8]] | None = None


def read_current(
    workspace: Workspace, image: str, plane: int | None, pixels: Pixels | None = None
) -> Opened:
    """Read an image and what is recorded of one of its planes.

    Parameters
    ----------
    workspace : Workspace
        The open project.
    image : str
        Id of the image.
    plane : int or None
        The plane to begin with; None, or one that it does not have: that to look at
        first.
    pixels : Pixels, optional
        Those of the image, if they were read before.

    Raises
    ------
    EngineError
        If the image or its annotations can't be read.
    """
    project = workspace.project
    entry = project.image(image)
    known = workspace.view.images.get(image, {})
    if plane is not None and not 0 <= plane < entry.planes:
        plane = None
    path = project.path_of(entry)
    channel = known.get("channel", workspace.view.channel)
    pixels = pixels or read_pixels(path, channel, plane)
    stated = pixels.info.pixel_size is not None
    pixels = replace(pixels, side=workspace.view.side_of(image, stated))
    size_now = (pixels.info.planes, *pixels.plane_shape)
    if size_now != (entry.planes, entry.height, entry.width):
        raise EngineError(
            "The image has another size than when it was annotated.",
            todo="Put the old file back.",
            path=str(path),
        )
    plane = pixels.info.first_shown if plane is None else plane
    truth = Truth.of(entry.planes, pixels.plane_shape)
    truth.task = task_of(project.classes)
    current = Current(entry, pixels, truth)
    marks = np.zeros(truth.review.shape, np.uint8)
    marks[plane] = load_plane(workspace.journal, current, plane)
    truth.set_loaded(plane)
    free = int(truth.segmentation[plane].max(initial=0)) + 1
    return Opened(current, plane, truth.copy_segmentation(), marks, free)


def load_plane(journal: Journal, current: Current, plane: int) -> NDArray[np.uint8]:
    """Read what is recorded of a plane into the truth; give its marks."""
    truth, entry = current.truth, current.entry
    rows, columns = current.pixels.plane_shape
    truth.segmentation[plane] = journal.state(entry, plane, "segmentation")
    truth.review[plane] = journal.state(entry, plane, "review")
    marks = np.empty((rows, columns), np.uint8)
    for top in range(0, rows, _STRIP):
        # Strip by strip: each of numpy's calls keeps the event loop waiting.
        strip = slice(top, min(top + _STRIP, rows)), slice(0, columns)
        marks[strip] = truth.draw_marks(plane, strip)
    return marks
