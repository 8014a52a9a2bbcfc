"""A viewer's side of the protocol, against the real engine in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from unetloop.checkpoint import build_network
from unetloop.classes import name_classes
from unetloop.config import ModelConfig
from unetloop.masks import read_labels
from unetloop.model_card import ModelCard
from unetloop.model_saving import save_model
from unetloop.project import open_project
from unetloop.serve import leave_room_for_the_viewer

if TYPE_CHECKING:
    from collections.abc import Iterator


# A network and settings with which a step takes milliseconds.
MODEL = {"options": {"filters": [4, 8]}}
QUICK = {"batch_size": 1, "patch_size": 32}
TWO_STEPS = {**QUICK, "epochs": 1, "steps_per_epoch": 2}
FOR_LONG = {**QUICK, "epochs": 100_000}


class Client:
    """Sends commands and waits for events, never for time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "unetloop", "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )

    def send(self, command: str, **values: object) -> None:
        self.write(json.dumps({"command": command, **values}))

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.buffer.write(line.encode("latin-1") + b"\n")
        self.process.stdin.flush()

    def wait(self, *kinds: str, job: str | None = None) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] in kinds and job in (None, event["job"]):
                return dict(event)
            assert event["event"] != "Failed" or event["job"] != job, event
            assert event["event"] != "JobDone" or event["job"] != job or not job, event
        raise AssertionError("the engine went away")

    def wait_for_step(self, job: str) -> int:
        """Wait until a training has done a step, and give its number."""
        while True:
            what = self.wait("Progress", job=job)["what"]
            if what.startswith("step "):
                return int(what.removeprefix("step "))

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.end()


@pytest.fixture(scope="module")
def lasting() -> Iterator[Client]:
    """An engine for tests that wait for the last answer to what they said."""
    client = Client()
    yield client
    client.end()


@pytest.fixture
def project(samples: Path, tmp_path: Path) -> Path:
    """Two images, reviewed whole."""
    with open_project(tmp_path / "p", create=True) as project:
        paths = sorted((samples / "train/images").iterdir())[:2]
        for entry, path in zip(project.add_images(paths), paths, strict=True):
            labels = read_labels(samples / "train/masks" / path.name)
            project.write_segmentation(entry, 0, labels)
            project.write_review(entry, 0, np.ones(labels.shape, np.uint8))
    return tmp_path / "p"


def save_untrained(folder: Path) -> None:
    config = ModelConfig(**MODEL)
    save_model(build_network(config), ModelCard(config, 32.0), folder, quick=False)


def test_fields_are_predicted_while_it_trains_and_rests(
    client: Client, project: Path
) -> None:
    assert client.wait("Notice")["text"] == "ready"
    client.send("open_project", job="o", folder=str(project))
    image = client.wait("JobDone", job="o")["result"]["images"][0]
    client.send("train", job="t", out="mine", settings=FOR_LONG, model=MODEL)
    client.wait_for_step("t")
    client.send("predict_field", job="f", image=image, box=[10, 20, 110, 140])
    field = client.wait("FieldPredicted", job="f")
    assert np.load(field["labels"]).shape == (100, 120)
    maps = np.load(field["maps"])
    assert maps.shape == (100, 120, 2)
    assert maps.dtype == np.float16
    assert field["model_step"] > 0

    client.send("pause", job="p")
    client.wait("JobDone", job="p")
    steps = []
    for job in ("f1", "f2", "f3"):
        client.send("predict_field", job=job, image=image, box=[0, 0, 64, 64])
        steps.append(client.wait("FieldPredicted", job=job)["model_step"])
    assert steps[1] == steps[2]  # the first may be in the step that ran
    client.send("resume", job="r")
    client.wait("JobDone", job="r")
    assert client.wait_for_step("t") > steps[2]

    client.send("pause")
    client.send("cancel", job="c", target="t")
    done = client.wait("TrainingDone", job="t")
    assert done["stopped"] == "cancelled"
    assert client.wait("JobDone", job="t")["cancelled"]
    client.send("resume", job="r2")
    assert "Nothing is being trained" in client.wait("Failed")["message"]

    client.send("predict_field", job="g", image=image, model=done["path"])
    field = client.wait("FieldPredicted", job="g")
    assert field["box"] == [0, 0, 256, 256]
    assert field["model_step"] == done["steps"]
    client.send("train", job="t2", out="mine", settings=TWO_STEPS, model=MODEL)
    client.wait("TrainingDone", job="t2")
    client.send("predict_field", job="h", image=image, model=done["path"])
    assert client.wait("FieldPredicted", job="h")["model_step"] == 2

    client.send("quit")
    assert client.process.wait(60) == 0
    open_project(project).close()  # it let go of the lock


