"""What formats of microscopes, and tifffile itself, say of the pixel size."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop.channel_colours import read_channel_colours
from unetloop.image_axes import UNKNOWN
from unetloop.images import open_image
from unetloop.tiff_metadata import read_metadata

if TYPE_CHECKING:
    from pathlib import Path


def test_notes_of_tifffile_know_how_far_slices_are_apart(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.arange(105).reshape(3, 5, 7),
        photometric="minisblack",
        resolution=(20000, 20000),
        resolutionunit="CENTIMETER",
        metadata={"axes": "ZYX", "spacing": 800, "unit": "nm"},
    )
    with open_image(tmp_path / "a.tif") as image:
        assert image.info.pixel_size == pytest.approx((0.5, 0.5))
        assert image.info.spacing == pytest.approx(0.8)


def _write_lsm(path: Path, pixels: np.ndarray, colours: bytes = b"") -> None:
    """Write (planes, rows, columns), or channels: what Zeiss writes, as far as read."""
    record = np.zeros(1, tifffile.TIFF.CZ_LSMINFO[:26])
    for name, value in [
        ("MagicNumber", 67127628),
        ("StructureSize", record.itemsize),
        *(("DimensionX", 7), ("DimensionY", 5), ("DimensionZ", len(pixels))),
        *(("VoxelSizeX", 25e-8), ("VoxelSizeY", 5e-7), ("VoxelSizeZ", 2e-6)),
    ]:
        record[name] = value
    about = (34412, "B", record.itemsize, record.tobytes(), True)
    with tifffile.TiffWriter(path) as file:
        for plane, tags in zip(pixels, ([about], []), strict=True):
            file.write(plane, extratags=tags, metadata=None)
            file.write(plane[:2, :2], subfiletype=1, metadata=None)  # a thumbnail
    if colours:
        content = path.read_bytes()
        before = record.tobytes()
        record["OffsetChannelColors"] = len(content)
        path.write_bytes(content.replace(before, record.tobytes()) + colours)


def test_lsm_voxels_are_in_metres(tmp_path: Path) -> None:
    pixels = np.arange(70, dtype=np.uint16).reshape(2, 5, 7)
    _write_lsm(tmp_path / "a.lsm", pixels)
    with open_image(tmp_path / "a.lsm") as image:
        assert image.info.pixel_size == pytest.approx((0.5, 0.25))
        assert image.info.spacing == pytest.approx(2.0)
        np.testing.assert_array_equal(image.read_plane(1)[..., 0], pixels[1])


def test_lsm_names_and_colours_its_channels(tmp_path: Path) -> None:
    names = b"".join(
        struct.pack("<I", len(name) + 1) + name + b"\0" for name in (b"Ch2-T1", b"Ch1")
    )
    colours = bytes([0, 255, 0, 0, 0, 0, 255, 0])
    begin = struct.pack("<6I", 32 + len(names), 2, 2, 24, 32, 0)
    pixels = np.zeros((2, 5, 7), np.uint16)
    _write_lsm(tmp_path / "a.lsm", pixels, begin + colours + names)
    assert read_channel_colours(tmp_path / "a.lsm") == ("#00ff00", "#0000ff")
    with tifffile.TiffFile(tmp_path / "a.lsm") as file:
        assert read_metadata(file, file.series[0], 0)[0] == ["Ch2-T1", "Ch1"]


@pytest.mark.parametrize(
    ("units", "sides"), [("um", (1.5, 0.5, 0.25)), ("Pixel", UNKNOWN)]
)
def test_stk_is_as_it_was_calibrated(units: str, sides: tuple[float, ...]) -> None:
    """No program writes it any more: this is what tifffile makes of it."""
    calibration = {
        "XCalibration": 0.25,
        "YCalibration": 0.5,
        "CalibrationUnits": units,
        "ZDistance": np.array([0, 1.5, 1.5]),
    }
    file = SimpleNamespace(
        is_ome=False, is_lsm=False, is_stk=True, stk_metadata=calibration
    )
    names, found = read_metadata(file, None, 0)
    assert names == []
    assert found == pytest.approx(sides, nan_ok=True)
