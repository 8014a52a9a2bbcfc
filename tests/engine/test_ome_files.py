"""OME-TIFFs in several files: one image, found once, predicted once."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from batch_parts import CONFIG, draw_discs, of_kind, read_table, run

from unetloop.batch import BatchOptions
from unetloop.errors import EngineError
from unetloop.files import find_images
from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.ome_files import ome_files
from unetloop.planning import plan_images

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from unetloop.checkpoint import Model


OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def write_set(
    folder: Path, images: Sequence[Sequence[str]], planes: dict[str, list[np.ndarray]]
) -> Path:
    """Write files that all list each image: names of the files of its slices."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = {name: f"urn:uuid:{uuid.uuid4()}" for name in planes}
    rows, columns = next(iter(planes.values()))[0].shape
    body = ""
    for number, names in enumerate(images):
        data = ""
        for z, name in enumerate(names):
            ifd = list(names[:z]).count(name)
            data += (
                f'<TiffData FirstC="0" FirstT="0" FirstZ="{z}" IFD="{ifd}" '
                f'PlaneCount="1"><UUID FileName="{name}">{ids[name]}</UUID></TiffData>'
            )
        body += (
            f'<Image ID="Image:{number}"><Pixels ID="Pixels:{number}" '
            f'DimensionOrder="XYZCT" Type="uint8" SizeX="{columns}" SizeY="{rows}" '
            f'SizeZ="{len(names)}" SizeC="1" SizeT="1">'
            f'<Channel ID="Channel:{number}:0" SamplesPerPixel="1"/>{data}'
            "</Pixels></Image>"
        )
    for name, pages in planes.items():
        xml = f'<?xml version="1.0"?><OME xmlns="{OME}" UUID="{ids[name]}">{body}</OME>'
        with tifffile.TiffWriter(folder / name) as tiff:
            for index, page in enumerate(pages):
                about = xml if index == 0 else None
                tiff.write(page, description=about, metadata=None, contiguous=False)
    return folder


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    """Three slices in as many files, and a file beside them."""
    names = [f"z{number}.ome.tif" for number in range(3)]
    planes = {name: [draw_discs(count)] for count, name in enumerate(names, 1)}
    folder = write_set(tmp_path / "in", [names], planes)
    tifffile.imwrite(folder / "alone.ome.tif", draw_discs(5), ome=True)
    return folder


@pytest.fixture
def positions(tmp_path: Path) -> Path:
    """Two positions of two slices, in a file each that lists both."""
    files = {f"p{n}.ome.tif": [draw_discs(n), draw_discs(n + 4)] for n in (1, 2)}
    images = [["p1.ome.tif"] * 2, ["p2.ome.tif"] * 2]
    return write_set(tmp_path / "in", images, files)


def _end(events: list[Any]) -> tuple[int, int]:
    done = of_kind(events, "PredictionDone")[0]
    return done.predicted, done.skipped


def test_a_set_is_found_once_whichever_of_its_files_is_given(slices: Path) -> None:
    found = find_images([slices])
    listed = [(image.path.name, image.parts) for image in found]
    assert listed == [("alone.ome.tif", 1), ("z0.ome.tif", 3)]
    (one,) = find_images([slices / "z2.ome.tif", slices / "z1.ome.tif"])
    assert (one.path.name, str(one.relative), one.parts) == (
        "z0.ome.tif",
        "z0.ome.tif",
        3,
    )


def test_a_set_is_predicted_once_and_again_if_any_of_its_files_changed(
    slices: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    assert _end(run(slices, out, model)) == (2, 0)
    assert [int(read_labels(out / "labels/z0.tif", n).max()) for n in range(3)] == [
        1,
        2,
        3,
    ]
    assert len(read_table(out / "summary.csv")) == 2
    assert _end(run(slices, out, model)) == (0, 2)
    content = bytearray((slices / "z2.ome.tif").read_bytes())
    content[-1] ^= 255  # a pixel
    (slices / "z2.ome.tif").write_bytes(content)
    assert _end(run(slices, out, model)) == (1, 1)


def test_a_plan_says_in_how_many_files_images_are(slices: Path, model: Model) -> None:
    found = find_images([slices])
    network, options = model.network(), BatchOptions()
    work = plan_images(found, None, model, network, CONFIG, options)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            files = stop.value["files"]
            break
    assert [(file["name"], file["parts"], file["planes"]) for file in files] == [
        ("alone.ome.tif", 1, 1),
        ("z0.ome.tif", 3, 3),
    ]


def test_a_file_of_a_position_is_that_position(
    positions: Path, tmp_path: Path, model: Model
) -> None:
    assert [image.parts for image in find_images([positions])] == [1, 1]
    run(positions, tmp_path / "out", model)
    counts = {
        row["image"]: row["nuclei"] for row in read_table(tmp_path / "out/summary.csv")
    }
    assert counts == {"p1.ome.tif": "6", "p2.ome.tif": "8"}


def test_a_set_that_lacks_a_file_says_so(slices: Path) -> None:
    (slices / "z1.ome.tif").unlink()
    with (
        open_image(slices / "z0.ome.tif") as image,
        pytest.raises(EngineError, match="Put all files of this OME-TIFF"),
    ):
        image.read_plane(1)


def test_renamed_and_damaged_files_stand_for_themselves(slices: Path) -> None:
    renamed = (slices / "alone.ome.tif").rename(slices / "other.ome.tif")
    assert ome_files(renamed) == (renamed,)
    broken = slices / "broken.ome.tif"
    broken.write_text("this is no image")
    assert ome_files(broken) == (broken,)
    plain = slices / "plain.ome.tif"
    tifffile.imwrite(plain, np.zeros((4, 4), np.uint8), description="<OME")
    assert ome_files(plain) == (plain,)


@pytest.mark.parametrize(
    ("old", "new"),
    [('FileName="z1.ome.tif"', " " * 21), ('SizeZ="3"', 'SizeZ="?"')],
)
def test_metadata_that_lack_something_do_not_hide_the_other_images(
    slices: Path, old: str, new: str
) -> None:
    for path in slices.glob("z*.ome.tif"):
        text = path.read_bytes().decode("latin-1")
        path.write_bytes(text.replace(old, new.ljust(len(old))).encode("latin-1"))
    found = [image.path.name for image in find_images([slices])]
    assert {"alone.ome.tif", "z0.ome.tif"} <= set(found)
