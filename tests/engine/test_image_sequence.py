"""A stack in many files is one image; what does not fit together is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from unetloop.errors import EngineError
from unetloop.image_sequence import is_sequence, sequence_files
from unetloop.images import open_image

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, name: str, value: int, shape: tuple[int, ...] = (4, 6)) -> None:
    pixels = np.full(shape, value, np.uint16)
    resolution = (20000, 40000)
    tifffile.imwrite(
        folder / name, pixels, resolution=resolution, resolutionunit="CENTIMETER"
    )


def test_axes_are_in_their_order_whatever_that_of_the_fields(tmp_path: Path) -> None:
    for time in (1, 2):
        for depth in (9, 10, 11):  # 10 comes after 9, not after 1
            for channel in (405, 561):
                name = f"a w{channel} t{time} z{depth}.tif"
                write(tmp_path, name, 1000 * time + 10 * depth + channel % 5)
    with open_image(tmp_path / "a w{C} t{T} z{Z}.tif") as image:
        assert image.info.axes == "TZCYX"
        assert image.info.shape == (2, 3, 2, 4, 6)
        assert image.info.channel_names == ("405", "561")
        assert image.info.pixel_size == pytest.approx((0.25, 0.5))
        values = [
            int(image.read_plane(plane, (channel,))[0, 0, 0])
            for plane in range(6)
            for channel in (0, 1)
        ]
    expected = [
        1000 * time + 10 * depth + channel
        for time in (1, 2)
        for depth in (9, 10, 11)
        for channel in (0, 1)
    ]
    assert values == expected


def test_pictures_make_a_stack_too_and_only_what_is_wanted_is_read(
    tmp_path: Path,
) -> None:
    for depth in (0, 5, 10):  # numbers may go in steps
        picture = PillowImage.fromarray(np.full((4, 6), depth, np.uint8))
        picture.save(tmp_path / f"z{depth}.png")
    with open_image(tmp_path / "z{Z}.png") as image:
        (tmp_path / "z5.png").write_bytes(b"damaged since")
        assert image.read_plane(2, (0,), (1, 1, 3, 3)).tolist() == [[[10]] * 2] * 2
        with pytest.raises(EngineError, match="can't be read"):
            image.read_plane(1)


def test_signs_in_names_are_no_patterns(tmp_path: Path) -> None:
    write(tmp_path, "a+(1).z1.tif", 1)
    write(tmp_path, "aa(1)xz1.tif", 2)
    write(tmp_path, "a+(1).z1.tif.bak", 3)
    files = sequence_files(tmp_path / "a+(1).z{Z}.tif")
    assert files == {(1,): tmp_path / "a+(1).z1.tif"}


def test_a_combination_that_is_missing_is_named(tmp_path: Path) -> None:
    for name in ("t1_z1.tif", "t1_z2.tif", "t2_z1.tif"):
        write(tmp_path, name, 1)
    with pytest.raises(EngineError, match="missing: T 2, Z 2"):
        open_image(tmp_path / "t{T}_z{Z}.tif")


def test_two_files_of_the_same_numbers_are_named(tmp_path: Path) -> None:
    for name in ("z1.tif", "z01.tif", "z2.tif"):
        write(tmp_path, name, 1)
    with pytest.raises(EngineError, match=r"same numbers.*z01\.tif.*z1\.tif"):
        open_image(tmp_path / "z{Z}.tif")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("q{Z}.tif", "no file of this stack"),
        ("none/z{Z}.tif", "no file of this stack"),
        ("z{Z}_{Z}.tif", "may be there once"),
    ],
)
def test_what_is_no_stack_is_one_sentence(
    tmp_path: Path, name: str, sentence: str
) -> None:
    write(tmp_path, "z1.tif", 1)
    with pytest.raises(EngineError, match=sentence):
        open_image(tmp_path / name)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [((4, 7), "same size and type"), ((2, 4, 6), "one plane of one channel")],
)
def test_files_of_another_kind_are_named(
    tmp_path: Path, shape: tuple[int, ...], sentence: str
) -> None:
    write(tmp_path, "z1.tif", 1)
    write(tmp_path, "z2.tif", 1, shape)
    with (
        open_image(tmp_path / "z{Z}.tif") as image,
        pytest.raises(EngineError, match=rf"{sentence}.*z2\.tif"),
    ):
        image.read_plane(1)


def test_a_file_that_is_really_called_so_is_a_file(tmp_path: Path) -> None:
    assert is_sequence(tmp_path / "a{T}.tif")
    assert not is_sequence(tmp_path / "a{X}.tif")
    write(tmp_path, "a{T}.tif", 7)
    assert not is_sequence(tmp_path / "a{T}.tif")
    with open_image(tmp_path / "a{T}.tif") as image:
        assert int(image.read_plane()[0, 0, 0]) == 7
