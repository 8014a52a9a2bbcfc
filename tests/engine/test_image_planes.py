"""Planes, channels and rectangles of an open image, whatever the order of its axes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unetloop.errors import EngineError
from unetloop.image_planes import Image, ImageInfo, unreadable

SIZES = {"T": 2, "Z": 3, "C": 4, "Y": 5, "X": 7, "S": 4}


def an_image(axes: str, dtype: str = "uint16", **sizes: int) -> tuple[Image, Any]:
    """An image in memory whose pixels are all different, and its pixels."""
    shape = tuple({**SIZES, **sizes}[axis] for axis in axes)
    pixels = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    names = tuple(str(number) for number in range(4))
    info = ImageInfo(Path("a.tif"), axes, shape, pixels.dtype, names, None)
    return Image(info, pixels), pixels


@pytest.mark.parametrize("axes", ["TZCYX", "CZTYX", "ZTYXC", "YXCTZ", "XYZCT"])
def test_the_order_of_the_axes_changes_nothing(axes: str) -> None:
    image, pixels = an_image(axes)
    assert image.info.planes == 6
    in_order = np.moveaxis(pixels, [axes.index(axis) for axis in "TZYXC"], range(5))
    for plane in range(6):
        time, depth = divmod(plane, 3)
        found = image.read_plane(plane, (3, 1), (1, 2, 4, 6))
        np.testing.assert_array_equal(
            found, in_order[time, depth, 1:4, 2:6][..., [3, 1]]
        )
        assert found.dtype == pixels.dtype


@pytest.mark.parametrize("axes", ["YX", "ZYX", "TYX"])
def test_an_image_without_channels_has_one(axes: str) -> None:
    image, pixels = an_image(axes)
    assert image.info.channels == 1
    last = image.info.planes - 1
    expected = pixels.reshape(-1, 5, 7)[last]
    np.testing.assert_array_equal(image.read_plane(last)[..., 0], expected)


def test_transparency_is_no_colour() -> None:
    image, pixels = an_image("YXS", "uint8")
    assert image.info.channels == 3
    gray = image.read_plane(0, (-1,))
    assert gray.dtype == np.float32
    np.testing.assert_allclose(gray[..., 0], pixels[..., :3].mean(-1), rtol=1e-6)
    with pytest.raises(EngineError, match="3 channels"):
        image.read_plane(0, (3,))


def test_the_mean_of_colours_is_none_of_an_image_without_colours() -> None:
    image, _ = an_image("CYX")
    with pytest.raises(EngineError, match="4 channels, counted from 0"):
        image.read_plane(0, (-1,))


def test_a_single_channel_is_read_alone() -> None:
    image, pixels = an_image("CYX")

    class Watched:
        shape, dtype = pixels.shape, pixels.dtype
        largest = 0

        def __getitem__(self, place: Any) -> Any:
            part = pixels[place]
            self.largest = max(self.largest, part.size)
            return part

    watched = Watched()
    found = Image(image.info, watched).read_plane(0, (2,))
    np.testing.assert_array_equal(found[..., 0], pixels[2])
    assert watched.largest == pixels[2].size


@pytest.mark.parametrize("plane", [-1, 6])
def test_a_plane_that_is_not_there_is_told(plane: int) -> None:
    with pytest.raises(EngineError, match=rf"6 planes.*plane={plane}"):
        an_image("TZCYX")[0].read_plane(plane)


@pytest.mark.parametrize(
    "box", [(0, 0, 6, 7), (0, 0, 5, 8), (-1, 0, 2, 2), (3, 0, 2, 7), (0, 5, 5, 4)]
)
def test_a_rectangle_beyond_the_edge_is_told_not_cut(
    box: tuple[int, int, int, int],
) -> None:
    with pytest.raises(EngineError, match="5 rows and 7 columns"):
        an_image("YX")[0].read_plane(0, (0,), box)


def test_an_empty_rectangle_has_no_pixels() -> None:
    assert an_image("YX")[0].read_plane(0, (0,), (2, 3, 2, 7)).shape == (0, 4, 1)


class _Pyramid(np.ndarray):
    """An array with coarser copies."""

    copies: list[Any]


def with_copies(*shapes: tuple[int, ...], dtype: str = "uint16") -> Image:
    pixels = np.zeros((2, 100, 81), np.uint16).view(_Pyramid)
    pixels.copies = [np.full(shape, 7, dtype) for shape in shapes]
    info = ImageInfo(
        Path("a.zarr"), "CYX", pixels.shape, pixels.dtype, ("0", "1"), None
    )
    return Image(info, pixels)


def test_coarser_copies_are_levels() -> None:
    image = with_copies((2, 50, 41), (2, 25, 20))  # halves are rounded either way
    assert image.levels == ((100, 81), (50, 41), (25, 20))
    assert (image.read_plane(0, (1,), (0, 0, 25, 20), level=2) == 7).all()
    with pytest.raises(EngineError, match="25 rows and 20 columns"):
        image.read_plane(0, (1,), (0, 0, 26, 20), level=2)


@pytest.mark.parametrize(
    "copy", [(2, 50, 20), (1, 50, 41), (2, 100, 81), (2, 0, 0), (50, 41)]
)
def test_what_is_no_coarser_copy_is_no_level(copy: tuple[int, ...]) -> None:
    assert with_copies(copy).levels == ((100, 81),)
    assert with_copies((2, 50, 41), dtype="uint8").levels == ((100, 81),)


def test_threads_read_one_after_the_other() -> None:
    image, pixels = an_image("ZYX")

    class OneAtATime:
        shape, dtype = pixels.shape, pixels.dtype
        busy = False

        def __getitem__(self, place: Any) -> Any:
            if self.busy:
                raise OSError("two at once")
            self.busy = True
            part = np.array([pixels[place] for _ in range(50)])[-1]
            self.busy = False
            return part

    image = Image(image.info, OneAtATime())
    with ThreadPoolExecutor(8) as pool:
        planes = [number % 3 for number in range(200)]
        for number, found in zip(
            planes, pool.map(image.read_plane, planes), strict=True
        ):
            np.testing.assert_array_equal(found[..., 0], pixels[number])


def test_what_a_reader_says_is_one_sentence_with_the_file() -> None:
    class Broken:
        shape, dtype = (5, 7), np.dtype("uint8")

        def __getitem__(self, place: Any) -> Any:
            raise ValueError("tile 3 is damaged\nat byte 17")

    info = ImageInfo(Path("b.tif"), "YX", (5, 7), np.dtype("uint8"), ("0",), None)
    with pytest.raises(EngineError, match=r"tile 3 is damaged\)\..*path=b.tif") as told:
        Image(info, Broken()).read_plane()
    assert "byte 17" not in str(told.value)
    assert "(KeyError)" in str(unreadable(Path("c.tif"), KeyError()))


def test_leaving_closes_once_and_an_array_needs_no_closing() -> None:
    closed: list[int] = []
    info = an_image("YX")[0].info
    with Image(info, np.zeros((5, 7)), lambda: closed.append(1)):
        assert closed == []
    assert closed == [1]
    Image(info, np.zeros((5, 7))).close()
