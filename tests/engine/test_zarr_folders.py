"""Plates and series in OME-Zarr hold images; what is damaged stands for itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from unetloop.files import find_images
from unetloop.images import open_image
from unetloop.project import open_project
from unetloop.zarr_folders import around_zarr, is_zarr, zarr_images

VERSIONS = pytest.mark.parametrize("version", [2, 3])


def describe(folder: Path, version: int, **about: Any) -> Any:
    group = zarr.open_group(folder, mode="a", zarr_format=version)  # type: ignore[arg-type]
    group.attrs.update(about if version == 2 else {"ome": about})
    return group


def write_image(folder: Path, version: int = 2, value: int = 1) -> Path:
    axes = [{"name": name, "type": "space"} for name in "yx"]
    scale = {"axes": axes, "datasets": [{"path": "0"}]}
    group = describe(folder, version, multiscales=[scale])
    group.create_array("0", data=np.full((5, 7), value, np.uint8))
    return folder


def write_plate(folder: Path, version: int = 2) -> list[Path]:
    """Write two wells of two fields each, and give these."""
    wells = ("A/1", "B/12")
    describe(folder, version, plate={"wells": [{"path": name} for name in wells]})
    fields = []
    for well in wells:
        images = [{"path": name} for name in "01"]
        describe(folder / well, version, well={"images": images})
        fields += [
            write_image(folder / well / name, version, len(fields)) for name in "01"
        ]
    return fields


@VERSIONS
def test_a_plate_holds_the_fields_of_its_wells(tmp_path: Path, version: int) -> None:
    fields = write_plate(tmp_path / "p.ome.zarr", version)
    for given, base in [
        (tmp_path, tmp_path),
        (tmp_path / "p.ome.zarr", tmp_path / "p.ome.zarr"),
    ]:
        found = find_images([given])
        assert [image.path for image in found] == fields
        assert [image.relative for image in found] == [
            path.relative_to(base) for path in fields
        ]
    with open_image(fields[3]) as image:
        assert image.info.shape == (5, 7)
    # Nothing but an OME-Zarr ends like one: results lie in folders.
    assert find_images([tmp_path])[0].stem == Path("p/A/1/0")
    assert [image.path for image in find_images([fields[0].parent])] == fields[:2]
    assert [image.path for image in find_images([fields[1]])] == fields[1:2]


@VERSIONS
def test_series_of_bioformats2raw_are_images(tmp_path: Path, version: int) -> None:
    folder = tmp_path / "b.zarr"
    describe(folder, version, **{"bioformats2raw.layout": 3})
    describe(folder / "OME", version, series=["0", "10", "2"])
    series = [write_image(folder / name, version) for name in ("0", "2", "10")]
    assert zarr_images(folder) == series
    assert {image.path for image in find_images([f"{folder}/*"])} == set(series)


def test_levels_and_labels_of_an_image_are_no_images(tmp_path: Path) -> None:
    image = write_image(tmp_path / "a.ome.zarr")
    describe(image / "labels", 2, labels=["nuclei"])
    nuclei = write_image(image / "labels/nuclei")
    describe(nuclei, 2, **{"image-label": {}})
    assert [found.path for found in find_images([f"{tmp_path}/**"])] == [image]
    assert not any(map(is_zarr, (image / "0", image / "labels", nuclei, tmp_path)))


@pytest.mark.parametrize(
    "said",
    [
        "{",
        "[]",
        "null",
        '{"plate": null}',
        '{"plate": {"wells": 3}}',
        '{"plate": {"wells": ["A/1"]}}',
        '{"plate": {"wells": [{"path": "."}]}}',
        '{"well": {}}',
    ],
)
def test_what_is_damaged_stands_for_itself(tmp_path: Path, said: str) -> None:
    folder = tmp_path / "a.zarr"
    folder.mkdir()
    (folder / ".zattrs").write_text(said)
    assert zarr_images(folder) == [folder]


def test_a_field_that_is_missing_is_listed(tmp_path: Path) -> None:
    """Whoever opens it says so."""
    folder = tmp_path / "p.zarr"
    describe(folder, 2, plate={"wells": [{"path": "A/1"}]})
    assert zarr_images(folder) == [folder / "A/1"]


def test_around_a_plate_is_its_folder(tmp_path: Path) -> None:
    fields = write_plate(tmp_path / "p.zarr")
    inside = [fields[0], fields[0].parent, tmp_path / "p.zarr"]
    assert {around_zarr(path) for path in (*inside, tmp_path / "a.tif")} == {tmp_path}


def test_fields_of_a_plate_that_was_moved_are_not_mixed_up(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    fields = write_plate(tmp_path / "old/p.zarr")
    with open_project(tmp_path / "project", create=True) as project:
        before = {
            image.path.rpartition("p.zarr")[2]: image.id
            for image in project.add_images(fields)
        }
    (tmp_path / "old").rename(tmp_path / "new")
    moved = [tmp_path / "new" / path.relative_to(tmp_path / "old") for path in fields]
    with open_project(tmp_path / "project") as project:
        after = {
            image.path.rpartition("p.zarr")[2]: image.id
            for image in project.add_images(moved[::-1])
        }
    assert after == before
    assert len(set(after.values())) == 4


def test_attributes_of_both_versions(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text(
        json.dumps({"attributes": {"ome": {"well": 1}}})
    )
    assert is_zarr(tmp_path)
