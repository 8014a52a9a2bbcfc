"""What napari's own brush, fill, polygon and eraser do to a layer of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_unet._screen import planes_of
from napari_unet._strokes import (
    apply_stroke,
    changed_windows,
    number_apart,
    read_stroke,
)
from napari_unet._sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet._current import Truth
    from napari_unet._hand import Hand
    from napari_unet._screen import Screen
    from unetloop.pieces import Window

    Stroke = tuple[int, Window, NDArray[np.int32] | None]

__all__ = ["Brushwork"]


class Brushwork:
    """Reads strokes of the nuclei's layer: where they are, and what they say.

    Parameters
    ----------
    screen, hand
        Know the layer, and what is painted on it.
    """

    def __init__(self, screen: Screen, hand: Hand) -> None:
        self._screen = screen
        self._hand = hand
        self._sweep = Sweep()

    def watch(self, layer: Labels) -> None:
        """Remember what is passed over on a layer from now on."""
        self._sweep.watch(layer)

    def leave(self, layer: Labels) -> None:
        """Watch a layer no more."""
        self._sweep.leave(layer)

    def forget(self) -> None:
        """Forget what was passed over on an image that is on the screen no more."""
        self._sweep.take()

    def read(self, item: list[Any], truth: Truth) -> Iterator[Stroke]:
        """Say what a stroke is, plane by plane.

        Parameters
        ----------
        item : list
            What the layer's event ``paint`` carries; nothing: nothing was changed, but
            something may have been passed over.
        truth : Truth
            What is recorded.

        Yields
        ------
        plane : int
            Which plane.
        window : tuple of slice
            Rows and columns that hold the stroke.
        stroke : array of int32 or None
            Of classes, what was painted or passed over in the window, and `NOTHING`
            elsewhere. None: whatever differs from what is recorded.
        """
        layer, classes = self._screen.nuclei, bool(truth.task.classes)
        passed = self._sweep.take()
        if layer is None:
            return
        steps = [*item, *passed] if classes else item
        lead = layer.data.shape[:-2]
        for plane, window in changed_windows(steps, lead).items():
            # Some of napari's tools say so before they write.
            painted = planes_of(layer.data)[plane]
            apply_stroke(item, plane, lead, window, painted[window])
            if classes:
                yield plane, window, read_stroke(steps, plane, lead, window)
                continue
            number, recorded = self._hand.brush, truth.segmentation[plane]
            if number:  # what touches nothing of its number is a nucleus of its own
                apart = number_apart(recorded, painted, window, number)
                layer.selected_label = apart
            yield plane, window, None
