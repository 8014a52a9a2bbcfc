"""The two label layers over an image: nuclei, and the marks drawn round them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._brushwork import Brushwork
from napari_unet._current import Truth
from napari_unet._hand import Hand
from napari_unet._marks import line_width
from napari_unet._nuclei import NUCLEI
from napari_unet._outlines import Outlines
from napari_unet._palette import fill_colours, mark_colours
from napari_unet._redraw import Redraw
from napari_unet._screen import Screen, planes_of
from napari_unet._thumbnails import Thumbnails, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet._task import Task
    from unetloop.pieces import Window

__all__ = ["Overlay"]

_OUTLINES = "outlines"
_ZOOMED_MS = 150
_FILLED, _WHILE_PAINTING, _OUTLINED = 0.5, 0.35, 0.0


class Overlay(Screen):
    """Nuclei and marks, which follow what is recorded.

    Signals: ``painted(plane, window, stroke)`` after a stroke of napari's own tools,
    where it is known what they passed over, and else None;
    ``replaced()`` when somebody gave the nuclei other data.

    ``hand`` is the user's, which paints on them.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    painted = Signal(int, object, object)
    replaced = Signal()

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(viewer, parent)
        self._redraw = Redraw(self)
        self._outlines = Outlines(self._redraw)
        self._thumbnails = Thumbnails(self)
        self.hand = Hand(self)
        self._brushwork = Brushwork(self, self.hand)
        self._truth: Truth | None = None
        self._ours = False
        self._filled = False
        self._zoomed = QTimer(self)
        self._zoomed.setSingleShot(True)
        self._zoomed.setInterval(_ZOOMED_MS)
        self._zoomed.timeout.connect(self.fit_lines)
        self.view_changed.connect(self._zoomed.start)
        self.hand.released.connect(self._on_released)

    @property
    def outlines(self) -> Labels | None:
        """The layer of the marks."""
        return self._outlines.layer

    @property
    def _planes(self) -> Labels | None:
        return self.nuclei or self.outlines

    @property
    def task(self) -> Task:
        """What is segmented."""
        return self._truth.task if self._truth is not None else NUCLEI

    def update(
        self,
        plane: int,
        window: Window,
        marks: NDArray[np.uint8] | None = None,
        *,
        nuclei: bool = True,
    ) -> None:
        """Bring the screen up to what is recorded, in one rectangle of a plane.

        Parameters
        ----------
        plane : int
            Which plane.
        window : tuple of slice
            Rows and columns.
        marks : array of uint8, optional
            Those of the rectangle, where they were drawn already.
        nuclei : bool
            Whether they may have changed, too, and not their reviews alone.
        """
        if (truth := self._truth) is None:
            return
        self._thumbnails.note()
        if self.nuclei is not None and nuclei:
            place = planes_of(self.nuclei.data)[plane]
            place[window] = truth.segmentation[plane][window]
            self._redraw.draw(self.nuclei, plane, window)
        self._outlines.draw(plane, window, marks)

    def fit_lines(self) -> None:
        """Draw outlines as wide as it takes to see them at this zoom."""
        truth, plane = self._truth, self.plane
        if truth is None or plane not in truth.loaded:
            return
        rows, columns = truth.review.shape[1:]
        width = line_width(self.zoom, rows * columns)
        if width != truth.width(plane):
            truth.widths[plane] = width
            self._outlines.draw(plane, (slice(0, rows), slice(0, columns)))

    def set_filled(self, filled: bool) -> None:
        """Show filled nuclei, or outlines alone."""
        self._filled = filled
        self._set_opacity()

    def draw_line(self, plane: int, points: list[tuple[int, int]]) -> None:
        """Draw a thin line, or wipe it where there are no points."""
        self._outlines.draw_line(plane, points, max(1, round(1.5 / self.zoom)))

    def painted_plane(self, plane: int) -> NDArray[np.int32] | None:
        """Give a plane of the nuclei's layer, strokes that just came included."""
        if self.nuclei is None:
            return None
        data: NDArray[np.int32] = planes_of(self.nuclei.data)[plane]
        return data

    def put_back(self) -> None:
        """Give the nuclei's layer what is recorded, whatever it holds now."""
        if self.nuclei is not None:
            with self._doing():
                self.nuclei.data = self._copy()
                self.nuclei._reset_history()

    @property
    def in_sight(self) -> bool:
        """Whether nuclei or marks can be seen: what can't is not to be corrected."""
        layers = (self.nuclei, self.outlines)
        return any(layer and layer.visible and layer.opacity > 0 for layer in layers)

    def bring_back(self) -> None:
        """Show nuclei and marks that were hidden."""
        for layer in (self.nuclei, self.outlines):
            if layer is not None:
                layer.visible = True
        if self.outlines is not None and not self.in_sight:
            self.outlines.opacity = 1.0

    @contextmanager
    def _doing(self) -> Iterator[None]:
        """Say that what happens to layers meanwhile is our doing."""
        before, self._ours = self._ours, True
        try:
            yield
        finally:
            self._ours = before

    def _add_nuclei(self, how: dict[str, Any]) -> Labels:
        # Given all data at once, it would be coloured three times.
        layer: Labels = self.viewer.add_labels(
            np.zeros((1,) * len(how["axis_labels"]), np.int32),
            name=self.task.layer,
            colormap=fill_colours(self.task.classes),
            **how,
        )
        for event, answer in self._answers():
            getattr(layer.events, event).connect(answer)
        self.hand.watch(layer)
        self._brushwork.watch(layer)
        self.nuclei = layer
        self._set_opacity()
        self._thumbnails.watch(layer, self._see_nuclei)
        return layer

    def _answers(self) -> list[tuple[str, Callable[[Any], None]]]:
        """List the events of the nuclei's layer, and what answers them."""
        return [
            ("paint", self._on_paint),
            ("data", self._on_data),
            ("mode", self._set_opacity),
            ("visible", self._on_visible),
        ]

    def _leave(self, layer: Labels) -> None:
        """Have nothing to do any more with a layer: who keeps it may paint on it."""
        for event, answer in self._answers():
            getattr(layer.events, event).disconnect(answer)
        self.hand.leave(layer)
        self._brushwork.leave(layer)
        self._thumbnails.forget(layer)

    def _add_outlines(
        self, marks: NDArray[np.uint8], bright: bool, how: dict[str, Any]
    ) -> None:
        layer: Labels = self.viewer.add_labels(
            marks,
            name=_OUTLINES,
            opacity=1.0,
            colormap=mark_colours(bright, self.task.classes),
            **how,
        )
        layer.editable = False
        layer.events.visible.connect(self._on_visible)
        self._outlines.layer = layer
        self._thumbnails.watch(layer, self._see_marks)

    def _lose(self, layer: Any) -> bool:
        """Take note that a layer was removed; say whether it was one of these."""
        if layer is None or layer not in (self.nuclei, self.outlines):
            return False
        self._leave(layer)
        if layer is self.nuclei:
            self.nuclei = None
        else:
            self._outlines.layer = None
        return True

    def _copy(self) -> NDArray[np.int32]:
        return self._shaped(self._recorded().copy_segmentation())

    def _marks(self) -> NDArray[np.uint8]:
        return self._shaped(self._recorded().all_marks())

    def _shaped(self, planes: NDArray[Any]) -> NDArray[Any]:
        lead = self._pixels.lead if self._pixels else ()
        return planes.reshape(*lead, *planes.shape[1:])

    def _recorded(self) -> Truth:
        return self._truth or Truth.of(1, (1, 1))

    def _see_nuclei(self) -> NDArray[np.int32] | None:
        plane = self._shown_plane()
        return None if plane is None else sample(plane[0])

    def _see_marks(self) -> NDArray[np.uint8] | None:
        plane = self._shown_plane()
        if plane is None:
            return None
        return self.task.summary(sample(plane[0]), sample(plane[1]))

    def _shown_plane(self) -> tuple[NDArray[np.int32], NDArray[np.uint8]] | None:
        """Give what is recorded of the plane on the screen."""
        truth, plane = self._truth, self.plane
        if truth is None or plane >= len(truth.review):
            return None
        return truth.segmentation[plane], truth.review[plane]

    def _set_opacity(self, event: Any = None) -> None:
        if self.nuclei is None:
            return
        resting = self.nuclei.mode in ("pan_zoom", "pick", "transform")
        outlined = _OUTLINED if resting else _WHILE_PAINTING
        self.nuclei.opacity = _FILLED if self._filled else outlined

    def _on_visible(self, event: Any) -> None:
        """Look again: while nothing could be seen, nobody followed the view."""
        if self.in_sight and not self._ours:
            self.view_changed.emit()

    def _on_paint(self, event: Any) -> None:
        if self._ours or self.nuclei is None:
            return
        # napari's own history knows nothing of reviews and predictions.
        self.nuclei._undo_history.clear()
        self.nuclei._redo_history.clear()
        self._tell(event.value)

    def _on_released(self) -> None:
        """See what a tool passed over that changed nothing, and so said nothing."""
        if not self.hand.stroke_in_progress:
            self._tell([])

    def _tell(self, item: list[Any]) -> None:
        """Tell what a stroke changed, and what it passed over."""
        for plane, window, stroke in self._brushwork.read(item, self._recorded()):
            self.painted.emit(plane, window, stroke)

    def _on_data(self, event: Any = None) -> None:
        if not self._ours:
            self.replaced.emit()
