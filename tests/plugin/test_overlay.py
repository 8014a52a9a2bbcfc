"""The two label layers, as napari shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_unet import _redraw
from napari_unet._marks import COLORS, draw_marks, summary
from napari_unet._thumbnails import sample
from unetloop.samples import LARGE, draw_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def _colours(layer: Any) -> np.ndarray:
    found: np.ndarray = np.unique(layer.thumbnail[..., :3].reshape(-1, 3), axis=0)
    return found


def test_thumbnails_show_nuclei_and_follow_corrections(loop: Any) -> None:
    nuclei, outlines = loop.layers.nuclei, loop.layers.outlines
    assert nuclei.opacity == 0
    loop.wait(lambda: len(_colours(nuclei)) > 1)
    loop.wait(lambda: len(_colours(outlines)) == 2)  # nothing, and proposals
    loop.session.learning.set_automatic(False)
    loop.session.editor.correct("box", (0, 0, 160, 100))
    loop.wait(lambda: len(_colours(outlines)) == 3)
    loop.session.choices.set_outlines(False)  # napari draws its own now
    assert len(_colours(nuclei)) > 1
    loop.viewer.layers.remove("outlines")
    loop.press("Control-Z")
    loop.wait(lambda: len(_colours(loop.layers.outlines)) == 2)


def test_a_sample_has_the_planes_proportions_and_at_most_a_thumbnails_size() -> None:
    plane = np.arange(300 * 100).reshape(300, 100)
    assert sample(plane).shape == (28, 9)
    assert sample(plane[:5, :3]).shape == (5, 3)
    assert sample(plane[:1]).shape == (1, 28)
    np.testing.assert_array_equal(sample(plane[:20, :20]), plane[:20, :20])


def test_a_summary_tells_reviewed_and_ignored_apart() -> None:
    labels = np.array([[0, 3, 3, 0]], np.int32)
    review = np.array([[0, 0, 1, 2]], np.uint8)
    marks = summary(labels, review)
    assert len(np.unique(marks)) == 4
    assert set(np.unique(marks)) <= set(COLORS)


def test_a_large_change_is_drawn_strip_by_strip_until_all_is_right(
    start: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a", "b"):
        image = draw_nuclei(LARGE, 1, (300, 400)).image
        tifffile.imwrite(folder / f"{name}.tif", image)
    monkeypatch.setattr(_redraw, "_AT_ONCE", 10_000)
    loop = start()
    loop.open(folder)
    loop.session.learning.set_automatic(False)
    loop.wait(lambda: not loop.session.predictor.waits)
    loop.session.editor.correct("box", (0, 0, 300, 400))
    current = loop.session.opener.current
    expected = draw_marks(current.truth.segmentation[0], current.truth.review[0])
    outlines = loop.layers.outlines
    assert not np.array_equal(outlines.data, expected)  # not yet
    loop.wait(lambda: np.array_equal(outlines.data, expected))
    view = outlines._slice.image.view
    np.testing.assert_array_equal(view, outlines.colormap._data_to_texture(expected))

    loop.press("Control-Z")
    loop.show("b")  # what waits for another image is of no concern
    loop.wait_for_proposals()
    current = loop.session.opener.current
    loop.wait(
        lambda: np.array_equal(
            loop.layers.outlines.data,
            draw_marks(current.truth.segmentation[0], current.truth.review[0]),
        )
    )


def test_outlines_are_drawn_wider_when_one_zooms_out(loop: Any) -> None:
    loop.session.learning.set_automatic(False)
    current = loop.session.opener.current
    truth, camera = current.truth, loop.viewer.scene.camera

    def drawn(width: int) -> bool:
        marks = draw_marks(truth.segmentation[0], truth.review[0], width=width)
        return np.array_equal(loop.layers.outlines.data, marks)

    camera.zoom = 3.0
    loop.wait(lambda: drawn(1))
    camera.zoom = 0.3
    loop.wait(lambda: drawn(4))
    loop.session.predictor.predict_again()
    loop.wait_for_proposals()
    _, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("A")
    assert truth.review.any()
    loop.wait(lambda: drawn(4))
    loop.press("Control-Z")
    loop.wait(lambda: drawn(4))
    camera.zoom = 3.0
    loop.wait(lambda: drawn(1))
