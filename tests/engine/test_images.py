"""Every format in, and one sentence for bad files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as PillowImage

from unetloop import tiff_images
from unetloop.errors import EngineError
from unetloop.image_planes import Image
from unetloop.images import (
    has_channels,
    name_channels,
    open_image,
    resolve_channels,
)
from unetloop.masks import read_labels
from unetloop.pairing import pair_by_stem

STACK = np.arange(2 * 3 * 4 * 8 * 9, dtype=np.uint16).reshape(2, 3, 4, 8, 9)
DATA = Path(__file__).parents[3] / "shared" / "data" / "nuclei"


def numbers(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def write_zarr(path: Path, pixels: np.ndarray, version: str) -> None:
    image = {
        "axes": [
            {"name": "c", "type": "channel"},
            {"name": "y", "type": "space", "unit": "micrometer"},
            {"name": "x", "type": "space", "unit": "nanometer"},
        ],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0, 0.5, 250.0]}
                ],
            }
        ],
    }
    attributes: dict[str, object] = {
        "multiscales": [image],
        "omero": {"channels": [{"label": "DAPI"}, {"label": "GFP"}]},
    }
    if version == "0.5":
        attributes = {"ome": {"version": "0.5", **attributes}}
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", data=pixels, chunks=(1, 4, 4))
    group.attrs.update(attributes)


# What is known of an image, and its planes


@pytest.mark.parametrize(
    "dtype",
    "bool uint8 int8 uint16 int16 uint32 int32 int64 float16 float32 float64".split(),
)
def test_every_real_dtype_comes_back_as_it_is(tmp_path: Path, dtype: str) -> None:
    pixels = (numbers(5, 7) % 2).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    with open_image(tmp_path / "a.tif") as image:
        assert image.info.dtype == np.dtype(dtype)
        plane = image.read_plane()
    assert plane.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(plane[..., 0], pixels)


def test_nan_is_kept(tmp_path: Path) -> None:
    pixels = np.array([[np.nan, 1], [2, np.inf]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    with open_image(tmp_path / "a.tif") as image:
        np.testing.assert_array_equal(image.read_plane()[..., 0], pixels)


def test_ome_tiff_has_axes_names_and_pixel_size(tmp_path: Path) -> None:
    pixels = numbers(2, 3, 2, 5, 7)
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        pixels,
        metadata={
            "axes": "TZCYX",
            "Channel": {"Name": ["DAPI", "GFP"]},
            "PhysicalSizeY": 0.5,
            "PhysicalSizeYUnit": "µm",
            "PhysicalSizeX": 250.0,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeZ": 0.002,
            "PhysicalSizeZUnit": "mm",
        },
    )
    with open_image(tmp_path / "a.ome.tif") as image:
        info = image.info
        assert (info.axes, info.planes, info.channels) == ("TZCYX", 6, 2)
        assert (info.height, info.width, info.rgb) == (5, 7, False)
        assert info.channel_names == ("DAPI", "GFP")
        assert info.pixel_size == pytest.approx((0.5, 0.25))
        assert info.spacing == pytest.approx(2.0)
        plane = image.read_plane(4, (1, 0), (1, 2, 4, 6))
    np.testing.assert_array_equal(plane[..., 0], pixels[1, 1, 1, 1:4, 2:6])
    np.testing.assert_array_equal(plane[..., 1], pixels[1, 1, 0, 1:4, 2:6])


def test_imagej_hyperstack(tmp_path: Path) -> None:
    pixels = numbers(3, 2, 5, 7)
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        imagej=True,
        resolution=(0.004, 0.002),
        metadata={"axes": "ZCYX", "unit": "nm", "spacing": 800.0},
    )
    with open_image(tmp_path / "a.tif") as image:
        assert image.info.planes == 3
        assert image.info.channel_names == ("0", "1")
        assert image.info.pixel_size == pytest.approx((0.5, 0.25))
        assert image.info.spacing == pytest.approx(0.8)
        np.testing.assert_array_equal(image.read_plane(2, (1,))[..., 0], pixels[2, 1])


def test_resolution_tags_are_a_pixel_size_unless_they_are_screen_dots(
    tmp_path: Path,
) -> None:
    pixels = numbers(5, 7)
    for name, resolution, unit in [
        ("cm", (20000, 10000), "CENTIMETER"),
        ("screen", (72, 72), "INCH"),
        ("printer", (300, 300), "INCH"),
        ("scanner", (1200, 1200), "INCH"),
        ("printer in cm", (118.11, 118.11), "CENTIMETER"),
        ("one side", (20000, 100), "CENTIMETER"),
        ("none", (1, 1), "NONE"),
    ]:
        tifffile.imwrite(
            tmp_path / f"{name}.tif", pixels, resolution=resolution, resolutionunit=unit
        )
    sizes = {}
    for path in tmp_path.glob("*.tif"):
        with open_image(path) as image:
            sizes[path.stem] = image.info.pixel_size
    assert sizes.pop("cm") == pytest.approx((1.0, 0.5))
    assert len(sizes) == 6
    assert set(sizes.values()) == {None}


def test_a_coarse_pixel_with_its_unit_is_believed(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        numbers(5, 7),
        imagej=True,
        resolution=(1 / 40, 1 / 40),
        metadata={"unit": "um"},
    )
    with open_image(tmp_path / "a.tif") as image:
        assert image.info.pixel_size == pytest.approx((40, 40))


@pytest.mark.parametrize(
    ("unit", "micrometres"), [("microns", 40), ("nm", 0.04), ("Å", 0.004)]
)
def test_units_of_length_by_the_names_that_programs_write(
    tmp_path: Path, unit: str, micrometres: float
) -> None:
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        numbers(5, 7),
        metadata={
            "axes": "YX",
            "PhysicalSizeX": 40,
            "PhysicalSizeXUnit": unit,
            "PhysicalSizeY": 40,
            "PhysicalSizeYUnit": unit,
        },
    )
    with open_image(tmp_path / "a.ome.tif") as image:
        assert image.info.pixel_size == pytest.approx((micrometres, micrometres))


def test_an_unnamed_axis_is_a_stack_of_planes(tmp_path: Path) -> None:
    pixels = numbers(4, 5, 7)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    with open_image(tmp_path / "a.tif") as image:
        assert (image.info.planes, image.info.channels) == (4, 1)
        np.testing.assert_array_equal(image.read_plane(3)[..., 0], pixels[3])


def test_the_largest_series_of_a_file_is_the_image(tmp_path: Path) -> None:
    large = numbers(9, 8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(numbers(3, 2), metadata=None)
        writer.write(large, metadata=None)
    with open_image(tmp_path / "a.tif") as image:
        np.testing.assert_array_equal(image.read_plane()[..., 0], large)


@pytest.mark.parametrize("planar", [False, True])
def test_rgb_tiff_in_either_order(tmp_path: Path, planar: bool) -> None:
    pixels = numbers(5, 7, 3, dtype="uint8")
    stored = np.moveaxis(pixels, -1, 0) if planar else pixels
    tifffile.imwrite(
        tmp_path / "a.tif",
        stored,
        photometric="rgb",
        planarconfig="separate" if planar else "contig",
    )
    with open_image(tmp_path / "a.tif") as image:
        assert image.info.rgb
        assert image.info.channel_names == ("red", "green", "blue")
        np.testing.assert_array_equal(image.read_plane(0, (0, 1, 2)), pixels)
        gray = image.read_plane(0, (-1,))[..., 0]
    np.testing.assert_allclose(gray, pixels.mean(-1), rtol=1e-5)


def test_a_box_of_a_large_tiled_file_reads_only_its_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = numbers(2, 256, 320)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, tile=(64, 64), compression="zlib", metadata=None
    )
    whole = tifffile.TiffPage.asarray
    pages_read = []

    def counted(page: tifffile.TiffPage, *args: object, **options: object) -> object:
        pages_read.append(page.index)
        return whole(page, *args, **options)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", counted)
    monkeypatch.setattr(tiff_images, "_LARGE", 1000)
    with open_image(tmp_path / "a.tif") as image:
        plane = image.read_plane(1, (0,), (60, 100, 70, 140))
    np.testing.assert_array_equal(plane[..., 0], pixels[1, 60:70, 100:140])
    assert pages_read == []


def test_only_the_wanted_page_of_a_stack_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        numbers(4, 3, 16, 16),
        compression="zlib",
        metadata={"axes": "TCYX"},
    )
    whole = tifffile.TiffPage.asarray
    decoded = []

    def counted(page: tifffile.TiffPage, *args: object, **options: object) -> object:
        decoded.append(1)
        return whole(page, *args, **options)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", counted)
    monkeypatch.setattr(tifffile.TiffFrame, "asarray", counted)
    with open_image(tmp_path / "a.ome.tif") as image:
        assert decoded == []
        image.read_plane(2, (1,))
    assert len(decoded) == 1


# PNG and JPEG


@pytest.mark.parametrize(
    ("mode", "channels", "dtype"),
    [
        ("1", 1, "bool"),
        ("L", 1, "uint8"),
        ("LA", 1, "uint8"),
        ("I;16", 1, "uint16"),
        ("P", 3, "uint8"),
        ("RGB", 3, "uint8"),
        ("RGBA", 3, "uint8"),
    ],
)
def test_every_kind_of_png(
    tmp_path: Path, mode: str, channels: int, dtype: str
) -> None:
    if mode == "I;16":
        picture = PillowImage.fromarray(numbers(5, 7) * 1000)
    else:
        picture = PillowImage.fromarray(numbers(5, 7, dtype="uint8")).convert(mode)
    picture.save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as image:
        assert image.info.channels == channels
        assert image.info.dtype == np.dtype(dtype)
        assert image.read_plane(0, range(channels)).shape == (5, 7, channels)


def test_sixteen_bit_png_keeps_its_numbers(tmp_path: Path) -> None:
    pixels = numbers(5, 7) * 1000
    PillowImage.fromarray(pixels).save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(image.read_plane()[..., 0], pixels)


@pytest.mark.parametrize(("stored", "channels"), [(2, 1), (3, 3), (4, 3)])
def test_colours_of_sixteen_bits_keep_them_all(
    tmp_path: Path, stored: int, channels: int
) -> None:
    pixels = numbers(5, 7, stored) * 500
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    with open_image(tmp_path / "a.png") as image:
        assert image.info.dtype == np.uint16
        found = image.read_plane(0, range(channels))
    np.testing.assert_array_equal(found, pixels[..., :channels])


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("CMYK", 3)])
def test_every_kind_of_jpeg(tmp_path: Path, mode: str, channels: int) -> None:
    PillowImage.new("RGB", (7, 5), (200, 100, 50)).convert(mode).save(
        tmp_path / "a.jpg", quality=100
    )
    with open_image(tmp_path / "a.jpg") as image:
        plane = image.read_plane(0, range(channels))
    assert plane.shape == (5, 7, channels)
    if channels == 3:
        np.testing.assert_allclose(plane[2, 3], (200, 100, 50), atol=4)


# OME-Zarr


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path: Path, version: str) -> None:
    pixels = numbers(2, 10, 12)
    write_zarr(tmp_path / "a.zarr", pixels, version)
    with open_image(tmp_path / "a.zarr") as image:
        assert image.info.axes == "CYX"
        assert image.info.channel_names == ("DAPI", "GFP")
        assert image.info.pixel_size == pytest.approx((0.5, 0.25))
        assert image.info.spacing is None  # a plane has none
        plane = image.read_plane(0, (1,), (2, 3, 9, 11))
    np.testing.assert_array_equal(plane[..., 0], pixels[1, 2:9, 3:11])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_channel_without_a_name_is_called_by_its_number(
    tmp_path: Path, version: str
) -> None:
    write_zarr(tmp_path / "a.zarr", numbers(2, 10, 12), version)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    named = group.attrs.asdict()
    described = named if version == "0.4" else named["ome"]
    described["omero"] = {"channels": [{"color": "00FF00"}, {"label": "DAPI"}]}
    group.attrs.update(named)
    with open_image(tmp_path / "a.zarr") as image:
        assert image.info.channel_names == ("0", "DAPI")
        assert resolve_channels(image, None) == (1,)


def _write_copies(path: Path, pixels: np.ndarray, copies: list[np.ndarray]) -> None:
    """Write an OME-TIFF that holds coarser copies of its planes."""
    axes = "ZYX"[-pixels.ndim :]
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, subifds=len(copies), tile=(16, 16), metadata={"axes": axes})
        for copy in copies:
            file.write(copy, subfiletype=1, tile=(16, 16))


@pytest.mark.parametrize("planes", [(), (3,)])
def test_coarser_copies_of_an_ome_tiff_are_read(
    tmp_path: Path, planes: tuple[int, ...]
) -> None:
    pixels = numbers(*planes, 50, 70)
    copies = [pixels[..., ::2, ::2] + 1, pixels[..., ::4, ::4] + 2]
    _write_copies(tmp_path / "a.ome.tif", pixels, copies)
    with open_image(tmp_path / "a.ome.tif") as image:
        assert image.info.shape == pixels.shape
        assert image.levels == ((50, 70), (25, 35), (13, 18))
        last = image.info.planes - 1
        for level, expected in enumerate([pixels, *copies]):
            found = image.read_plane(last, level=level)[..., 0]
            expected = expected[last] if planes else expected
            np.testing.assert_array_equal(found, expected)
        part = image.read_plane(last, box=(2, 3, 13, 18), level=2)[..., 0]
        np.testing.assert_array_equal(part, expected[2:, 3:])
        with pytest.raises(EngineError, match="13 rows and 18 columns"):
            image.read_plane(box=(0, 0, 14, 18), level=2)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_coarser_copies_of_an_ome_zarr_are_read(tmp_path: Path, version: str) -> None:
    pixels = numbers(2, 12, 9)
    write_zarr(tmp_path / "a.zarr", pixels, version)
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    attributes = dict(group.attrs)
    about = attributes.get("ome", attributes)["multiscales"][0]
    about["datasets"] += [{"path": "half"}, {"path": "lost"}]
    group.attrs.update(attributes)
    group.create_array("half", data=pixels[:, ::2, ::2])
    with open_image(tmp_path / "a.zarr") as image:
        assert image.levels == ((12, 9), (6, 5))
        found = image.read_plane(0, (1,), level=1)[..., 0]
        np.testing.assert_array_equal(found, pixels[1, ::2, ::2])


@pytest.mark.parametrize(
    "copy",
    [
        numbers(25, 35, dtype="uint8"),  # a preview
        numbers(25, 70),  # of other proportions
        numbers(50, 70),  # not coarser
    ],
)
def test_copies_that_are_none_are_left_alone(tmp_path: Path, copy: np.ndarray) -> None:
    _write_copies(tmp_path / "a.ome.tif", numbers(50, 70), [copy])
    with open_image(tmp_path / "a.ome.tif") as image:
        assert image.levels == ((50, 70),)


def test_a_plate_says_to_open_what_is_inside(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w").attrs["plate"] = {"wells": []}
    with pytest.raises(EngineError, match="Open one of the folders inside"):
        open_image(tmp_path / "a.zarr")


# Channels by number or name


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_that_was_copied_in_part(tmp_path: Path, version: str) -> None:
    path = tmp_path / "a.zarr"
    write_zarr(path, numbers(2, 4, 4), version)
    level = zarr.open_group(path, mode="r").attrs.asdict()
    level = level.get("ome", level)["multiscales"][0]["datasets"][0]["path"]
    shutil.rmtree(path / level)
    with pytest.raises(EngineError, match=r"pixels.*missing.*[Cc]opy"):
        open_image(path)
    for name in (".zattrs", ".zgroup", "zarr.json"):
        (path / name).unlink(missing_ok=True)
    with pytest.raises(EngineError, match=r"no OME-Zarr image.*[Cc]opy"):
        open_image(path)


def test_channels_by_number_and_name(tmp_path: Path) -> None:
    write_zarr(tmp_path / "a.zarr", numbers(2, 4, 4), "0.5")
    with open_image(tmp_path / "a.zarr") as image:
        assert resolve_channels(image, None) == (0,)
        assert resolve_channels(image, "1") == (1,)
        assert resolve_channels(image, "gfp") == (1,)
        assert resolve_channels(image, "GFP, DAPI", 2) == (1, 0)
        for wrong in ("2", "-1", "red", "", "²", "all colours"):
            with pytest.raises(EngineError, match=r"2 channels: 0 \(DAPI\), 1"):
                resolve_channels(image, wrong)
            assert not has_channels(image.info, wrong)
        assert has_channels(image.info, "gfp, 0")
        numbered = replace(image.info, channel_names=("1", "2"))
        known, image.info = image.info, numbered
        assert [resolve_channels(image, name) for name in "120"] == [(0,), (1,), (0,)]
        image.info = known
        with pytest.raises(EngineError, match="sees 3 channels, the image has 2"):
            resolve_channels(image, None, 3)
        image.info = replace(image.info, channel_names=("GFP", "Hoechst"))
        assert resolve_channels(image, None) == (1,)
        assert resolve_channels(image, None, 2) == (0, 1)


def test_rgb_is_its_mean_for_a_network_of_one_channel(tmp_path: Path) -> None:
    PillowImage.new("RGB", (4, 4), (10, 20, 60)).save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as image:
        assert (image.read_plane(0, (-1,)) == 30).all()
        assert resolve_channels(image, None) == (-1,)
        assert resolve_channels(image, "All colours") == (-1,)
        assert resolve_channels(image, None, 3) == (0, 1, 2)
        assert resolve_channels(image, "all colours", 3) == (0, 1, 2)
        assert resolve_channels(image, "green") == (1,)
        for written in ("haematoxylin", "Hematoxylin"):
            assert resolve_channels(image, written) == (-2,)
        assert resolve_channels(image, "hematoxylin beside red") == (-3,)
        assert resolve_channels(image, "hematoxylin beside eosin") == (-4,)
        assert has_channels(image.info, "hematoxylin")
        assert not has_channels(image.info, "GFP")
        with pytest.raises(EngineError, match="or all colours or haematoxylin"):
            resolve_channels(image, "eosin")
        with pytest.raises(EngineError, match="no such channel"):
            resolve_channels(image, "haematoxylin", 3)
        names = [name_channels(image.info, (number,)) for number in (-2, -1, 0)]
        assert names == ["haematoxylin", "all colours", "red"]


def test_an_overlay_of_stains_is_seen_through_its_blue(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[20:30, 20:30, 2] = 200
    pixels[30:60, 5:40, 1] = 180
    PillowImage.fromarray(pixels).save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as image:
        assert resolve_channels(image, None) == (2,)
        assert resolve_channels(image, "all colours") == (-1,)
        assert resolve_channels(image, None, 3) == (0, 1, 2)


def test_planes_and_channels_that_are_not_there(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", numbers(4, 4))
    with open_image(tmp_path / "a.tif") as image:
        for plane in (1, -1):
            with pytest.raises(EngineError, match="has 1 planes"):
                image.read_plane(plane)
        for channel in (1, -1):
            with pytest.raises(EngineError, match="has 1 channels"):
                image.read_plane(0, (channel,))


# Bad files: one clear sentence each


def bad_text(path: Path) -> None:
    path.write_text("x,y\n1,2\n")


def bad_nothing(path: Path) -> None:
    path.write_bytes(b"")


def bad_half(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, compression="zlib")
    else:
        PillowImage.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
@pytest.mark.parametrize("spoil", [bad_text, bad_nothing, bad_half])
def test_damaged_files(tmp_path: Path, suffix: str, spoil: object) -> None:
    path = tmp_path / f"a{suffix}"
    spoil(path)  # type: ignore[operator]
    with pytest.raises(EngineError) as caught, open_image(path) as image:
        image.read_plane()
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".tif", "PNG"), (".tif", "JPEG"), (".png", "TIFF"), (".jpg", "PNG")],
)
def test_what_a_file_holds_counts_not_its_suffix(
    tmp_path: Path, suffix: str, kind: str
) -> None:
    pixels = np.full((6, 8), 70, np.uint8)
    path = tmp_path / f"a{suffix}"
    PillowImage.fromarray(pixels).save(path, format=kind)
    with open_image(path) as image:
        assert image.info.axes == "YX"
        np.testing.assert_array_equal(image.read_plane()[..., 0], pixels)


def test_a_stack_keeps_its_planes_whatever_its_suffix(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", numbers(5, 6, 8), photometric="minisblack")
    (tmp_path / "a.tif").rename(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as image:
        assert image.info.planes == 5


@pytest.mark.parametrize("suffix", [".tif", ".png", ".czi"])
def test_an_empty_file_is_called_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.touch()
    with pytest.raises(EngineError, match=r"empty \(0 bytes\).*again"):
        open_image(path)


def test_missing_files_and_foreign_folders(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such image"):
        open_image(tmp_path / "a.tif")
    with pytest.raises(EngineError):
        open_image(tmp_path)


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", numbers(4, 4, dtype="complex64"))
    with pytest.raises(EngineError, match="whole or real numbers"):
        open_image(tmp_path / "a.tif")


def test_too_many_axes_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", numbers(2, 2, 2, 2, 5, 7), photometric="minisblack"
    )
    with pytest.raises(EngineError, match="more axes than"):
        open_image(tmp_path / "a.tif")


def test_one_pixel_is_an_image(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[7]], np.uint8))
    with open_image(tmp_path / "a.tif") as image:
        assert image.read_plane().tolist() == [[[7]]]


@pytest.mark.parametrize("suffix", ["czi", "nd2", "lif"])
def test_a_missing_reader_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setitem(sys.modules, "bioio", None)
    (tmp_path / f"a.{suffix}").write_bytes(b"1234")
    with pytest.raises(EngineError, match=f"pip install bioio bioio-{suffix}"):
        open_image(tmp_path / f"a.{suffix}")


def test_colours_and_scenes_of_a_reader_plugin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A slide as bioio gives it: one channel of colours, in a file with two scenes."""
    pixels = np.arange(60, dtype=np.uint8).reshape(1, 1, 1, 4, 5, 3)

    class Slide:
        dask_data = pixels
        scenes = ("a", "b")
        physical_pixel_sizes = SimpleNamespace(Z=None, Y=0.5, X=0.5)
        dims = SimpleNamespace(order="TCZYXS")
        channel_names = ("brightfield",)

        def __init__(self, path: Path) -> None:
            self.path = path

    monkeypatch.setitem(sys.modules, "bioio", SimpleNamespace(BioImage=Slide))
    (tmp_path / "slide.czi").write_bytes(b"ZISRAWFILE")
    with open_image(tmp_path / "slide.czi") as image:
        assert image.info.rgb
        assert image.info.channel_names == ("red", "green", "blue")
        assert "holds 2 images" in image.info.note
        np.testing.assert_array_equal(
            image.read_plane(0, (0, 1, 2)), pixels.reshape(4, 5, 3)
        )


