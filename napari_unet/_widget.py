"""The dock "U-Net loop": its panels, and what joins them to the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout

from napari_unet._desk import BATCH, Docked, batch_of, open_dock, session_of
from napari_unet._panels.advanced import AdvancedPanel
from napari_unet._panels.column import Column
from napari_unet._panels.correct import CorrectPanel
from napari_unet._panels.images import ImagesPanel
from napari_unet._panels.learn import LearnPanel
from napari_unet._panels.run_all import RunAllPanel
from napari_unet._panels.status import StatusLine

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent

    from napari_unet._state import LoopState

__all__ = ["LoopWidget", "session_of"]

_MARGIN = 7  # as wide as that of the column and its frame
_LOW = 40  # lines of text: what is lower has no room for all that steps can say


class LoopWidget(Docked):
    """Images, Correct, Learn and Run all, one below the other, and what is going on.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setAcceptDrops(True)  # wherever on the dock they are let go
        self.session = session = session_of(napari_viewer)
        self.images, self.correct = ImagesPanel(), CorrectPanel()
        self.learn, self.advanced = LearnPanel(), AdvancedPanel()
        self.run_all = RunAllPanel()
        self.status = StatusLine()
        self._lay_out()
        images, correct, learn = self.images, self.correct, self.learn
        images.open_requested.connect(session.entrance.open)
        images.layer_requested.connect(session.entrance.use_layer)
        images.image_requested.connect(session.steps.show)
        images.next_requested.connect(session.steps.next)
        images.previous_requested.connect(session.steps.previous)
        images.reading_changed.connect(session.choices.change_reading)
        images.lock_requested.connect(session.choices.lock)
        images.task_requested.connect(session.entrance.set_task)
        correct.tool_requested.connect(session.tools.choose)
        correct.outlines_requested.connect(session.choices.set_outlines)
        correct.probabilities_requested.connect(session.choices.set_probabilities)
        correct.classes.picked.connect(session.classes.paint)
        correct.classes.add_requested.connect(session.classes.add)
        correct.classes.renamed.connect(session.classes.rename)
        correct.classes.recoloured.connect(session.classes.recolour)
        correct.classes.remove_requested.connect(session.classes.remove)
        correct.threshold_changed.connect(session.choices.set_threshold)
        correct.min_size_changed.connect(session.choices.set_min_size)
        learn.start_requested.connect(session.learner.start)
        learn.pause_requested.connect(session.learner.training.pause)
        learn.resume_requested.connect(session.learner.training.resume)
        learn.stop_requested.connect(session.learner.training.stop)
        learn.automatic_requested.connect(session.learning.set_automatic)
        learn.model_requested.connect(session.learning.choose_model)
        learn.compare_requested.connect(session.comparer.set_on)
        learn.advanced_toggled.connect(self._on_advanced)
        self.advanced.settings_changed.connect(session.learning.set_training)
        self.advanced.model_changed.connect(session.learning.set_network)
        self.advanced.write(session.learner.settings)
        session.learning.training_set.connect(self.advanced.write)
        self.status.dismissed.connect(session.board.dismiss)
        self._join_batches(napari_viewer)
        session.changed.connect(self._show)
        session.tool_armed.connect(correct.show_tool)
        session.actions.missed.connect(correct.show_missed)
        self._show(session.state)

    @property
    def out_of_sight(self) -> int:
        """How many pixels of its height one would have to scroll to."""
        return self.column.out_of_sight

    def _lay_out(self) -> None:
        steps = self.images, self.correct, self.learn, self.advanced
        self.column = Column(steps, tall=self.images)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.column, 1)
        # Not in what scrolls: settings or many classes above it leave it where it is.
        self.run_all.setContentsMargins(_MARGIN, 2, _MARGIN, 0)
        layout.addWidget(self.run_all)
        self.status.setContentsMargins(_MARGIN, 0, _MARGIN, 2)
        layout.addWidget(self.status)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a low window, let words give way: all four steps stay in sight."""
        super().resizeEvent(event)
        line = self.status.lines[0].fontMetrics().lineSpacing()
        low = self.height() < _LOW * line
        for part in (self.correct, self.learn, self.run_all, self.status):
            part.be_low(low)

    def _on_advanced(self, wanted: bool) -> None:
        if wanted:  # they stand below what is in sight
            self.column.follow(self.learn, from_top=True)
        self.advanced.open(wanted)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Show that files may be let go here."""
        self.images.dragEnterEvent(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Show the images again."""
        self.images.dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        self.images.dropEvent(event)

    def _join_batches(self, viewer: Viewer) -> None:
        desk, box = batch_of(viewer), self.run_all.box
        box.start_requested.connect(desk.run_all)
        box.stop_requested.connect(desk.batch.stop)
        box.retry_requested.connect(desk.batch.retry)
        box.results_requested.connect(lambda: desk.batch.show_results())
        box.report_requested.connect(desk.open_report)
        box.fix_requested.connect(desk.batch.fix)
        self.run_all.more_requested.connect(desk.take_model)
        self.run_all.more_requested.connect(lambda: open_dock(viewer, BATCH))
        desk.batch.changed.connect(self.run_all.show_batch)
        self.run_all.show_batch(desk.batch.state)

    def _show(self, state: LoopState) -> None:
        self.images.show(state)
        self.correct.show(state)
        self.learn.show(state)
        self.advanced.show(state)
        self.run_all.show(state)
        self.status.show(state)
