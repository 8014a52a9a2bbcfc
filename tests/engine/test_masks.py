"""Label numbers on disk: written, read back, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as PillowImage

from unetloop.errors import EngineError
from unetloop.images import open_image
from unetloop.masks import number_areas, read_labels, write_labels
from unetloop.zarr_labels import write_zarr_labels


def numbers(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


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


def test_labels_of_a_stack_lie_as_far_apart_as_its_slices(tmp_path: Path) -> None:
    labels = numbers(3, 4, 5, dtype="int32")
    write_labels(tmp_path / "a.tif", labels, (0.5, 0.25), "ZYX", 2.0)
    write_zarr_labels(tmp_path / "b.zarr", labels, None, (0.5, 0.25), "ZYX", 2.0)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:  # what Fiji looks at
        assert (tiff.imagej_metadata or {})["spacing"] == 2.0
    for name in ("a.tif", "b.zarr"):
        with open_image(tmp_path / name) as image:
            assert image.info.pixel_size == pytest.approx((0.5, 0.25), rel=1e-6)
            assert image.info.spacing == 2.0
    write_zarr_labels(tmp_path / "c.zarr", labels, None, (0.5, 0.25), "ZYX")
    with open_image(tmp_path / "c.zarr") as image:
        assert image.info.spacing is None


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
        (np.full((4, 4), 2.0**31, np.float32), "fit into 32 bits"),
        (numbers(4, 4, 3, dtype="uint8"), "not colours.*8 or 16 bits"),
    ],
)
def test_what_is_no_mask(tmp_path: Path, values: np.ndarray, sentence: str) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric="rgb" if values.ndim == 3 else None
    )
    with pytest.raises(EngineError, match=sentence):
        read_labels(tmp_path / "a.tif")


@pytest.mark.parametrize("channels", [3, 4])
def test_a_mask_whose_colours_are_grey_is_one(tmp_path: Path, channels: int) -> None:
    values = numbers(8, 9, dtype="uint8")
    colours = np.repeat(values[..., None], channels, axis=2)
    if channels == 4:
        colours[..., 3] = 255
    PillowImage.fromarray(colours).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), values)


@pytest.mark.parametrize("colourful", [True, False])
def test_a_mask_with_a_palette_holds_its_indices_unless_they_are_greys(
    tmp_path: Path, colourful: bool
) -> None:
    """As in PASCAL VOC, whose index 7 is grey; and as tools that shrink a PNG do."""
    indices = numbers(8, 9, dtype="uint8") % 3
    palette = [[0, 0, 0], [128, 128, 128], [128, 0, 0] if colourful else [7, 7, 7]]
    picture = PillowImage.fromarray(indices)
    picture.putpalette(np.ravel(palette).tolist())
    picture.save(tmp_path / "a.png")
    greys = np.array([0, 128, 7])[indices]
    wanted = indices if colourful else greys
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), wanted)


def test_labels_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="could not be written"):
        write_labels(tmp_path / "file" / "a.tif", np.ones((4, 4), np.int32))


def test_large_labels_are_written_tile_by_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unetloop.masks._LARGE_BYTES", 1000)
    labels = np.arange(2 * 600 * 700, dtype=np.int32).reshape(2, 600, 700)
    write_labels(tmp_path / "a.tif", labels, (0.5, 0.25), "ZYX")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), labels)
    with open_image(tmp_path / "a.tif") as image:
        assert image.info.axes == "ZYX"
        assert image.info.pixel_size == pytest.approx((0.5, 0.25), rel=1e-6)


@pytest.mark.parametrize(
    "labels", [np.full((3, 3), -1), np.full((3, 3), 2**32 + 5), np.full((3, 3), 1.7)]
)
def test_labels_that_would_not_come_back_are_refused(
    tmp_path: Path, labels: np.ndarray
) -> None:
    with pytest.raises(EngineError, match="whole numbers from 0"):
        write_labels(tmp_path / "a.tif", labels)
    assert list(tmp_path.iterdir()) == []


def _squares(*numbers: int) -> np.ndarray:
    labels = np.zeros((20, 40), np.int32)
    for place, number in enumerate(numbers):
        labels[3:7, 6 * place : 6 * place + 4] = number
    return labels


def test_areas_of_one_number_get_numbers_of_their_own() -> None:
    labels = _squares(255, 255, 255, 255)
    labels[7, 4] = 255  # it touches the first at a corner
    numbered, areas = number_areas(labels)
    assert areas == 4
    assert numbered.dtype == np.int32
    assert numbered[7, 4] == numbered[5, 2]
    assert [int(numbered[5, 6 * place]) for place in range(4)] == [1, 2, 3, 4]
    assert ((numbered > 0) == (labels > 0)).all()


@pytest.mark.parametrize("numbers", [(), (7,), (1, 1, 1), (1, 1, 1, 1, 2)])
def test_a_mask_that_numbers_its_nuclei_stays(numbers: tuple[int, ...]) -> None:
    labels = _squares(*numbers)
    numbered, areas = number_areas(labels)
    assert numbered is labels
    assert areas == 0


def test_masks_that_can_not_take_their_place_leave_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ome.zarr"
    write_zarr_labels(path, np.ones((9, 9), np.int32))
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if target == path and self.name.endswith(".new") and ".old" not in self.name:
            raise PermissionError(13, "it is open in another program")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(EngineError, match="another program"):
        write_zarr_labels(path, np.full((9, 9), 2, np.int32))
    with open_image(path) as image:
        assert image.read_plane().max() == 1
    assert [item.name for item in tmp_path.iterdir()] == ["a.ome.zarr"]


def test_arrays_of_ngff_05_name_their_axes(tmp_path: Path) -> None:
    """The format wants ``dimension_names`` to be those of its ``axes``."""
    zarr.open_group(tmp_path / "image.zarr", mode="w", zarr_format=3)
    path = tmp_path / "a.zarr"
    labels = np.ones((2, 1500, 9), np.int32)
    write_zarr_labels(path, labels, tmp_path / "image.zarr", axes="ZYX")
    group = zarr.open_group(path, mode="r")
    names = {array.metadata.dimension_names for _, array in group.arrays()}
    assert len(list(group.arrays())) == 3
    assert names == {("z", "y", "x")}
