from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_unet import _background, _batch_desk, _session
from napari_unet._desk import BATCH, PLUGIN, batch_of
from napari_unet._engine import Engine
from napari_unet._session import Session
from napari_unet._worker import Worker
from unetloop.errors import EngineError
from unetloop.samples import LARGE, draw_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from pytestqt.qtbot import QtBot

FAKE = Path(__file__).with_name("fake_engine.py")


def pytest_collection_finish() -> None:
    """Let the garbage collector, which runs after each viewer, pass over modules."""
    import napari._qt.qt_main_window  # noqa: F401 - what else is loaded by a viewer

    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell napari's fixture of a test whose setup failed.

    It asks whether the test failed, and did not find out where none was begun: that
    hid why, and left the viewer to the next test.
    """
    report = yield
    if report.when == "setup" and report.failed:
        setattr(item, "rep_call", report)  # noqa: B010 - no attribute of pytest's
    return report


@cache
def _draw(seed: int) -> np.ndarray:
    return draw_nuclei(LARGE, seed, (160, 200)).image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two drawn images and a movie of three planes."""
    folder = tmp_path / "images"
    folder.mkdir()
    planes = [_draw(seed) for seed in range(5)]
    tifffile.imwrite(folder / "a.tif", planes[0])
    tifffile.imwrite(folder / "b.tif", planes[1])
    stack = np.stack(planes[2:])
    tifffile.imwrite(folder / "stack.tif", stack, imagej=True, metadata={"axes": "TYX"})
    return folder


class _KeptWorker(Worker):
    """Goes on from test to test: to start it takes longer than most of them."""

    def close(self) -> None:
        """Stay."""


@pytest.fixture(scope="session")
def kept_worker() -> Iterator[Worker]:
    worker = _KeptWorker()
    yield worker
    Worker.close(worker)


@pytest.fixture(autouse=True)
def _use_kept_worker(kept_worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_background, "Worker", lambda: kept_worker)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What Python is to run where an engine is asked for."""
    if not hasattr(socket, "recv_fds") or not hasattr(os, "fork"):
        yield [str(FAKE)]
        return
    nursery = [str(FAKE.with_name("nursery.py"))]
    path = str(tmp_path_factory.mktemp("nursery") / "socket")
    # Its threads would not be forked along.
    single = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    server = subprocess.Popen(
        [sys.executable, *nursery, "serve", path], stdin=pipe, stdout=pipe, env=single
    )
    with server:
        assert server.stdout is not None
        assert server.stdout.readline().strip() == b"ready"
        yield ["-I", "-S", *nursery, "ask", path]
        server.kill()


class Loop:
    """A session in a viewer, with an engine that needs no network."""

    def __init__(self, viewer: Any, qtbot: QtBot, program: list[str]) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self.engine = Engine(program=sys.executable, arguments=program)
        self.session = Session(viewer, self.engine)
        self.said: list[str] = []
        self.session.said.connect(lambda text, level: self.said.append(text))

    def wait(self, condition: Callable[[], Any], seconds: int = 90) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=1000 * seconds)

    def open(self, *paths: Path) -> None:
        """Open images and wait until the first one is segmented."""
        self.session.entrance.open(paths)
        self.wait(lambda: self.session.state.current)
        self.wait_for_proposals()

    def wait_for_proposals(self) -> None:
        self.wait(lambda: self.nuclei.any() and not self.session.predictor.coming)

    def show(self, image: str) -> None:
        self.session.steps.show(image)
        self.wait(lambda: self.session.state.current == image)

    @property
    def layers(self) -> Any:
        return self.session.layers

    @property
    def nuclei(self) -> np.ndarray:
        """The plane of the nuclei's layer that is on the screen."""
        plane: np.ndarray = self.layers.painted_plane(self.layers.plane)
        return plane

    @property
    def review(self) -> np.ndarray:
        current = self.session.opener.current
        assert current is not None
        review: np.ndarray = current.truth.review[self.layers.plane]
        return review

    def recorded(self) -> tuple[np.ndarray, np.ndarray]:
        """What the journal knows of the plane on the screen."""
        workspace, current = self.session.opener.workspace, self.session.opener.current
        assert workspace is not None
        assert current is not None
        where = current.entry, self.layers.plane
        return (
            workspace.journal.state(*where, "segmentation"),
            workspace.journal.state(*where, "review"),
        )

    def nucleus(self) -> tuple[int, tuple[int, int]]:
        """Number and middle pixel of the largest proposal."""
        numbers, areas = np.unique(
            np.where(self.review == 0, self.nuclei, 0), return_counts=True
        )
        number = int(numbers[1:][areas[1:].argmax()])
        pixels = np.argwhere(self.nuclei == number)
        middle = pixels[np.abs(pixels - pixels.mean(axis=0)).sum(axis=1).argmin()]
        return number, (int(middle[0]), int(middle[1]))

    def point_at(self, row: float, column: float) -> None:
        position = list(self.viewer.dims.point)
        position[-2:] = [row, column]
        self.viewer.cursor.position = tuple(position)

    def press(self, key: str) -> None:
        """Press a key as the canvas does."""
        handler = self.viewer.window._qt_viewer._key_map_handler
        assert handler.press_key(key), key

    def place(self, row: float, column: float) -> QPoint:
        """Where on the canvas a pixel is."""
        camera, canvas = self.viewer.scene.camera, self.canvas
        scale = self.layers.nuclei.scale[-1] * camera.zoom
        middle = np.array([canvas.height(), canvas.width()]) / 2
        centre = np.array(camera.center[-2:]) / self.layers.nuclei.scale[-1]
        y, x = middle + (np.array([row, column]) - centre) * scale
        return QPoint(round(x), round(y))

    @property
    def canvas(self) -> Any:
        return self.viewer.window._qt_viewer.canvas.native

    def hover(self, row: float, column: float) -> None:
        """Move the pointer, by a real event."""
        self._move((row, column), Qt.MouseButton.NoButton)

    def drag(self, *points: tuple[float, float]) -> None:
        """Drag the mouse with its left button, by real events."""
        button = Qt.MouseButton.LeftButton
        self._move(points[0], Qt.MouseButton.NoButton)
        QTest.mousePress(self.canvas, button, pos=self.place(*points[0]))
        for point in points[1:]:
            self._move(point, button)
        QTest.mouseRelease(self.canvas, button, pos=self.place(*points[-1]))
        QApplication.processEvents()

    def _move(self, point: tuple[float, float], button: Qt.MouseButton) -> None:
        """Move the mouse; QTest's own mouseMove knows of no buttons."""
        place = self.place(*point)
        # vispy leaves out moves that follow each other within 10 ms.
        self.canvas._last_time = 0.0
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(place),
            QPointF(self.canvas.mapToGlobal(place)),
            Qt.MouseButton.NoButton,
            button,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(self.canvas, event)
        self.wait(lambda: self._is_at(point))

    def _is_at(self, point: tuple[float, float]) -> bool:
        """Whether the pointer came there: napari leaves some moves for later."""
        position = self.layers.nuclei.world_to_data(self.viewer.cursor.position)
        return bool(np.allclose(position[-2:], point, atol=1))