def test_a_project_of_classes_is_trained_and_predicted_as_such(
    client: Client, project: Path
) -> None:
    with open_project(project) as opened:
        for entry in opened.images:
            labels = read_labels(opened.annotation_path("segmentation", entry, 0))
            opened.write_segmentation(entry, 0, 1 + (labels > 0).astype(np.int32))
        opened.set_classes(name_classes(["background", "nucleus"]))
    client.send("open_project", job="o", folder=str(project))
    image = client.wait("JobDone", job="o")["result"]["images"][0]
    client.send("train", job="t", out="mine", settings=TWO_STEPS, model=MODEL)
    done = client.wait("TrainingDone", job="t")
    assert done["measure"] == "mean_iou"
    client.send("predict_field", job="f", image=image, model=done["path"])
    field = client.wait("FieldPredicted", job="f")
    assert field["nuclei"] is None
    assert set(np.unique(np.load(field["labels"]))) <= {1, 2}
    client.send("predict_field", job="g", image=image, model="nuclei")
    assert "something else" in client.wait("Failed", job="g")["message"]


def test_a_viewer_that_dies_ends_it_and_the_training_can_go_on(
    client: Client, samples: Path, tmp_path: Path
) -> None:
    (path, *_) = sorted((samples / "train/images").iterdir())
    with open_project(tmp_path / "p", create=True) as viewer:
        client.send("open_project", job="o", folder=str(tmp_path / "p"), shared=True)
        assert client.wait("JobDone", job="o")["result"]["images"] == []
        # What the viewer adds and flushes later is what it learns from.
        (entry,) = viewer.add_images([path])
        labels = read_labels(samples / "train/masks" / path.name)
        viewer.write_segmentation(entry, 0, labels)
        viewer.write_review(entry, 0, np.ones(labels.shape, np.uint8))
        train = {"settings": FOR_LONG, "model": MODEL}
        client.send("train", job="t", out="mine", **train)
        client.wait_for_step("t")
        client.send("pause")
        client.send("cancel", job="c", target="t", keep=True)
        client.wait("JobDone", job="t")
        client.send("train", job="t", out="mine", **train)
        while "stopped after step" not in client.wait("Notice", job="t")["text"]:
            pass
        step = client.wait_for_step("t")
        assert client.process.stdin is not None
        client.process.stdin.close()
        assert client.process.wait(60) == 0

        again = Client()
        try:
            again.send("open_project", folder=str(tmp_path / "p"), shared=True)
            again.send("train", job="t", out="mine", **train)
            text = ""
            while "stopped after step" not in text:
                text = again.wait("Notice", job="t")["text"]
            assert int(text.rstrip(".").split()[-1]) >= step
        finally:
            again.end()


def test_a_running_field_can_be_cancelled(client: Client, tmp_path: Path) -> None:
    save_untrained(tmp_path / "m")
    noise = np.random.default_rng(0).integers(0, 255, (1024, 1024), np.uint8)
    tifffile.imwrite(tmp_path / "large.tif", noise)  # of a blank one no tile is seen
    client.send(
        "open_project",
        job="o",
        folder=str(tmp_path / "p"),
        create=True,
        images=[str(tmp_path / "large.tif")],
    )
    (image,) = client.wait("JobDone", job="o")["result"]["images"]
    settings = {"diameter": 8, "tile": 512}  # four times as large, tile by tile
    model = str(tmp_path / "m")
    client.send("predict_field", job="f", image=image, model=model, settings=settings)
    client.wait("Progress", job="f")
    client.send("cancel", job="c", target="f")
    assert client.wait("JobDone", "FieldPredicted", job="f")["cancelled"] is True


