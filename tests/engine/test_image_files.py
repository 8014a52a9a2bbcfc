"""Images and masks: every format in, labels out, and one sentence for bad files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from unetloop import image_formats
from unetloop.errors import EngineError
from unetloop.files import (
    find_images,
    pair_by_stem,
    read_labels,
    replacing,
    write_labels,
)
from unetloop.images import open_image, resolve_channels

DATA = Path(__file__).parents[3] / "shared" / "data" / "nuclei"


def numbers(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def write_zarr(path: Path, pixels: np.ndarray, version: str) -> None:
    import zarr

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
        },
    )
    with open_image(tmp_path / "a.ome.tif") as image:
        info = image.info
        assert (info.axes, info.planes, info.channels) == ("TZCYX", 6, 2)
        assert (info.height, info.width, info.rgb) == (5, 7, False)
        assert info.channel_names == ("DAPI", "GFP")
        assert info.pixel_size == pytest.approx((0.5, 0.25))
        plane = image.read_plane(4, (1, 0), (1, 2, 4, 6))
    np.testing.assert_array_equal(plane[..., 0], pixels[1, 1, 1, 1:4, 2:6])
    np.testing.assert_array_equal(plane[..., 1], pixels[1, 1, 0, 1:4, 2:6])


def test_imagej_hyperstack(tmp_path: Path) -> None:
    pixels = numbers(3, 2, 5, 7)
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"axes": "ZCYX", "unit": "um"},
    )
    with open_image(tmp_path / "a.tif") as image:
        assert image.info.planes == 3
        assert image.info.channel_names == ("0", "1")
        assert image.info.pixel_size == pytest.approx((0.5, 0.25))
        np.testing.assert_array_equal(image.read_plane(2, (1,))[..., 0], pixels[2, 1])


def test_resolution_tags_are_a_pixel_size_unless_they_are_screen_dots(
    tmp_path: Path,
) -> None:
    pixels = numbers(5, 7)
    for name, resolution, unit in [
        ("cm", (20000, 10000), "CENTIMETER"),
        ("dpi", (72, 72), "INCH"),
        ("none", (1, 1), "NONE"),
    ]:
        tifffile.imwrite(
            tmp_path / f"{name}.tif", pixels, resolution=resolution, resolutionunit=unit
        )
    sizes = {}
    for name in ("cm", "dpi", "none"):
        with open_image(tmp_path / f"{name}.tif") as image:
            sizes[name] = image.info.pixel_size
    assert sizes["cm"] == pytest.approx((1.0, 0.5))
    assert sizes["dpi"] is None
    assert sizes["none"] is None


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
    np.testing.assert_allclose(gray, pixels @ [0.299, 0.587, 0.114], rtol=1e-5)


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
    monkeypatch.setattr(image_formats, "_LARGE", 1000)
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
        plane = image.read_plane(0, (1,), (2, 3, 9, 11))
    np.testing.assert_array_equal(plane[..., 0], pixels[1, 2:9, 3:11])


def test_a_plate_says_to_open_what_is_inside(tmp_path: Path) -> None:
    import zarr

    zarr.open_group(tmp_path / "a.zarr", mode="w").attrs["plate"] = {"wells": []}
    with pytest.raises(EngineError, match="Open one of the folders inside"):
        open_image(tmp_path / "a.zarr")


# Channels by number or name


def test_channels_by_number_and_name(tmp_path: Path) -> None:
    write_zarr(tmp_path / "a.zarr", numbers(2, 4, 4), "0.5")
    with open_image(tmp_path / "a.zarr") as image:
        info = image.info
    assert resolve_channels(info, None) == (0,)
    assert resolve_channels(info, "1") == (1,)
    assert resolve_channels(info, "gfp") == (1,)
    assert resolve_channels(info, "GFP, DAPI", 2) == (1, 0)
    for wrong in ("2", "-1", "red", "", "²"):
        with pytest.raises(EngineError, match=r"0 \(DAPI\), 1 \(GFP\)"):
            resolve_channels(info, wrong)
    with pytest.raises(EngineError, match="sees 3 channels, the image has 2"):
        resolve_channels(info, None, 3)


def test_rgb_is_its_luminance_for_a_network_of_one_channel(tmp_path: Path) -> None:
    PillowImage.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with open_image(tmp_path / "a.png") as image:
        assert resolve_channels(image.info, None) == (-1,)
        assert resolve_channels(image.info, None, 3) == (0, 1, 2)
        assert resolve_channels(image.info, "green") == (1,)


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


@pytest.mark.parametrize(
    "labels", [np.full((3, 3), -1), np.full((3, 3), 2**32 + 5), np.full((3, 3), 1.7)]
)
def test_labels_that_would_not_come_back_are_refused(
    tmp_path: Path, labels: np.ndarray
) -> None:
    with pytest.raises(EngineError, match="whole numbers from 0"):
        write_labels(tmp_path / "a.tif", labels)
    assert list(tmp_path.iterdir()) == []


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


# Which files are meant


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
