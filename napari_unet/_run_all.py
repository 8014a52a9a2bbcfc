"""What "Run all" means for a project: which images, which model, and where to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet._batch_state import Wish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet._workspace import Workspace

__all__ = ["everything"]

_RESULTS = "results"


def everything(
    workspace: Workspace,
    model: str,
    channel: str | None,
    diameter: float | None,
    instances: Mapping[str, float],
) -> Wish:
    """Wish for all images of the folders that a project's images come from.

    Who annotates some images of a folder means the folder. Results go into the
    project, which lies beside the images and is never searched for images.

    Parameters
    ----------
    workspace : Workspace
        The open project.
    model : str
        Where the model is, or the name of one that ships.
    channel : str or None
        Number or name of the channel with the nuclei.
    diameter : float or None
        Of a nucleus, in pixels; None: estimated image by image.
    instances : mapping
        What the user set of how maps become nuclei: results are as what is seen.
    """
    project = workspace.project
    folders = {project.path_of(image).absolute().parent for image in project.images}
    return Wish(
        paths=tuple(sorted(map(str, folders))),
        out=str(project.folder.absolute() / _RESULTS),
        model=model,
        channel=channel or "",
        diameter=diameter,
        recursive=False,
        instances=dict(instances),
        classes=bool(project.classes),
    )
