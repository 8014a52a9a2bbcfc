"""Layers that change and go between two pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet._canvas import keep_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot


def test_what_waits_to_be_drawn_is_drawn_after_a_layer_is_removed(
    make_napari_viewer: Callable[..., Any], qtbot: QtBot
) -> None:
    viewer = make_napari_viewer(show=True)
    keep_whole(viewer)
    black = viewer.add_image(np.zeros((64, 64), np.uint8))
    labels = viewer.add_labels(np.zeros((64, 64), np.int32))
    qtbot.wait(50)
    labels.data = np.ones((64, 64), np.uint8)
    viewer.window._qt_viewer.canvas.native.doneCurrent()  # as after another widget's
    viewer.layers.remove(black)
    viewer.reset_view()
    qtbot.wait(50)
    picture = viewer.screenshot(canvas_only=True, flash=False)
    middle = picture[picture.shape[0] // 2, picture.shape[1] // 2, :3]
    assert middle.max() > 50
