"""Images of colours in the dock: stains of an overlay, tissue, one grey stain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from unetloop.samples import LARGE, draw_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPE = (160, 200)


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """Blue nuclei among green stripes."""
    nuclei = draw_nuclei(LARGE, 0, SHAPE).image
    nuclei = nuclei / nuclei.max() * 255
    green = np.broadcast_to(np.arange(SHAPE[1]) % 23 * 10, SHAPE)
    pixels = np.stack([np.zeros(SHAPE), green, nuclei], axis=-1).astype(np.uint8)
    folder = tmp_path / "overlay"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", pixels, photometric="rgb")
    return folder


def test_an_overlay_opens_by_its_blue_and_the_other_stains_are_layers(
    start: Callable[..., Any], overlay: Path, tmp_path: Path
) -> None:
    loop = start("--log", tmp_path / "log")
    loop.open(overlay)
    pixels = tifffile.imread(overlay / "a.tif")
    reading = loop.session.state.reading
    assert reading.channel == "blue"
    assert reading.channel_names == (
        "all colours",
        "haematoxylin",
        "haematoxylin beside red",
        "haematoxylin beside eosin",
        "red",
        "green",
        "blue",
    )
    assert np.array_equal(loop.layers.image.data, pixels[..., 2])
    loop.wait(lambda: "green" in [layer.name for layer in loop.viewer.layers])
    green = loop.viewer.layers["green"]
    assert not green.visible
    assert tuple(green.colormap.colors[-1][:3]) == (0, 1, 0)

    loop.session.choices.change_reading({"channel": "all colours"})
    loop.wait(lambda: loop.layers.image.rgb)
    assert loop.session.state.reading.channel == "all colours"
    assert np.array_equal(loop.layers.image.data, pixels)
    assert "green" not in [layer.name for layer in loop.viewer.layers]
    loop.wait_for_proposals()
    loop.wait(lambda: not loop.session.predictor.waits)
    fields = [
        command
        for line in (tmp_path / "log").read_text().splitlines()
        if (command := json.loads(line))["command"] == "predict_field"
    ]
    assert "channel" not in fields[0]  # the engine sees for itself
    assert fields[-1]["channel"] == "all colours"

    loop.session.choices.change_reading({"channel": "haematoxylin"})
    loop.wait(lambda: loop.session.state.reading.channel == "haematoxylin")
    assert loop.layers.image.rgb  # tissue is looked at in its colours
    assert np.array_equal(loop.layers.image.data, pixels)


def test_one_stain_in_three_colours_opens_as_it_looks(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    nuclei = draw_nuclei(LARGE, 0, SHAPE).image.astype(np.uint8)
    folder = tmp_path / "grey"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", np.stack([nuclei] * 3, -1), photometric="rgb")
    loop = start()
    loop.open(folder)
    assert loop.layers.image.rgb
    assert loop.session.state.reading.channel == "all colours"
