"""An annotated image: its files, and a plane of it as it is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.annotations import IGNORED, REVIEWED
from unetloop.diameters import same_size
from unetloop.errors import EngineError
from unetloop.file_state import FileState
from unetloop.images import open_image
from unetloop.masks import number_areas, read_labels
from unetloop.preprocessing import intensity_limits, median_diameter, normalize
from unetloop.resizing import resize_labels, resize_pixels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.config import TrainingConfig

__all__ = [
    "AnnotatedPlane",
    "TrainingImage",
    "clip_zoom",
    "learned_diameter",
    "load_annotated",
    "load_nuclei",
]

_ZOOMS = (0.1, 8.0)


@dataclass(frozen=True)
class TrainingImage:
    """One annotated plane, by its files.

    Parameters
    ----------
    image, mask : Path
        The image and its segmentation (0 background, one number a nucleus).
    review : Path, optional
        0 nobody has looked, 1 right, 2 ignore. None: all is right.
    plane : int
        Which plane of a stack or movie.
    channels : tuple of int
        Channels of the image that the network sees.
    first_class : int
        Number of the first class in a mask of classes; 0: the mask has no number
        for what nobody labelled.
    diameter : float, optional
        Of its nuclei in pixels, by which it was predicted; None: it was not. See
        `AnnotatedPlane.zoom_to`.
    """

    image: Path
    mask: Path
    review: Path | None = None
    plane: int = 0
    channels: tuple[int, ...] = (0,)
    first_class: int = 1
    diameter: float | None = None

    def describe(self) -> dict[str, Any]:
        """Name and hashes, for the model's card; see `FileState` of folders."""
        description: dict[str, Any] = {
            "image": self.image.name,
            "image_sha256": _hash(self.image),
            "mask_sha256": _hash(self.mask),
            "plane": self.plane,
            "channels": list(self.channels),
        }
        if self.review is not None:
            description["review_sha256"] = _hash(self.review)
        return description


def _hash(path: Path) -> str | None:
    """Say by what a file is known again; None: it went away."""
    try:
        return FileState.of(path).sha256
    except (EngineError, OSError):  # no reason to lose a model that learned from it
        return None


@dataclass(frozen=True)
class AnnotatedPlane:
    """A plane as it was read: pixels (rows, columns, channels) and annotations.

    ``pixel_size`` is the side of a pixel in µm, None where it is not known; ``areas``
    how many areas of the mask were numbered here, see `load_nuclei`; ``seen_by`` the
    diameter by which it was predicted, see `TrainingImage`.
    """

    pixels: NDArray[Any]
    labels: NDArray[np.int32]
    review: NDArray[np.uint8] | None
    pixel_size: float | None = None
    areas: int = 0
    seen_by: float | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where somebody said what is right, (rows, columns)."""
        if self.review is None:
            return np.ones(self.labels.shape, bool)
        return np.equal(self.review, REVIEWED)

    @property
    def flat(self) -> bool:
        """Whether all pixels are the same, or none is a number."""
        lowest = np.fmin.reduce(self.pixels, axis=None)
        return not lowest < np.fmax.reduce(self.pixels, axis=None)

    @property
    def diameter(self) -> float | None:
        """Median diameter of the nuclei that somebody looked at, in pixels."""
        return _reviewed_diameter(self.labels, self.review)

    def zoom_to(self, diameter: float, usual: float | None = None) -> float:
        """Say by how much it is resized for nuclei to be ``diameter`` pixels wide.

        As it was predicted, unless nuclei that were reviewed say that they were taken
        for much smaller or larger ones than they are. ``usual`` is their diameter in
        other images, for where there is none here.
        """
        own = _settled(self.diameter, self.seen_by)
        return diameter / (own or usual or diameter)

    def at_scale(
        self, zoom: float, config: TrainingConfig
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.uint8] | None]:
        """Normalise, and resize by ``zoom``."""
        rows, columns = (round(size * clip_zoom(zoom)) for size in self.labels.shape)
        shape = max(1, rows), max(1, columns)
        limits = intensity_limits(self.pixels, config.normalization)
        image = resize_pixels(normalize(self.pixels, limits), shape)
        labels = resize_labels(self.labels, shape)
        review = (
            None
            if self.review is None
            else resize_labels(self.review, shape).astype(np.uint8)
        )
        return image, labels, review


def clip_zoom(zoom: float) -> float:
    """Keep what an image is resized by within reason."""
    return float(np.clip(zoom, *_ZOOMS))


def load_annotated(image: TrainingImage) -> AnnotatedPlane:
    """Read one plane with its annotations.

    Raises
    ------
    EngineError
        If a file can't be read, image, mask and review differ in size, or the review
        holds other numbers than its three.
    """
    with open_image(image.image) as opened:
        pixels = opened.read_plane(image.plane, image.channels)
        size = opened.info.pixel_size
    labels = read_labels(image.mask) + np.int32(1 - image.first_class)
    if labels.shape != pixels.shape[:2]:
        raise EngineError(
            "Image and mask must have the same size.",
            todo="Look whether they belong together, or the mask was resized or cut.",
            image=f"{image.image} {pixels.shape[:2]}",
            mask=f"{image.mask} {labels.shape}",
        )
    review = None
    if image.review is not None:
        marks = read_labels(image.review)
        if (highest := int(marks.max())) > IGNORED:
            raise EngineError(
                "A review must hold 0 (nobody has looked), 1 (right) and 2 (ignore).",
                todo="Save it with these numbers.",
                review=str(image.review),
                highest=highest,
            )
        review = marks.astype(np.uint8)
        if review.shape != labels.shape:
            raise EngineError(
                "Review and mask must have the same size.",
                review=f"{image.review} {review.shape}",
                mask=f"{image.mask} {labels.shape}",
            )
    side = None if size is None else float(np.sqrt(np.prod(size)))
    return AnnotatedPlane(pixels, labels, review, side, seen_by=image.diameter)


def load_nuclei(image: TrainingImage) -> AnnotatedPlane:
    """Read one plane as `load_annotated` does; see that its nuclei are numbered.

    Where the mask has one number for all of them, each connected area gets its own:
    as a single nucleus they would say nothing of the size of one.
    """
    plane = load_annotated(image)
    labels, areas = number_areas(plane.labels)
    return replace(plane, labels=labels, areas=areas)


def learned_diameter(image: TrainingImage) -> float | None:
    """Say for how large the nuclei of a plane are taken when it is learned from.

    As `AnnotatedPlane.zoom_to` does, without reading the image.

    Returns
    -------
    float or None
        In pixels; None if it was not predicted, and none is reviewed.

    Raises
    ------
    EngineError
        If mask or review can't be read.
    """
    labels, _ = number_areas(read_labels(image.mask))
    review = None if image.review is None else read_labels(image.review)
    return _settled(_reviewed_diameter(labels, review), image.diameter)


def _reviewed_diameter(
    labels: NDArray[np.int32], review: NDArray[Any] | None
) -> float | None:
    if review is None:
        return median_diameter(labels)
    seen = np.unique(labels[review == REVIEWED])
    return median_diameter(np.where(np.isin(labels, seen), labels, 0))


def _settled(reviewed: float | None, seen_by: float | None) -> float | None:
    """Choose between what nuclei are, and what they were predicted by."""
    if reviewed is None or same_size(seen_by, reviewed):
        return seen_by or reviewed
    return reviewed