def test_a_plain_tiff_needs_no_slow_import(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", numbers(4, 4))
    script = (
        "import sys; from unetloop.images import open_image; "
        "open_image(sys.argv[1]).read_plane(); "
        "print(sorted({'zarr', 'PIL', 'imageio', 'bioio', 'dask'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.tif")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_box_outside_the_image_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", numbers(4, 5))
    with open_image(tmp_path / "a.tif") as image:
        assert image.read_plane(0, (0,), (1, 1, 4, 5)).shape == (3, 4, 1)
        for box in ((-1, 0, 2, 2), (0, 0, 5, 5), (2, 0, 1, 5), (0, 4, 4, 6)):
            with pytest.raises(EngineError, match="4 rows and 5 columns"):
                image.read_plane(0, (0,), box)


def test_a_picture_may_be_larger_than_pillow_thinks_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PillowImage.new("L", (40, 30)).save(tmp_path / "a.png")
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 100)
    with open_image(tmp_path / "a.png") as image:
        assert image.info.shape == (30, 40)


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr_of_five_axes(tmp_path: Path, version: int) -> None:
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


@pytest.mark.skipif(not DATA.exists(), reason="the nuclei images are not here")
def test_real_images_and_masks() -> None:
    for kind, channels in (("fluorescence/val", 1), ("histology", 3)):
        pairs = pair_by_stem(DATA / kind / "images", DATA / kind / "masks")
        assert len(pairs) > 50
        for pair in pairs[::10]:
            labels = read_labels(pair.mask)
            with open_image(pair.image) as image:
                assert image.info.channels == channels
                assert image.info.planes == 1
                whole = image.read_plane(0, range(channels))
                part = image.read_plane(0, range(channels), (10, 20, 50, 90))
            assert whole.shape == (*labels.shape, channels)
            np.testing.assert_array_equal(part, whole[10:50, 20:90])
            assert labels.max() > 0


