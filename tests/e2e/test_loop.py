"""The whole loop: a real viewer, the real engine, mouse and keys."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from qtpy.QtCore import QCoreApplication

from napari_unet._farewell import Farewell
from unetloop.checkpoint import open_model
from unetloop.journal import Journal
from unetloop.masks import read_labels
from unetloop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = {"epochs": 2, "steps_per_epoch": 3, "batch_size": 1, "patch_size": 32}


def test_open_correct_learn_and_come_back(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.open(folder)
    assert len(np.unique(loop.nuclei)) > 8  # the model that ships knows nuclei
    loop.session.learning.set_automatic(False)
    loop.session.learning.set_training(QUICK)

    accepted, point = loop.nucleus()
    loop.hover(*point)
    loop.press("A")
    deleted, point = loop.nucleus()
    loop.hover(*point)
    loop.press("D")
    spot = np.argwhere(loop.nuclei == 0)[0] + 5
    loop.press("N")
    loop.drag(spot, spot + 2, spot + 4)
    painted = int(loop.nuclei[tuple(spot)])
    loop.press("Escape")
    labels = loop.nuclei.copy()
    loop.press("Enter")
    assert loop.review.mean() > 0.9
    loop.wait(lambda: loop.session.state.current == "b")
    assert {accepted, painted} <= set(np.unique(labels))
    assert deleted not in labels

    loop.wait_for_proposals()
    events: list[dict[str, Any]] = []
    loop.engine.received.connect(events.append)
    loop.session.predictor.live_ms = 20
    loop.session.learner.start()
    loop.wait(lambda: loop.session.state.model == "round-1", seconds=200)
    fields = [event for event in events if event["event"] == "FieldPredicted"]
    assert any(0 < event["model_step"] <= 6 for event in fields)
    model = open_model(folder / "unet-loop/models/round-1")
    assert model.card.training["steps"] == 6
    loop.wait_for_proposals()
    loop.session.close()

    np.testing.assert_array_equal(
        read_labels(folder / "unet-loop/segmentation/a/0.tif"), labels
    )
    again = start()
    again.open(folder)
    assert again.session.state.current == "b"
    assert again.session.state.model == "round-1"
    again.show("a")
    np.testing.assert_array_equal(again.nuclei, labels)


def _delete_one(loop: Any) -> None:
    """Correct something: where nothing is wrong there is nothing to learn."""
    _, point = loop.nucleus()
    loop.hover(*point)
    loop.press("D")


def _made(loop: Any) -> list[int]:
    """Steps that the curve shows, without the start's."""
    return [step for step in loop.session.state.learning.curve.steps if step]


def test_the_engine_is_killed_in_training_and_it_goes_on(loop: Any) -> None:
    loop.session.learning.set_automatic(False)
    loop.session.learning.set_training({**QUICK, "epochs": 400})
    _delete_one(loop)
    loop.press("Enter")
    loop.session.learner.start()
    loop.wait(lambda: _made(loop), seconds=200)
    loop.engine._process.kill()
    loop.wait(lambda: any("started again" in text for text in loop.said))
    loop.wait(lambda: loop.session.state.learning.phase == "running", seconds=200)
    reached = _made(loop)[-1]
    loop.wait(lambda: _made(loop)[-1] > reached, seconds=60)
    loop.session.learner.training.stop()
    loop.wait(lambda: loop.session.state.model == "round-1", seconds=60)


def test_the_viewer_is_closed_in_training_and_it_goes_on_the_next_time(
    loop: Any, start: Callable[..., Any], folder: Path
) -> None:
    loop.session.learning.set_automatic(False)
    loop.session.learning.set_training({**QUICK, "epochs": 400})
    _delete_one(loop)
    loop.session.editor.correct("box", (0, 0, 160, 100))  # the rest is proposed
    loop.session.learner.start()
    loop.session.predictor.live_ms = 20  # proposals change while it learns
    loop.wait(lambda: _made(loop), seconds=200)
    reached = _made(loop)[-1]
    loop.session.close()
    state = folder / "unet-loop/models/.round-1.resume.npz"
    loop.wait(lambda: not loop.engine.ready and state.exists())
    loop.wait(lambda: not QCoreApplication.instance().findChildren(Farewell))

    again = start()
    said: list[str] = []
    again.session.changed.connect(lambda state: said.append(state.learning.sentence))
    again.session.entrance.open([folder])
    again.wait(lambda: _made(again), seconds=200)
    assert _made(again)[0] > reached
    assert "Going on with the training of round-1." in said
    assert any("a run that stopped after step" in sentence for sentence in said)
    again.session.learner.training.stop()
    again.wait(lambda: again.session.state.model == "round-1", seconds=60)


def test_nothing_runs_on_when_it_is_closed(loop: Any) -> None:
    engines = [  # that of the test before may still be told to quit
        process
        for process in psutil.Process().children(recursive=True)
        if "serve" in process.cmdline()
    ]
    assert engines
    loop.session.close()
    loop.wait(
        lambda: all(
            not engine.is_running() or engine.status() == "zombie" for engine in engines
        )
    )
    open_project(loop.session.state.folder).close()  # its lock is free


VICTIM = """
import sys
import napari, numpy as np
from qtpy.QtCore import QTimer
from napari_unet._engine import Engine
from napari_unet._session import Session

viewer = napari.Viewer()
session = Session(viewer, Engine(program=sys.executable, arguments=[sys.argv[1]]))
session.entrance.open([sys.argv[2]])

def paint():
    layer = session.layers.nuclei
    if layer is None or not layer.data.any() or session.predictor.busy:
        return
    for number in range(5):
        layer.selected_label = 901 + number
        layer.paint((20 + 20 * number, 30), 901 + number)
        print(901 + number, flush=True)
    layer._begin_stroke()  # the button is held down
    layer.paint((150, 150), 999)
    print("painting", flush=True)
    timer.stop()

timer = QTimer()
timer.timeout.connect(paint)
timer.start(50)
napari.run()
"""


def test_a_viewer_that_is_killed_loses_no_more_than_the_stroke_in_progress(
    folder: Path,
) -> None:
    fake = Path(__file__).parents[1] / "plugin" / "fake_engine.py"
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(fake), str(folder / "a.tif")],
        stdout=subprocess.PIPE,
        text=True,
    ) as viewer:
        assert viewer.stdout is not None
        for line in viewer.stdout:
            if line.strip() == "painting":
                break
        os.kill(viewer.pid, signal.SIGKILL)
    with open_project(folder / "unet-loop") as project:
        journal = Journal(project)
        image = project.images[0]
        labels = journal.state(image, 0, "segmentation")
        assert set(range(901, 906)) <= set(np.unique(labels))
        assert 999 not in labels
        assert journal.state(image, 0, "review")[20, 30] == 1
        journal.close()
