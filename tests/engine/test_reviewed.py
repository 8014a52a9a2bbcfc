"""What somebody said of images, and what a batch makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from batch_parts import draw_discs, of_kind, read_table, run, write_discs

from unetloop import batch_jobs, large, verdicts
from unetloop.classes import TissueClass
from unetloop.cli import main
from unetloop.edits import Edit
from unetloop.errors import EngineError
from unetloop.journal import Journal
from unetloop.masks import read_labels
from unetloop.project import open_project
from unetloop.reviewed import find_reviewed

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.checkpoint import Model

BLOCK = (slice(60, 80), slice(120, 150))
"""Where no disc is: drawn by hand."""


class Corrected:
    """Two images of three and five discs, and what a person says of the first."""

    def __init__(self, folder: Path) -> None:
        self.images = write_discs(folder / "in", {"a.tif": 3, "b.tif": 5})
        self.folder = folder / "in/unet-loop"
        discs = draw_discs(3) > 0
        self.segmentation, self.review = np.zeros((2, 160, 160), np.int32)
        self.segmentation[BLOCK], self.review[BLOCK] = 900, 1  # a drawn one
        first = np.zeros((160, 160), bool)
        first[:46, :46] = discs[:46, :46]
        self.review[first] = 1  # the first disc was deleted
        self.second = np.zeros((160, 160), bool)
        self.second[:46, 46:90] = discs[:46, 46:90]
        self.write()

    def write(self, image: str = "a.tif") -> None:
        with open_project(self.folder, create=True) as project:
            project.add_images(sorted(self.images.glob("*.tif")))
            entry = next(one for one in project.images if one.path.endswith(image))
            project.write_segmentation(entry, 0, self.segmentation)
            project.write_review(entry, 0, self.review.astype(np.uint8))


@pytest.fixture
def corrected(tmp_path: Path) -> Corrected:
    return Corrected(tmp_path)


def _done(events: list[Any]) -> Any:
    return of_kind(events, "PredictionDone")[0]


def test_a_batch_writes_what_was_corrected(
    corrected: Corrected, tmp_path: Path, model: Model
) -> None:
    out, known = tmp_path / "out", {"project": corrected.folder}
    corrected.review[corrected.second] = 2  # the second disc is to be left out
    corrected.write()
    run(corrected.images, out, model, exports=("geojson",), **known)
    labels = read_labels(out / "labels/a.tif")
    assert labels.max() == 2  # the third disc, and what was drawn
    assert not labels[:46, :90].any()
    drawn = labels[BLOCK]
    assert (drawn == drawn[0, 0]).all()
    assert np.count_nonzero(labels == drawn[0, 0]) == drawn.size
    rows = [r for r in read_table(out / "measurements.csv") if r["image"] == "a.tif"]
    assert sorted(row["reviewed"] for row in rows) == ["0", "1"]
    mine = next(row for row in rows if row["reviewed"] == "1")
    assert (mine["label"], mine["area_px"]) == (str(drawn[0, 0]), str(drawn.size))
    assert mine["certainty_mean"] == ""
    summary = {row["image"]: row for row in read_table(out / "summary.csv")}
    assert (summary["a.tif"]["nuclei"], summary["a.tif"]["reviewed"]) == ("2", "1")
    assert 0.5 < float(summary["a.tif"]["certainty"]) <= 1
    assert (summary["b.tif"]["nuclei"], summary["b.tif"]["reviewed"]) == ("5", "0")
    report = (out / "report.html").read_text("utf-8")
    assert "<b>1</b>of them reviewed" in report
    assert "1 of these was confirmed, corrected or drawn by hand" in report
    written = json.loads((out / "run.json").read_text("utf-8"))["settings"]["project"]
    assert written == str(corrected.folder)
    exported = json.loads((out / "geojson/a.geojson").read_text("utf-8"))
    assert len(exported["features"]) == 2


def test_only_what_was_corrected_since_is_predicted_again(
    corrected: Corrected, tmp_path: Path, model: Model
) -> None:
    out, known = tmp_path / "out", {"project": corrected.folder}
    run(corrected.images, out, model)
    plain = (out / "labels/b.tif").stat().st_mtime_ns
    done = _done(run(corrected.images, out, model, **known))
    assert (done.predicted, done.skipped) == (1, 1)  # nobody looked at b
    assert (out / "labels/b.tif").stat().st_mtime_ns == plain
    assert _done(run(corrected.images, out, model, **known)).predicted == 0
    corrected.segmentation[100:110, 100:110] = 77  # a proposal nobody looked at
    corrected.write()
    assert _done(run(corrected.images, out, model, **known)).predicted == 0
    corrected.review[100:110, 100:110] = 1
    corrected.write()
    assert _done(run(corrected.images, out, model, **known)).predicted == 1
    assert read_labels(out / "labels/a.tif")[105, 105] > 0
    # Whoever asks for the model alone gets that.
    assert _done(run(corrected.images, out, model)).predicted == 1
    assert read_labels(out / "labels/a.tif").max() == 3


def test_what_is_corrected_while_it_is_predicted_is_known_by_its_own_hash(
    corrected: Corrected,
    tmp_path: Path,
    model: Model,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, known = tmp_path / "out", {"project": corrected.folder}

    def correct_meanwhile(*args: Any) -> Any:
        found = find_reviewed(*args)
        corrected.review[150:, 150:] = 1
        corrected.write()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(batch_jobs, "find_reviewed", correct_meanwhile)
        run(corrected.images, out, model, **known)
    assert _done(run(corrected.images, out, model, **known)).predicted == 0
    corrected.review[150:, 150:] = 0  # the results are not of what was there before
    corrected.write()
    assert _done(run(corrected.images, out, model, **known)).predicted == 1


def test_a_nucleus_that_no_network_finds_is_written(
    corrected: Corrected, tmp_path: Path, model: Model
) -> None:
    tifffile.imwrite(corrected.images / "a.tif", np.zeros((160, 160), np.uint8))
    config = replace(run.__defaults__[0], diameter=None)  # type: ignore[index]
    out = tmp_path / "out"
    run(corrected.images, out, model, config, project=corrected.folder)
    labels = read_labels(out / "labels/a.tif")
    assert labels.max() == 1
    assert (labels[BLOCK] == 1).all()
    summary = {row["image"]: row for row in read_table(out / "summary.csv")}
    assert summary["a.tif"]["certainty"] == ""  # of the network, nothing is known


def test_block_by_block_it_is_the_same(
    corrected: Corrected,
    tmp_path: Path,
    model: Model,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {"project": corrected.folder}
    run(corrected.images, tmp_path / "whole", model, **known)
    monkeypatch.setattr(large, "_LARGE_PIXELS", 1 << 13)
    monkeypatch.setattr(large, "_BLOCK_PIXELS", 1 << 13)
    monkeypatch.setattr(verdicts, "_STRIP_PIXELS", 1000)
    run(corrected.images, tmp_path / "blocks", model, **known)
    one, other = (
        read_labels(tmp_path / name / "labels/a.tif") for name in ("whole", "blocks")
    )
    assert one.max() == other.max() == 3
    assert np.mean(one != other) < 0.01  # seams of the network's tiles, if anything
    np.testing.assert_array_equal(one[BLOCK] > 0, other[BLOCK] > 0)
    rows = read_table(tmp_path / "blocks/measurements.csv")
    assert [row["reviewed"] for row in rows].count("1") == 1
    sure = [row["certainty_mean"] for row in rows if row["reviewed"] == "0"]
    assert all(float(value) > 0.5 for value in sure)
    assert not list((tmp_path / "blocks").rglob(".labels*"))


def test_planes_of_a_stack_are_corrected_one_by_one(
    tmp_path: Path, model: Model
) -> None:
    images = tmp_path / "in"
    images.mkdir()
    stack = np.stack([draw_discs(3)] * 3)
    tifffile.imwrite(images / "s.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    with open_project(images / "unet-loop", create=True) as project:
        (entry,) = project.add_images([images / "s.tif"])
        drawn, review = np.zeros((160, 160), np.int32), np.zeros((160, 160), np.uint8)
        drawn[BLOCK], review[BLOCK] = 5, 1
        project.write_segmentation(entry, 2, drawn)
        project.write_review(entry, 2, review)
        project.write_review(entry, 1, np.zeros_like(review))  # all was undone
    known = find_reviewed(
        images / "unet-loop", {str((images / "s.tif").resolve())}, "nuclei"
    )
    (image,) = known.values()
    assert list(image.planes) == [2]
    run(images, tmp_path / "out", model, project=images / "unet-loop")
    rows = read_table(tmp_path / "out/measurements.csv")
    assert [row["plane"] for row in rows if row["reviewed"] == "1"] == ["2"]
    assert [row["plane"] for row in rows].count("2") == 4
    assert [row["plane"] for row in rows].count("0") == 3


def test_what_was_said_is_read_pixel_by_pixel_and_of_corrected_images_alone(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / "wide.tif", tmp_path / "undone.tif"]
    for path in paths:
        tifffile.imwrite(path, np.zeros((6, 9), np.uint8))
    labels, review = np.zeros((6, 9), np.int32), np.zeros((6, 9), np.uint8)
    labels[1:3, 1:8] = 7
    review[:, 4:], review[5] = 1, 2
    with open_project(tmp_path / "project", create=True) as project:
        wide, undone = project.add_images(paths)
        project.write_segmentation(wide, 0, labels)
        project.write_review(wide, 0, review)
        project.write_review(undone, 0, np.zeros_like(review))
    known = find_reviewed(
        project.folder, [str(path.resolve()) for path in paths], "nuclei"
    )
    assert list(known) == [str(paths[0].resolve())]
    (image,) = known.values()
    verdicts = np.full(labels.shape, 99, np.uint32)
    assert image.planes[0].read(verdicts)
    expected = np.select([review == 1, review == 2], [2 + labels, 1], 0)
    np.testing.assert_array_equal(verdicts, expected)
    assert not project.journal_path.exists()


def test_what_a_killed_viewer_had_in_its_journal_alone_counts(
    corrected: Corrected, tmp_path: Path, model: Model
) -> None:
    with open_project(corrected.folder) as project:
        entry = next(one for one in project.images if one.path.endswith("a.tif"))
        journal = Journal(project)
        nothing = np.zeros((10, 10))
        edits = [
            Edit(entry.id, 0, array, 100, 100, nothing.astype(kind), nothing + value)
            for array, kind, value in (
                ("segmentation", np.int32, np.int32(5)),
                ("review", np.uint8, np.uint8(1)),
            )
        ]
        edits = [replace(e, after=e.after.astype(e.before.dtype)) for e in edits]
        journal.record("new", edits)
        journal._log.close()  # killed
    run(corrected.images, tmp_path / "out", model, project=corrected.folder)
    labels = read_labels(tmp_path / "out/labels/a.tif")
    assert (labels[100:110, 100:110] == labels[105, 105]).all()
    assert labels[105, 105] > 0


def test_corrections_that_do_not_fit_fail_their_image_alone(
    corrected: Corrected, tmp_path: Path, model: Model
) -> None:
    tifffile.imwrite(corrected.images / "a.tif", draw_discs(3, 200))
    out, known = tmp_path / "out", {"project": corrected.folder}
    events = run(corrected.images, out, model, **known)
    (failed,) = of_kind(events, "ImageFailed")
    assert failed.image.name == "a.tif"
    assert "of another size" in failed.reason
    assert _done(events).predicted == 1
    tifffile.imwrite(corrected.images / "a.tif", draw_discs(3))
    (review,) = (corrected.folder / "review").rglob("*.tif")
    review.write_bytes(b"damaged")
    (failed,) = of_kind(run(corrected.images, out, model, **known), "ImageFailed")
    assert failed.image.name == "a.tif"
    corrected.write()
    (mask,) = (corrected.folder / "segmentation").rglob("*.tif")
    tifffile.imwrite(mask, np.where(corrected.review == 1, -1.0, 0).astype("f4"))
    (failed,) = of_kind(run(corrected.images, out, model, **known), "ImageFailed")
    assert failed.image.name == "a.tif"
    assert "must not hold negative numbers" in failed.reason


def test_a_project_that_is_none_or_of_another_task_is_refused_first(
    corrected: Corrected, tmp_path: Path, model: Model
) -> None:
    with pytest.raises(EngineError, match="no project"):
        run(corrected.images, tmp_path / "out", model, project=tmp_path)
    with open_project(corrected.folder) as project:
        project.set_classes(
            [TissueClass("one", "#ff0000"), TissueClass("b", "#00ff00")]
        )
    with pytest.raises(EngineError, match="of classes, and the model of nuclei"):
        run(corrected.images, tmp_path / "out", model, project=corrected.folder)
    assert not (tmp_path / "out").exists()


def test_the_command_line_names_a_project(
    corrected: Corrected, tmp_path: Path, model: Model, capsys: Any
) -> None:
    command = ["predict", str(corrected.images), "--out", str(tmp_path / "out")]
    assert main([*command, "--diameter", "32", "--project", str(corrected.folder)]) == 0
    assert (read_labels(tmp_path / "out/labels/a.tif")[BLOCK] > 0).all()
    assert main([*command, "--project", str(tmp_path)]) == 1
    assert "no project in this folder" in capsys.readouterr().err