@pytest.mark.parametrize("size", ["nan", "inf", "0", "-0.5", "unknown"])
def test_a_pixel_size_that_can_not_be_is_not_known(tmp_path: Path, size: str) -> None:
    path = tmp_path / "a.ome.tif"
    about = {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    tifffile.imwrite(path, numbers(8, 9), metadata=about)
    text = path.read_bytes().decode("latin-1")
    fitting = f'PhysicalSizeY="{size}"'.ljust(len('PhysicalSizeY="0.25"'))
    path.write_bytes(text.replace('PhysicalSizeY="0.25"', fitting, 1).encode("latin-1"))
    with open_image(path) as image:
        assert image.info.pixel_size is None
        np.testing.assert_array_equal(image.read_plane()[..., 0], numbers(8, 9))


def test_inks_of_a_printer_are_not_taken_for_colours(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", numbers(4, 5, 4, dtype="uint8"), photometric="separated"
    )
    with pytest.raises(EngineError, match="CMYK"):
        open_image(tmp_path / "a.tif")


def test_more_axes_than_can_be_named_are_refused(tmp_path: Path) -> None:
    zarr.save_array(str(tmp_path / "a.zarr"), numbers(1, 1, 1, 1, 4, 5))
    with pytest.raises(EngineError, match="axes that are not named"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("compression", ["zlib", "lzw", "jpeg"])
def test_damaged_pixels_are_called_so(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), compression=compression)
    with tifffile.TiffFile(path) as tiff:
        start, size = tiff.pages[0].dataoffsets[0], tiff.pages[0].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start : start + size] = b"\7" * size
    path.write_bytes(content)
    with (
        pytest.raises(EngineError, match=r"pixels are damaged\).*export it again"),
        open_image(path) as image,
    ):
        image.read_plane()


