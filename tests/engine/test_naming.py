"""What a batch calls its images: by what was given, and as before."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from batch_parts import of_kind, read_table, run, write_discs

from unetloop.files import find_images
from unetloop.masks import read_labels
from unetloop.naming import name_images

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.checkpoint import Model


@pytest.fixture
def plates(tmp_path: Path) -> list[Path]:
    """Two folders with images of the same name."""
    first = write_discs(tmp_path / "in/plate1", {"a.tif": 1, "b.tif": 2})
    return [first, write_discs(tmp_path / "in/plate2", {"a.tif": 3})]


def _names(paths: list[Path | str]) -> list[str]:
    return [item.stem for item in name_images(find_images(paths))]


def _nuclei(out: Path) -> dict[str, str]:
    return {row["labels"]: row["nuclei"] for row in read_table(out / "summary.csv")}


def _end(events: list[object]) -> tuple[int, int]:
    done = of_kind(events, "PredictionDone")[0]
    return done.predicted, done.skipped


def test_names_begin_at_the_folder_that_all_share(plates: list[Path]) -> None:
    both = ["plate1/a", "plate1/b", "plate2/a"]
    assert _names([plates[0]]) == ["a", "b"]
    assert _names(list(plates)) == both
    # A pattern that the shell opens gives the same names as one that it leaves alone.
    pattern = str(plates[0].parent / "plate*/*.tif")
    opened = sorted(plates[0].parent.glob("plate*/*.tif"))
    assert _names([pattern]) == _names(list(opened)) == both
    assert _names([plates[0] / "b.tif", plates[0] / "a.tif"]) == ["b", "a"]
    # They follow from what is given, whatever lies there.
    (plates[1] / "a.tif").rename(plates[0] / "c.tif")
    assert _names(list(plates)) == ["plate1/a", "plate1/b", "plate1/c"]


def test_names_as_long_as_a_disk_takes_are_cut_for_results(
    tmp_path: Path, model: Model
) -> None:
    """With a suffix behind it, a name would be too long, and the batch broke off."""
    long = ["é" * 125 + "a.tif", "é" * 125 + "b.tif", "short.tif"]
    images = write_discs(tmp_path / "in", dict.fromkeys(long, 2))
    out = tmp_path / "out"
    assert _end(run([images], out, model, exports=("geojson", "ome_zarr"))) == (3, 0)
    rows = read_table(out / "summary.csv")
    assert {row["image"] for row in rows} == set(long)
    labels = [row["labels"] for row in rows]
    assert len(set(labels)) == 3
    assert all((out / path).is_file() for path in labels)
    assert "labels/short.tif" in labels
    assert _end(run([images], out, model, exports=("geojson", "ome_zarr"))) == (0, 3)


def test_a_link_that_leads_nowhere_is_in_the_table(
    plates: list[Path], tmp_path: Path, model: Model
) -> None:
    (plates[0] / "gone.tif").symlink_to("elsewhere.tif")
    out = tmp_path / "out"
    assert _end(run([plates[0]], out, model)) == (2, 0)
    row = read_table(out / "summary.csv")[-1]
    assert (row["image"], row["status"]) == ("gone.tif", "failed")
    assert "No such file" in row["reason"]


def test_images_of_the_same_name_in_two_folders(
    plates: list[Path], tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    assert _end(run(plates, out, model)) == (3, 0)
    assert read_labels(out / "labels/plate1/a.tif").max() == 1
    assert read_labels(out / "labels/plate2/a.tif").max() == 3
    assert _end(run(plates, out, model)) == (0, 3)


def test_an_image_keeps_the_name_of_its_results(
    plates: list[Path], tmp_path: Path, model: Model
) -> None:
    """As where images of a second folder come into a project later."""
    out = tmp_path / "out"
    run([plates[0]], out, model)
    kept = {"labels/a.tif": "1", "labels/b.tif": "2"}
    assert _end(run(plates, out, model)) == (1, 2)
    assert _nuclei(out) == {**kept, "labels/plate2/a.tif": "3"}
    # Nor does another image of its name take its place.
    third = write_discs(tmp_path / "in/plate3", {"a.tif": 4})
    assert _end(run([third], out, model)) == (1, 0)
    assert _nuclei(out)["labels/plate3/a.tif"] == "4"
    assert len(_nuclei(out)) == 4
    assert _end(run([*plates, third], out, model)) == (0, 4)


def test_images_that_were_moved_are_not_done_again(
    plates: list[Path], tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    run([plates[0]], out, model)
    shutil.move(plates[0], tmp_path / "moved")
    assert _end(run([tmp_path / "moved"], out, model)) == (0, 2)


def test_images_that_differ_in_their_suffix_alone(tmp_path: Path, model: Model) -> None:
    from PIL import Image

    folder = write_discs(tmp_path / "in", {"a.tif": 2})
    out, later = tmp_path / "out", tmp_path / "later"
    run(folder, later, model)
    for disc in (folder / "a.png", folder / "b.ome.png"):
        write_discs(tmp_path / "drawn", {"a.tif": 5})
        with Image.open(tmp_path / "drawn/a.tif") as picture:
            picture.save(disc)
    assert _end(run(folder, out, model)) == (3, 0)
    assert _nuclei(out) == {
        "labels/a.png.tif": "5",
        "labels/a.tif.tif": "2",
        "labels/b.tif": "5",
    }
    # What was there before keeps its name.
    assert _end(run(folder, later, model)) == (2, 1)
    assert set(_nuclei(later)) == {
        "labels/a.png.tif",
        "labels/a.tif",
        "labels/b.tif",
    }
