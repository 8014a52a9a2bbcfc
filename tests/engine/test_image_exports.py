"""Exports that are asked for later: of the masks, and only of those of our own."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from batch_parts import draw_discs, of_kind, read_table, run, write_discs

from unetloop import image_exports
from unetloop.checkpoint import Model
from unetloop.classes import name_classes
from unetloop.config import ModelConfig, PredictionConfig
from unetloop.image_job import Stopped
from unetloop.masks import read_labels
from unetloop.model_card import ModelCard
from unetloop.run_record import Records

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import DiscNetwork

ALL = ("rois", "geojson", "coco", "overlay", "ome_zarr")
FILES = ["rois/a.zip", "geojson/a.geojson", "overlays/s.png", "coco.json"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A plane, an empty one, and slices over time with two channels."""
    folder = write_discs(tmp_path / "in", {"a.tif": 3, "none.tif": 0})
    stack = np.stack([draw_discs(count) for count in (1, 2, 3, 4, 5, 0)])
    tifffile.imwrite(
        folder / "s.tif",
        np.stack([stack.reshape(2, 3, *stack.shape[1:])] * 2, axis=2),
        imagej=True,
        resolution=(2.0, 2.0),
        metadata={"axes": "TZCYX", "unit": "um"},
    )
    return folder


def _end(events: list[Any]) -> tuple[int, int, int]:
    done = of_kind(events, "PredictionDone")[0]
    assert done.failed == 0
    return done.predicted, done.exported, done.skipped


def _bytes(out: Path) -> dict[str, bytes]:
    folders = ("rois", "geojson", "overlays", "ome_zarr")
    files = [path for name in folders for path in (out / name).rglob("*")]
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in [*files, out / "coco.json"]
        if path.is_file() and path.suffix != ".zip"  # which holds the time
    }


def test_exports_asked_for_later_are_the_same_files_without_the_network(
    images: Path, tmp_path: Path, model: Model, disc_network: DiscNetwork
) -> None:
    at_once, later = tmp_path / "once", tmp_path / "later"
    run(images, at_once, model, exports=ALL)
    run(images, later, model)
    before, disc_network.calls[:] = read_table(later / "summary.csv"), []
    masks = (later / "labels/a.tif").stat().st_mtime_ns
    events = run(images, later, model, exports=ALL)
    assert _end(events) == (0, 3, 0)
    assert of_kind(events, "ImageExported")[0].exports == tuple(sorted(ALL))
    assert disc_network.calls == []
    assert (later / "labels/a.tif").stat().st_mtime_ns == masks
    assert all((later / name).exists() for name in FILES)
    assert _bytes(later) == _bytes(at_once)
    assert read_table(later / "summary.csv") == before
    described = json.loads((later / "run.json").read_text("utf-8"))
    assert described["runtime"]["backend"] == "a test"  # of which the masks are
    assert _end(run(images, later, model, exports=ALL)) == (0, 0, 3)
    assert _end(run(images, later, model)) == (0, 0, 3)


