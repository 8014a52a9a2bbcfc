"""Somebody who does anything at all, in any order: nothing is lost, nothing differs."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_unet._board import _NONE_FOUND
from unetloop.journal import Journal
from unetloop.project import open_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_STEPS, _BETWEEN_LOOKS = 75, 15
_CALM_SECONDS = 90
_OFTEN = {"do_wait": 6, "do_key": 14, "do_undo": 8, "do_redo": 4, "do_line": 4}


class Somebody:
    """Uses the tools at random; the same for the same seed, but for the time it takes.

    Each method that begins with ``do_`` is something that users do, as often as its
    number in ``_OFTEN`` says, else twice.
    """

    def __init__(self, loop: Any, seed: int) -> None:
        self.loop, self.chance = loop, random.Random(seed)
        names = [name for name in dir(self) if name.startswith("do_")]
        names = [name for name in names if getattr(self, name) is not None]
        self.names = [name for name in names for _ in range(_OFTEN.get(name, 2))]
        self.did: list[str] = []
        self.deaths = 0

    task = "nuclei"

    def act(self) -> None:
        """Do something, or wait where there is nothing to do it to."""
        name = self.chance.choice(self.names)
        if self.loop.session.opener.current is None:
            name = "do_wait"
        elif self.loop.layers.visible is None:  # back with the next image
            name = "do_next"
        where = f"{self.loop.session.state.current} {self.loop.layers.plane}"
        self.did.append(f"{name} on {where}")
        getattr(self, name)()
        if self.chance.random() < 0.3:
            QApplication.processEvents()

    def point(self) -> tuple[float, float]:
        """Mostly on a nucleus."""
        pixels = np.argwhere(self.loop.nuclei > 0)
        if not len(pixels) or self.chance.random() < 0.1:
            return self.chance.uniform(2, 157), self.chance.uniform(2, 197)
        row, column = pixels[self.chance.randrange(len(pixels))]
        return float(row), float(column)

    def drag(self, reach: float) -> None:
        self.do_home()
        QApplication.processEvents()
        first = self.point()
        last = np.add(first, [self.chance.uniform(-reach, reach) for _ in range(2)])
        last = np.clip(last, 6, (150, 190))
        self.loop.drag(first, tuple(np.add(first, last) / 2), tuple(last))

    def do_key(self) -> None:
        keys = ["A", "D", "I", "N", "Enter", "Shift-Enter", "O", "Escape"]
        self.loop.point_at(*self.point())
        self.loop.press(self.chance.choice(keys))

    def do_undo(self) -> None:
        self.loop.press("Control-Z")

    def do_redo(self) -> None:
        self.loop.press("Control-Shift-Z")

    def do_line(self) -> None:
        self.loop.press(self.chance.choice("SJ"))
        if self.loop.session.tools.tool:
            self.drag(reach=25)

    def do_stroke(self) -> None:
        layer = self.loop.layers.nuclei
        self.loop.viewer.layers.selection.active = layer
        new = self.loop.session.editor.free_number()
        layer.selected_label = self.chance.choice([new, int(self.loop.nuclei.max()), 1])
        layer.mode = self.chance.choice(["paint", "erase"])
        self.drag(reach=80)
        layer.mode = "pan_zoom"

    def do_fill(self) -> None:
        layer = self.loop.layers.nuclei
        place = tuple(map(int, self.point()))
        if layer.data.ndim == 3:
            place = (self.loop.layers.plane, *place)
        new = self.loop.session.editor.free_number()
        layer.fill(place, self.chance.choice([0, new]))

    def do_replace_data(self) -> None:
        data = self.loop.layers.nuclei.data.copy()
        data[..., :20, :20] = 0
        self.loop.layers.nuclei.data = data

    def do_remove_a_layer(self) -> None:
        layers = self.loop.viewer.layers
        layers.remove(self.chance.choice([self.loop.layers.nuclei, *layers]))

    def do_rename(self) -> None:
        self.loop.layers.nuclei.name = self.chance.choice(["cells", "nuclei"])

    def do_next(self) -> None:
        self.loop.press(self.chance.choice(["PageDown", "PageUp"]))

    def do_slide(self) -> None:
        choices = self.loop.session.choices
        choices.set_threshold(self.chance.choice([0.3, 0.5, 0.7, 0.9]))
        choices.set_min_size(self.chance.choice([0.0, 0.1, 0.3]))

    def do_plane(self) -> None:
        if self.loop.layers.nuclei.data.ndim == 3:
            self.loop.viewer.dims.set_point(0, self.chance.randrange(3))

    def do_three_dimensions(self) -> None:
        if self.loop.layers.nuclei.data.ndim == 3:
            self.loop.viewer.dims.ndisplay = 3
            self.loop.qtbot.wait(20)
            self.loop.viewer.dims.ndisplay = 2

    def do_zoom(self) -> None:
        self.loop.viewer.scene.camera.zoom *= self.chance.choice([0.6, 1.8])
        self.loop.viewer.scene.camera.center = (0, *self.point())

    def do_home(self) -> None:
        self.loop.viewer.reset_view()

    def do_learn(self) -> None:
        self.loop.session.learner.start()

    def do_pause_or_go_on(self) -> None:
        training = self.loop.session.learner.training
        paused = training.state.phase == "paused"
        (training.resume if paused else training.pause)()

    def do_stop(self) -> None:
        self.loop.session.learner.training.stop()

    def do_let_the_engine_die(self) -> None:
        if self.deaths < 2:  # if it dies again and again, it stays away
            self.deaths += 1
            self.loop.engine.send("fake", do="crash")

    def do_wait(self) -> None:
        self.loop.qtbot.wait(self.chance.choice([0, 10, 60, 200]))


class Painter(Somebody):
    """Paints tissue classes at random."""

    task = "classes"
    do_line = None  # type: ignore[assignment]  # nothing is cut or joined

    def do_key(self) -> None:
        self.loop.point_at(*self.point())
        keys = ["A", "S", "Enter", "Shift-Enter", "I", "O", "Escape"]
        self.loop.press(self.chance.choice(keys))

    def do_stroke(self) -> None:
        self.loop.press(self.chance.choice("AS"))
        if self.chance.random() < 0.2:
            self.loop.layers.nuclei.mode = "erase"
        self.drag(reach=80)
        if self.chance.random() < 0.7:
            self.loop.press("Escape")

    def do_fill(self) -> None:
        layer = self.loop.layers.nuclei
        place = tuple(map(int, self.point()))
        if layer.data.ndim == 3:
            place = (self.loop.layers.plane, *place)
        layer.fill(place, self.chance.choice([0, 1, 2]))


def _open(loop: Any, folder: Path, task: str) -> None:
    loop.session.entrance.set_task(task)
    loop.session.entrance.open([folder])
    loop.wait(lambda: loop.session.state.current and loop.layers.nuclei is not None)


def _settle(loop: Any) -> None:
    """Wait until nothing is on its way, for a while."""
    session = loop.session
    if session.state.learning.phase == "paused":
        session.learner.training.resume()
    session.layers.come_forward()  # what nobody sees is not followed
    calm, end = 0, time.monotonic() + _CALM_SECONDS
    while calm < 5:
        loop.qtbot.wait(20)
        current = session.opener.current
        calm += 1
        if (
            current is None
            or session.state.busy not in ("", _NONE_FOUND)
            or session.predictor.coming
            or session.state.learning.phase != "idle"
            or loop.layers.plane not in current.loaded
        ):
            calm = 0
        assert time.monotonic() < end, session.state


def _same(loop: Any) -> None:
    """The screen, the session and the journal agree."""
    labels, review = loop.recorded()
    current, plane = loop.session.opener.current, loop.layers.plane
    np.testing.assert_array_equal(loop.review, review)
    np.testing.assert_array_equal(current.truth.segmentation[plane], labels)
    if loop.layers.visible is not None:  # else it was removed
        np.testing.assert_array_equal(loop.nuclei, labels)


def _is_on_disk(loop: Any) -> None:
    """Whoever opens the project after a crash finds all that was reviewed."""
    workspace, current = loop.session.opener.workspace, loop.session.opener.current
    project = open_project(workspace.project.folder, shared=True)
    journal = Journal(project)
    try:
        entry = next(image for image in project.images if image == current.entry)
        for plane in current.loaded:
            labels, review = (
                [
                    where.state(entry, plane, name)
                    for where in (journal, workspace.journal)
                ]
                for name in ("segmentation", "review")
            )
            np.testing.assert_array_equal(*review)
            np.testing.assert_array_equal(*(np.where(review[0], x, 0) for x in labels))
    finally:
        journal._log.close()


def _repeat(loop: Any, key: str, possible: Callable[[], bool]) -> int:
    count = 0
    while possible():
        loop.press(key)
        loop.qtbot.wait(30)
        _settle(loop)
        count += 1
    return count


@pytest.mark.parametrize(
    ("person", "seed"), [(Somebody, 3), (Somebody, 5), (Painter, 3)]
)
def test_whatever_is_done_screen_and_journal_agree_and_all_can_be_taken_back(
    start: Callable[..., Any],
    folder: Path,
    person: type[Somebody],
    seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loop = start()
    _open(loop, folder, person.task)
    session = loop.session
    session.learning.set_training({"epochs": 3})
    # What is dragged from beyond the canvas, zoomed in, never comes there.
    loop._is_at = lambda point: QApplication.processEvents() is None
    somebody = person(loop, seed)
    try:
        for step in range(1, _STEPS + 1):
            somebody.act()
            if session.opener.current is not None:
                _is_on_disk(loop)
            if step % _BETWEEN_LOOKS == 0:
                _settle(loop)
                _same(loop)
        session.learning.set_automatic(False)
        _settle(loop)
        _repeat(loop, "Control-Shift-Z", lambda: session.state.can_redo)
        undone = _repeat(loop, "Control-Z", lambda: session.state.can_undo)
        _same(loop)
        assert not loop.review.any()
        session.close()
        again = start()
        _open(again, folder, person.task)
        session = again.session
        assert undone == _repeat(
            again, "Control-Shift-Z", lambda: session.state.can_redo
        )
        _same(again)
    except BaseException:
        with capsys.disabled():
            print("\n" + "\n".join([*somebody.did, *loop.said]))  # noqa: T201
        raise
