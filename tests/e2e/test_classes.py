"""Tissue classes from nothing: a few strokes, the real engine, a class map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from unetloop.checkpoint import open_model
from unetloop.masks import read_labels
from unetloop.samples import LARGE, draw_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# More than is usual in a test: the map is to be a good one.
SETTINGS = {
    "epochs": 4,
    "steps_per_epoch": 25,
    "batch_size": 4,
    "patch_size": 64,
    "learning_rate": 3e-3,
}


def _stroke(inside: np.ndarray, row: int) -> list[tuple[float, float]]:
    """A horizontal stroke in the longest run of a row near this one."""
    best: tuple[int, int, int] = (0, 0, 0)
    for at in range(max(row - 15, 0), min(row + 15, len(inside))):
        runs, count = ndimage.label(inside[at])
        for found in ndimage.find_objects(runs)[:count]:
            start, stop = found[0].start, found[0].stop
            best = max(best, (min(stop - start, 40), at, start))
    length, at, start = best
    assert length > 4
    steps = np.linspace(start + 1, start + length - 2, 4)
    return [(float(at), float(column)) for column in steps]


def test_strokes_of_two_classes_become_a_class_map_and_a_third_one_joins(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.session.entrance.set_task("classes")
    loop.session.entrance.open([folder / "a.tif"])
    loop.wait(lambda: loop.session.state.current and loop.layers.nuclei is not None)
    loop.session.learner._idle.setInterval(1)
    loop.session.learning.set_automatic(False)
    loop.session.learning.set_training(SETTINGS)
    loop.session.classes.rename(2, "nucleus")
    bright = draw_nuclei(LARGE, 0, (160, 200)).labels > 0
    dark = ~ndimage.binary_dilation(bright, iterations=2)
    loop.layers.nuclei.brush_size = 3
    for key, inside in (("A", dark), ("S", ndimage.binary_erosion(bright))):
        for row in (30, 80, 130):
            loop.press(key)
            loop.drag(*_stroke(inside, row))
    labels, review = loop.recorded()
    assert set(np.unique(labels)) == {0, 1, 2}
    np.testing.assert_array_equal(labels > 0, review == 1)
    assert (review == 1).mean() < 0.05

    events: list[dict[str, Any]] = []
    loop.engine.received.connect(events.append)
    loop.session.predictor.live_ms = 20
    loop.session.choices.set_probabilities(True)
    loop.session.learning.set_automatic(True)
    loop.wait(lambda: loop.session.state.model == "round-1", seconds=200)
    loop.session.learning.set_automatic(False)
    loop.wait(lambda: loop.nuclei.all() and not loop.session.predictor.busy)
    loop.wait(lambda: not loop.session.predictor.waits)
    fields = [event for event in events if event["event"] == "FieldPredicted"]
    assert any(0 < event["model_step"] < 100 for event in fields)  # while it learned
    card = open_model(folder / "unet-loop-classes/models/round-1").card
    assert [tissue.name for tissue in card.classes] == ["background", "nucleus"]
    np.testing.assert_array_equal(loop.nuclei[labels > 0], labels[labels > 0])
    found, seen = loop.nuclei == 2, review == 0
    both = (found & bright & seen).sum() / ((found | bright) & seen).sum()
    assert both > 0.5, both
    background, nucleus = (layer.data for layer in loop.layers.probabilities.layers)
    assert np.abs(background.astype(int) + nucleus - 255).max() <= 2
    clear = seen & (np.abs(nucleus.astype(int) - background) > 2)  # of 255
    np.testing.assert_array_equal((nucleus > background)[clear], found[clear])

    loop.session.classes.add()
    loop.press("D")
    rim = ndimage.binary_dilation(bright, iterations=4) & ~bright
    loop.drag(*_stroke(rim, 80))
    loop.session.learner.start()
    loop.wait(lambda: loop.session.state.model == "round-2", seconds=200)
    card = open_model(folder / "unet-loop-classes/models/round-2").card
    assert card.maps == ("background", "nucleus", "class 3")
    loop.wait(lambda: (loop.nuclei[loop.review == 0] == 3).any())
    loop.session.close()
    stored = read_labels(folder / "unet-loop-classes/segmentation/a/0.tif")
    np.testing.assert_array_equal(stored[labels > 0], labels[labels > 0])
