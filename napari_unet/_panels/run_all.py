"""Step 4: the project's model over all images of its folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet._batch_state import Run
from napari_unet._panels.button import Button
from napari_unet._panels.look import Heading
from napari_unet._panels.run_box import RunBox

if TYPE_CHECKING:
    from napari_unet._batch_state import BatchState
    from napari_unet._state import LoopState

__all__ = ["RunAllPanel"]

_NOTHING_OPEN = "Open images first."
_OTHER = "A batch of other images runs."


class RunAllPanel(QWidget):
    """Step 4 of the dock."""

    more_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hindrance = _NOTHING_OPEN
        self._batch: BatchState | None = None
        self._about = self._project = ""
        self.more_button = Button(
            "Others…", tip="Predict other folders, in a dock of its own"
        )
        self.more_button.clicked.connect(self.more_requested)
        heading = Heading("4  Run all")
        self.box = RunBox("Run over all images", [heading], [self.more_button])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.box)
        self._show()

    def be_low(self, low: bool) -> None:
        """Take less height, in a low window."""
        self.box.sentence.take(1 if low else 2)

    def show(self, state: LoopState) -> None:
        """Show which model would run over which folder."""
        if state.folder is None:
            self._hindrance = _NOTHING_OPEN
            self._about = self._project = ""
        else:
            # Nobody ships a model of anybody's classes.
            self._hindrance = "" if state.model else "Let a model learn first."
            self._project = str(state.folder.absolute())
            self._about = (
                f"{state.model} over all images of the project's folders; results go "
                f"into {state.folder / 'results'}"
            )
        self._show()

    def show_batch(self, batch: BatchState) -> None:
        """Show the batch that runs, or that ran over this project."""
        self._batch = batch
        self._show()

    def _show(self) -> None:
        if self._batch is not None:
            self.box.show_run(self._seen(self._batch.run), self._hindrance)
        self.box.start_button.setToolTip(self._hindrance or self._about)

    def _seen(self, run: Run) -> Run:
        """Give what concerns this project: of another batch, that it runs."""
        if self._project and run.project == self._project:
            return run
        if not run.busy:
            return Run()
        return Run(run.phase, _OTHER, (), run.fraction, run.seconds_left)
