from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as PillowImage

from unetloop.errors import EngineError
from unetloop.images import open_image, resolve_channels

if TYPE_CHECKING:
    from pathlib import Path

STACK = np.arange(2 * 3 * 4 * 8 * 9, dtype=np.uint16).reshape(2, 3, 4, 8, 9)


def test_ome_tiff_names_its_axes_channels_and_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    metadata = {
        "axes": "TZCYX",
        "Channel": {"Name": ["DAPI", "GFP", "RFP", "Cy5"]},
        "PhysicalSizeX": 250.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
    }
    tifffile.imwrite(path, STACK, ome=True, metadata=metadata)
    with open_image(path) as image:
        info = image.info
        assert (info.axes, info.planes, info.channels) == ("TZCYX", 6, 4)
        assert info.channel_names == ("DAPI", "GFP", "RFP", "Cy5")
        assert info.pixel_size == (0.5, 0.25)
        assert resolve_channels(info, "gfp") == (1,)
        assert resolve_channels(info, "3,DAPI", 2) == (3, 0)
        plane = image.read_plane(4, (1, 3))
        np.testing.assert_array_equal(plane, np.moveaxis(STACK[1, 1, [1, 3]], 0, -1))
        part = image.read_plane(5, (2,), (1, 2, 4, 7))
        np.testing.assert_array_equal(part[..., 0], STACK[1, 2, 2, 1:4, 2:7])
        with pytest.raises(EngineError, match="0 \\(DAPI\\)"):
            resolve_channels(info, "YFP")
        with pytest.raises(EngineError, match="6 planes"):
            image.read_plane(6)
        with pytest.raises(EngineError, match="4 channels"):
            image.read_plane(0, (4,))


def test_imagej_tiff(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        STACK[0],
        imagej=True,
        resolution=(2.0, 4.0),
        metadata={"axes": "ZCYX", "unit": "micron"},
    )
    with open_image(path) as image:
        assert image.info.axes == "ZCYX"
        assert image.info.pixel_size == (0.25, 0.5)
        np.testing.assert_array_equal(image.read_plane(2, (3,))[..., 0], STACK[0, 2, 3])


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_rgb_and_its_luminance(tmp_path: Path, name: str) -> None:
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:, 8:] = (0, 200, 0)
    if name.endswith("tif"):
        tifffile.imwrite(tmp_path / name, pixels, photometric="rgb")
    else:
        PillowImage.fromarray(pixels).save(tmp_path / name, quality=95)
    with open_image(tmp_path / name) as image:
        assert image.info.rgb
        assert image.info.channel_names == ("red", "green", "blue")
        assert resolve_channels(image.info, None, 1) == (-1,)
        assert resolve_channels(image.info, None, 3) == (0, 1, 2)
        gray = image.read_plane(0, (-1,))
        assert gray.shape == (16, 24, 1)
        assert gray[8, 20, 0] == pytest.approx(200 * 0.587, abs=3)


@pytest.mark.parametrize("mode", ["P", "1", "LA", "RGBA", "I;16", "CMYK"])
def test_kinds_of_pictures(tmp_path: Path, mode: str) -> None:
    name = "a.jpg" if mode == "CMYK" else "a.png"
    PillowImage.new(mode, (12, 10)).save(tmp_path / name)
    with open_image(tmp_path / name) as image:
        assert image.read_plane(0, (0,)).shape == (10, 12, 1)
        assert image.info.channels in (1, 3)


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr(tmp_path: Path, version: int) -> None:
    axes = [{"name": name} for name in "tzc"] + [
        {"name": name, "unit": "micrometer"} for name in "yx"
    ]
    scale = {"type": "scale", "scale": [1, 1, 1, 0.5, 0.25]}
    described = {
        "multiscales": [
            {
                "axes": axes,
                "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
            }
        ],
        "omero": {"channels": [{"label": name} for name in "abcd"]},
    }
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    group.create_array("0", data=STACK)
    group.attrs.update(described if version == 2 else {"ome": described})
    with open_image(tmp_path / "a.zarr") as image:
        assert image.info.axes == "TZCYX"
        assert image.info.pixel_size == (0.5, 0.25)
        assert image.info.channel_names == ("a", "b", "c", "d")
        plane = image.read_plane(1, (2,), (2, 0, 8, 5))
        np.testing.assert_array_equal(plane[..., 0], STACK[0, 1, 2, 2:8, :5])


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint16", "int32", "float16", "float32", "float64"]
)
def test_any_real_dtype(tmp_path: Path, dtype: str) -> None:
    pixels = np.eye(7).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    with open_image(tmp_path / "a.tif") as image:
        np.testing.assert_array_equal(image.read_plane()[..., 0], pixels)


def test_a_part_of_a_large_tiled_image_is_read_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 999, (600, 500), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(64, 64))
    monkeypatch.setattr("unetloop.image_formats._LARGE", 1000)
    with open_image(tmp_path / "a.tif") as image:
        part = image.read_plane(0, (0,), (100, 200, 170, 290))
    np.testing.assert_array_equal(part[..., 0], pixels[100:170, 200:290])


def test_bad_files_get_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("not a picture")
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.tif").touch()
    (tmp_path / "a.czi").touch()
    (tmp_path / "a.xyz").touch()
    (tmp_path / "folder.zarr").mkdir()
    tifffile.imwrite(tmp_path / "complex.tif", np.ones((3, 3), np.complex64))
    tifffile.imwrite(tmp_path / "cut.tif", np.ones((90, 90), np.uint8))
    whole = (tmp_path / "cut.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    expected = {
        "missing.tif": "no such image",
        "text.tif": "can't be read",
        "text.png": "can't be read",
        "empty.tif": "can't be read",
        "a.czi": "pip install bioio bioio-czi",
        "a.xyz": "No reader",
        "folder.zarr": "can't be read|no OME-Zarr",
        "complex.tif": "whole or real numbers",
        "cut.tif": "can't be read",
    }
    for name, sentence in expected.items():
        with (
            pytest.raises(EngineError, match=sentence),
            open_image(tmp_path / name) as image,
        ):
            image.read_plane()
