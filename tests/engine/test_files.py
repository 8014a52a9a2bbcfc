from __future__ import annotations

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from pathlib import Path


def _touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_images_are_found_sorted_without_hidden_ones(tmp_path: Path) -> None:
    _touch(tmp_path, "b.tif", "a.PNG", ".c.tif", "d.txt", "sub/e.jpg")
    assert [str(found.relative) for found in find_images([tmp_path])] == [
        "a.PNG",
        "b.tif",
    ]
    deep = find_images([tmp_path, tmp_path / "b.tif"], recursive=True)
    assert [found.relative.as_posix() for found in deep] == [
        "a.PNG",
        "b.tif",
        "sub/e.jpg",
    ]
    with pytest.raises(EngineError, match="no image here"):
        find_images([_touch(tmp_path / "none", "x.txt")])
    with pytest.raises(EngineError, match="no such file"):
        find_images([tmp_path / "missing"])


def test_pairs_and_what_has_no_partner(tmp_path: Path) -> None:
    _touch(tmp_path / "i", "a.tif", "s/b.png", "c.tif")
    _touch(tmp_path / "m", "a.png", "s/b.tif", "d.tif")
    with pytest.raises(EngineError, match=r"c\.tif.*d\.tif"):
        pair_by_stem(tmp_path / "i", tmp_path / "m")
    (tmp_path / "i/c.tif").unlink()
    (tmp_path / "m/d.tif").unlink()
    pairs = pair_by_stem(tmp_path / "i", tmp_path / "m")
    assert [(pair.image.name, pair.mask.name) for pair in pairs] == [
        ("a.tif", "a.png"),
        ("b.png", "b.tif"),
    ]
    _touch(tmp_path / "m", "a.tif")
    with pytest.raises(EngineError, match="same name"):
        pair_by_stem(tmp_path / "i", tmp_path / "m")


@pytest.mark.parametrize("largest", [3, 65_535, 65_536, 2**31 - 1])
def test_labels_come_back_with_their_pixel_size(tmp_path: Path, largest: int) -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[3:9, 4:8] = largest
    path = tmp_path / "sub" / "a.tif"
    write_labels(path, labels, (0.5, 0.25))
    np.testing.assert_array_equal(read_labels(path), labels)
    with open_image(path) as image:
        assert image.info.pixel_size == pytest.approx((0.5, 0.25), rel=1e-6)


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    bad = {
        "rgb": (np.zeros((5, 5, 3), np.uint8), "not colours"),
        "half": (np.full((5, 5), 0.5, np.float32), "whole numbers"),
        "nan": (np.full((5, 5), np.nan, np.float32), "whole numbers"),
        "minus": (np.full((5, 5), -1, np.int16), "negative"),
        "huge": (np.full((5, 5), 2**31, np.uint32), "32 bits"),
        "stack": (np.zeros((2, 5, 5), np.uint16), "one plane"),
    }
    for name, (array, sentence) in bad.items():
        photometric = "rgb" if name == "rgb" else "minisblack"
        tifffile.imwrite(tmp_path / "a.tif", array, photometric=photometric)
        with pytest.raises(EngineError, match=sentence):
            read_labels(tmp_path / "a.tif")


def test_writing_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), replacing(path) as fresh:  # noqa: PT012
        fresh.write_text("ne")
        raise OSError("full")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


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
