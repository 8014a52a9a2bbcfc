"""What the commands learn from: images with their masks, or a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unetloop.errors import EngineError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from unetloop.image_planes import ImageInfo
    from unetloop.training_image import TrainingImage

__all__ = ["check_sources", "common_channels", "paired_images", "training_images"]


def check_sources(options: argparse.Namespace) -> None:
    """Refuse what is not enough to learn from, or too much, before anything is read."""
    if options.project is None:
        if not (options.images and options.masks):
            raise EngineError("Give --images and --masks, or --project.")
    elif options.images or options.masks or options.review:
        raise EngineError("Give either --project or --images and --masks.")
    if bool(options.val_images) != bool(options.val_masks):
        raise EngineError("--val-images and --val-masks go together.")


def common_channels(
    options: argparse.Namespace, most: int, enough: Callable[[ImageInfo], bool]
) -> int:
    """Say how many channels a new network sees.

    Parameters
    ----------
    options : argparse.Namespace
        Name them, perhaps, and the images.
    most : int
        So many if all images have ``enough`` for that, else one.
    enough : callable
        Looks at what is known of an image.
    """
    if options.channel:
        return len(options.channel.split(","))
    if most == 1 or options.images is None:
        return 1
    from unetloop.images import open_image
    from unetloop.pairing import pair_by_stem

    for pair in pair_by_stem(options.images, options.masks, options.review):
        with open_image(pair.image) as image:
            if not enough(image.info):
                return 1
    return most


def training_images(options: argparse.Namespace, channels: int) -> list[TrainingImage]:
    """Describe what is learned from; a network sees so many ``channels`` of it."""
    if options.project is not None:
        from unetloop.project import open_project
        from unetloop.project_training import annotated_planes

        with open_project(options.project) as project:
            return annotated_planes(project, options.channel, channels)
    return paired_images(
        options.images, options.masks, options.review, options.channel, channels
    )


def paired_images(
    images: Path, masks: Path, review: Path | None, channel: str | None, count: int
) -> list[TrainingImage]:
    """Describe images that lie beside their masks, or in a folder of the same names.

    Parameters
    ----------
    images, masks, review : Path
        Folders or files, as for `pairing.pair_by_stem`.
    channel : str or None
        Numbers or names, as for `images.resolve_channels`.
    count : int
        How many channels a network sees.

    Raises
    ------
    EngineError
        If one can't be read, has several planes or no such channel.
    """
    from unetloop.images import open_image, resolve_channels
    from unetloop.pairing import pair_by_stem
    from unetloop.training_image import TrainingImage

    result = []
    for pair in pair_by_stem(images, masks, review):
        with open_image(pair.image) as image:
            if image.info.planes != 1:
                raise EngineError(
                    "An image of one plane was expected.",
                    todo="Save each plane, and its mask, as a file of its own.",
                    path=str(pair.image),
                    shape=image.info.shape,
                )
            channels = resolve_channels(image, channel, count)
        result.append(
            TrainingImage(pair.image, pair.mask, pair.review, channels=channels)
        )
    return result
