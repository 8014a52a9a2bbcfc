"""What "Run all" writes of images that were corrected; the engine has no network."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_unet._desk import LOOP, session_of
from napari_unet._results import read_results
from unetloop.errors import EngineError
from unetloop.journal import Journal
from unetloop.masks import read_labels

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def loop(docks: Any, folder: Path) -> Any:
    """The dock, on an image with proposals."""
    widget = docks.open(LOOP)
    session = session_of(docks.viewer)
    session.learning.set_automatic(False)
    session.entrance.open([folder])
    docks.wait(lambda: session.state.current == "a" and not session.predictor.coming)
    docks.wait(lambda: session.opener.current.truth.segmentation.any())
    docks.wait(lambda: not session.predictor.waits)
    return widget


def _press(docks: Any, action: str, number: int) -> np.ndarray:
    """Do something to a nucleus; give the pixels that it had."""
    session = session_of(docks.viewer)
    pixels = session.opener.current.truth.segmentation[0] == number
    docks.viewer.cursor.position = tuple(np.argwhere(pixels)[pixels.sum() // 2])
    session.tools.press(action)
    return pixels


def _numbers(docks: Any) -> list[int]:
    truth = session_of(docks.viewer).opener.current.truth
    return [int(number) for number in np.unique(truth.segmentation[0])[1:]]


def _ran(docks: Any, loop: Any) -> str:
    loop.run_all.box.start_button.click()
    docks.wait_for_end()
    return str(loop.run_all.box.sentence.text())


def test_results_hold_what_was_corrected(docks: Any, loop: Any, folder: Path) -> None:
    first, second, third, *_ = _numbers(docks)
    deleted = _press(docks, "delete", first)
    accepted = _press(docks, "accept", second)
    ignored = _press(docks, "ignore", third)
    assert _ran(docks, loop).startswith("3 predicted")  # without waiting for a flush
    out = folder / "unet-loop/results"
    labels = read_labels(out / "labels/a.tif")
    assert not labels[deleted | ignored].any()
    (number,) = np.unique(labels[accepted])
    assert number > 0
    assert np.array_equal(labels == number, accepted)
    table = read_results(out)
    here = next(i for i, image in enumerate(table.images) if image.name == "a.tif")
    row = table.find(here, 0, int(number))
    assert row is not None
    assert table.columns["reviewed"][row] == 1
    assert table.columns["reviewed"].sum() == 1
    # What the screen shows, but for what is ignored: there it stays, to be seen.
    shown = session_of(docks.viewer).opener.current.truth.segmentation[0] > 0
    assert np.mean((labels > 0) == (shown & ~ignored)) > 0.99


def test_after_more_corrections_only_their_image_is_predicted(
    docks: Any, loop: Any, folder: Path
) -> None:
    _ran(docks, loop)
    assert _ran(docks, loop).startswith("0 predicted, 3 left as they were")
    deleted = _press(docks, "delete", _numbers(docks)[0])
    assert _ran(docks, loop).startswith("1 predicted, 2 left as they were")
    assert not read_labels(folder / "unet-loop/results/labels/a.tif")[deleted].any()
    session_of(docks.viewer).editor.undo()
    assert _ran(docks, loop).startswith("1 predicted")
    assert read_labels(folder / "unet-loop/results/labels/a.tif")[deleted].any()


def test_nothing_runs_that_would_lack_corrections(
    docks: Any, loop: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Journal) -> None:
        raise EngineError("The disk is full.", todo="Make room.")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "flush", fails)
        assert "The disk is full. Make room." in _ran(docks, loop)
    assert not (folder / "unet-loop/results").exists()
    assert _ran(docks, loop).startswith("3 predicted")


def test_what_failed_is_tried_again_with_the_latest_corrections(
    docks: Any, loop: Any, folder: Path
) -> None:
    image = (folder / "a.tif").read_bytes()
    (folder / "a.tif").write_bytes(b"no image")
    assert "1 failed" in _ran(docks, loop)
    (folder / "a.tif").write_bytes(image)
    deleted = _press(docks, "delete", _numbers(docks)[0])
    loop.run_all.box.retry_button.click()
    docks.wait_for_end()
    assert loop.run_all.box.sentence.text().startswith("1 predicted")
    labels = read_labels(folder / "unet-loop/results/labels/a.tif")
    assert labels.any()
    assert not labels[deleted].any()


def test_what_came_of_a_batch_is_said_in_its_project_alone(
    docks: Any, loop: Any, folder: Path, tmp_path: Path
) -> None:
    said, session = _ran(docks, loop), session_of(docks.viewer)
    box, other = loop.run_all.box, tmp_path / "other"
    other.mkdir()
    shutil.copy(folder / "a.tif", other)

    def open_project(images: Path) -> None:
        session.entrance.open([images])
        docks.wait(lambda: session.state.folder == images / "unet-loop")

    open_project(other)
    assert box.sentence.text() == ""
    assert not box.report_button.isVisible()
    open_project(folder)
    assert box.sentence.text() == said
    assert box.report_button.isVisible()


def test_a_batch_of_others_is_not_said_to_be_of_this_project(
    docks: Any, loop: Any, folder: Path
) -> None:
    box, seen = loop.run_all.box, []
    docks.batch.changed.connect(lambda _: seen.append(box.sentence.text()))
    docks.open()
    docks.plan(folder)
    docks.batch.start()
    assert not box.start_button.isEnabled()
    assert box.stop_button.isEnabled()
    docks.wait_for_end()
    assert set(seen) == {"", "A batch of other images runs."}
    assert box.sentence.text() == ""


def test_it_may_be_stopped_before_corrections_are_stored(
    docks: Any, loop: Any, folder: Path
) -> None:
    asked: list[Any] = []
    session = session_of(docks.viewer)
    wish = session.runs.everything()
    docks.batch.settle = lambda then, failed: asked.append(then)
    docks.batch.run(wish)
    assert docks.batch.state.run.phase == "starting"
    docks.batch.stop()
    assert docks.batch.state.run.sentence == "Cancelled before it began."
    asked.pop()()
    assert not docks.batch.state.run.busy
    assert not (folder / "unet-loop/results").exists()


def test_a_batch_of_a_folder_asks_for_the_model_alone(
    docks: Any, loop: Any, folder: Path
) -> None:
    deleted = _press(docks, "delete", _numbers(docks)[0])
    docks.open()
    docks.plan(folder)
    docks.run()
    labels = read_labels(folder.with_name(f"{folder.name}-nuclei") / "labels/a.tif")
    assert labels[deleted].any()
