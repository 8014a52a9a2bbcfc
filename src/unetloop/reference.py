"""What a model made of the images that it learned from: the measure of unlikeness."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unetloop.boxes import middle_box
from unetloop.config import PredictionConfig
from unetloop.errors import EngineError
from unetloop.events import Event, Progress
from unetloop.file_state import FileState
from unetloop.images import open_image
from unetloop.instances import nucleus_certainty
from unetloop.plane_view import PlaneView
from unetloop.prediction import estimate_diameter, finish, predict_region
from unetloop.quality import Reference, region_statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from unetloop.checkpoint import Model
    from unetloop.network import Network
    from unetloop.scale import Scale
    from unetloop.training_image import TrainingImage

__all__ = ["LearnedPlane", "learn_reference", "look_back"]

_MOST = 256
_SIDE = 1024


@dataclass(frozen=True)
class LearnedPlane:
    """A plane that a model learned from: file, number, and channels that it saw."""

    image: Path
    plane: int
    channels: tuple[int, ...]


def learn_reference(
    planes: Sequence[LearnedPlane],
    network: Network,
    scale: Scale,
    known: Reference | None = None,
    *,
    enough: Callable[[], bool] = lambda: False,
) -> Generator[Event, None, Reference | None]:
    """Predict the training images, and keep the statistics of what comes out.

    An image that was learned from before counts once, as it is seen now: a few images
    that are learned from again and again must not outnumber all others.

    Parameters
    ----------
    planes : sequence of LearnedPlane
        What the model learned from.
    network : Network
        The model's.
    scale : Scale
        What the model knows of itself.
    known : Reference, optional
        That of the model which it started from: it has not forgotten all of it.
    enough : callable
        Asked after each plane; when true, those so far must do.

    Yields
    ------
    Progress

    Returns
    -------
    Reference or None
        None where there are too few to say what is usual.
    """
    step = max(1, -(-len(planes) // _MOST))
    chosen = planes[::step]
    rows: dict[str, NDArray[np.float64]] = {}
    hashes: dict[Path, str] = {}
    for index, plane in enumerate(chosen):
        try:
            row = _statistics(plane, network, scale)
            rows[_name(plane, hashes)] = row
        except (EngineError, OSError):
            continue  # a file that went away since is no reason to lose the model
        yield Progress(
            done=index + 1,
            total=len(chosen),
            unit="images",
            what="looking at what was learned",
        )
        if enough():
            break
    before = [] if known is None else known.without(rows)
    kept = [*before, *rows.items()][-2 * _MOST :]
    return Reference.of([row for _, row in kept], [name for name, _ in kept])


def look_back(
    images: Sequence[TrainingImage],
    network: Network,
    scale: Scale,
    start: Model | None,
    seconds: float,
    cancelled: Callable[[], bool],
    whole: Progress,
) -> Generator[Event, None, dict[str, Any]]:
    """At the end of a training: `learn_reference`, for a model's card.

    Parameters
    ----------
    images : sequence of TrainingImage
        What was learned from.
    network : Network
        The model's.
    scale : Scale
        What the model knows of itself.
    start : Model or None
        The model that it went on from.
    seconds : float
        How long to look at most.
    cancelled : callable
        Asked after each image.
    whole : Progress
        Of the whole training.

    Yields
    ------
    Progress
        ``whole``, after each image.

    Returns
    -------
    dict
        Empty where there are too few images.
    """
    until = time.monotonic() + seconds
    work = learn_reference(
        [LearnedPlane(image.image, image.plane, image.channels) for image in images],
        network,
        scale,
        Reference.from_json(start.card.reference) if start else None,
        enough=lambda: time.monotonic() >= until or cancelled(),
    )
    while True:
        try:
            next(work)
        except StopIteration as stop:
            learned: Reference | None = stop.value
            return {} if learned is None else learned.to_json()
        yield whole


def _name(plane: LearnedPlane, hashes: dict[Path, str]) -> str:
    """Say by what a plane is known again: its file's bytes, and its number."""
    path = plane.image
    if path not in hashes:
        hashes[path] = FileState.of(path).sha256
    return f"{hashes[path]}:{plane.plane}"


def _statistics(
    learned: LearnedPlane, network: Network, scale: Scale
) -> NDArray[np.float64]:
    config = PredictionConfig()
    with open_image(learned.image) as image:
        view = PlaneView.of(image, learned.plane, learned.channels, scale.normalization)
        diameter = estimate_diameter(network, view, scale, config)
        box = middle_box(view.shape, _SIDE)
        size = diameter or scale.diameter
        region = finish(predict_region(network, view, box, size, scale, config))
        if diameter is None:  # as in a batch: nothing at any size
            region.labels[:] = 0
        sure = nucleus_certainty(region.labels, region.maps)
        return region_statistics(view.read(box), region.maps, region.labels, sure, size)
