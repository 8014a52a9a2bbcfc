"""What a batch does with each image: one `ImageJob` an image, of what was chosen."""

from __future__ import annotations

import math
import os
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from unetloop import quality
from unetloop.catalog import CLASS_EXPORTERS, EXPORTERS, find
from unetloop.config import to_dict
from unetloop.errors import EngineError
from unetloop.image_job import ImageJob
from unetloop.reviewed import find_reviewed
from unetloop.run_record import settings_hash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from unetloop.checkpoint import Model
    from unetloop.config import PredictionConfig
    from unetloop.naming import NamedImage
    from unetloop.reviewed import ReviewedImage
    from unetloop.scale import Scale

__all__ = ["BatchOptions", "make_jobs"]


@dataclass(frozen=True)
class BatchOptions:
    """What a user may choose of a run, beside the model and how it is run.

    Parameters
    ----------
    channel : str, optional
        Channel numbers or names.
    channel_if_there : bool
        Whether ``channel`` was chosen by looking at some of the images: another one
        without it, that has one channel or is of colours, is read as it is by itself.
    channels : mapping
        Those of single images, by their resolved paths, instead of ``channel``; empty
        ones are guessed.
    diameters : mapping
        Diameters of a nucleus in single images, in pixels, by their resolved paths,
        instead of the one of the settings.
    pixel_size : float, optional
        Side of a pixel in µm, in images that state none.
    pixel_sizes : mapping
        Those of single images, by their resolved paths, whatever they state.
    exports : tuple of str
        Names of `catalog.EXPORTERS`: files beside masks and tables.
    overwrite : bool
        Predict everything again, and replace what others wrote, too.
    retry_failed : bool
        Predict only the images that failed before.
    jobs : int
        Processes on this machine; 0: threads of this one.
    scheduler : str, optional
        Address of a Dask scheduler.
    instances : mapping
        Fields of `config.InstanceConfig`, by which maps become nuclei, that are not
        to be as the model says.
    project : Path, optional
        Project folder whose corrections count: no prediction overrides them.
    """

    channel: str | None = None
    channel_if_there: bool = False
    channels: Mapping[str, str] = field(default_factory=dict)
    diameters: Mapping[str, float] = field(default_factory=dict)
    pixel_size: float | None = None
    pixel_sizes: Mapping[str, float] = field(default_factory=dict)
    exports: tuple[str, ...] = ()
    overwrite: bool = False
    retry_failed: bool = False
    jobs: int = 0
    scheduler: str | None = None
    instances: Mapping[str, float] = field(default_factory=dict)
    project: Path | None = None

    def __post_init__(self) -> None:
        for side in (self.pixel_size, *self.pixel_sizes.values()):
            if side is not None and not 0 < side < math.inf:
                raise EngineError(
                    "The side of a pixel must be a number of µm above 0.",
                    pixel_size=side,
                )

    def channel_of(self, image: Path) -> str | None:
        """Say which channel of an image is looked at; None: it is guessed."""
        if not self.channels:
            return self.channel
        return self.channels.get(_real(image), self.channel) or None

    def is_of_others(self, image: Path) -> bool:
        """Whether the channel was chosen by other images, and need not be in it."""
        return self.channel_if_there and _real(image) not in self.channels

    def config_of(self, image: Path, config: PredictionConfig) -> PredictionConfig:
        """Give the settings by which an image is predicted."""
        if not self.diameters:
            return config
        diameter = self.diameters.get(_real(image), config.diameter)
        return replace(config, diameter=diameter)

    def size_of(self, image: Path) -> float | None:
        """Give the side of a pixel in µm that goes before what an image states."""
        return self.pixel_sizes.get(_real(image)) if self.pixel_sizes else None


def make_jobs(
    images: Sequence[NamedImage],
    out: Path,
    model: Model,
    scale: Scale,
    config: PredictionConfig,
    options: BatchOptions,
) -> list[ImageJob]:
    """Say what is to be done with each image.

    Parameters
    ----------
    images : sequence of NamedImage
        What to predict.
    out : Path
        Folder to write into.
    model : Model
        An opened model.
    scale : Scale
        The model's, with what was chosen.
    config : PredictionConfig
        Tiles, flips, and the nucleus diameter if it is known.
    options : BatchOptions
        What else was chosen.

    Raises
    ------
    EngineError
        If an option is wrong, or the project can't be read or is of another task.
    """
    classes = model.task.classes
    for name in options.exports:
        known = CLASS_EXPORTERS if classes else EXPORTERS
        find(known, name, "format to export to")
    if classes and (config.diameter or options.diameters):
        raise EngineError(
            "A model of classes knows no nucleus diameter.",
            todo="Leave the diameter out.",
            diameter=config.diameter or dict(options.diameters),
        )
    about = {"weights": model.weights_hash, "scale": scale.describe()}
    chosen = {
        image.path: (
            options.channel_of(image.path),
            options.config_of(image.path, config),
            options.size_of(image.path),
            options.is_of_others(image.path),
        )
        for image in images
    }
    settings = {
        (channel, each, side, of_others): settings_hash(
            {
                **about,
                # How many tiles at once changes nothing but the time.
                "config": {**to_dict(each), "batch_size": 0},
                "channel": channel,
                **_sized(side, options.pixel_size),
                **({"channel_if_there": True} if channel and of_others else {}),
            }
        )
        for channel, each, side, of_others in set(chosen.values())
    }
    reviewed: Mapping[str, ReviewedImage] = {}
    if options.project is not None:
        paths = {_real(image.path) for image in images}
        reviewed = find_reviewed(options.project, paths, model.task.name)
    run = uuid.uuid4().hex
    reference = quality.Reference.from_json(model.card.reference)
    return [
        ImageJob(
            image=image.path.absolute(),
            name=image.name,
            stem=image.stem,
            out=out,
            scale=scale,
            config=chosen[image.path][1],
            channel=chosen[image.path][0],
            inputs=model.channels,
            exports=tuple(sorted(set(options.exports))),
            settings=settings[chosen[image.path]],
            model=f"{model.path.name} {model.weights_hash[:12]}",
            run=run,
            reference=reference,
            reviewed=reviewed.get(_real(image.path)) if reviewed else None,
            pixel_size=chosen[image.path][2],
            pixel_size_unless_stated=options.pixel_size,
            channel_if_there=chosen[image.path][3],
        )
        for image in images
    ]


def _sized(side: float | None, unless_stated: float | None) -> dict[str, float]:
    """Name the sizes of pixels that were given; none: as before they could be."""
    given = {"pixel_size": side, "pixel_size_unless_stated": unless_stated}
    return {name: value for name, value in given.items() if value}


def _real(image: Path) -> str:
    """Give the path by which an image is known; its link may go round in a circle."""
    return os.path.realpath(image)
