"""Results of a batch in a viewer: an image, its nuclei, and the selected one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet._canvas import keep_whole
from napari_unet._pixels import read_pixels, with_contrast
from napari_unet._pyramid import make_label_pyramid
from napari_unet._result_layers import ResultLayers
from napari_unet._results import features_of, read_labels_of, read_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari import Viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_unet._background import Background
    from napari_unet._pixels import Channel, Pixels
    from napari_unet._results import Results
    from unetloop.errors import EngineError

    Read = tuple[Pixels | None, NDArray[Any] | list[NDArray[Any]], Any]

__all__ = ["ResultsView"]


class ResultsView(QObject):
    """Shows one image of an output folder at a time.

    Signals: ``opened(Results)``; ``shown(image)`` with its place in the results;
    ``selected(row)`` of the measurements, -1: none; ``problem(text)``; ``closed()``.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    background : Background
        Reads files.
    """

    opened = Signal(object)
    shown = Signal(int)
    selected = Signal(int)
    problem = Signal(str)
    closed = Signal()

    def __init__(
        self, viewer: Viewer, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._background = background
        self._layers = ResultLayers(viewer)
        self.results: Results | None = None
        self.image = -1
        self.row = -1
        self._turn = 0
        self._coming = False  # whether an image is being read
        viewer.layers.events.removed.connect(self._on_removed)
        keep_whole(viewer)
        viewer.mouse_drag_callbacks.append(self._on_click)

    @property
    def nuclei(self) -> Labels | None:
        """The layer of the masks; None: nothing is shown."""
        return self._layers.nuclei

    @property
    def selection(self) -> Labels | None:
        """The layer of the selected nucleus."""
        return self._layers.selection

    def open(self, folder: Path, image: str | None = "") -> None:
        """Read an output folder, and show an image of it.

        Parameters
        ----------
        folder : Path
            Of a batch.
        image : str or None
            Path of the image; one that is not there: the first; None: show none.
        """
        self._leave()
        turn = self._turn

        def then(results: Results) -> None:
            if turn != self._turn:
                return
            self.results, self.image, self.row = results, -1, -1
            self.opened.emit(results)
            paths = [str(item.path) for item in results.images]
            if paths and image is not None:
                self.show(paths.index(image) if image in paths else 0)

        self._background.run(lambda: read_results(folder), then, self._tell(turn))

    def show(self, image: int, row: int = -1) -> None:
        """Show an image, by its place in the results, and select a nucleus of it."""
        results = self.results
        if results is None:
            return
        if image == self.image and self.nuclei is not None:
            if self._coming:  # another one, which is not wanted any more
                self._leave()
            self._select(row)
            return
        self._leave()
        self._coming = True
        turn, item = self._turn, results.images[image]

        def work() -> Read:
            pixels = None
            if item.path is not None:
                pixels = read_pixels(item.path, results.channel or None)
            labels = make_label_pyramid(read_labels_of(item))
            return pixels, labels, features_of(results, image)

        def then(found: Read) -> None:
            if turn == self._turn:
                self._coming = False
                self._on_read(image, *found)
                self._select(row)

        self._background.run(work, then, self._tell(turn))

    def select(self, row: int) -> None:
        """Highlight what a row of the measurements is of; -1: nothing."""
        if self.results is None or row == self.row:
            return
        if row < 0:
            self._select(-1)
        else:
            self.show(int(self.results.columns["image"][row]), row)

    def close(self) -> None:
        """Take the results away, and bring back what they covered."""
        self._leave()
        if self.results is None:
            return
        self.results, self.image, self.row = None, -1, -1
        self._layers.remove()
        self.closed.emit()

    def give_way(self) -> None:
        """Take the layers away for what they cover; a row leads back to them."""
        self._leave()
        if self.nuclei is None:
            return
        self.image, self.row = -1, -1
        self._layers.remove()
        self.selected.emit(-1)

    def let_go(self) -> None:
        """Listen no more."""
        self._leave()
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        if self._on_click in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_click)

    # Showing

    def _leave(self) -> None:
        """Wait no more for what is being read."""
        self._turn += 1
        self._coming = False

    def _tell(self, turn: int) -> Callable[[EngineError], None]:
        """Give what says why something can't be read, unless it was left since."""

        def failed(error: EngineError) -> None:
            if turn == self._turn:
                self._coming = False
                self.problem.emit(str(error))

        return failed

    def _on_read(
        self, image: int, pixels: Pixels | None, labels: Any, features: Any
    ) -> None:
        results = self.results
        if results is None:
            return
        item = results.images[image]
        name = item.name.rsplit("/", 1)[-1]
        self._layers.show(name, pixels, labels, features, results.classes)
        if self.nuclei is not None:
            self.nuclei.events.selected_label.connect(self._on_selected_label)
        self.image, self.row = image, -1
        if pixels is None:
            self.problem.emit(
                f"The image {item.name} is not where it was; only its masks are shown."
            )
        else:
            self._show_channels(pixels)
        self.shown.emit(image)

    def _show_channels(self, pixels: Pixels, number: int = 0) -> None:
        """Show the other channels one by one: a layer takes its time to be made."""
        if number == len(pixels.channels):
            return
        turn = self._turn

        def then(channel: Channel) -> None:
            if turn == self._turn:
                self._layers.show_channel(number, channel)
                self._show_channels(pixels, number + 1)

        self._background.run(
            lambda: with_contrast(pixels.channels[number], 0), then, self._tell(turn)
        )

    def _on_removed(self, event: Any) -> None:
        if not self._layers.ours:
            self._layers.lose(event.value)

    # Selecting

    def _select(self, row: int) -> None:
        if self.results is None or self.nuclei is None:
            return
        self.row = row
        self._layers.mark(self.results.columns, row)
        if row >= 0:
            self._layers.look_at(self.results.columns, row)
        self.selected.emit(row)

    def _on_selected_label(self, event: Any = None) -> None:
        """Follow napari's own tools: its table of features, its colour picker."""
        if not self._layers.ours and self.nuclei is not None:
            self._select_label(int(self.nuclei.selected_label))

    def _select_label(self, label: int) -> None:
        if self.results is None or self.nuclei is None:
            return
        row = None
        if label > 0:
            row = self.results.find(self.image, self._layers.plane, label)
        if (row if row is not None else -1) != self.row:
            self._select(-1 if row is None else row)

    def _on_click(self, viewer: Viewer, event: Any) -> Iterator[None]:
        """Select what is clicked; dragging moves the image as ever."""
        if event.button != 1:
            return
        yield
        while event.type == "mouse_move":
            yield
            return
        active = viewer.layers.selection.active
        busy = active is not None and getattr(active, "mode", "pan_zoom") != "pan_zoom"
        if self.nuclei is None or not self.nuclei.visible or busy:
            return
        if viewer.dims.ndisplay == 2:
            label = self._layers.label_at(event.position)
            again = label == self.nuclei.selected_label and self.row >= 0
            # Classes leave no background to click, where nothing is selected.
            whole = self.results is not None and self.results.classes and again
            self._select_label(0 if whole else label)
