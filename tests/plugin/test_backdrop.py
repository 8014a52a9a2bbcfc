"""The pixels of an image in a viewer, channel by channel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from napari.components import ViewerModel

from napari_unet._backdrop import Backdrop
from napari_unet._pixels import Channel


def placed(unit: str, size: float) -> dict[str, Any]:
    return {"scale": (size, size), "units": (unit, unit), "axis_labels": ("y", "x")}


def image(*channels: str) -> Any:
    data = np.zeros((8, 9), np.uint8)
    return SimpleNamespace(
        data=data,
        axes="YX",
        rgb=False,
        multiscale=False,
        contrast=(0.0, 9.0),
        limits=(0.0, 255.0),
        channels=[
            Channel(name, data, "#ff0000", (0.0, 9.0), (0.0, 255.0))
            for name in channels
        ],
    )


def test_layers_of_one_image_always_have_the_same_units() -> None:
    viewer = ViewerModel()
    backdrop = Backdrop(viewer)
    first = image("actin", "GFP")
    backdrop.show("a", first, placed("um", 0.5))
    for number, channel in enumerate(first.channels):
        backdrop.show_channel(number, channel, placed("um", 0.5))
    assert len(viewer.layers) == 3
    # Its other channels are read later; napari warns if it draws different units.
    backdrop.show("b", image("actin", "mito"), placed("pixel", 1.0))
    assert len(viewer.layers) == 3
    assert viewer.layers.extent.units is not None


def test_an_image_that_needs_another_layer_leaves_the_selected_one_selected() -> None:
    viewer = ViewerModel()
    backdrop = Backdrop(viewer)
    backdrop.show("a", image(), placed("pixel", 1.0))
    nuclei = viewer.add_labels(np.zeros((8, 9), int))
    backdrop.remove()
    backdrop.show("b", image(), placed("pixel", 1.0))
    assert viewer.layers.selection.active is nuclei
