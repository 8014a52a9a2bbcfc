"""Which images a model learns from, and their planes at the model's scale."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.events import Event, Notice, Progress
from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.tasks import NUCLEI, class_zoom
from unetloop.training_image import load_annotated, load_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from unetloop.checkpoint import Model
    from unetloop.config import ModelConfig, TrainingConfig
    from unetloop.tasks import Task
    from unetloop.training_image import AnnotatedPlane, TrainingImage
    from unetloop.training_plane import TrainingPlane

__all__ = [
    "class_pixel_size",
    "fingerprint",
    "load_planes",
    "split_images",
]

_FEW_IMAGES = 8
_DEFAULT_VAL_FRACTION = 0.1
_MOST_HELD_OUT = 32
_WORKERS = 4


def split_images(
    images: Sequence[TrainingImage],
    validation: Sequence[TrainingImage] | None,
    fraction: float | None,
    seed: int,
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Hold whole images out, never patches of an image that is learned from.

    Parameters
    ----------
    images : sequence of TrainingImage
        All of them. Planes of one file stay together.
    validation : sequence of TrainingImage, optional
        Images that were chosen by somebody; then nothing is held out.
    fraction : float, optional
        Share of the files to hold out. None: a tenth (32 at most), and none
        of fewer than 8 files, where each is worth more to learn from.
    seed : int
        Which ones.

    Returns
    -------
    train, held_out : list of TrainingImage
    """
    if validation is not None:
        return list(images), list(validation)
    files = sorted({image.image for image in images})
    if fraction is None:
        count = round(len(files) * _DEFAULT_VAL_FRACTION)
        count = 0 if len(files) < _FEW_IMAGES else min(max(count, 1), _MOST_HELD_OUT)
    else:
        count = min(round(len(files) * fraction), len(files) - 1)
        if fraction > 0 and len(files) > 1:
            count = max(count, 1)
    order = np.random.default_rng([seed, 1]).permutation(len(files))
    chosen = {files[index] for index in order[:count]}
    return (
        [image for image in images if image.image not in chosen],
        [image for image in images if image.image in chosen],
    )


def fingerprint(
    images: Sequence[TrainingImage], settings: dict[str, Any], start: Model | None
) -> str:
    """Hash of what a run is about; a run goes on only with an equal one."""
    content = {
        "images": [_describe_annotations(image) for image in images],
        "settings": settings,
        "start": start.weights_hash if start else None,
    }
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _describe_annotations(image: TrainingImage) -> dict[str, Any]:
    """Name and hashes of what is learned from: not of proposals nobody looked at."""
    description = image.describe()
    if image.review is not None:
        labels, review = read_labels(image.mask), read_labels(image.review)
        if labels.shape == review.shape:
            seen = np.where(review > 0, labels, 0).astype(np.int32)
            del description["mask_sha256"], description["review_sha256"]
            content = seen.tobytes() + review.astype(np.uint8).tobytes()
            description["annotation_sha256"] = hashlib.sha256(content).hexdigest()
    return description


def class_pixel_size(images: Sequence[TrainingImage]) -> float | None:
    """Choose the scale of a model of classes: the median side of a pixel, in µm.

    Returns
    -------
    float or None
        None if an image does not say how large its pixels are; then none is resized.
    """
    sides = []
    for path in sorted({image.image for image in images}):
        with open_image(path) as opened:
            size = opened.info.pixel_size
        if size is None:
            return None
        sides.append(float(np.sqrt(np.prod(size))))
    return float(np.median(sides)) if sides else None


def load_planes(
    images: Sequence[TrainingImage],
    model: ModelConfig,
    diameter: float,
    config: TrainingConfig,
    add: Callable[[TrainingPlane], None],
    task: Task = NUCLEI,
    pixel_size: float | None = None,
) -> Iterator[Event]:
    """Read images and make their targets, several at a time.

    Parameters
    ----------
    images : sequence of TrainingImage
        What to learn from.
    model : ModelConfig
        Says how many channels the network sees.
    diameter : float
        Of a nucleus at the model's scale, in pixels.
    config : TrainingConfig
        Normalisation.
    add : callable
        Given each `TrainingPlane` that has a reviewed pixel, in order.
    task : Task
        What the network is for.
    pixel_size : float or None
        Of classes: side of a pixel at the model's scale, in µm.

    Yields
    ------
    Event
        `Progress`, and a `Notice` for each image without a reviewed pixel, and if
        masks do not number their nuclei, or all pixels of an image are the same.

    Raises
    ------
    EngineError
        If nothing is reviewed, or an image does not fit.
    """
    for image in images:
        if len(image.channels) != model.channels:
            raise EngineError(
                f"The network sees {model.channels} channels of an image.",
                todo="Choose as many with --channel.",
                image=str(image.image),
                channels=image.channels,
            )
    with ThreadPoolExecutor(_WORKERS) as pool:
        load = load_annotated if task.classes else load_nuclei
        annotated = list(pool.map(load, images))
        yield from _say_numbered(images, annotated)
        yield from _say_flat(images, annotated)
        typical = None if task.classes else _typical_diameter(annotated)

        def prepare(plane: AnnotatedPlane) -> TrainingPlane:
            if typical is None:
                zoom = class_zoom(plane.pixel_size, pixel_size)
            else:
                zoom = plane.zoom_to(diameter, typical)
            scaled, labels, review = plane.at_scale(zoom, config)
            return task.make_plane(scaled, labels, review, config.loss)

        count = 0
        for index, plane in enumerate(pool.map(prepare, annotated)):
            if plane.reviewed:
                count += 1
                add(plane)
            else:
                yield Notice(
                    text=f"Nothing is reviewed in {images[index].image.name}; "
                    "it is left out."
                )
            yield Progress(
                done=index + 1, total=len(images), unit="images", what="reading"
            )
        if not count:
            raise EngineError(
                "Nothing is reviewed that could be learned from.",
                todo="Paint a stroke of each class first."
                if task.classes
                else "Paint or accept a few nuclei first.",
                images=len(images),
            )


def _say_numbered(
    images: Sequence[TrainingImage], planes: Sequence[AnnotatedPlane]
) -> Iterator[Notice]:
    names = [
        image.mask.name
        for image, plane in zip(images, planes, strict=True)
        if plane.areas
    ]
    if names:
        yield Notice(
            text=f"In {len(names)} of {len(images)} masks all nuclei have the same "
            f"number ({names[0]}): each connected area is taken as one nucleus. Those "
            "that touch need numbers of their own.",
            level="warning",
        )


def _say_flat(
    images: Sequence[TrainingImage], planes: Sequence[AnnotatedPlane]
) -> Iterator[Notice]:
    names = [
        image.image.name
        for image, plane in zip(images, planes, strict=True)
        if plane.flat
    ]
    if names:
        yield Notice(
            text=f"In {len(names)} of {len(images)} images all pixels have the same "
            f"value ({names[0]}): nothing can be learned from them. Look at the files "
            "and at the channel that was chosen.",
            level="warning",
        )


def _typical_diameter(planes: Sequence[AnnotatedPlane]) -> float:
    """Find the median of the planes' nucleus diameters, in pixels."""
    known = [size for plane in planes if (size := plane.diameter)]
    if not known:
        raise EngineError(
            "There is no reviewed nucleus to learn from.",
            todo="Paint or accept a few nuclei first.",
            images=len(planes),
        )
    return float(np.median(known))
