"""What formats of microscopes, and tifffile itself, say of the pixel size."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

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


def _write_imagej(path: Path, axes: str, **about: Any) -> tuple[str, ...]:
    """Write zeros of two each, and give the names of the channels that are read."""
    tifffile.imwrite(
        path,
        np.zeros((2,) * (len(axes) - 2) + (5, 7), np.uint16),
        imagej=True,
        metadata={"axes": axes, **about},
    )
    with open_image(path) as image:
        return image.info.channel_names


@pytest.mark.parametrize(
    ("axes", "labels", "names"),
    [
        ("ZCYX", ["GFP", "DAPI"] * 2, ("GFP", "DAPI")),
        (
            "ZCYX",
            [f"c:{c}/2 z:{z}/2 - {n}" for z in (1, 2) for c, n in ((1, "A"), (2, "B"))],
            ("A", "B"),
        ),
        ("ZCYX", ["a.nd2"] * 4, ("0", "1")),  # the file, not a channel
        ("ZCYX", ["a", "b", "c", "d"], ("0", "1")),
        ("CYX", ["GFP\nExposure: 10 ms", "DAPI, 405\nx"], ("GFP", "DAPI, 405")),
    ],
)
def test_labels_of_imagej_name_the_channels(
    tmp_path: Path, axes: str, labels: list[str], names: tuple[str, ...]
) -> None:
    assert _write_imagej(tmp_path / "a.tif", axes, Labels=labels) == names


def test_an_unnamed_channel_does_not_take_the_others_names(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        np.zeros((3, 5, 7), np.uint16),
        metadata={"axes": "CYX", "Channel": {"Name": ["GFP", "", "DAPI"]}},
    )
    with open_image(tmp_path / "a.ome.tif") as image:
        assert image.info.channel_names == ("GFP", "1", "DAPI")


def test_inform_names_its_channels_page_by_page(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a_component_data.tif") as file:
        for name in ("CD8 (Opal 570)", "DAPI"):
            file.write(
                np.zeros((5, 7), np.float32),
                software="PerkinElmer-QPI",
                description='<?xml version="1.0" encoding="utf-16"?>'
                f"<PerkinElmer-QPI-ImageDescription><Name>{name}</Name>"
                "</PerkinElmer-QPI-ImageDescription>",
                metadata=None,
            )
    with open_image(tmp_path / "a_component_data.tif") as image:
        assert image.info.channel_names == ("CD8 (Opal 570)", "DAPI")


@pytest.mark.parametrize(
    ("unit", "dots", "size"),
    [("inch", 300, None), ("cm", 118.11, None), ("cm", 20000, 0.5), ("um", 0.05, 20)],
)
def test_dots_that_fiji_takes_for_a_scale_are_none(
    tmp_path: Path, unit: str, dots: float, size: float | None
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((5, 7), np.uint16),
        imagej=True,
        resolution=(dots, dots),
        metadata={"unit": unit},
    )
    with open_image(tmp_path / "a.tif") as image:
        found = image.info.pixel_size
    assert found == (None if size is None else pytest.approx((size, size), rel=1e-3))


@pytest.mark.parametrize(
    ("said", "size"), [("MPP = 0.499", (0.499, 0.499)), ("MPP = .", None), ("", None)]
)
def test_aperio_says_how_large_a_pixel_is(
    tmp_path: Path, said: str, size: tuple[float, float] | None
) -> None:
    tifffile.imwrite(
        tmp_path / "a.svs",
        np.zeros((64, 64, 3), np.uint8),
        tile=(32, 32),
        photometric="rgb",
        description=f"Aperio Image Library v11|AppMag = 20|{said}",
        metadata=None,
    )
    with open_image(tmp_path / "a.svs") as image:
        assert image.info.pixel_size == size


@pytest.mark.parametrize(("state", "size"), [("on", (0.65, 0.325)), ("off", None)])
def test_metaxpress_is_as_it_was_calibrated(
    tmp_path: Path, state: str, size: tuple[float, float] | None
) -> None:
    entries = [
        ("spatial-calibration-state", "bool", state),
        ("spatial-calibration-x", "float", "0.325"),
        ("spatial-calibration-y", "float", "0.65"),
        ("spatial-calibration-units", "string", "um"),
    ]
    listed = "".join(
        f'<prop id="{name}" type="{kind}" value="{value}"/>'
        for name, kind, value in entries
    )
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.zeros((5, 7), np.uint16),
        software="MetaSeries",
        description=f"<MetaData><PlaneInfo>{listed}</PlaneInfo></MetaData>",
        metadata=None,
    )
    with open_image(tmp_path / "a.tif") as image:
        assert image.info.pixel_size == size
