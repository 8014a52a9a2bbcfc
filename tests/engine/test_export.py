"""Every format of the catalog, read back by the library that users open it with."""

from __future__ import annotations

import contextlib
import io
import json
import time
import uuid
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import roifile
import shapely
import zarr
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from unetloop import windows
from unetloop.catalog import EXPORTERS, load
from unetloop.errors import EngineError
from unetloop.export import coco
from unetloop.export.image import ExportedImage
from unetloop.export.outlines import iterate_outlines
from unetloop.images import open_image
from unetloop.measurements import measure_plane

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Labels = NDArray[np.int32]


# What pycocotools says to numpy.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)


def plane_of(*nuclei: tuple[int, slice | int, slice | int]) -> Labels:
    labels = np.zeros((40, 56), np.int32)
    for number, rows, columns in nuclei:
        labels[rows, columns] = number
    return labels


def with_hole() -> Labels:
    labels = plane_of((3, slice(5, 25), slice(5, 30)), (0, slice(9, 15), slice(9, 15)))
    labels[15, 15] = 0  # a second hole that touches the first at a corner
    labels[10:12, 10:12] = 8  # another nucleus inside the hole
    return labels


def tangled() -> Labels:
    """Pixels at random: pieces, corners that touch, holes in holes."""
    random = np.random.default_rng(3)
    labels = random.integers(1, 4, (40, 56)) * (random.random((40, 56)) < 0.6)
    return labels.astype(np.int32)


CASES: dict[str, Callable[[], Labels]] = {
    "empty": plane_of,
    "one nucleus": lambda: plane_of((1, slice(10, 20), slice(5, 12))),
    "touching": lambda: plane_of(
        (1, slice(5, 15), slice(5, 15)),
        (2, slice(5, 15), slice(15, 20)),
        (7, slice(15, 22), slice(10, 18)),
    ),
    "at the border": lambda: plane_of(
        (1, slice(0, 40), slice(0, 3)),
        (2, slice(0, 4), slice(10, 20)),
        (3, slice(30, 40), slice(50, 56)),
    ),
    "all of it": lambda: plane_of((1, slice(None), slice(None))),
    "with holes": with_hole,
    "one pixel": lambda: plane_of((1, 7, 9), (2, 39, 55), (70_000, 0, 0)),
    "corners touch": lambda: plane_of((4, slice(3, 6), 3), (4, slice(6, 9), 4)),
    "in pieces": lambda: plane_of((2, slice(2, 6), 4), (2, slice(20, 26), 40)),
    "tangled": tangled,
}


def image_of(planes: Labels, **values: Any) -> ExportedImage:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 4000, (*planes.shape, 1), np.uint16)
    values = {
        "name": "Übung 1/Zell kern.tif",
        "slices": len(planes),
        "axes": "Z" if len(planes) > 1 else "",
        "pixel_size": (0.5, 0.25),
        "spacing": 2.0 if len(planes) > 1 else None,
        "read": lambda plane, box: pixels[plane, box[0] : box[2], box[1] : box[3]],
        "measurements": [
            measure_plane(plane, {"DAPI 405": pixels[index, ..., 0]})
            for index, plane in enumerate(planes)
        ],
    } | values
    return ExportedImage(**values)