def test_images_are_described_at_once(client: Client, tmp_path: Path) -> None:
    stack = np.zeros((3, 2, 20, 30), np.uint16)
    tifffile.imwrite(
        tmp_path / "größe.tif",
        stack,
        imagej=True,
        resolution=(2.0, 4.0),
        metadata={"axes": "ZCYX", "unit": "um"},
    )
    (tmp_path / "bad.tif").write_bytes(b"no image")
    paths = [str(tmp_path / name) for name in ("größe.tif", "bad.tif", "none.tif")]
    client.send("describe_images", job="d", paths=paths)
    right, bad, none = client.wait("JobDone", job="d")["result"]["images"]
    assert right == {
        "path": paths[0],
        "axes": "ZCYX",
        "shape": [3, 2, 20, 30],
        "dtype": "uint16",
        "channel_names": ["0", "1"],
        "pixel_size": [0.25, 0.5],
        "planes": 3,
        "height": 20,
        "width": 30,
    }
    assert "can't be read" in bad["error"]
    assert "no such image" in none["error"]


def test_it_leaves_room_for_the_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    lowered = []
    monkeypatch.setattr(os, "nice", lowered.append, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    leave_room_for_the_viewer()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "7"
    assert lowered == [5]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    leave_room_for_the_viewer()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "1"
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")


def test_fields_of_earlier_sessions_do_not_pile_up(
    client: Client, project: Path
) -> None:
    old = project / "cache/fields/a/0-0-0-8-8.maps.npy"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"x")
    client.send("open_project", job="o", folder=str(project))
    client.wait("JobDone", job="o")
    assert not old.exists()


def test_a_field_beside_another_leaves_its_files_alone(
    client: Client, project: Path, tmp_path: Path
) -> None:
    save_untrained(tmp_path / "other")
    client.send("open_project", job="o", folder=str(project))
    image = client.wait("JobDone", job="o")["result"]["images"][0]
    where = {"image": image, "box": [0, 0, 64, 64]}
    client.send("predict_field", job="f", model="nuclei", **where)
    first = client.wait("FieldPredicted", job="f")
    maps = np.load(first["maps"])
    other = str(tmp_path / "other")
    client.send("predict_field", job="g", model=other, beside=True, **where)
    second = client.wait("FieldPredicted", job="g")
    assert second["maps"] != first["maps"]
    assert not np.array_equal(np.load(second["maps"]), maps)
    np.testing.assert_array_equal(np.load(first["maps"]), maps)
    client.send("open_project", job="p", folder=str(project))
    client.wait("JobDone", job="p")
    assert not Path(second["maps"]).exists()


def test_the_viewer_hears_what_networks_run_on(client: Client) -> None:
    found = client.wait("DeviceFound")
    assert found["device"]
    assert bool(found["why_no_gpu"]) == found["device"].startswith("CPU")


def test_a_locked_image_is_scored_and_not_learned_from(
    client: Client, project: Path
) -> None:
    client.send("open_project", job="o", folder=str(project))
    learned, locked = client.wait("JobDone", job="o")["result"]["images"]
    client.send(
        "train",
        job="t",
        out="m",
        settings=TWO_STEPS,
        locked=[locked],
        start="nuclei",
        instances={"min_size": 0.3},
    )
    assert client.wait("EpochDone", "Failed", job="t")["score"] is not None
    # The model that it started from is scored on the same images.
    assert 0 < client.wait("TrainingDone", "Failed", job="t")["start_score"] < 1
    client.wait("JobDone", job="t")
    card = json.loads((project / "models/m/model.json").read_text("utf-8"))
    assert card["instances"]["min_size"] == 0.3  # how nuclei were made until now
    images = [image["image"].split(".")[0] for image in card["training"]["images"]]
    assert images == [learned]


