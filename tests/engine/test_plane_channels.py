"""All channels of a plane, by names of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unetloop.image_planes import Image, ImageInfo
from unetloop.plane_channels import channels_of, hold_plane

PIXELS = np.arange(2 * 3 * 6 * 5, dtype=np.uint16).reshape(2, 3, 6, 5)


def _image(names: tuple[str, ...] = ("a", "b", "c")) -> Image:
    info = ImageInfo(Path("a.tif"), "ZCYX", PIXELS.shape, PIXELS.dtype, names, None)
    return Image(info, PIXELS)


def test_a_plane_that_is_held_is_the_same_plane() -> None:
    held = hold_plane(_image(), 1)
    assert (held.info.planes, held.info.channels) == (1, 3)
    for number in range(3):
        plane = held.read_plane(0, (number,))[..., 0]
        np.testing.assert_array_equal(plane, PIXELS[1, number])


def test_the_colours_of_a_plane_that_is_held_stay_colours() -> None:
    colours = np.moveaxis(PIXELS[0], 0, -1)
    info = ImageInfo(Path("a.png"), "YXS", colours.shape, colours.dtype, (), None)
    held = hold_plane(Image(info, colours), 0)
    assert held.info.rgb
    np.testing.assert_array_equal(held.read_plane(0, (0, 1, 2)), colours)


def test_a_channel_is_read_where_it_is_sliced() -> None:
    channel = channels_of(_image(), 1)["b"]
    assert (channel.shape, channel.dtype, channel.ndim) == ((6, 5), np.uint16, 2)
    np.testing.assert_array_equal(channel[1:5:2, :3], PIXELS[1, 1, 1:5:2, :3])
    assert channel[4:2, :].size == 0


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a", "b", "c"), ["a", "b", "c"]),
        (("a", "a", "a"), ["a", "a 1", "a 2"]),
        (("a 2", "a", "a"), ["a 2", "a", "a 2 2"]),
    ],
)
def test_no_channel_is_lost_to_another_of_its_name(
    names: tuple[str, ...], expected: list[str]
) -> None:
    named = channels_of(_image(names), 0)
    assert list(named) == expected
    for number, channel in enumerate(named.values()):
        np.testing.assert_array_equal(channel[:, :], PIXELS[0, number])