@pytest.mark.parametrize("suffix", [".zarr", ".ome.tif"])
def test_channels_called_red_green_and_blue_are_colours(
    tmp_path: Path, suffix: str
) -> None:
    """Programs that know channels, but no colours, store slides so."""
    path, names = tmp_path / f"a{suffix}", ["Red", "Green", "Blue"]
    for dtype, colours in [("uint8", True), ("uint16", False)]:
        pixels = numbers(3, 5, 7, dtype=dtype)
        if suffix == ".zarr":
            write_zarr(path, pixels, "0.5")
            group = zarr.open_group(path, mode="r+")
            about = dict(group.attrs["ome"])
            about["omero"] = {"channels": [{"label": name} for name in names]}
            group.attrs["ome"] = about
        else:
            tifffile.imwrite(
                path,
                pixels,
                photometric="minisblack",
                metadata={"axes": "CYX", "Channel": {"Name": names}},
            )
        with open_image(path) as image:
            assert image.info.rgb == colours
            found = image.read_plane(0, (2, 0))
        np.testing.assert_array_equal(found, np.moveaxis(pixels[[2, 0]], 0, -1))


@pytest.mark.parametrize(
    ("of_level", "of_all", "size"),
    [
        ([1, 0.5, 250], None, (0.5, 0.25)),
        ([1, 1, 1], [1, 0.5, 250], (0.5, 0.25)),
        (None, [1, 0.5, 250], (0.5, 0.25)),
        ([1, 2, 2], [1, 0.25, 125], (0.5, 0.25)),
        (None, None, None),
    ],
)
def test_the_scale_of_an_ome_zarr_may_be_that_of_all_its_levels(
    tmp_path: Path,
    of_level: list[float] | None,
    of_all: list[float] | None,
    size: tuple[float, float] | None,
) -> None:
    write_zarr(tmp_path / "a.zarr", numbers(2, 5, 7), "0.4")
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    image = dict(group.attrs["multiscales"][0])
    for place, scale in [(image["datasets"][0], of_level), (image, of_all)]:
        place["coordinateTransformations"] = (
            [] if scale is None else [{"type": "scale", "scale": scale}]
        )
    group.attrs["multiscales"] = [image]
    with open_image(tmp_path / "a.zarr") as opened:
        assert opened.info.pixel_size == size


