"""Corrected in a real window, run by the real engine, and found in the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._desk import LOOP, batch_of, session_of
from unetloop.masks import read_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from pytestqt.qtbot import QtBot


def test_what_was_corrected_is_in_the_results(
    make_napari_viewer: Callable[..., Any],
    qtbot: QtBot,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    viewer = make_napari_viewer(show=True)
    _, widget = viewer.window.add_plugin_dock_widget("napari-unet-loop", LOOP)
    session, desk = session_of(viewer), batch_of(viewer)

    def wait(condition: Callable[[], Any], seconds: int = 150) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=1000 * seconds)

    session.learning.set_automatic(False)
    session.entrance.open([folder])
    wait(lambda: session.state.current == "a")
    wait(lambda: session.opener.current.truth.segmentation.any())
    wait(lambda: not session.predictor.coming and not session.predictor.waits)
    truth = session.opener.current.truth
    found = np.unique(truth.segmentation[0])[1:]
    pixels = {}
    for action, number in zip(("delete", "accept"), found, strict=False):
        pixels[action] = truth.segmentation[0] == number
        place = np.argwhere(pixels[action])[pixels[action].sum() // 2]
        viewer.cursor.position = tuple(place)
        session.tools.press(action)

    box = widget.run_all.box
    box.start_button.click()
    wait(lambda: not desk.batch.state.run.busy)
    assert box.sentence.text().startswith("3 predicted, in ")
    out = folder / "unet-loop/results"
    labels = read_labels(out / "labels/a.tif")
    assert not labels[pixels["delete"]].any()
    (number,) = np.unique(labels[pixels["accept"]])
    assert np.array_equal(labels == number, pixels["accept"])
    assert "of them reviewed" in (out / "report.html").read_text("utf-8")

    box.results_button.click()
    wait(lambda: desk.results.nuclei is not None)
    columns = desk.results.results.columns
    assert columns["reviewed"].sum() == 1
    assert columns["label"][columns["reviewed"] == 1] == number

    box.start_button.click()
    wait(lambda: not desk.batch.state.run.busy)
    assert box.sentence.text().startswith("0 predicted, 3 left as they were")
