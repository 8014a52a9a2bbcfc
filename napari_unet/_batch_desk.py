"""Batches of one viewer, joined to its window: results, their table, notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices

from napari_unet._activity import Activity
from napari_unet._background import Background
from napari_unet._batch_session import BatchSession
from napari_unet._engine import Engine
from napari_unet._models import SHIPPED
from napari_unet._panels.measurements import MeasurementsTable
from napari_unet._results_view import ResultsView

if TYPE_CHECKING:
    from napari import Viewer

    from napari_unet._results import Results
    from napari_unet._session import Session
    from napari_unet._state import LoopState

__all__ = ["TABLE", "BatchDesk"]

_WAITING = "Waits until learning is done, or stopped."
_LEARNING_WAITS = "Waits until the batch is done, or stopped."

TABLE = "Measurements of the batch"
"""Name of the table's dock."""


class BatchDesk(QObject):
    """What the docks of a viewer share of batches; it outlives each of them.

    Signals: ``said(text, level)`` for napari's notifications; ``fix_wanted(paths,
    known)`` when images are to be corrected in the loop.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    session : Session, optional
        The loop of this viewer, whose engine is shared; none yet if left out.
    """

    said = Signal(str, str)
    fix_wanted = Signal(object, object)

    def __init__(
        self,
        viewer: Viewer,
        session: Session | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._closed = False
        self._own: Engine | None = None
        self._session: Session | None = None
        self._models: tuple[str, ...] = ()
        self._taken = ""
        self._learning = False
        if session is None:
            self._own = Engine(self)
            self._own.start()
        self.table: MeasurementsTable | None = None
        self.batch = BatchSession(self._own or session.engine, self)  # type: ignore[union-attr]
        self._background = Background(self)
        self.results = ResultsView(viewer, self._background, self)
        self._activity = Activity(self)
        self.batch.changed.connect(self._activity.show_batch)
        self.batch.changed.connect(self._tell_learner)
        self.batch.results_wanted.connect(self.results.open)
        self.batch.fix_wanted.connect(self._on_fix_wanted)
        self.batch.runner.ended.connect(self._on_ended)
        self.results.opened.connect(self._on_opened)
        self.results.problem.connect(self._on_problem)
        if session is not None:
            self.join(session)

    def join(self, session: Session) -> None:
        """Work with a viewer's loop: one engine, and its models to choose from."""
        self._session = session
        self.batch.settle = session.runs.settle
        session.changed.connect(self._on_loop_changed)
        session.closed.connect(self.close)
        session.layers.asked_for.connect(self.results.give_way)
        # A batch that runs goes on where it is; the next one runs over there.
        if self._own is not None and not self.batch.runner.run.busy:
            self._share()
        self._on_loop_changed(session.state)

    def run_all(self) -> None:
        """Run the loop's model over all images of its project's folders."""
        if self._session is not None:
            wish = self._session.runs.everything()
            if wish is not None:
                self._share()
                self.batch.run(wish)

    def take_model(self) -> None:
        """Wish for the model that predicts in the loop: it was seen at work.

        Once: if another is chosen for batches then, that stays until the loop has
        another one, too.
        """
        session = self._session
        if session is None or not session.state.model:
            return
        model = session.learner.models.location(session.state.model)
        if model != self._taken:
            self._taken = model
            self.batch.change(model=model)

    def open_report(self) -> None:
        """Show the last batch's report in the browser."""
        report = self.batch.state.run.report
        if report is None:
            return
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(report))):
            self.said.emit(f"No browser was found to show {report} with.", "warning")

    def close(self) -> None:
        """End what belongs to batches; the engine, too, if it is no loop's."""
        if self._closed:
            return
        self._closed = True
        self._activity.close()
        self.results.let_go()
        self.batch.close()
        self._background.close()
        if self._own is not None:
            self._own.close()

    def _share(self) -> None:
        """Use the loop's engine alone."""
        own, session = self._own, self._session
        if own is None or session is None or not self.batch.use_engine(session.engine):
            return
        self._own = None
        own.close()
        own.deleteLater()
        # What is learned there is in the way of the next batch from now on.
        self._on_loop_changed(session.state)
        self.batch.look()

    def _tell_learner(self) -> None:
        if self._session is not None:
            busy = self._own is None and self.batch.runner.run.busy
            self._session.learner.training.set_waiting(_LEARNING_WAITS if busy else "")

    def _on_loop_changed(self, state: LoopState) -> None:
        session = self._session
        if session is None:
            return
        learning = state.learning.phase != "idle" and self._own is None
        if learning != self._learning:
            self._learning = learning
            self.batch.set_waiting(_WAITING if learning else "")
        if state.models == self._models:
            return
        self._models = state.models
        location = session.learner.models.location
        names = (name for name in state.models if name != SHIPPED)
        self.batch.offer_models([(name, location(name)) for name in names])

    def _on_fix_wanted(self, paths: Any, known: Any) -> None:
        self.results.close()
        self._forget_table()
        self.fix_wanted.emit(paths, known)

    def _on_ended(self) -> None:
        """Show again what is on the screen of a folder that was written anew."""
        results, place = self.results.results, self.results.image
        if results is None or results.folder != self.batch.runner.run.out:
            return
        path = str(results.images[place].path) if place >= 0 else None
        self.results.open(results.folder, path)

    def _on_problem(self, text: str) -> None:
        self.said.emit(text, "warning")

    # The table of nuclei

    def _on_opened(self, results: Results) -> None:
        if self.table is None:
            self.table = MeasurementsTable()
            window = self._viewer.window
            # Beside our docks, not below them: they need the height.
            window._qt_window.setCorner(
                Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea
            )
            dock = window.add_dock_widget(self.table, name=TABLE, area="bottom")
            dock.destroyed.connect(self._on_table_closed)
            self.table.picked.connect(self.results.select)
            self.results.selected.connect(self.table.select)
            self.results.shown.connect(self.table.show_image)
        self.table.show_results(results)

    def _on_table_closed(self) -> None:
        if not self._closed:
            self._drop_table()
            self.results.close()

    def _forget_table(self) -> None:
        if self.table is not None:
            table = self.table
            self._drop_table()
            self._viewer.window.remove_dock_widget(table)

    def _drop_table(self) -> None:
        table, self.table = self.table, None
        if table is not None:
            self.results.selected.disconnect(table.select)
            self.results.shown.disconnect(table.show_image)
            table.deleteLater()
