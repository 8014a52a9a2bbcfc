"""The engine process as the viewer sees it: kept alive, listened to, ended."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
import tifffile
from qtpy.QtCore import QObject

from napari_unet._engine import Engine
from unetloop.project import open_project
from unetloop.samples import LARGE, draw_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

FAKE = Path(__file__).with_name("fake_engine.py")


class Listener:
    """Starts an engine and keeps what it says."""

    def __init__(self, qtbot: QtBot, *arguments: object) -> None:
        self.qtbot = qtbot
        self.owner = QObject()
        words = [str(FAKE), *map(str, arguments)]
        self.engine = Engine(self.owner, program=sys.executable, arguments=words)
        self.listen(self.engine)

    def listen(self, engine: Engine) -> None:
        self.events: list[dict[str, Any]] = []
        self.sentences: list[str] = []
        engine.received.connect(self.events.append)
        engine.stopped.connect(self.sentences.append)

    def start(self) -> None:
        with self.qtbot.waitSignal(self.engine.started, timeout=20_000):
            self.engine.start()

    @property
    def pid(self) -> int:
        """Of the process that said it is ready last."""
        return int([event["pid"] for event in self.events if "pid" in event][-1])

    def wait(self, *kinds: str, job: str | None = None) -> dict[str, Any]:
        """Give the first event of these kinds, when it is there."""

        def found() -> list[dict[str, Any]]:
            return [
                event
                for event in self.events
                if event["event"] in kinds and job in (None, event["job"])
            ]

        self.qtbot.waitUntil(lambda: bool(found()), timeout=60_000)
        return found()[0]

    def texts(self) -> list[str]:
        return [event["text"] for event in self.events if event["event"] == "Notice"]


@pytest.fixture
def listen(qtbot: QtBot) -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def make(*arguments: object) -> Listener:
        made.append(Listener(qtbot, *arguments))
        return made[-1]

    yield make
    for listener in made:
        listener.engine.close()
    qtbot.waitUntil(lambda: not children(FAKE.name), timeout=20_000)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project with one image, which this process holds the lock of."""
    tifffile.imwrite(tmp_path / "a.tif", draw_nuclei(LARGE, 1).image)
    with open_project(tmp_path / "p", create=True) as project:
        project.add_images([tmp_path / "a.tif"])
        yield tmp_path / "p"


def gone(pid: int) -> bool:
    """Whether a process ended, be it that its parent still has to hear of it."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def children(word: str) -> list[psutil.Process]:
    """List this process's own with a word in their command line, and dead ones."""
    found = []
    for child in psutil.Process().children():
        try:
            if any(word in part for part in child.cmdline()):
                found.append(child)
        except psutil.ZombieProcess:
            found.append(child)
        except psutil.NoSuchProcess:
            pass
    return found


