"""Which files are meant, which belong together, and labels on disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from unetloop.errors import EngineError
from unetloop.files import (
    find_images,
    pair_by_stem,
    read_labels,
    replacing,
    write_labels,
)
from unetloop.images import open_image


def numbers(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def test_find_images_sorts_and_skips(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "stack.zarr").mkdir()
    for name in ("b.tif", "a.PNG", ".c.tif", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "deep" / "er" / "d.jpg").touch()
    (tmp_path / ".hidden" / "e.tif").touch()
    flat = [str(item.relative) for item in find_images([tmp_path])]
    assert flat == ["a.PNG", "b.tif", "stack.zarr"]
    deep = {item.relative for item in find_images([tmp_path], recursive=True)}
    assert deep == {*map(Path, flat), Path("deep/er/d.jpg")}
    twice = find_images([tmp_path / "b.tif", tmp_path])
    assert len(twice) == 3
    assert twice[0].relative == Path("b.tif")


def test_find_images_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such file or folder"):
        find_images([tmp_path / "none"])
    with pytest.raises(EngineError, match="--recursive"):
        find_images([tmp_path])


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="only a user who is not root can be denied a folder",
)
def test_a_folder_without_permission(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0)
    try:
        with pytest.raises(EngineError, match="can't be read"):
            find_images([folder])
    finally:
        folder.chmod(0o700)


def test_pairs_by_stem_and_lists_all_that_have_none(tmp_path: Path) -> None:
    for name in ("images/a.png", "images/b.tif", "masks/a.tif", "masks/b.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    pairs = pair_by_stem(tmp_path / "images", tmp_path / "masks")
    assert [(pair.image.name, pair.mask.name) for pair in pairs] == [
        ("a.png", "a.tif"),
        ("b.tif", "b.tif"),
    ]
    (tmp_path / "images" / "lonely.tif").touch()
    (tmp_path / "masks" / "alone.tif").touch()
    with pytest.raises(EngineError, match=r"lonely\.tif.*alone\.tif"):
        pair_by_stem(tmp_path / "images", tmp_path / "masks")


def test_two_images_of_one_stem_are_refused(tmp_path: Path) -> None:
    for name in ("images/a.png", "images/a.tif", "masks/a.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(EngineError, match="Two images have the same name"):
        pair_by_stem(tmp_path / "images", tmp_path / "masks")


# Labels


@pytest.mark.parametrize(
    ("largest", "dtype", "imagej"),
    [(3, "uint16", True), (65535, "uint16", True), (65536, "int32", False)],
)
def test_labels_round_trip_with_pixel_size(
    tmp_path: Path, largest: int, dtype: str, imagej: bool
) -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[3:9, 4:8] = largest
    path = tmp_path / "new" / "a.tif"
    write_labels(path, labels, (0.5, 0.25))
    read = read_labels(path)
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, labels)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_imagej == imagej
        assert tiff.pages[0].dtype == np.dtype(dtype)
        assert tiff.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
    with open_image(path) as image:
        assert image.info.pixel_size == pytest.approx((0.5, 0.25), rel=1e-4)


def test_labels_without_pixel_size_claim_none(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", numbers(4, 4))
    with open_image(tmp_path / "a.tif") as image:
        assert image.info.pixel_size is None


def test_labels_of_a_stack_are_read_by_plane(tmp_path: Path) -> None:
    labels = numbers(3, 4, 5)
    write_labels(tmp_path / "a.tif", labels, axes="ZYX")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif", 1), labels[1])
    with pytest.raises(EngineError, match="one plane"):
        read_labels(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.full((4, 4), 0.5, np.float32), "whole numbers"),
        (np.full((4, 4), np.nan, np.float32), "whole numbers"),
        (np.full((4, 4), np.inf, np.float32), "fit into 32 bits"),
        (np.full((4, 4), -1, np.int16), "negative"),
        (np.full((4, 4), 2**31, np.uint32), "fit into 32 bits"),
        (np.zeros((4, 4, 3), np.uint8), "not colours"),
    ],
)
def test_what_is_no_mask(tmp_path: Path, values: np.ndarray, sentence: str) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric="rgb" if values.ndim == 3 else None
    )
    with pytest.raises(EngineError, match=sentence):
        read_labels(tmp_path / "a.tif")


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_labels(path, np.ones((4, 4), np.int32))

    def broken() -> None:
        with replacing(path) as fresh:
            fresh.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert read_labels(path).tolist() == np.ones((4, 4), int).tolist()
    assert [item.name for item in tmp_path.iterdir()] == ["a.tif"]


def test_labels_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="could not be written"):
        write_labels(tmp_path / "file" / "a.tif", np.ones((4, 4), np.int32))


def test_large_labels_are_written_tile_by_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unetloop.files._LARGE_BYTES", 1000)
    labels = np.arange(2 * 600 * 700, dtype=np.int32).reshape(2, 600, 700)
    write_labels(tmp_path / "a.tif", labels, (0.5, 0.25), "ZYX")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), labels)
    with open_image(tmp_path / "a.tif") as image:
        assert image.info.axes == "ZYX"
        assert image.info.pixel_size == pytest.approx((0.5, 0.25), rel=1e-6)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.OME.TIF", "a.ome.zarr"])
def test_an_image_is_paired_whatever_its_suffixes(tmp_path: Path, name: str) -> None:
    image, mask = tmp_path / "images" / name, tmp_path / "masks" / "a.png"
    image.parent.mkdir()
    mask.parent.mkdir()
    image.touch()
    mask.touch()
    (pair,) = pair_by_stem(image.parent, mask.parent)
    assert (pair.image, pair.mask) == (image, mask)


@pytest.mark.parametrize(
    "labels", [np.full((3, 3), -1), np.full((3, 3), 2**32 + 5), np.full((3, 3), 1.7)]
)
def test_labels_that_would_not_come_back_are_refused(
    tmp_path: Path, labels: np.ndarray
) -> None:
    with pytest.raises(EngineError, match="whole numbers from 0"):
        write_labels(tmp_path / "a.tif", labels)
    assert list(tmp_path.iterdir()) == []


def test_a_project_beside_the_images_is_not_searched_for_images(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))
    masks = tmp_path / "unet-loop/segmentation/a"
    masks.mkdir(parents=True)
    tifffile.imwrite(masks / "0.tif", np.zeros((4, 4), np.uint8))
    assert len(find_images([tmp_path], recursive=True)) == 2
    (tmp_path / "unet-loop/project.json").write_text("{}")
    assert len(find_images([tmp_path], recursive=True)) == 1
