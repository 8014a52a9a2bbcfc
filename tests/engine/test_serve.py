"""A viewer's side of the protocol, against the real engine in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unetloop.files import read_labels
from unetloop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Client:
    """Sends commands and waits for events, never for time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "unetloop", "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def send(self, command: str, **values: object) -> None:
        self.write(json.dumps({"command": command, **values}))

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def wait(self, *kinds: str, job: str | None = None) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] in kinds and job in (None, event["job"]):
                return dict(event)
            assert event["event"] != "Failed" or event["job"] != job, event
        raise AssertionError("the engine went away")


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.process.kill()
    client.process.communicate()


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


def test_fields_are_predicted_while_it_trains(client: Client, project: Path) -> None:
    assert client.wait("Notice")["text"] == "ready"
    client.send("open_project", job="o", folder=str(project))
    image = client.wait("JobDone", job="o")["result"]["images"][0]
    settings = {"epochs": 500, "batch_size": 1, "patch_size": 32}
    client.send("train", job="t", out="mine", settings=settings)
    client.wait("Progress", job="t")
    while "step" not in client.wait("Progress", job="t")["what"]:
        pass
    client.send("predict_field", job="f", image=image, box=[10, 20, 110, 140])
    field = client.wait("FieldPredicted", "Failed", job="f")
    assert field["event"] == "FieldPredicted", field
    assert np.load(field["labels"]).shape == (100, 120)
    maps = np.load(field["maps"])
    assert maps.shape == (100, 120, 2)
    assert maps.dtype == np.float16
    assert field["model_step"] > 0
    client.send("cancel", job="c", target="t")
    done = client.wait("TrainingDone", job="t")
    assert done["stopped"] == "cancelled"
    assert client.wait("JobDone", job="t")["cancelled"]
    client.send("predict_field", job="g", image=image, model=done["path"])
    assert client.wait("FieldPredicted", "Failed", job="g")["box"] == [0, 0, 256, 256]
    client.send("quit")
    assert client.process.wait(60) == 0
    open_project(project).close()  # it let go of the lock


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("this is no JSON", "not JSON"),
        ("[]", "an object"),
        ('{"command": "fly"}', "no such command"),
        ('{"command": "train", "out": "m"}', "No project is open"),
        ('{"command": "train"}', "missing"),
        ('{"command": "open_project", "folder": "/nonexistent/x"}', "no project"),
        (
            '{"command": "train", "out": "m", "settings": {"epochs": -1}}',
            "epochs must be above 0",
        ),
        (
            '{"command": "predict", "images": ["/nonexistent"], "out": "/tmp/x", '
            '"model": "none"}',
            "no such file",
        ),
    ],
)
def test_a_bad_line_is_answered_and_the_engine_lives(
    client: Client, line: str, sentence: str
) -> None:
    client.write(line)
    assert sentence in client.wait("Failed")["message"]
    client.send("close_project", job="z")
    assert client.wait("JobDone", job="z")["cancelled"] is False
