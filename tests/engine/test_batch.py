"""Many images: what is written, what is done again, and what a bad end leaves."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from unetloop import batch_image, image_results
from unetloop.atomic import fresh_path
from unetloop.batch import BatchOptions
from unetloop.checkpoint import Model
from unetloop.config import PredictionConfig
from unetloop.errors import EngineError
from unetloop.file_state import FileState
from unetloop.files import find_images
from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.quality import STATISTICS, Reference
from unetloop.run_record import Records

if TYPE_CHECKING:
    from pathlib import Path


from batch_parts import (
    CONFIG,
    draw_discs,
    of_kind,
    read_table,
    run,
    write_discs,
)


def _times(out: Path) -> dict[str, int]:
    return {
        path.relative_to(out).as_posix(): path.stat().st_mtime_ns
        for path in sorted((out / "labels").rglob("*"))
        if path.is_file()
    }


def test_masks_and_tables_agree(deep: Path, tmp_path: Path, model: Model) -> None:
    out = tmp_path / "out"
    done = of_kind(run(deep, out, model), "PredictionDone")[0]
    assert (done.predicted, done.failed, done.skipped) == (3, 0, 0)
    summary = {row["image"]: row for row in read_table(out / "summary.csv")}
    assert {name: row["nuclei"] for name, row in summary.items()} == {
        "a.tif": "3",
        "b.tif": "5",
        "sub/c.tif": "0",
    }
    assert {row["status"] for row in summary.values()} == {"done"}
    measured = read_table(out / "measurements.csv")
    assert [row["image"] for row in measured] == ["a.tif"] * 3 + ["b.tif"] * 5
    labels = read_labels(out / "labels/b.tif")
    areas = np.bincount(labels.ravel())[1:]
    assert [int(row["area_px"]) for row in measured[3:]] == areas.tolist()
    assert all(0.5 < float(row["certainty_mean"]) <= 1 for row in measured)
    quartiles = [float(summary["b.tif"][f"area_px_{q}"]) for q in ("q25", "median")]
    assert quartiles == [np.percentile(areas, 25), np.percentile(areas, 50)]
    assert float(summary["a.tif"]["nuclei_per_megapixel"]) == pytest.approx(
        3 / 160**2 * 1e6, rel=1e-5
    )
    record = json.loads((out / "run.json").read_text())
    assert record["model"]["sha256"] == model.weights_hash
    assert record["stopped"] == "finished"
    assert {item["status"] for item in record["inputs"]} == {"done"}
    assert all(len(item["sha256"]) == 64 for item in record["inputs"])


def test_every_export_is_written(deep: Path, tmp_path: Path, model: Model) -> None:
    out = tmp_path / "out"
    exports = ("rois", "geojson", "coco", "overlay")
    run(deep, out, model, exports=exports)
    for path in ("rois/a.zip", "geojson/sub/c.geojson", "overlays/b.png", "coco.json"):
        assert (out / path).exists(), path
    coco = json.loads((out / "coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == [
        "a.tif",
        "b.tif",
        "sub/c.tif",
    ]
    assert len(coco["annotations"]) == 8
    with pytest.raises(EngineError, match="no format to export to"):
        run(deep, out, model, exports=("xml",))


def test_nothing_is_done_twice(deep: Path, tmp_path: Path, model: Model) -> None:
    out = tmp_path / "out"
    run(deep, out, model)
    before, table = _times(out), (out / "summary.csv").stat().st_mtime_ns
    done = of_kind(run(deep, out, model), "PredictionDone")[0]
    assert (done.predicted, done.skipped) == (0, 3)
    assert _times(out) == before
    assert (out / "summary.csv").stat().st_mtime_ns == table


def test_what_changed_is_done_again_and_nothing_else(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    run(deep, out, model)
    before = _times(out)
    tifffile.imwrite(deep / "a.tif", draw_discs(4))
    os.utime(deep / "b.tif")  # touched, and still the same bytes
    done = of_kind(run(deep, out, model), "PredictionDone")[0]
    assert (done.predicted, done.skipped) == (1, 2)
    changed = {name for name, time in _times(out).items() if time != before[name]}
    assert changed == {"labels/a.tif"}
    assert len(read_table(out / "measurements.csv")) == 9
    other = replace(model, weights_hash="1" * 64)
    assert of_kind(run(deep, out, other), "PredictionDone")[0].predicted == 3
    config = replace(CONFIG, batch_size=1)  # changes nothing but the time
    assert of_kind(run(deep, out, other, config), "PredictionDone")[0].predicted == 0
    config = replace(CONFIG, diameter=30.0)
    assert of_kind(run(deep, out, other, config), "PredictionDone")[0].predicted == 3
    (out / "labels/a.tif").unlink()
    assert of_kind(run(deep, out, other, config), "PredictionDone")[0].predicted == 1


def test_what_was_chosen_of_nuclei_holds_and_is_written_down(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"

    def predicted(**instances: float) -> int:
        events = run(deep, out, model, instances=instances)
        return int(of_kind(events, "PredictionDone")[0].predicted)

    def areas() -> list[float]:
        return [float(row["area_px"]) for row in read_table(out / "measurements.csv")]

    assert predicted() == 3
    usual = areas()
    # What is as the model says changes nothing.
    assert predicted(threshold=model.instances.threshold) == 0
    assert "Set by hand" not in (out / "report.html").read_text("utf-8")
    assert predicted(threshold=0.9, min_certainty=0) == 3
    assert len(areas()) == len(usual) == 8
    assert max(areas()) < min(usual)
    written = json.loads((out / "run.json").read_text("utf-8"))
    assert written["settings"]["instances"]["threshold"] == 0.9
    assert written["model"]["instances"]["threshold"] == 0.55
    report = (out / "report.html").read_text("utf-8")
    assert "with a probability above 0.9 were foreground" in report
    assert "probability of the foreground (0.55), smallest certainty (0.85)" in report
    assert predicted(threshold=0.9, min_certainty=0) == 0
    assert predicted(min_size=3) == 3
    assert areas() == []
    assert predicted() == 3
    assert areas() == usual


@pytest.mark.parametrize(
    ("instances", "said"),
    [({"threshold": 2}, "between 0 and 1"), ({"size": 1}, "no setting of this name")],
)
def test_settings_that_are_none_stop_a_batch_before_it_begins(
    deep: Path, tmp_path: Path, model: Model, instances: dict[str, float], said: str
) -> None:
    with pytest.raises(EngineError, match=said):
        run(deep, tmp_path / "out", model, instances=instances)
    assert not (tmp_path / "out").exists()


def test_sizes_and_unlikeness_do_not_depend_on_what_was_chosen(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    rows = np.random.default_rng(0).random((9, len(STATISTICS)))
    card = replace(model.card, reference=Reference(rows).to_json())
    model, config = replace(model, card=card), replace(CONFIG, diameter=None)
    tables = []
    for name, instances in (("plain", {}), ("chosen", {"min_size": 3.0})):
        run(deep, tmp_path / name, model, config, instances=instances)
        tables.append(read_table(tmp_path / name / "summary.csv"))
    for plain, chosen in zip(*tables, strict=True):
        assert plain["diameter_px"] == chosen["diameter_px"]
        assert plain["unlikeness"] == chosen["unlikeness"] != ""
    assert [row["nuclei"] for row in tables[0]] == ["3", "5", "0"]
    assert [row["nuclei"] for row in tables[1]] == ["0", "0", "0"]


def test_what_is_not_ours_is_left_alone(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    write_discs(out / "labels", {"a.tif": 1})
    foreign = (out / "labels/a.tif").read_bytes()
    events = run(deep, out, model)
    assert (out / "labels/a.tif").read_bytes() == foreign
    assert "left alone" in " ".join(event.text for event in of_kind(events, "Notice"))
    assert of_kind(events, "PredictionDone")[0].skipped == 1
    rows = {row["image"]: row for row in read_table(out / "summary.csv")}
    assert rows["a.tif"]["status"] == "left alone"
    corrected = read_labels(out / "labels/b.tif")
    corrected[:9, :9] = 99
    tifffile.imwrite(out / "labels/b.tif", corrected.astype(np.uint16))
    other = replace(model, weights_hash="1" * 64)
    run(deep, out, other)  # corrected by hand since: not to be lost
    assert read_labels(out / "labels/b.tif").max() == 99
    run(deep, out, other, overwrite=True)
    assert read_labels(out / "labels/a.tif").max() == 3
    assert read_labels(out / "labels/b.tif").max() == 5


def test_what_lies_where_an_export_should_go_is_left_alone(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    mine = out / "geojson/a.geojson"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    events = run(deep, out, model, exports=("geojson",))
    done = of_kind(events, "PredictionDone")[0]
    assert (done.predicted, done.skipped) == (2, 1)
    assert not (out / "labels/a.tif").exists()
    run(deep, out, model)  # without it, there are masks
    assert read_labels(out / "labels/a.tif").max() == 3
    run(deep, out, model, exports=("geojson",))
    assert mine.read_text() == "mine"


def test_tables_of_something_else_are_refused(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "measurements.csv").write_text("thesis")
    with pytest.raises(EngineError, match=r"measurements\.csv"):
        run(deep, out, model)
    assert (out / "measurements.csv").read_text() == "thesis"
    assert list(out.iterdir()) == [out / "measurements.csv"]


def test_a_table_that_was_edited_is_put_aside(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    run(deep, out, model)
    (out / "summary.csv").write_text("my notes")
    tifffile.imwrite(deep / "a.tif", draw_discs(1))
    run(deep, out, model)
    assert (out / "summary.changed-1.csv").read_text() == "my notes"
    assert len(read_table(out / "summary.csv")) == 3


def test_bad_files_are_in_the_table_and_are_retried_alone(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    (deep / "bad.tif").write_text("this is no image")
    events = run(deep, out, model, channel="0")
    assert [event.image.name for event in of_kind(events, "ImageFailed")] == ["bad.tif"]
    rows = {row["image"]: row for row in read_table(out / "summary.csv")}
    assert rows["bad.tif"]["status"] == "failed"
    assert "can't be read" in rows["bad.tif"]["reason"]
    assert rows["bad.tif"]["seconds"] != ""
    before = _times(out)
    tifffile.imwrite(deep / "bad.tif", draw_discs(2))
    write_discs(deep, {"new.tif": 1})
    done = of_kind(
        run(deep, out, model, channel="0", retry_failed=True), "PredictionDone"
    )
    assert (done[0].predicted, done[0].failed) == (1, 0)
    assert set(_times(out)) - set(before) == {"labels/bad.tif"}
    rows = {row["image"]: row for row in read_table(out / "summary.csv")}
    assert rows["bad.tif"]["status"] == "done"


def test_a_file_that_went_away_says_what_to_do(tmp_path: Path, model: Model) -> None:
    folder = write_discs(tmp_path / "in", {"b.tif": 1})
    (folder / "a.tif").symlink_to("nowhere.tif")
    failed = of_kind(run(folder, tmp_path / "out", model), "ImageFailed")[0]
    assert "No such file" in failed.reason
    assert f"path={folder / 'a.tif'}. Make sure" in failed.reason
    assert not Records(tmp_path / "out").read("a").detail  # no mistake of ours


def test_a_link_that_goes_round_in_a_circle_stops_one_image(
    tmp_path: Path, model: Model
) -> None:
    folder = write_discs(tmp_path / "in", {"b.tif": 1})
    (folder / "a.tif").symlink_to("a.tif")
    own = {str(folder / "b.tif"): 30.0}
    events = run(folder, tmp_path / "out", model, diameters=own)
    assert "links" in of_kind(events, "ImageFailed")[0].reason
    assert of_kind(events, "ImagePredicted")[0].diameter == 30.0


def test_a_failure_nobody_foresaw_stops_one_image(
    deep: Path, tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = batch_image.work_on_plane

    def broken(image: Any, *rest: Any) -> Any:
        if image.info.path.name == "a.tif":
            raise ZeroDivisionError("a bug")
        return real(image, *rest)

    monkeypatch.setattr(batch_image, "work_on_plane", broken)
    events = run(deep, tmp_path / "out", model)
    assert "ZeroDivisionError" in of_kind(events, "ImageFailed")[0].reason
    assert of_kind(events, "PredictionDone")[0].predicted == 2
    record = Records(tmp_path / "out").read("a")
    assert record is not None
    assert "Traceback" in record.detail


def test_half_written_results_are_not_trusted(
    deep: Path, tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after kill -9 between the masks and the record."""
    out = tmp_path / "out"
    real = Records.write

    def killed(self: Records, record: Any) -> None:
        if record.status == "done" and record.name == "b.tif":
            raise KeyboardInterrupt
        real(self, record)

    monkeypatch.setattr(Records, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        run(deep, out, model)
    monkeypatch.undo()
    monkeypatch.setattr(Model, "network", lambda self, pixels=None: _network())
    assert (out / "labels/b.tif").exists()
    (out / "labels/b.tif").write_bytes(b"half")
    fresh_path(out / "labels/b.tif").write_bytes(b"rest")
    done = of_kind(run(deep, out, model), "PredictionDone")[0]
    assert done.predicted >= 1
    assert read_labels(out / "labels/b.tif").max() == 5
    assert len(read_table(out / "measurements.csv")) == 8
    assert not list(out.rglob("*.new"))


def test_a_failure_owns_what_it_wrote_and_nothing_else(
    deep: Path, tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def broken(*rest: Any) -> Any:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(image_results, "MeasurementsWriter", broken)
        assert len(of_kind(run(deep, out, model), "ImageFailed")) == 3
    assert (out / "labels/a.tif").exists()  # written before it failed
    write_discs(out / "labels", {"b.tif": 1})  # and this one by somebody since
    done = of_kind(run(deep, out, model), "PredictionDone")[0]
    assert (done.predicted, done.skipped) == (2, 1)
    assert read_labels(out / "labels/b.tif").max() == 200
    (deep / "a.tif").write_text("damaged since")
    assert len(of_kind(run(deep, out, model), "ImageFailed")) == 1
    assert read_labels(out / "labels/a.tif").max() == 3  # the last good one stays
    tifffile.imwrite(deep / "a.tif", draw_discs(7))
    assert of_kind(run(deep, out, model), "PredictionDone")[0].predicted == 1
    assert read_labels(out / "labels/a.tif").max() == 7


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """The real thing: kill -9 in the middle, and the same command again."""
    counts = {f"{n:02}.tif": n % 9 + 1 for n in range(30)}
    folder, out = write_discs(tmp_path / "in", counts), tmp_path / "out"
    words = [sys.executable, "-m", "unetloop", "predict", str(folder)]
    words += ["--out", str(out), "--diameter", "32", "--json"]
    first = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with first:
        assert first.stdout is not None
        for line in first.stdout:
            if json.loads(line)["event"] == "ImagePredicted":
                break
        first.kill()
    done = sum(record.status == "done" for record in Records(out).all())
    assert done >= 1
    assert not (out / "summary.csv").exists() or done == 30
    second = subprocess.run(words, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    last = json.loads(second.stdout.splitlines()[-1])
    assert (last["predicted"], last["skipped"]) == (30 - done, done)
    assert len(read_table(out / "summary.csv")) == 30
    found = {path.name: read_labels(path).max() for path in (out / "labels").iterdir()}
    assert found == counts
    assert len(read_table(out / "measurements.csv")) == sum(counts.values())


def _network() -> Any:
    from conftest import DiscNetwork

    return DiscNetwork()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_stops_with_what_is_done(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    folder = write_discs(tmp_path / "in", {f"{n}.tif": n for n in range(1, 9)})
    out = tmp_path / "out"
    real = image_results.write_labels
    full = threading.Event()

    def write(path: Path, *rest: Any) -> None:
        if path.name == "4.tif":
            full.set()
        if full.is_set():
            cause = OSError(code, "No space left on device")
            raise EngineError("The masks could not be written.") from cause
        real(path, *rest)

    monkeypatch.setattr(image_results, "write_labels", write)
    events = run(folder, out, model)
    done = of_kind(events, "PredictionDone")[0]
    assert done.stopped == "disk full"
    assert done.failed == 0
    assert 1 <= done.predicted <= 7
    assert "disk is full" in of_kind(events, "Notice")[-2].text
    assert len(read_table(out / "summary.csv")) == done.predicted
    monkeypatch.setattr(image_results, "write_labels", real)
    again = of_kind(run(folder, out, model), "PredictionDone")[0]
    assert again.predicted == 8 - done.predicted
    assert len(read_table(out / "measurements.csv")) == sum(range(1, 9))


def test_cancelling_keeps_what_is_done(tmp_path: Path, model: Model) -> None:
    folder = write_discs(tmp_path / "in", {f"{n}.tif": n for n in range(1, 9)})
    out = tmp_path / "out"
    wanted = threading.Event()
    found = find_images([folder])
    from unetloop.batch import predict_images

    events = []
    for event in predict_images(found, out, model, CONFIG, cancelled=wanted.is_set):
        events.append(event)
        if type(event).__name__ == "ImagePredicted":
            wanted.set()
    done = of_kind(events, "PredictionDone")[0]
    assert done.stopped == "cancelled"
    assert done.predicted < 8
    said = [(event.text, event.level) for event in of_kind(events, "Notice")[-2:]]
    assert said == [
        ("Cancelled; what is done is kept.", "info"),  # it is what was wanted
        ("Writing tables and report.", "info"),
    ]
    rows = read_table(out / "summary.csv")
    assert len(rows) == done.predicted
    again = of_kind(run(folder, out, model), "PredictionDone")[0]
    assert (again.predicted, again.skipped) == (8 - done.predicted, done.predicted)


def test_two_runs_do_not_write_one_folder(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    with (
        Records(tmp_path / "out").locked(),
        pytest.raises(EngineError, match="Another run"),
    ):
        run(deep, tmp_path / "out", model)


def test_a_folder_that_can_not_be_written_is_one_sentence(
    deep: Path, tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is mounted to be read only."""
    run(deep, tmp_path / "out", model)

    def refuse(*rest: Any, **how: Any) -> Any:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(EngineError, match=r"can't be written.*another folder"):
        run(deep, tmp_path / "out", model, overwrite=True)


def test_an_omitted_diameter_is_estimated(tmp_path: Path, model: Model) -> None:
    folder = write_discs(tmp_path / "in", {"a.tif": 9})
    run(folder, tmp_path / "out", model, PredictionConfig(tile=128, overlap=48))
    row = read_table(tmp_path / "out/summary.csv")[0]
    assert float(row["diameter_px"]) == pytest.approx(32, rel=0.1)


def test_stacks_with_channels_and_pixel_size(tmp_path: Path, model: Model) -> None:
    stack = np.stack([[draw_discs(2), draw_discs(2) // 2], [draw_discs(6)] * 2])
    tifffile.imwrite(
        tmp_path / "s.tif",
        stack,
        imagej=True,
        resolution=(2.0, 2.0),
        metadata={"axes": "ZCYX", "unit": "um"},
    )
    out = tmp_path / "out"
    run([tmp_path / "s.tif"], out, model, exports=("rois",))
    rows = read_table(out / "measurements.csv")
    assert [row["plane"] for row in rows] == ["0"] * 2 + ["1"] * 6
    assert float(rows[0]["area_um2"]) == int(rows[0]["area_px"]) / 4
    assert float(rows[0]["intensity_mean_0"]) == 200
    assert float(rows[0]["intensity_mean_1"]) == 100
    summary = read_table(out / "summary.csv")[0]
    assert (summary["nuclei"], summary["planes"]) == ("8", "2")
    assert float(summary["nuclei_per_mm2"]) == pytest.approx(
        8 / (2 * 160 * 160 * 0.25) * 1e6, rel=1e-5
    )


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr_gives_ome_zarr(tmp_path: Path, model: Model, version: int) -> None:
    import zarr

    folder = tmp_path / "in"
    folder.mkdir()
    group = zarr.open_group(str(folder / "x.ome.zarr"), mode="w", zarr_format=version)
    group.create_array("0", data=draw_discs(4)[None])
    axes = [{"name": name, "type": "space"} for name in "zyx"]
    scale = [{"axes": axes, "datasets": [{"path": "0"}], "version": "0.4"}]
    group.attrs["multiscales"] = scale
    out = tmp_path / "out"
    events = run(folder, out, model)
    target = out / "labels/x.ome.zarr"
    assert of_kind(events, "ImagePredicted")[0].output == target
    assert read_labels(target, 0).max() == 4
    assert of_kind(run(folder, out, model), "PredictionDone")[0].skipped == 1


def test_large_planes_are_measured_as_small_ones(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", draw_discs(60, 400), tile=(128, 128))
    run(folder, tmp_path / "whole", model, exports=("overlay", "geojson"))
    for name in ("_LARGE_PIXELS", "_BLOCK_PIXELS"):
        monkeypatch.setattr(f"unetloop.large.{name}", 150**2)
    run(folder, tmp_path / "blocks", model, exports=("overlay", "geojson"))

    def rows(out: Path) -> list[tuple[float, ...]]:
        names = ("centroid_row", "centroid_column", "area_px", "intensity_mean_0")
        table = read_table(out / "measurements.csv")
        return sorted(tuple(float(row[name]) for name in names) for row in table)

    assert len(rows(tmp_path / "whole")) == 60
    np.testing.assert_allclose(
        rows(tmp_path / "blocks"), rows(tmp_path / "whole"), atol=1.5, rtol=0.02
    )


def test_results_below_the_images_are_no_images(
    deep: Path, tmp_path: Path, model: Model
) -> None:
    run(deep, deep / "results", model)
    assert of_kind(run(deep, deep / "results", model), "PredictionDone")[0].skipped == 3
    assert len(find_images([str(deep / "**/*.tif")])) == 3


def test_a_stack_in_many_files_is_one_image(tmp_path: Path, model: Model) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for plane in range(3):
        for channel in (1, 2):
            pixels = draw_discs(plane + 1) // channel
            tifffile.imwrite(folder / f"p_z{plane:02}_w{channel}.tif", pixels)
    out = tmp_path / "out"
    name = folder / "p_z{Z}_w{C}.tif"
    events = run([name], out, model, channel="2")
    done = of_kind(events, "ImagePredicted")[0]
    assert (done.nuclei, done.channel) == (6, "2")
    with tifffile.TiffFile(out / "labels/p_zZ_wC.tif") as tiff:
        assert tiff.series[0].axes == "ZYX"
    rows = read_table(out / "measurements.csv")
    assert [row["plane"] for row in rows] == list("011222")
    assert {row["intensity_mean_1"] for row in rows} == {"200"}
    assert of_kind(run([name], out, model, channel="2"), "PredictionDone")[0].skipped
    tifffile.imwrite(folder / "p_z01_w1.tif", draw_discs(9))
    again = of_kind(run([name], out, model, channel="2"), "PredictionDone")[0]
    assert again.predicted == 1
    (folder / "p_z01_w2.tif").unlink()
    failed = of_kind(run([name], out, model, channel="2"), "ImageFailed")[0]
    assert "missing: Z 1, C 2" in failed.reason
    with pytest.raises(EngineError, match="no such file"):
        find_images([str(folder / "q_z.tif")])


def test_a_mask_that_can_not_be_looked_at_stops_no_other(
    deep: Path, tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run(deep, out, model)
    holds = FileState.holds

    def refuse(self: FileState, path: Path) -> bool:
        if path.name == "a.tif" and path.parent.name == "labels":
            raise PermissionError(13, "Permission denied")
        return holds(self, path)

    monkeypatch.setattr(FileState, "holds", refuse)
    (done,) = of_kind(run(deep, out, model), "PredictionDone")
    assert (done.predicted, done.failed, done.skipped) == (0, 0, 3)


def test_images_have_nucleus_diameters_of_their_own(
    tmp_path: Path, model: Model
) -> None:
    folder, out = tmp_path / "images", tmp_path / "out"
    write_discs(folder, {"a.tif": 3, "b.tif": 3, "c.tif": 3})
    own = {str((folder / "b.tif").resolve()): 20.0}
    run(folder / ".." / "images", out, model, diameters=own)

    def used() -> dict[str, float]:
        rows = read_table(out / "summary.csv")
        return {row["image"]: float(row["diameter_px"]) for row in rows}

    assert used() == {"a.tif": 32.0, "b.tif": 20.0, "c.tif": 32.0}
    settings = json.loads((out / "run.json").read_text())["settings"]
    assert (settings["diameter"], settings["diameters"]) == (32.0, own)
    report = (out / "report.html").read_text("utf-8")
    assert "given as 20 px for some images" in report
    assert "for the others given as 32 px" in report
    more = {**own, str((folder / "c.tif").resolve()): 40.0}
    done = of_kind(run(folder, out, model, diameters=more), "PredictionDone")[0]
    assert (done.predicted, done.skipped) == (1, 2)  # only what it changes
    assert used()["c.tif"] == 40.0
    estimated = replace(CONFIG, diameter=None)
    run(folder, out, model, estimated, diameters=more)
    assert used()["b.tif"] == 20.0
    assert used()["a.tif"] not in (20.0, 32.0, 40.0)


def test_pixels_are_as_large_as_was_said_where_no_file_states_it(
    tmp_path: Path, model: Model
) -> None:
    folder, out = tmp_path / "images", tmp_path / "out"
    write_discs(folder, {"a.tif": 3, "b.tif": 3})
    for name in ("own", "other"):
        stated = {"resolution": (4.0, 4.0), "metadata": {"unit": "um"}}
        tifffile.imwrite(folder / f"{name}.tif", draw_discs(3), imagej=True, **stated)
    run(folder, out, model)

    def sides() -> dict[str, str]:
        rows = read_table(out / "summary.csv")
        return {row["image"]: row["pixel_width_um"] for row in rows}

    stated = {"own.tif": "0.25", "other.tif": "0.25"}
    assert sides() == {"a.tif": "", "b.tif": "", **stated}
    single = {str((folder / f"{name}.tif").resolve()): 2.0 for name in ("b", "other")}
    sized = {"pixel_size": 0.5, "pixel_sizes": single}
    run(folder, out, model, **sized)
    given = {"a.tif": "0.5", "b.tif": "2.0", "own.tif": "0.25", "other.tif": "2.0"}
    assert sides() == given
    rows = {row["image"]: row for row in read_table(out / "measurements.csv")}
    assert float(rows["a.tif"]["area_um2"]) == int(rows["a.tif"]["area_px"]) / 4
    with open_image(out / "labels/b.tif") as masks:
        assert masks.info.pixel_size == pytest.approx((2.0, 2.0))
    written = json.loads((out / "run.json").read_text())["settings"]
    assert (written["pixel_size"], written["pixel_sizes"]) == (0.5, single)
    assert "taken as 0.5 µm wide" in (out / "report.html").read_text("utf-8")
    (done,) = of_kind(run(folder, out, model, **sized), "PredictionDone")
    assert (done.predicted, done.skipped) == (0, 4)


@pytest.mark.parametrize("side", [0.0, -1.0, float("nan"), float("inf")])
def test_what_can_be_no_pixel_size_is_refused(side: float) -> None:
    for wrong in ({"pixel_size": side}, {"pixel_sizes": {"a.tif": side}}):
        with pytest.raises(EngineError, match="a number of µm above 0"):
            BatchOptions(**wrong)  # type: ignore[arg-type]


def test_tables_and_report_say_which_channel_was_guessed(
    tmp_path: Path, model: Model
) -> None:
    folder, out = tmp_path / "images", tmp_path / "out"
    folder.mkdir()
    pixels = np.stack([draw_discs(1), draw_discs(3)]).astype(np.uint16)
    metadata = {"axes": "CYX", "Channel": {"Name": ["actin", "DAPI"]}}
    tifffile.imwrite(folder / "a.ome.tif", pixels, metadata=metadata)
    tifffile.imwrite(folder / "b.tif", pixels[0])
    colours = np.stack([draw_discs(1)] * 3, -1).astype(np.uint8)
    tifffile.imwrite(folder / "c.tif", colours, photometric="rgb")
    run(folder, out, model)
    seen = {row["image"]: row["channel"] for row in read_table(out / "summary.csv")}
    assert seen == {"a.ome.tif": "DAPI", "b.tif": "", "c.tif": "all colours"}
    report = (out / "report.html").read_text("utf-8")
    assert "<th>channel</th>" in report
    assert "<td>DAPI</td>" in report


def test_images_are_read_by_channels_of_their_own(tmp_path: Path, model: Model) -> None:
    folder, out = tmp_path / "images", tmp_path / "out"
    folder.mkdir()
    for name in "abc":
        pixels = np.stack([draw_discs(1), draw_discs(3)])
        tifffile.imwrite(folder / f"{name}.tif", pixels, metadata={"axes": "CYX"})
    other = {str((folder / "b.tif").resolve()): "1"}
    run(folder / ".." / "images", out, model, channel="0", channels=other)
    counts = {row["image"]: row["nuclei"] for row in read_table(out / "summary.csv")}
    assert counts == {"a.tif": "1", "b.tif": "3", "c.tif": "1"}
    seen = {row["image"]: row["channel"] for row in read_table(out / "summary.csv")}
    assert seen == {"a.tif": "0", "b.tif": "1", "c.tif": "0"}
    assert json.loads((out / "run.json").read_text())["settings"]["channels"] == other
    assert "images of other channels" in (out / "report.html").read_text("utf-8")
    more = {**other, str((folder / "c.tif").resolve()): "1"}
    events = run(folder, out, model, channel="0", channels=more)
    done = of_kind(events, "PredictionDone")[0]
    assert (done.predicted, done.skipped) == (1, 2)


def test_a_channel_that_was_chosen_by_other_images_need_not_be_in_simple_ones(
    tmp_path: Path, model: Model
) -> None:
    folder, out = tmp_path / "images", tmp_path / "out"
    folder.mkdir()
    pixels = np.stack([draw_discs(1), draw_discs(3)]).astype(np.uint16)
    for name, second in (("a", "GFP"), ("d", "Cy5")):
        metadata = {"axes": "CYX", "Channel": {"Name": ["actin", second]}}
        tifffile.imwrite(folder / f"{name}.ome.tif", pixels, metadata=metadata)
    tifffile.imwrite(folder / "b.tif", pixels[1])
    colours = np.stack([draw_discs(2)] * 3, -1).astype(np.uint8)
    tifffile.imwrite(folder / "c.tif", colours, photometric="rgb")
    tifffile.imwrite(folder / "e.tif", np.zeros((64, 64), np.uint8))
    strict = of_kind(run(folder, out, model, channel="GFP"), "ImageFailed")
    assert sorted(failed.image.name for failed in strict) == sorted(
        ["b.tif", "c.tif", "d.ome.tif", "e.tif"]
    )
    chosen = {"channel": "GFP", "channel_if_there": True, "exports": ("overlay",)}
    events = run(folder, out, model, **chosen)
    (failed,) = of_kind(events, "ImageFailed")
    assert failed.image.name == "d.ome.tif"
    assert "2 channels: 0 (actin), 1 (Cy5)" in failed.reason
    rows = {row["image"]: row for row in read_table(out / "summary.csv")}
    assert {name: row["nuclei"] for name, row in rows.items() if row["nuclei"]} == {
        **{"a.ome.tif": "3", "b.tif": "3", "c.tif": "2", "e.tif": "0"}
    }
    assert rows["c.tif"]["channel"] == "all colours"
    only = 'It has no channel "GFP": its only one was looked at.'
    assert rows["a.ome.tif"]["reason"] == ""
    assert rows["b.tif"]["reason"] == only
    assert "all colours was looked at" in rows["c.tif"]["reason"]
    assert rows["e.tif"]["reason"].startswith(only)
    assert rows["e.tif"]["reason"].endswith("there is nothing to find.")
    said = [event.text for event in of_kind(events, "Notice")]
    assert f"b.tif: {only}" in said
    report = " ".join((out / "report.html").read_text("utf-8").split())
    assert "its only one was looked at" in report
    assert "Channel GFP was looked at where an image has it" in report
    assert (out / "overlays/b.png").exists()
    later = run(folder, out, model, **{**chosen, "exports": ("geojson",)})
    assert len(of_kind(later, "ImageExported")) == 4
    own = {str((folder / "b.tif").resolve()): "GFP"}  # chosen for this very image
    failed = of_kind(run(folder, out, model, channels=own, **chosen), "ImageFailed")
    assert sorted(each.image.name for each in failed) == ["b.tif", "d.ome.tif"]


def test_what_is_to_be_known_of_many_images_is_said_once(
    tmp_path: Path, model: Model
) -> None:
    folder = write_discs(tmp_path / "in", {"a.tif": 2})
    for name in "bcd":
        tifffile.imwrite(folder / f"{name}.tif", np.zeros((64, 64), np.uint8))
    said = [
        event.text for event in of_kind(run(folder, tmp_path / "out", model), "Notice")
    ]
    (blank,) = [text for text in said if "nothing to find" in text]
    assert blank.startswith("b.tif and 2 more: ")


def test_an_image_without_anything_in_it_says_so(tmp_path: Path, model: Model) -> None:
    folder = write_discs(tmp_path / "in", {"a.tif": 2})
    tifffile.imwrite(folder / "b.tif", np.full((64, 64), np.inf, np.float32))
    events = run(folder, tmp_path / "out", model)
    said = [event.text for event in of_kind(events, "Notice") if "b.tif" in event.text]
    assert len(said) == 1
    assert "nothing to find" in said[0]
    rows = {row["image"]: row for row in read_table(tmp_path / "out/summary.csv")}
    assert (rows["b.tif"]["status"], rows["b.tif"]["nuclei"]) == ("done", "0")
    assert "alike" in rows["b.tif"]["reason"]
    assert not rows["a.tif"]["reason"]


def test_what_is_to_be_known_of_an_image_is_said(tmp_path: Path, model: Model) -> None:
    folder, out = tmp_path / "images", tmp_path / "out"
    folder.mkdir()
    with tifffile.TiffWriter(folder / "many.ome.tif") as file:
        for count in (1, 3):
            file.write(draw_discs(count))
    dim = np.zeros((2, 96, 96), np.uint8)
    dim[0, ::2], dim[1] = 1, draw_discs(1, 96)
    tifffile.imwrite(
        folder / "other.tif", dim, photometric="minisblack", metadata={"axes": "CYX"}
    )
    events = run(folder, out, model)
    rows = {row["image"]: row for row in read_table(out / "summary.csv")}
    assert rows["many.ome.tif"]["nuclei"] == "1"
    assert rows["many.ome.tif"]["reason"].startswith("The file holds 2 images")
    assert rows["other.tif"]["nuclei"] == "0"
    assert 'in the channel "0"' in rows["other.tif"]["reason"]
    said = [event for event in of_kind(events, "Notice") if event.level == "warning"]
    assert len(said) == 2