def test_colours_a_channel_and_too_many_axes_say_what_to_do(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        numbers(2, 5, 7, 3, dtype="uint8"),
        photometric="rgb",
        metadata={"axes": "CYXS"},
    )
    tifffile.imwrite(
        tmp_path / "b.tif", numbers(2, 2, 2, 2, 5, 7), photometric="minisblack"
    )
    for name in ("a.ome.tif", "b.tif"):
        with pytest.raises(EngineError) as caught:
            open_image(tmp_path / name)
        assert "as a TIFF of its own" in caught.value.todo


def test_colours_are_sampled_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channel, white and frame are told by the same pixels; files may be slow."""
    pixels = np.random.default_rng(0).integers(60, 250, (90, 80, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    boxes = []
    read = Image.read_plane

    def counted(self: Image, *what: Any, **more: Any) -> Any:
        boxes.append(what)
        return read(self, *what, **more)

    monkeypatch.setattr(Image, "read_plane", counted)
    with open_image(tmp_path / "a.tif") as image:
        (channel,) = resolve_channels(image, None)
        once = len(boxes)
        image.read_plane(0, (channel,), (0, 0, 5, 5))
        image.read_plane(0, (channel,), (5, 5, 9, 9))
    assert channel < 0
    assert len(boxes) == once + 2