def commands(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


# What comes through the pipe.


def test_half_a_line_waits_for_its_rest(listen: Callable[..., Listener]) -> None:
    listener = listen()
    listener.start()
    listener.engine.send("fake", do="half", text="größer")
    listener.qtbot.waitUntil(lambda: "is out" in listener.engine.detail)
    assert listener.texts() == ["ready"]
    listener.engine.send("fake", do="rest")
    listener.qtbot.waitUntil(lambda: listener.texts() == ["ready", "größer"])


def test_many_events_in_one_chunk_come_one_by_one(
    listen: Callable[..., Listener],
) -> None:
    listener = listen()
    listener.start()
    job = listener.engine.send("fake", do="burst", count=5000)
    listener.wait("JobDone", job=job)
    assert listener.texts()[1:] == [f"notice {number}" for number in range(5000)]


def test_what_is_no_event_goes_to_the_log(
    listen: Callable[..., Listener], caplog: pytest.LogCaptureFixture
) -> None:
    listener = listen()
    listener.start()
    with caplog.at_level(logging.DEBUG, "napari_unet._engine"):
        job = listener.engine.send("fake", do="garbage")
        listener.wait("JobDone", job=job)
    heard = {event["event"] for event in listener.events}
    assert heard == {"Notice", "DeviceFound", "JobDone"}
    assert "no JSON" in caplog.text
    assert listener.sentences == []


# Commands.


def test_commands_wait_until_it_is_ready(
    listen: Callable[..., Listener], tmp_path: Path
) -> None:
    listener = listen("--hold", tmp_path / "go", "--log", tmp_path / "log")
    listener.engine.start()
    jobs = [listener.engine.send("fake", do="burst", count=n) for n in (1, 2)]
    listener.engine.cancel(jobs[0])
    assert not listener.engine.ready
    (tmp_path / "go").touch()
    listener.wait("JobDone", job=jobs[1])
    assert "too early" not in listener.texts()
    sent = commands(tmp_path / "log")
    assert [command["command"] for command in sent] == ["fake", "fake", "cancel"]
    assert [command["job"] for command in sent[:2]] == jobs
    assert sent[2]["target"] == jobs[0]


def test_paths_and_numbers_of_numpy_can_be_sent(
    listen: Callable[..., Listener], tmp_path: Path
) -> None:
    listener = listen("--log", tmp_path / "log")
    listener.start()
    listener.engine.send("x", job="j", a=tmp_path, b=np.int64(3), c=np.ones(2))
    listener.wait("Failed", job="j")
    (sent,) = commands(tmp_path / "log")
    assert (sent["a"], sent["b"], sent["c"]) == (str(tmp_path), 3, [1.0, 1.0])
    with pytest.raises(TypeError, match="QObject"):
        listener.engine.send("x", a=QObject())


# When it dies.


@pytest.mark.parametrize(
    ("how", "why"), [("die", "exit code 7"), ("crash", "out of memory?")]
)
def test_after_a_death_it_is_started_again_with_its_project(
    listen: Callable[..., Listener],
    project: Path,
    tmp_path: Path,
    how: str,
    why: str,
) -> None:
    listener = listen("--log", tmp_path / "log")
    listener.start()
    engine = listener.engine
    opened = engine.send("open_project", folder=project, shared=True)
    listener.wait("JobDone", job=opened)
    training = engine.send("train", out="m", settings={"epochs": 10_000})
    listener.wait("EpochDone", job=training)
    before = listener.pid
    engine.send("fake", do="complain", lines=["first words", "last words"])
    code = {"code": 7} if how == "die" else {}
    with listener.qtbot.waitSignal(engine.started, timeout=20_000):
        killer = engine.send("fake", do=how, **code)
    assert listener.sentences == [f"The engine stopped ({why}) and was started again."]
    assert listener.pid != before
    for job in (training, killer):
        failed = listener.wait("Failed", job=job)
        assert failed["message"] == listener.sentences[0]
        assert failed["engine_died"] is True
        assert failed["detail"].endswith("first words\nlast words")
    field = engine.send("predict_field", image="a", model="m")
    assert listener.wait("FieldPredicted", "Failed", job=field)["nuclei"] > 5
    opens = [c for c in commands(tmp_path / "log") if c["command"] == "open_project"]
    assert [command["job"] for command in opens] == [opened, opened]
    assert not [
        event
        for event in listener.events
        if event == {"event": "Failed", "job": opened}
    ]


def test_what_was_only_queued_is_sent_to_the_next_one(
    listen: Callable[..., Listener],
) -> None:
    listener = listen()
    listener.start()
    later: list[str] = []
    listener.engine.stopped.connect(
        lambda _: later.append(listener.engine.send("fake", do="burst", count=1))
    )
    listener.engine.send("fake", do="die")
    listener.qtbot.waitUntil(lambda: bool(later), timeout=20_000)
    listener.wait("JobDone", job=later[0])


def test_a_closed_project_is_not_opened_again(
    listen: Callable[..., Listener], project: Path, tmp_path: Path
) -> None:
    listener = listen("--log", tmp_path / "log")
    listener.start()
    engine = listener.engine
    engine.send("open_project", folder=project, shared=True)
    engine.send("close_project")
    bad = engine.send("open_project", folder=tmp_path / "none", shared=True)
    listener.wait("Failed", job=bad)
    with listener.qtbot.waitSignal(engine.started, timeout=20_000):
        engine.send("fake", do="die")
    job = engine.send("fake", do="burst", count=1)
    listener.wait("JobDone", job=job)
    names = [command["command"] for command in commands(tmp_path / "log")]
    assert names == ["open_project", "close_project", "open_project", "fake", "fake"]


def test_after_three_restarts_it_says_what_to_do(
    listen: Callable[..., Listener],
) -> None:
    listener = listen("--dies")
    listener.engine.start()
    job = listener.engine.send("fake", do="burst", count=1)
    failed = listener.wait("Failed", job=job)
    again = "The engine stopped (exit code 3) and was started again."
    assert listener.sentences[:3] == [again] * 3
    (last,) = listener.sentences[3:]
    assert "again and again" in last
    assert "unetloop info" in last
    assert failed["message"] == last
    refused = listener.engine.send("fake", do="burst", count=1)
    assert listener.wait("Failed", job=refused)["engine_died"] is True


def test_a_program_that_is_not_there_is_one_sentence(qtbot: QtBot) -> None:
    listener = Listener(qtbot)
    listener.engine = Engine(program="/nonexistent/python")
    listener.listen(listener.engine)
    job = listener.engine.send("fake", do="burst", count=1)
    listener.engine.start()
    assert "could not be started" in listener.wait("Failed", job=job)["message"]
    assert len(listener.sentences) == 1


# When it is ended.


def test_closing_ends_the_process_and_says_nothing(
    listen: Callable[..., Listener],
) -> None:
    listener = listen()
    listener.start()
    pid = listener.pid
    listener.engine.close()
    listener.qtbot.waitUntil(lambda: gone(pid))
    assert listener.sentences == []
    listener.start()  # it can be started again
    assert listener.pid != pid


def test_one_that_does_not_listen_is_killed_and_nobody_waits(
    listen: Callable[..., Listener],
) -> None:
    listener = listen("--stubborn")
    listener.start()
    listener.engine.close()
    assert not gone(listener.pid)  # close did not wait for its end
    listener.owner.deleteLater()  # the dock goes away at once
    listener.qtbot.waitUntil(lambda: gone(listener.pid), timeout=20_000)


def test_whoever_hears_an_event_may_close(listen: Callable[..., Listener]) -> None:
    listener = listen()
    listener.start()
    pid = listener.pid
    heard: list[str] = []

    def hear(event: dict[str, Any]) -> None:
        heard.append(event["event"])
        listener.engine.close()

    listener.engine.received.connect(hear)
    listener.engine.send("fake", do="burst", count=100)
    listener.qtbot.waitUntil(lambda: gone(pid))
    assert len(heard) == 1


VIEWER = """
import sys
from qtpy.QtCore import QCoreApplication, QTimer
from napari_unet._engine import Engine
application = QCoreApplication([])
engine = Engine(program=sys.executable, arguments=sys.argv[2:])
def hear(event):
    if "pid" in event:
        sys.stdout.write(f"{event['pid']}\\n")
        sys.stdout.flush()
        if sys.argv[1] == "quits":
            QTimer.singleShot(0, application.quit)
        elif sys.argv[1] == "closes":
            engine.close()
engine.received.connect(hear)
engine.start()
if sys.argv[1] in ("quits", "stays"):
    sys.exit(application.exec())
while not engine.ready and engine._process is not None:  # as IPython does
    application.processEvents()
"""


def viewer(*arguments: str) -> tuple[subprocess.Popen[str], int]:
    """Start a process with an engine of its own; give it and the engine's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", VIEWER, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_no_engine_outlives_a_viewer_that_is_killed(qtbot: QtBot) -> None:
    process, pid = viewer("stays", str(FAKE))
    assert not gone(pid)
    process.kill()
    process.communicate()
    qtbot.waitUntil(lambda: gone(pid), timeout=20_000)


def test_an_application_that_quits_takes_its_engine_along() -> None:
    process, pid = viewer("quits", str(FAKE), "--stubborn")
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert gone(pid)


@pytest.mark.parametrize("how", ["leaves", "closes"])
def test_python_ends_and_takes_its_engine_along(how: str) -> None:
    process, pid = viewer(how, str(FAKE), "--stubborn")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert errors == ""  # Qt says what is destroyed while it runs
    assert gone(pid)


# The stand-in for training, and the real engine.


def test_the_stand_in_trains_pauses_and_is_cancelled(
    listen: Callable[..., Listener], project: Path
) -> None:
    listener = listen()
    listener.start()
    engine = listener.engine
    assert (
        "No project"
        in listener.wait("Failed", job=engine.send("train", out="m"))["message"]
    )
    engine.send("open_project", folder=project, shared=True)
    whole = engine.send("train", out="m", settings={"epochs": 3})
    assert listener.wait("TrainingDone", job=whole)["stopped"] == "finished"
    losses = [e["loss"] for e in listener.events if e["event"] == "EpochDone"]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    long = engine.send("train", out="m", settings={"epochs": 10_000})
    listener.wait("EpochDone", job=long)
    listener.wait("JobDone", job=engine.send("pause"))
    steps = len(listener.events)
    field = engine.send("predict_field", image="a")
    assert listener.wait("FieldPredicted", job=field)["model_step"] >= 4
    new = [event["event"] for event in listener.events[steps:]]
    assert "EpochDone" not in new
    listener.wait("JobDone", job=engine.send("resume"))
    engine.cancel(long)
    assert listener.wait("TrainingDone", job=long)["stopped"] == "cancelled"
    assert listener.wait("JobDone", job=long)["cancelled"] is True


def test_the_real_engine_describes_an_image_and_quits(
    qtbot: QtBot, project: Path, tmp_path: Path
) -> None:
    listener = Listener(qtbot)
    listener.engine = Engine(listener.owner)
    listener.listen(listener.engine)
    engine = listener.engine
    with qtbot.waitSignal(engine.started, timeout=60_000):
        engine.start()
    opened = engine.send("open_project", folder=project, shared=True)
    assert listener.wait("JobDone", job=opened)["result"]["images"] == ["a"]
    job = engine.send("describe_images", paths=[tmp_path / "a.tif", tmp_path / "no"])
    right, wrong = listener.wait("JobDone", job=job)["result"]["images"]
    assert (right["axes"], right["shape"], right["planes"]) == ("YX", [256, 256], 1)
    assert right["dtype"] == "uint16"
    assert "no such image" in wrong["error"]
    (process,) = children("unetloop")
    engine.close()
    qtbot.waitUntil(lambda: not process.is_running(), timeout=20_000)
    assert listener.sentences == []