def test_a_folder_is_planned_and_predicted(
    client: Client, samples: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    for index, path in enumerate(sorted((samples / "test/images").iterdir())):
        (folder / ("deep" if index else ".") / path.name).write_bytes(path.read_bytes())
    (folder / "bad.tif").write_text("this is no image")
    # A channel that was chosen by others: these have one, and it is called otherwise.
    others = {"channel": "DAPI", "channel_if_there": True}
    client.send("plan_folder", job="q", paths=[str(folder)], out=str(out), **others)
    plan = client.wait("JobDone", job="q")["result"]
    assert len(plan["files"]) == 3
    assert [Path(item["path"]).name for item in plan["problems"]] == ["bad.tif"]
    good = [item for item in plan["files"] if "error" not in item]
    assert {(item["axes"], tuple(item["reads"])) for item in good} == {("YX", ("0",))}
    assert plan["pixels"] == 2 * 256 * 256
    assert plan["seconds"] > 1  # the network must be loaded, however small they are
    assert plan["bytes"] > 0
    assert plan["done"] == 0
    assert not out.exists()  # a plan changes nothing
    values = {"paths": [str(folder)], "out": str(out), "exports": ["rois"], **others}
    for command in ("plan_folder", "predict_folder"):
        client.send(command, job="w", instances={"threshold": 2}, **values)
        said = client.wait("Failed", job="w")["message"]
        assert "threshold must be between 0 and 1" in said
    assert not out.exists()
    chosen = {"threshold": 0.7, "min_size": 0.3}
    client.send("predict_folder", job="p", diameter=38, instances=chosen, **values)
    done = client.wait("PredictionDone", job="p")
    assert (done["predicted"], done["failed"]) == (2, 1)
    assert done["unlike"] is not None
    assert Path(done["report"]).exists()
    assert client.wait("JobDone", job="p")["cancelled"] is False
    assert len(list((out / "rois").rglob("*.zip"))) == 2
    written = json.loads((out / "run.json").read_text("utf-8"))["settings"]["instances"]
    assert chosen.items() <= written.items()
    client.send(
        "predict_folder",
        job="r",
        diameter=38,
        instances=chosen,
        retry_failed=True,
        **values,
    )
    done = client.wait("PredictionDone", job="r")
    assert (done["predicted"], done["failed"], done["skipped"]) == (0, 1, 2)


def test_a_batch_is_cancelled_and_fields_are_answered_within_it(
    client: Client, project: Path, samples: Path, tmp_path: Path
) -> None:
    client.send("open_project", job="o", folder=str(project))
    image = client.wait("JobDone", job="o")["result"]["images"][0]
    folder = tmp_path / "in"
    folder.mkdir()
    source = next((samples / "test/images").iterdir())
    for number in range(40):
        (folder / f"{number}.tif").write_bytes(source.read_bytes())
    out = str(tmp_path / "out")
    client.send("predict_folder", job="p", paths=[str(folder)], out=out)
    client.wait("ImagePredicted", job="p")
    client.send(
        "predict_field", job="f", image=image, box=[0, 0, 64, 64], model="nuclei"
    )
    client.wait("FieldPredicted", job="f")
    client.send("cancel", job="c", target="p")
    done = client.wait("PredictionDone", job="p")
    assert done["stopped"] == "cancelled"
    assert 0 < done["predicted"] < 40
    assert client.wait("JobDone", job="p")["cancelled"] is True


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("this is no JSON", "not JSON"),
        ('"\xff\xfe no UTF-8', "not JSON"),
        ("[]", "an object"),
        ('{"command": "fly"}', "no such command"),
        ('{"command": "train", "out": "m"}', "No project is open"),
        ('{"command": "train"}', 'needs a field "out"'),
        ('{"command": "pause"}', "Nothing is being trained"),
        ('{"command": "describe_images", "paths": 3}', "must be a list"),
        ('{"command": "open_project", "folder": "/nonexistent/x"}', "no project"),
        (
            '{"command": "train", "out": "m", "settings": {"epochs": -1}}',
            "epochs must be above 0",
        ),
        (
            '{"command": "predict_folder", "paths": ["/nonexistent"], "out": "/tmp/x"}',
            "no such file",
        ),
        ('{"command": "predict_folder", "paths": ["a"], "out": ""}', "is empty"),
        ('{"command": "open_project", "folder": " "}', "is empty"),
        ('{"command": "train", "out": ""}', "is one word"),
        ('{"command": "train", "out": "../elsewhere"}', "is one word"),
    ],
)
def test_a_bad_line_is_answered_and_the_engine_lives(
    lasting: Client, line: str, sentence: str
) -> None:
    lasting.write(line)
    assert sentence in lasting.wait("Failed")["message"]
    lasting.send("close_project", job="z")
    assert lasting.wait("JobDone", job="z")["cancelled"] is False