@pytest.fixture
def start(
    make_napari_viewer: Callable[..., Any], qtbot: QtBot, program: list[str]
) -> Iterator[Callable[..., Loop]]:
    made: list[Loop] = []

    def make(*arguments: object) -> Loop:
        words = [*program, *map(str, arguments)]
        made.append(Loop(make_napari_viewer(show=True), qtbot, words))
        return made[-1]

    yield make
    for loop in made:
        loop.session.close()
        loop.engine.close()


@pytest.fixture
def loop(start: Callable[..., Loop], folder: Path) -> Loop:
    """The folder is open, and the first image is segmented."""
    loop = start()
    loop.open(folder)
    return loop


@pytest.fixture
def full() -> Callable[..., Any]:
    """What writes to a disk, once that is full."""

    def fail(*_: object) -> Any:
        raise EngineError("The disk is full.", todo="Free some space on it.")

    return fail


class HeldUp:
    """A call that has done its work in a thread, and is not let go on."""

    def __init__(self) -> None:
        self._done, self._let_go = threading.Event(), threading.Event()

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def held(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            if not self._done.is_set():
                self._done.set()
                assert self._let_go.wait(90)
            return result

        return held

    def is_done(self) -> bool:
        return self._done.is_set()

    def let_go(self) -> None:
        self._let_go.set()


@pytest.fixture
def hold_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], HeldUp]:
    """Hold up the next call of a function of a module or class."""

    def hold(owner: Any, name: str) -> HeldUp:
        held = HeldUp()
        monkeypatch.setattr(owner, name, held.wrap(getattr(owner, name)))
        return held

    return hold


class Docks:
    """A viewer with our docks, and an engine that needs no network."""

    def __init__(self, viewer: Any, qtbot: QtBot) -> None:
        self.viewer, self.qtbot = viewer, qtbot

    def open(self, name: str = BATCH) -> Any:
        return self.viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]

    @property
    def desk(self) -> Any:
        return batch_of(self.viewer)

    @property
    def batch(self) -> Any:
        return self.desk.batch

    @property
    def results(self) -> Any:
        return self.desk.results

    def wait(self, condition: Callable[[], Any], seconds: int = 90) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=1000 * seconds)

    def plan(self, *paths: Path) -> None:
        self.batch.open(list(paths))
        self.wait(lambda: self.batch.state.plan.phase in ("known", "wrong"))

    def run(self) -> None:
        self.batch.start()
        self.wait_for_end()

    def wait_for_end(self) -> None:
        self.wait(lambda: not self.batch.state.run.busy)

    def open_results(self, folder: Path) -> Any:
        """Open results; give the table."""
        self.results.open(folder)
        self.wait(lambda: self.results.nuclei is not None)
        return self.desk.table

    def drop(self, widget: Any, *paths: Path) -> None:
        """Drop files onto a dock."""
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        event = QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        widget.dropEvent(event)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test may see the settings of whoever runs it."""
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def docks(
    make_napari_viewer: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
    home: Path,
    program: list[str],
) -> Docks:
    def engine(parent: Any) -> Engine:
        return Engine(parent, program=sys.executable, arguments=program)

    monkeypatch.setattr(_session, "Engine", engine)
    monkeypatch.setattr(_batch_desk, "Engine", engine)
    return Docks(make_napari_viewer(show=True), qtbot)
