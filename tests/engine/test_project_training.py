"""A project's reviewed planes, each seen through the channel chosen for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

from unetloop.project import open_project
from unetloop.project_training import annotated_planes

if TYPE_CHECKING:
    from pathlib import Path


def test_each_image_is_learned_from_through_its_own_channel(tmp_path: Path) -> None:
    paths = []
    for name, channels in (("a", ["actin", "red"]), ("b", ["x", "y"]), ("c", ["z"])):
        pixels = np.zeros((len(channels), 32, 32), np.uint8)
        metadata = {"axes": "CYX", "Channel": {"Name": channels}}
        paths.append(tmp_path / f"{name}.ome.tif")
        tifffile.imwrite(paths[-1], pixels, metadata=metadata)
    with open_project(tmp_path / "project", create=True) as project:
        ids = [image.id for image in project.add_images(paths)]
        for image in project.images:
            for array in ("segmentation", "review"):
                path = project.annotation_path(array, image, 0)
                path.parent.mkdir(parents=True, exist_ok=True)
                tifffile.imwrite(path, np.ones((32, 32), np.uint8))
        chosen = {ids[0]: "red", ids[1]: "y"}
        planes = annotated_planes(project, None, 1, chosen)
        assert [plane.channels for plane in planes] == [(1,), (1,), (0,)]
        planes = annotated_planes(project, "0", 1, {ids[1]: "y"}, only=ids[:2])
        assert [plane.channels for plane in planes] == [(0,), (1,)]
