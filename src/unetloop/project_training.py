"""A project's reviewed planes, as images to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unetloop.diameters import read_diameters
from unetloop.images import open_image, resolve_channels
from unetloop.training_image import TrainingImage

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from unetloop.project import Project

__all__ = ["annotated_planes"]


def annotated_planes(
    project: Project,
    channel: str | None,
    count: int,
    channels: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
) -> list[TrainingImage]:
    """List the planes that have a segmentation and a review.

    Parameters
    ----------
    project : Project
        An open project, whose journal was flushed.
    channel : str or None
        Channel numbers or names, as on the command line.
    count : int
        Channels that the network sees.
    channels : mapping of str to str, optional
        By image id: another channel than that.
    only : collection of str, optional
        Ids of the images to look at; None: all.

    Returns
    -------
    list of TrainingImage
        Each is seen by the diameter by which it was predicted.
    """
    result, own = [], channels or {}
    diameters = read_diameters(project)
    for image in project.images:
        if only is not None and image.id not in only:
            continue
        found = [
            (plane, mask, review)
            for plane in range(image.planes)
            if (mask := project.annotation_path("segmentation", image, plane)).exists()
            and (review := project.annotation_path("review", image, plane)).exists()
        ]
        if not found:
            continue
        path = project.path_of(image)
        with open_image(path) as opened:
            wanted = own.get(image.id, channel)
            seen = resolve_channels(opened, wanted, count)
        sizes = {
            plane: each.diameter for plane, each in diameters.get(image.id, {}).items()
        }
        result += [
            TrainingImage(path, mask, review, plane, seen, diameter=sizes.get(plane))
            for plane, mask, review in found
        ]
    return result
