"""Planes too large to be drawn whole each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_unet._palette import NucleusColours, fill_colours
from unetloop.samples import LARGE, draw_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image and a stack, of two channels, and large."""
    monkeypatch.setattr("napari_unet._pyramid._LARGE", 160 * 200 - 1)
    monkeypatch.setattr("napari_unet._pyramid._COARSEST", 60)
    folder = tmp_path / "images"
    folder.mkdir()
    image = draw_nuclei(LARGE, 0, (160, 200)).image
    both = np.stack([image, image // 2])
    for name, pixels in (("a", both), ("stack", np.stack([both, both[:, ::-1]]))):
        axes = "ZCYX"[-pixels.ndim :]
        with tifffile.TiffWriter(folder / f"{name}.ome.tif") as file:
            file.write(pixels, subifds=1, metadata={"axes": axes})
            file.write(pixels[..., ::2, ::2], subfiletype=1)
    return folder


def test_other_channels_of_a_large_plane_have_coarser_copies(
    start: Callable[..., Any], channels: Path
) -> None:
    loop = start()
    loop.open(channels)
    backdrop = loop.layers.backdrop
    loop.wait(lambda: backdrop.channels and backdrop.channels[0] is not None)
    other = backdrop.channels[0]
    assert other.multiscale
    assert [level.shape for level in other.data] == [(160, 200), (80, 100), (40, 50)]
    assert (np.asarray(other.data[1]) == np.asarray(other.data[0])[::2, ::2]).all()
    other.visible = True
    loop.show("stack.ome")
    loop.wait(lambda: backdrop.channels and backdrop.channels[0] is not None)
    other = backdrop.channels[0]
    assert [level.shape for level in other.data] == [(2, 160, 200), (2, 80, 100)]
    loop.viewer.dims.set_current_step(0, 1)
    full, half = (np.asarray(level[1]) for level in other.data)
    assert (half == full[::2, ::2]).all()


def test_a_large_plane_after_a_small_one_is_shown_with_the_same_nuclei_layer(
    start: Callable[..., Any], channels: Path
) -> None:
    small = draw_nuclei(LARGE, 3, (100, 120)).image
    tifffile.imwrite(channels / "small.tif", small)
    loop = start()
    loop.open(channels)
    nuclei, outlines = loop.layers.nuclei, loop.layers.outlines
    assert loop.layers.image.multiscale
    for image, count in (("small", 3), ("a.ome", 4)):
        loop.show(image)
        loop.wait(lambda count=count: len(loop.viewer.layers) == count)
        loop.wait_for_proposals()
        assert loop.layers.nuclei is nuclei  # to make one takes napari long
        assert loop.layers.outlines is outlines
        assert [layer.name for layer in loop.viewer.layers][-2:] == [
            "nuclei",
            "outlines",
        ]
        assert loop.layers.image.multiscale == (image != "small")
        assert loop.layers.visible == (0, 0, *nuclei.data.shape)
    number, point = loop.nucleus()
    loop.hover(*point)
    loop.press("D")
    assert number not in loop.nuclei


def test_a_stack_is_shown_though_the_image_before_was_taken_away(
    start: Callable[..., Any], channels: Path
) -> None:
    loop = start()
    loop.open(channels)
    loop.wait(lambda: len(loop.viewer.layers) == 4)
    loop.viewer.layers.remove(loop.layers.image)
    loop.show("stack.ome")
    loop.wait(lambda: len(loop.viewer.layers) == 4)
    loop.wait_for_proposals()
    assert {layer.ndim for layer in loop.viewer.layers} == {3}


def test_nuclei_are_coloured_as_they_are_whatever_was_shown_before(
    loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    whole = fill_colours().texture

    def texture(self: NucleusColours, values: np.ndarray) -> np.ndarray:
        made.append(values.shape)
        return whole(values)

    monkeypatch.setattr(NucleusColours, "texture", texture)
    for image in ("b", "stack", "a"):
        loop.show(image)
        loop.wait_for_proposals()
        loop.point_at(*loop.nucleus()[1])
        loop.press("D")
    for image, plane in (("stack", 1), ("b", 0), ("a", 0)):
        loop.show(image)
        if plane:
            loop.viewer.dims.set_current_step(0, plane)
            loop.wait(lambda: loop.session.state.plane == 1)
            loop.wait_for_proposals()
        layer = loop.layers.nuclei
        assert loop.nuclei.any()
        assert np.array_equal(layer._slice.image.view, whole(loop.nuclei))
    assert len(made) == 6