def fill(polygons: list[list[Any]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Mark the pixels whose centre lies in the polygons: what viewers do."""
    outline = shapely.MultiPolygon([(rings[0], rings[1:]) for rings in polygons])
    assert outline.is_valid, shapely.is_valid_reason(outline)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside: NDArray[np.bool_] = shapely.contains_xy(outline, columns + 0.5, rows + 0.5)
    return inside


def fill_even_odd(rings: list[Any], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = np.zeros(shape, bool)
    for ring in rings:
        polygon = shapely.Polygon(ring)
        inside ^= shapely.contains_xy(polygon, columns + 0.5, rows + 0.5)
    return inside


def read_rois(path: Path, about: ExportedImage, shape: tuple[int, ...]) -> Labels:
    with zipfile.ZipFile(path) as archive:
        entries = archive.namelist()
    rois = roifile.roiread(path) if entries else []
    rois = rois if isinstance(rois, list) else [rois]
    labels = np.zeros(shape, np.int32)
    assert entries == [f"{roi.name}.roi" for roi in rois]
    for roi in rois:
        *place, number = roi.name.split("-")
        if about.planes == 1:
            plane = 0
            assert not place
            assert (roi.position, roi.z_position, roi.t_position) == (0, 0, 0)
        elif about.times > 1 and about.slices > 1:
            plane = (roi.t_position - 1) * about.slices + roi.z_position - 1
            assert roi.c_position == 0
            assert place == [f"t{roi.t_position}", f"z{roi.z_position}"]
        else:
            plane = roi.position - 1
            assert place == [f"z{plane + 1}"]
        rings = roi.coordinates(multi=True)
        if len(rings) == 1:
            assert roi.roitype == roifile.ROI_TYPE.TRACED
        inside = fill_even_odd(rings, shape[1:])
        assert not labels[plane][inside].any()
        labels[plane][inside] = int(number)
    return labels


def read_geojson(path: Path, about: ExportedImage, shape: tuple[int, ...]) -> Labels:
    content = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert content["type"] == "FeatureCollection"
    labels = np.zeros(shape, np.int32)
    identifiers = [uuid.UUID(feature["id"]) for feature in content["features"]]
    assert len(set(identifiers)) == len(identifiers)
    for feature in content["features"]:
        assert feature["type"] == "Feature"
        geometry, properties = feature["geometry"], feature["properties"]
        assert properties["objectType"] == "detection"
        assert properties["classification"]["name"] == "Nucleus"
        assert shapely.geometry.shape(geometry).is_valid
        place = geometry["plane"]
        assert place["c"] == -1
        plane = place["t"] * about.slices + place["z"]
        polygons = geometry["coordinates"]
        polygons = [polygons] if geometry["type"] == "Polygon" else polygons
        for rings in polygons:
            assert shapely.LinearRing(rings[0]).is_ccw
            assert not any(shapely.LinearRing(hole).is_ccw for hole in rings[1:])
        inside = fill(polygons, shape[1:])
        number = int(properties["name"])
        assert not labels[plane][inside].any()
        labels[plane][inside] = number
        values = properties["measurements"]
        assert values["area_px"] == inside.sum()
        assert "certainty_mean" not in values  # unknown
        assert "intensity_median_DAPI 405" in values
    return labels


def open_coco(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def read_coco(path: Path, about: ExportedImage, shape: tuple[int, ...]) -> Labels:
    content = open_coco(path)
    labels = np.zeros(shape, np.int32)
    assert [item["id"] for item in content.loadImgs(content.getImgIds())] == list(
        range(1, about.planes + 1)
    )
    for image in content.loadImgs(content.getImgIds()):
        assert image["file_name"] == about.name
        assert (image["height"], image["width"]) == shape[1:]
        numbers = content.getAnnIds(imgIds=[image["id"]])
        for entry in content.loadAnns(numbers):
            inside = content.annToMask(entry).astype(bool)
            assert entry["area"] == inside.sum()
            encoded = coco_mask.encode(np.asfortranarray(inside, np.uint8))
            assert entry["bbox"] == coco_mask.toBbox(encoded).tolist()
            # As COCO itself would write it, not only readable.
            assert entry["segmentation"]["counts"] == encoded["counts"].decode()
            labels[image["plane"]][inside] = entry["label"]
    return labels


def read_overlay(path: Path, about: ExportedImage, shape: tuple[int, ...]) -> None:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.mode == "RGB"
        assert max(picture.size) <= 4096
        across = int(np.ceil(np.sqrt(about.planes)))
        assert picture.size[0] % (across * shape[2]) == 0


def read_zarr(path: Path, about: ExportedImage, shape: tuple[int, ...]) -> Labels:
    group = zarr.open_group(str(path), mode="r")
    (scales,) = group.attrs["multiscales"]
    assert "image-label" in group.attrs
    assert group[scales["datasets"][0]["path"]].dtype == np.int32
    with open_image(path) as image:
        assert image.info.axes == f"{about.axes}YX"
        assert image.info.pixel_size == about.pixel_size
        assert image.info.spacing == about.spacing
        planes = [image.read_plane(plane)[..., 0] for plane in range(about.planes)]
    return np.stack(planes)


READERS: dict[str, Callable[[Path, ExportedImage, tuple[int, ...]], Labels | None]] = {
    "rois": read_rois,
    "geojson": read_geojson,
    "coco": read_coco,
    "overlay": read_overlay,
    "ome_zarr": read_zarr,
}


def write(name: str, folder: Path, planes: Labels, about: ExportedImage) -> Path:
    path = folder / "außen vor" / f"Zell kern{EXPORTERS[name].suffix}"
    load(EXPORTERS[name].write)(path, planes, about)
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    return path


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", EXPORTERS)
def test_a_mask_comes_back_as_it_was(name: str, case: str, tmp_path: Path) -> None:
    planes = CASES[case]()[None]
    about = image_of(planes)
    read = READERS[name](write(name, tmp_path, planes, about), about, planes.shape)
    if read is not None:
        np.testing.assert_array_equal(read, planes)


@pytest.mark.parametrize("name", EXPORTERS)
def test_an_image_whose_name_is_no_unicode(name: str, tmp_path: Path) -> None:
    planes = CASES["touching"]()[None]
    about = image_of(planes, name="a\udcff.tif")
    read = READERS[name](write(name, tmp_path, planes, about), about, planes.shape)
    if read is not None:
        np.testing.assert_array_equal(read, planes)


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize(("times", "slices", "axes"), [(1, 6, "Z"), (2, 3, "TZ")])
def test_stacks_keep_their_planes_apart(
    name: str, times: int, slices: int, axes: str, tmp_path: Path
) -> None:
    kinds = ["empty", "touching", "with holes", "one nucleus", "one pixel", "empty"]
    planes = np.stack([CASES[kind]() for kind in kinds])
    about = image_of(planes, times=times, slices=slices, axes=axes)
    read = READERS[name](write(name, tmp_path, planes, about), about, planes.shape)
    if read is not None:
        np.testing.assert_array_equal(read, planes)


@pytest.mark.parametrize("name", EXPORTERS)
def test_what_is_there_is_replaced_and_the_same_again(
    name: str, tmp_path: Path
) -> None:
    planes = CASES["touching"]()[None]
    about = image_of(planes)
    write(name, tmp_path, CASES["with holes"]()[None], about)
    path = write(name, tmp_path, planes, about)
    if path.is_file():
        before = path.read_bytes()
        assert write(name, tmp_path, planes, about).read_bytes() == before
    read = READERS[name](path, about, planes.shape)
    if read is not None:
        np.testing.assert_array_equal(read, planes)


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_memory_mapped_plane_is_written_in_windows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "_LEAST_ROWS", 8)
    monkeypatch.setattr(windows.iterate_windows, "__defaults__", (1,))
    planes = np.memmap(tmp_path / "labels", np.int32, "w+", shape=(1, 40, 56))
    planes[0] = CASES["with holes"]()
    planes[0, 1:39, 50] = 40  # taller than a window
    planes[0, 38, 20:30] = 41
    about = image_of(planes)
    read = READERS[name](
        write(name, tmp_path / "out", planes, about), about, planes.shape
    )
    if read is not None:
        np.testing.assert_array_equal(read, planes)


@pytest.mark.parametrize("name", EXPORTERS)
def test_planes_that_do_not_fit_the_image_are_refused(
    name: str, tmp_path: Path
) -> None:
    planes = np.zeros((2, 4, 4), np.int32)
    with pytest.raises(EngineError, match="2 planes"):
        load(EXPORTERS[name].write)(
            tmp_path / "x", planes[:1], ExportedImage("a", times=2)
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_folder_that_cannot_be_written_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    planes = CASES["one nucleus"]()[None]
    with pytest.raises(EngineError, match="could not be written"):
        load(EXPORTERS[name].write)(tmp_path / "file" / "x", planes, image_of(planes))


@pytest.mark.parametrize("name", sorted(set(EXPORTERS) - {"ome_zarr"}))
def test_writing_can_be_broken_off_and_leaves_the_file(
    name: str, tmp_path: Path
) -> None:
    planes = CASES["one nucleus"]()[None]
    before = write(name, tmp_path, planes, image_of(planes)).read_bytes()

    class Cancelled(Exception):
        pass

    def cancel() -> None:
        raise Cancelled

    path = tmp_path / "außen vor" / f"Zell kern{EXPORTERS[name].suffix}"
    with pytest.raises(Cancelled):
        load(EXPORTERS[name].write)(path, planes, image_of(planes, between=cancel))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_outlines_lie_on_the_edges_of_pixels() -> None:
    labels = np.zeros((9, 9), np.int32)
    labels[2:4, 5:8] = 6
    (outline,) = iterate_outlines(labels)
    assert outline.label == 6
    (((ring),),) = outline.polygons
    assert {tuple(point) for point in ring.tolist()} == {(5, 2), (8, 2), (8, 4), (5, 4)}


def test_rois_lie_far_out_in_a_large_image(tmp_path: Path) -> None:
    labels = np.zeros((1, 3, 70_000), np.int32)
    labels[0, 1, 40_000:40_002], labels[0, 1, 65_000:65_003] = 1, 2
    path = tmp_path / "rois.zip"
    load(EXPORTERS["rois"].write)(path, labels, ExportedImage("wide.tif"))
    found = [roi.coordinates() for roi in roifile.roiread(path)]
    assert [ring.min(axis=0).tolist() for ring in found] == [[40_000, 1], [65_000, 1]]
    assert [ring.max(axis=0).tolist() for ring in found] == [[40_002, 2], [65_003, 2]]


def test_the_same_rois_are_the_same_bytes_whenever_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = CASES["one nucleus"]()[None]
    seen = []
    for year in (0, 1):
        moment = time.localtime(year * 366 * 86400 + 10**9)
        monkeypatch.setattr(time, "localtime", lambda *_, moment=moment: moment)
        path = write("rois", tmp_path, planes, image_of(planes))
        seen.append(path.read_bytes())
        monkeypatch.undo()
    assert seen[0] == seen[1]
    with zipfile.ZipFile(path) as archive:
        (entry,) = archive.infolist()
    assert entry.external_attr >> 16 & 0o444 == 0o444
    assert entry.compress_type == zipfile.ZIP_DEFLATED


def test_coco_files_of_a_run_become_one(tmp_path: Path) -> None:
    paths, all_planes = [], []
    for index, case in enumerate(["touching", "empty", "with holes"]):
        planes = np.stack([CASES[case](), CASES["one pixel"]()])
        paths.append(tmp_path / f"{index}.json")
        coco.write(paths[-1], planes, image_of(planes, name=f"{case}.tif"))
        all_planes += list(planes)
    out = tmp_path / "coco.json"
    coco.join_coco(paths, out)
    content = open_coco(out)
    numbers = [entry["id"] for entry in content.loadAnns(content.getAnnIds())]
    assert numbers == list(range(1, len(numbers) + 1))
    for image, labels in zip(
        content.loadImgs(content.getImgIds()), all_planes, strict=True
    ):
        read = np.zeros_like(labels)
        for entry in content.loadAnns(content.getAnnIds(imgIds=[image["id"]])):
            read[content.annToMask(entry) > 0] = entry["label"]
        np.testing.assert_array_equal(read, labels)
    names = {image["file_name"] for image in content.loadImgs(content.getImgIds())}
    assert names == {"touching.tif", "empty.tif", "with holes.tif"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"categories": [{"name": "cat"}], "images": []}']
)
def test_a_file_that_is_no_coco_of_nuclei_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(EngineError, match=r"no COCO file.*bad\.json"):
        coco.join_coco([path], tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def draw(tmp_path: Path, planes: Labels, about: ExportedImage) -> NDArray[np.uint8]:
    path = write("overlay", tmp_path, planes, about)
    return np.asarray(Image.open(path))


def test_overlays_outline_nuclei_and_show_the_rest_as_it_is(tmp_path: Path) -> None:
    planes = CASES["one nucleus"]()[None]
    colours = np.random.default_rng(0).integers(0, 255, (40, 56, 3), np.uint8)

    def read(plane: int, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
        return colours[box[0] : box[2], box[1] : box[3]]

    picture = draw(tmp_path, planes, image_of(planes, rgb=True, read=read))
    factor = picture.shape[0] // 40
    assert picture.shape == (40 * factor, 56 * factor, 3)
    large = colours.repeat(factor, axis=0).repeat(factor, axis=1)
    mask = planes[0].repeat(factor, axis=0).repeat(factor, axis=1) > 0
    changed = (picture != large).any(axis=2)
    assert not changed[~mask].any()
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max()) == (10 * factor, 20 * factor - 1)
    assert (columns.min(), columns.max()) == (5 * factor, 12 * factor - 1)
    assert changed.sum() < mask.sum() / 3


def test_overlays_of_large_planes_are_read_in_strips_and_bounded(
    tmp_path: Path,
) -> None:
    planes = np.zeros((1, 5000, 3000), np.int32)
    planes[0, 1000:3000, 1000:2000] = 1
    boxes = []

    def read(plane: int, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
        boxes.append(box)
        pixels = np.full((box[2] - box[0], box[3] - box[1]), np.nan, np.float32)
        pixels[:, 500:] = np.arange(box[0], box[2])[:, None]
        return pixels

    picture = draw(tmp_path, planes, image_of(planes, read=read, measurements=None))
    assert picture.shape == (1666, 1000, 3)
    assert len(boxes) > 2
    grey = picture[:, 500:, 0][:, 400]  # right of the nucleus: brighter downwards
    assert grey[0] == 0
    assert grey[-1] == 255
    assert (np.diff(grey.astype(int)) >= 0).all()
    assert (picture[:, :100] == 0).all()  # unknown pixels


@pytest.mark.parametrize("side", [40, 4100])
@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("float64", 0, 1e300),
        ("float64", 0, 1e-300),
        ("float32", 0, 1e-12),
        ("float64", 1e9, 1e9 + 1),
        ("uint32", 2**32 - 2, 2**32 - 1),
        ("int64", -(2**40), 2**40),
        ("float32", -np.inf, np.inf),
        ("float16", 0, 6e4),
        ("bool", 0, 1),
    ],
)
def test_overlays_show_numbers_however_large_or_small(
    tmp_path: Path, side: int, dtype: str, low: float, high: float
) -> None:
    planes = np.zeros((1, 40, side), np.int32)

    def read(plane: int, box: tuple[int, int, int, int]) -> NDArray[Any]:
        part = np.zeros((40, side), bool)
        part[:, side // 2 :] = True
        part = part[box[0] : box[2], box[1] : box[3]]
        return np.where(part, np.array(high, dtype), np.array(low, dtype))

    picture = draw(tmp_path, planes, image_of(planes, read=read, measurements=None))
    middle = picture.shape[1] // 2
    assert (picture[:, : middle - 3] == 0).all()
    assert (picture[:, middle + 3 :] == 255).all()


def test_pyramids_halve_until_they_are_small(tmp_path: Path) -> None:
    planes = np.zeros((1, 1500, 700), np.int32)
    planes[0, ::4, ::4] = 5
    about = ExportedImage("a.tif", pixel_size=(0.5, 0.25))
    group = zarr.open_group(str(write("ome_zarr", tmp_path, planes, about)), mode="r")
    (scales,) = group.attrs["multiscales"]
    shapes = [group[level["path"]].shape for level in scales["datasets"]]
    assert shapes == [(1500, 700), (750, 350), (375, 175)]
    assert [
        level["coordinateTransformations"][0]["scale"] for level in scales["datasets"]
    ] == [[0.5, 0.25], [1.0, 0.5], [2.0, 1.0]]
    np.testing.assert_array_equal(group["2"][:], 5)


def test_every_format_is_described_and_read_back() -> None:
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    section = text.split("## Exports")[1].split("\n## ")[0]
    for name, exporter in EXPORTERS.items():
        assert f"| `{name}` | `{exporter.suffix}` |" in section
    assert set(READERS) == set(EXPORTERS)
