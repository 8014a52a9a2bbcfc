"""The dock "Batch predict a folder": its parts, and what joins them to the batches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_unet._desk import Docked, batch_of
from napari_unet._panels.batch_files import FilesTable
from napari_unet._panels.batch_form import BatchForm
from napari_unet._panels.button import Button
from napari_unet._panels.column import Column
from napari_unet._panels.images import dropped_paths
from napari_unet._panels.look import Lines
from napari_unet._panels.preview import PreviewBox
from napari_unet._panels.run_box import RunBox

if TYPE_CHECKING:
    from napari import Viewer
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from napari_unet._batch_state import BatchState, Plan

__all__ = ["BatchWidget"]

_NOTHING = "Choose images or a folder, or drop them here; a folder of results, too."
_LOOKING = "Looking at the images…"


class BatchWidget(Docked):
    """Images, model and results; the files, a preview; run, and what came of it.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.desk = batch_of(napari_viewer)
        self.batch = batch = self.desk.batch
        self._busy = batch.state.run.busy
        self.form = BatchForm()
        self.said = Lines(2)
        self.files = FilesTable()
        self.preview = PreviewBox()
        self.box = RunBox("Run")
        self.folder_button = Button(
            "Open a results folder…", tip="Show what a batch wrote before"
        )
        self.folder_button.clicked.connect(self._choose_results)
        self._lay_out()
        self.form.changed.connect(self._on_changed)
        self.files.picked.connect(batch.show_results)
        self.preview.layers_requested.connect(batch.show_preview)
        self.box.start_requested.connect(batch.start)
        self.box.stop_requested.connect(batch.stop)
        self.box.retry_requested.connect(batch.retry)
        self.box.results_requested.connect(self._on_results)
        self.box.report_requested.connect(self.desk.open_report)
        self.box.fix_requested.connect(batch.fix)
        batch.changed.connect(self._show)
        batch.listed.connect(self._on_listed)
        batch.told.connect(self._on_told)
        self._on_listed()
        self._show(batch.state)
        if batch.state.plan.phase == "none":
            batch.look()

    def _lay_out(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.said)
        column.addWidget(self.files)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        parts = (self.form, middle, self.preview, self.box, self.folder_button)
        self.column = Column(parts)
        layout.addWidget(self.column)

    def _show(self, state: BatchState) -> None:
        self.form.show(state)
        plan = state.plan
        known = plan.anew if state.wish.overwrite and plan.anew else plan.sentence
        text = {"none": _NOTHING, "looking": plan.sentence or _LOOKING}
        wrong = plan.phase == "wrong"
        self.said.say(text.get(plan.phase, known), "wrong" if wrong else "text")
        self.files.setVisible(bool(self.batch.rows))
        self.preview.show_preview(state.preview)
        if state.run.busy != self._busy:
            self._busy = state.run.busy
            # It has more to say now, and stands where that may be out of sight.
            self.column.follow(self.box)
        self.box.show_run(state.run, _hindrance(plan))

    def _on_changed(self, values: dict[str, object]) -> None:
        self.batch.change(**values)

    def _on_listed(self) -> None:
        self.files.set_rows(self.batch.rows)
        self.files.setVisible(bool(self.batch.rows))

    def _on_told(self, number: int) -> None:
        self.files.set_row(number, self.batch.rows[number])

    def _on_results(self) -> None:
        self.batch.show_results()

    def _choose_results(self) -> None:
        near = self.batch.state.wish.folder
        name = QFileDialog.getExistingDirectory(self, "Folder with results", near)
        if name:
            self.desk.results.open(Path(name))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Say that files may be let go here."""
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take what was dropped."""
        paths = dropped_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.batch.open(paths)


def _hindrance(plan: Plan) -> str:
    """Say why nothing can be run; empty: it can."""
    if plan.phase == "none":
        return "Choose images first."
    if plan.phase == "wrong":
        return "Mend what is wrong above first."
    if plan.phase == "looking":
        return _LOOKING
    return "" if plan.readable else "None of the images can be read."
