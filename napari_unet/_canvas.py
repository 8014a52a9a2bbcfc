"""Keeps napari's canvas whole while layers are removed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari import Viewer

__all__ = ["keep_whole"]


def keep_whole(viewer: Viewer) -> None:
    """Let no picture be lost, and nothing crash, where a layer is removed.

    As a layer is removed, napari 0.9 sends all that waits to be drawn to the graphics
    card, its OpenGL context current or not. Where it isn't, textures and buffers of
    other layers that changed since the last picture are never made, and drawing these
    layers fails or ends the process. Here the context is made current first.

    Parameters
    ----------
    viewer : Viewer
        The viewer.
    """
    canvas = viewer.window._qt_viewer.canvas

    def make_current() -> None:
        with suppress(RuntimeError):  # the window is being closed
            canvas.native.makeCurrent()

    viewer.layers.events.removing.connect(make_current)