def test_an_export_that_went_missing_is_made_again(
    images: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    run(images, out, model, exports=("rois", "coco"))
    (out / "rois/a.zip").unlink()
    assert _end(run(images, out, model)) == (0, 1, 2)
    assert (out / "rois/a.zip").exists()
    Records(out).path("a", ".csv").unlink()  # of what they are made of, too
    assert _end(run(images, out, model, exports=("rois",))) == (1, 0, 2)


def test_what_is_predicted_anew_has_its_exports_made_anew(
    images: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    run(images, out, model, exports=("geojson", "rois"))
    (out / "rois/a.zip").unlink()  # not wanted any more
    tifffile.imwrite(images / "a.tif", draw_discs(7))
    before = (out / "geojson/a.geojson").read_bytes()
    assert _end(run(images, out, model)) == (1, 0, 2)
    assert (out / "geojson/a.geojson").read_bytes().count(b"Polygon") == 7
    assert before.count(b"Polygon") == 3
    assert not (out / "rois/a.zip").exists()


def test_nothing_is_exported_of_masks_that_are_not_as_they_were_written(
    images: Path, tmp_path: Path, model: Model
) -> None:
    """Even where time and size agree, as after a disk that lost some bytes."""
    out = tmp_path / "out"
    run(images, out, model)
    path = out / "labels/a.tif"
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    events = run(images, out, model, exports=("rois",))
    assert _end(events) == (0, 2, 1)
    assert not (out / "rois/a.zip").exists()
    assert path.read_bytes() == content
    assert "were changed" in " ".join(event.text for event in of_kind(events, "Notice"))


def test_exports_of_somebody_else_are_left_alone(
    images: Path, tmp_path: Path, model: Model
) -> None:
    out = tmp_path / "out"
    run(images, out, model)
    (out / "rois").mkdir()
    (out / "rois/a.zip").write_text("mine")
    assert _end(run(images, out, model, exports=("rois",))) == (0, 2, 1)
    assert (out / "rois/a.zip").read_text() == "mine"
    run(images, out, model, exports=("rois",), overwrite=True)
    assert (out / "rois/a.zip").read_bytes()[:2] == b"PK"


@pytest.mark.parametrize("error", [Stopped, OSError(28, "full"), KeyboardInterrupt])
def test_an_export_that_is_broken_off_is_not_trusted(
    images: Path,
    tmp_path: Path,
    model: Model,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException] | BaseException,
) -> None:
    """Cancelled, its masks are as good as before; killed, they are made again."""
    out = tmp_path / "out"
    run(images, out, model)
    whole = image_exports.ImageResults.export
    killed = error is KeyboardInterrupt

    def broken(self: Any, names: Any, *rest: Any) -> Any:
        whole(self, [name for name in names if name != "rois"], *rest)
        raise error

    wanted = ("ome_zarr", "overlay", "rois")
    with monkeypatch.context() as patch:
        patch.setattr(image_exports.ImageResults, "export", broken)
        with pytest.raises(KeyboardInterrupt) if killed else nullcontext():
            run(images, out, model, exports=wanted)
    predicted, exported, _ = _end(run(images, out, model, exports=wanted))
    assert predicted + exported == 3
    assert (predicted > 0) == killed
    assert all((out / name).exists() for name in ("overlays/a.png", "rois/a.zip"))


def test_large_masks_are_read_in_strips(
    images: Path, tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, later = tmp_path / "once", tmp_path / "later"
    run(images, once, model, exports=("geojson",))
    run(images, later, model)
    monkeypatch.setattr(image_exports, "_STRIP_PIXELS", 7 * 160)
    run(images, later, model, exports=("geojson",))
    assert _bytes(later) == _bytes(once)


def test_masks_of_a_stack_lie_by_time_and_slice(tmp_path: Path, model: Model) -> None:
    """Whatever the order of the file's own axes."""
    stack = np.stack([draw_discs(count) for count in (1, 2, 3, 4, 5, 0)])
    stack = stack.reshape(3, 2, *stack.shape[1:])  # slice, time
    tifffile.imwrite(tmp_path / "s.tif", stack, ome=True, metadata={"axes": "ZTYX"})
    out = tmp_path / "out"
    run([tmp_path / "s.tif"], out, model)
    counts = [int(read_labels(out / "labels/s.tif", n).max()) for n in range(6)]
    assert counts == [1, 3, 5, 2, 4, 0]


def test_of_classes_all_but_probabilities_come_from_the_masks(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Network:
        backend, channels, bytes_a_pixel = "a test", 1, 1500

        def __call__(self, batch: np.ndarray) -> np.ndarray:
            bright = np.clip(batch[..., 0], 0, 1)
            return np.stack([1 - bright, bright], axis=-1).astype(np.float32)

    monkeypatch.setattr(Model, "network", lambda self, pixels=None: Network())
    classes = name_classes(["dark", "bright"])
    card = ModelCard(
        ModelConfig(), 1.0, maps=("dark", "bright"), task="classes", classes=classes
    )
    model = Model(tmp_path / "tissue", card, "0" * 64)
    config, out = PredictionConfig(tile=128, overlap=48), tmp_path / "out"
    once = tmp_path / "once"
    run(images, once, model, config, exports=("overlay", "ome_zarr", "probabilities"))
    assert _end(run(images, out, model, config)) == (3, 0, 0)
    wanted = ("overlay", "ome_zarr")
    assert _end(run(images, out, model, config, exports=wanted)) == (0, 3, 0)
    picture = (out / "overlays/a.png").read_bytes()
    assert picture == (once / "overlays/a.png").read_bytes()
    events = run(images, out, model, config, exports=("probabilities",))
    assert _end(events) == (3, 0, 0)
    assert (out / "probabilities/a.ome.tif").exists()
    assert (out / "overlays/a.png").read_bytes() == picture
