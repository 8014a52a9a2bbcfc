"""The image on the screen: what is recorded of it, and reading it from the project."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet._marks import draw_marks
from napari_unet._pixels import read_pixels
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet._pixels import Pixels
    from napari_unet._workspace import Workspace
    from unetloop.journal import Journal
    from unetloop.project import ProjectImage

__all__ = ["Current", "Truth", "forget_image", "load_plane", "read_current"]


@dataclass
class Truth:
    """What is recorded of an image, plane by plane; the screen follows it.

    Parameters
    ----------
    segmentation : array of int32
        (planes, rows, columns).
    review : array of uint8
        The same size.
    """

    segmentation: NDArray[np.int32]
    review: NDArray[np.uint8]

    @classmethod
    def of(cls, planes: int, shape: tuple[int, int]) -> Truth:
        """Make one of which nothing is known."""
        return cls(
            np.zeros((planes, *shape), np.int32), np.zeros((planes, *shape), np.uint8)
        )


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
    loaded : set of int
        Planes of the truth that were read from the project.
    """

    entry: ProjectImage
    pixels: Pixels
    truth: Truth
    loaded: set[int] = field(default_factory=set)


def read_current(
    workspace: Workspace, image: str, plane: int
) -> tuple[Current, int, NDArray[np.uint8]]:
    """Read an image and what is recorded of one of its planes.

    Parameters
    ----------
    workspace : Workspace
        The open project.
    image : str
        Id of the image.
    plane : int
        The plane to begin with.

    Returns
    -------
    tuple
        The image, the plane (the first if there is no such one), and the marks
        of all planes, (planes, rows, columns).

    Raises
    ------
    EngineError
        If the image or its annotations can't be read.
    """
    project = workspace.project
    entry = project.image(image)
    known = workspace.view.of(image)
    plane = plane if 0 <= plane < entry.planes else 0
    path = project.path_of(entry)
    pixels = read_pixels(path, known.get("channel"), plane)
    size = known.get("pixel_size")
    if size:
        info = replace(pixels.info, pixel_size=(float(size), float(size)))
        pixels = replace(pixels, info=info)
    if pixels.plane_shape != (entry.height, entry.width):
        raise EngineError(
            "The image has another size than when it was annotated.",
            todo="Put the old file back.",
            path=str(path),
        )
    current = Current(entry, pixels, Truth.of(entry.planes, pixels.plane_shape))
    marks = np.zeros(current.truth.review.shape, np.uint8)
    marks[plane] = load_plane(workspace.journal, current, plane)
    current.loaded.add(plane)
    return current, plane, marks


def load_plane(journal: Journal, current: Current, plane: int) -> NDArray[np.uint8]:
    """Read what is recorded of a plane into the truth; give its marks."""
    truth, entry = current.truth, current.entry
    truth.segmentation[plane] = journal.state(entry, plane, "segmentation")
    truth.review[plane] = journal.state(entry, plane, "review")
    return draw_marks(truth.segmentation[plane], truth.review[plane])


def forget_image(journal: Journal, image: str) -> None:
    """Store what is recorded, and let go of the memory that an image takes."""
    journal.flush()
    journal.forget(image)
