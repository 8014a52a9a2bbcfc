"""What "Run all" means for a project: which images, which model, and where to."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from napari_unet._batch_state import Wish
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_unet._workspace import Workspace
    from unetloop.project import Project

__all__ = ["everything"]

_RESULTS = "results"


def everything(
    workspace: Workspace,
    model: str,
    instances: Mapping[str, float],
) -> Wish:
    """Wish for all images of the folders that a project's images come from.

    The channel that was chosen last is that of all images that were not opened yet and
    have it. The diameter that was chosen for an image is that image's; in all others it
    is estimated. The size of a pixel is that of all images that state none. Who
    annotates some images of a folder means the folder. Images that are not where they
    were are left out; without ``paths``, all are. Results go into the project, which
    lies beside the images and is never searched for images. What was corrected is in
    them as it is on the screen.

    Parameters
    ----------
    workspace : Workspace
        The open project.
    model : str
        Where the model is, or the name of one that ships.
    instances : mapping
        What the user set of how maps become nuclei: results are as what is seen.
    """
    project = workspace.project
    paths = _paths(project)
    folders = {path.parent for path in paths.values()}
    known = workspace.view.images
    return Wish(
        paths=tuple(sorted(map(str, folders))),
        out=str(project.folder.absolute() / _RESULTS),
        model=model,
        channel=workspace.view.channel,
        channel_if_there=True,
        channels={
            str(path.resolve()): str(known[image]["channel"])
            for image, path in paths.items()
            if "channel" in known.get(image, {})
        },
        diameters={
            str(path.resolve()): float(diameter)
            for image, path in paths.items()
            if (diameter := known.get(image, {}).get("diameter"))
        },
        pixel_size=workspace.view.pixel_size or None,
        pixel_sizes={
            str(path.resolve()): float(side)
            for image, path in paths.items()
            if (side := known.get(image, {}).get("pixel_size"))
        },
        recursive=False,
        instances=dict(instances),
        classes=bool(project.classes),
        project=str(project.folder.absolute()),
    )


def _paths(project: Project) -> dict[str, Path]:
    """Give by id where the images are."""
    found = {}
    for image in project.images:
        with suppress(EngineError):  # it was moved: its line in the list says so
            found[image.id] = project.path_of(image).absolute()
    return found
