"""What a TIFF holds: channels or colours, a whole stack or a part, many images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from unetloop.errors import EngineError
from unetloop.images import open_image, resolve_channels

if TYPE_CHECKING:
    from pathlib import Path

ROWS, COLUMNS = 40, 48


def planes(count: int, dtype: str = "uint16") -> np.ndarray:
    numbers = np.arange(count * ROWS * COLUMNS) % 251
    return numbers.reshape(count, ROWS, COLUMNS).astype(dtype)


def read(path: Path, channel: int) -> np.ndarray:
    with open_image(path) as image:
        return image.read_plane(0, (channel,))[..., 0]


@pytest.mark.parametrize(
    ("count", "dtype"), [(3, "uint16"), (4, "uint16"), (4, "uint8"), (4, "float32")]
)
def test_planes_one_behind_the_other_are_channels_not_colours(
    tmp_path: Path, count: int, dtype: str
) -> None:
    """What ``imwrite`` of tifffile and ``imsave`` of scikit-image make of a stack."""
    path, pixels = tmp_path / "a.tif", planes(count, dtype)
    tifffile.imwrite(path, pixels, photometric="rgb", planarconfig="separate")
    with open_image(path) as image:
        assert (image.info.rgb, image.info.channels) == (False, count)
        assert resolve_channels(image, None) == (0,)
    np.testing.assert_array_equal(read(path, count - 1), pixels[-1])


def test_colours_stay_colours(tmp_path: Path) -> None:
    pixels = planes(3, "uint8")
    for name, values, options in [
        ("planar", pixels, {"planarconfig": "separate"}),
        ("deep", np.moveaxis(planes(3), 0, -1), {}),
        ("clear", np.moveaxis(planes(4, "uint8"), 0, -1), {}),
    ]:
        tifffile.imwrite(tmp_path / f"{name}.tif", values, photometric="rgb", **options)
        with open_image(tmp_path / f"{name}.tif") as image:
            assert image.info.rgb, name
    np.testing.assert_array_equal(read(tmp_path / "planar.tif", 2), pixels[2])


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("config", ["contig", "separate"])
def test_samples_that_are_not_called_colours_are_channels(
    tmp_path: Path, count: int, config: str
) -> None:
    path, pixels = tmp_path / "a.tif", planes(count, "uint8")
    tifffile.imwrite(
        path,
        pixels if config == "separate" else np.moveaxis(pixels, 0, -1),
        photometric="minisblack",
        planarconfig=config,
        metadata=None,
    )
    with open_image(path) as image:
        assert (image.info.rgb, image.info.channels) == (False, count)
    np.testing.assert_array_equal(read(path, count - 1), pixels[-1])


def test_a_short_last_axis_holds_channels(tmp_path: Path) -> None:
    pixels = planes(4)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.moveaxis(pixels, 0, -1), photometric="minisblack")
    with open_image(path) as image:
        assert (image.info.channels, image.info.planes) == (4, 1)
    np.testing.assert_array_equal(read(path, 3), pixels[3])
    tifffile.imwrite(tmp_path / "b.tif", pixels[..., :4], photometric="minisblack")
    with open_image(tmp_path / "b.tif") as image:  # four planes, four columns each
        assert (image.info.channels, image.info.planes) == (1, 4)


@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
def test_transparency_is_no_channel(tmp_path: Path, alpha: str) -> None:
    pixels = planes(2, "uint8")
    for name, extra in [("grey", alpha), ("two", "unspecified")]:
        tifffile.imwrite(
            tmp_path / f"{name}.tif",
            np.moveaxis(pixels, 0, -1),
            photometric="minisblack",
            planarconfig="contig",
            extrasamples=[extra],
        )
    with open_image(tmp_path / "grey.tif") as image:
        assert image.info.channels == 1
    np.testing.assert_array_equal(read(tmp_path / "grey.tif", 0), pixels[0])
    with open_image(tmp_path / "two.tif") as image:
        assert image.info.channels == 2


def write_time_lapse(path: Path, taken: int, of: int, **about: Any) -> np.ndarray:
    """Write an OME-TIFF that was to become longer."""
    pixels = planes(taken)
    tifffile.imwrite(path, pixels, metadata={"axes": "TYX", **about})
    content = path.read_bytes()
    old, new = (f'SizeT="{count}"'.encode() for count in (taken, of))
    path.write_bytes(content.replace(old, new))
    return pixels


def test_a_time_lapse_that_was_broken_off_ends_there(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    pixels = write_time_lapse(path, 3, 5)
    with open_image(path) as image:
        assert image.info.planes == 3
        assert "3 of 5 time points" in image.info.note
        np.testing.assert_array_equal(image.read_plane(2)[..., 0], pixels[2])


def test_a_time_lapse_that_lacks_a_file_was_not_broken_off(tmp_path: Path) -> None:
    for number in range(3):
        parts = "".join(
            f'<TiffData FirstT="{time}" IFD="0" PlaneCount="1"><UUID '
            f'FileName="t{time}.ome.tif">urn:uuid:{time}</UUID></TiffData>'
            for time in range(4)
        )
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{number}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            'DimensionOrder="XYZCT" Type="uint16" SizeC="1" SizeT="4" SizeZ="1" '
            f'SizeX="{COLUMNS}" SizeY="{ROWS}"><Channel ID="Channel:0:0" '
            f'SamplesPerPixel="1"/>{parts}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            tmp_path / f"t{number}.ome.tif",
            planes(1)[0],
            description=xml,
            metadata=None,
        )
    with open_image(tmp_path / "t0.ome.tif") as image:
        assert (image.info.planes, image.info.note) == (4, "")
        with pytest.raises(EngineError, match="were they renamed"):
            image.read_plane(3)


def write_all(path: Path, images: list[np.ndarray], **options: Any) -> None:
    with tifffile.TiffWriter(path, **options) as file:
        for pixels in images:
            file.write(pixels, photometric="minisblack")


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif"])
def test_that_a_file_holds_several_images_is_said(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_all(path, [planes(2), planes(2) + 1, planes(2) + 2])
    with open_image(path) as image:
        assert image.info.note.startswith("The file holds 3 images")
        np.testing.assert_array_equal(image.read_plane(0)[..., 0], planes(2)[0])


def test_coarser_copies_and_pictures_of_the_slide_are_no_further_images(
    tmp_path: Path,
) -> None:
    pixels = planes(1)[0]
    path = tmp_path / "a.tif"
    write_all(path, [pixels, pixels[::2, ::2], pixels[::4, ::4], pixels[:9]])
    with open_image(path) as image:
        assert image.info.note == ""


@pytest.mark.parametrize("suffix", [".svs", ".qptiff", ".SVS"])
def test_files_of_slide_scanners_are_tiff(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    pixels = planes(1)[0]
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    (tmp_path / "a.tif").rename(path)
    np.testing.assert_array_equal(read(path, 0), pixels)
