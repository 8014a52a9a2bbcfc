"""Corrected in a real window, run by the real engine, and found in the results."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._desk import LOOP, session_of
from unetloop.masks import read_labels

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_corrected_is_in_the_results(docks: Any, folder: Path) -> None:
    wait = partial(docks.wait, seconds=150)
    widget, desk = docks.open(LOOP), docks.desk
    session = session_of(docks.viewer)
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
        docks.viewer.cursor.position = tuple(place)
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
