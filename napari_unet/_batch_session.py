"""Batches of one viewer, without widgets: wished, planned, run, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet._batch_memory import recall, remember
from napari_unet._batch_state import BatchState, FileRow, Run
from napari_unet._models import SHIPPED, classes_of
from napari_unet._planner import Planner
from napari_unet._results import is_results
from napari_unet._runner import Runner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet._batch_state import Wish
    from napari_unet._engine import Engine
    from napari_unet._runner import First

__all__ = ["BatchSession"]

# What changes neither what is found nor how it is read.
_NOT_PLANNED = {"overwrite"}


class BatchSession(QObject):
    """What the batch dock shows and asks for, and "Run all" of the loop's dock.

    Signals: ``changed(BatchState)``; ``listed()`` when ``rows`` is another list;
    ``told(number)`` when one of them changed; ``results_wanted(folder, image)`` when
    results are to be shown, from the image with this path on; ``fix_wanted(paths,
    known)`` when images are to be corrected, by which channel and diameter, and what
    is segmented in them.

    ``settle`` does what must be done before a batch that is to hold corrections: as
    ``first`` of `Runner.start`.

    Parameters
    ----------
    engine : Engine
        Does the work.
    """

    changed = Signal(object)
    listed = Signal()
    told = Signal(int)
    results_wanted = Signal(object, str)
    fix_wanted = Signal(object, object)

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.engine = engine
        self.settle: First | None = None
        self.rows: list[FileRow] = []
        self._places: dict[str, int] = {}
        self._project_models: tuple[tuple[str, str], ...] = ()
        self._before = Run()
        self._wish = _told_kind(recall())
        self.planner = Planner(engine, self)
        self.runner = Runner(engine, self)
        self.state = BatchState()
        self._refresh()
        self.planner.changed.connect(self._refresh)
        self.planner.listed.connect(self._on_listed)
        self.runner.changed.connect(self._refresh)
        self.runner.told.connect(self._on_told)
        self.runner.ended.connect(self._on_ended)

    def use_engine(self, engine: Engine) -> bool:
        """Let another engine do what comes next; false while this one is busy."""
        if self.runner.run.busy:
            return False
        self.planner.use_engine(engine)
        self.runner.use_engine(engine)
        self.engine = engine
        return True

    def offer_models(self, models: Sequence[tuple[str, str]]) -> None:
        """Let the user choose among a project's models, too: names and folders."""
        if tuple(models) != self._project_models:
            self._project_models = tuple(models)
            self._refresh()

    def set_waiting(self, why: str) -> None:
        """Say for what the engine lets a batch wait; empty: for nothing."""
        self.planner.set_waiting(why)
        self.runner.set_waiting(why)

    def look(self) -> None:
        """Look at the files that are wished."""
        self.planner.look(self._wish)

    def change(self, **values: Any) -> None:
        """Wish something else: fields of `Wish`."""
        before, self._wish = self._wish, replace(self._wish, **values)
        if self._wish.model != before.model:
            self._wish = _told_kind(self._wish)
        if self._wish == before:
            return
        remember(self._wish)
        self._refresh()
        if not set(values) <= _NOT_PLANNED:
            self.look()

    def open(self, paths: Sequence[Path | str]) -> None:
        """Take files and folders; the folder of a batch's results is opened instead."""
        if len(paths) == 1 and is_results(Path(paths[0])):
            self.results_wanted.emit(Path(paths[0]), "")
        elif paths:
            self.change(paths=tuple(str(path) for path in paths), out="")

    def start(self) -> None:
        """Run what is wished; what is broken off then goes on, not from the start."""
        self.run(self._wish)
        self.change(overwrite=False)

    def run(self, wish: Wish, retry_failed: bool = False) -> None:
        """Run what somebody else wishes, as `Runner.start` does."""
        if self.runner.run.busy:
            return
        self.planner.rest()
        for number, row in enumerate(self.rows):
            anew = row.status == "done" and wish.overwrite and not retry_failed
            if anew or row.status == "failed":
                self._set_row(number, "waits", "")
        first = self.settle if wish.project else None
        self.runner.start(wish, retry_failed, first)

    def stop(self) -> None:
        """End the batch; what is done is kept."""
        self.runner.stop()

    def retry(self) -> None:
        """Try again what failed in the last batch."""
        if self.runner.wish is not None:
            self.run(self.runner.wish, retry_failed=True)

    def show_results(self, image: str = "") -> None:
        """Show the results of the last batch, from the image with this path on."""
        run, wished = self.state.run.out, Path(self._wish.folder)
        folders = [wished, run or wished] if image else [run or wished]
        if there := [folder for folder in folders if is_results(folder)]:
            self.results_wanted.emit(there[0], image)

    def show_preview(self) -> None:
        """Show the preview's image and nuclei as layers."""
        if self.state.preview.folder is not None:
            self.results_wanted.emit(self.state.preview.folder, "")

    def fix(self) -> None:
        """Correct the images that look least like what the model has seen."""
        wish, worst = self.runner.wish, self.state.run.worst
        if worst:
            known: dict[str, Any] = {}
            if wish is not None:
                known["task"] = "classes" if wish.classes else "nuclei"
            if wish is not None and wish.channel:
                known["channel"] = wish.channel
            if wish is not None and wish.diameter and not wish.classes:
                known["diameter"] = wish.diameter
            self.fix_wanted.emit(worst, known)

    def close(self) -> None:
        """Forget what runs; its engine is ended by whoever owns it."""
        self.planner.close()
        self.runner.run = Run()

    def _refresh(self) -> None:
        models = [*self._project_models, (SHIPPED, SHIPPED)]
        if self._wish.model not in (where for _, where in models):
            models.append((Path(self._wish.model).name, self._wish.model))
        run = self.runner.run
        if run == Run():  # what came of the last one, before napari was closed
            run = self._before
        self.state = BatchState(
            *(self._wish, self.planner.plan, self.planner.preview, run),
            tuple(models),
        )
        self.changed.emit(self.state)

    def _on_listed(self, rows: Sequence[FileRow]) -> None:
        counted = {row.path: row for row in self.rows if row.status == "done"}
        self.rows = [
            counted.get(row.path, row) if row.status == "done" else row for row in rows
        ]
        folder = Path(self._wish.folder)
        report = folder / "report.html"
        done = any(row.status == "done" for row in rows)
        there = done and is_results(folder) and report.is_file()
        self._before = Run(out=folder, report=report) if there else Run()
        self._places = {row.path: number for number, row in enumerate(rows)}
        self.listed.emit()

    def _on_told(self, path: str, status: str, said: str) -> None:
        number = self._places.get(path)
        if number is not None:
            self._set_row(number, status, said)

    def _on_ended(self) -> None:
        """Say what is left to do of a batch that did not come to its end."""
        wish = self.runner.wish
        ours = wish is not None and wish.folder == self._wish.folder
        if ours and any(row.status == "waits" for row in self.rows):
            self.look()

    def _set_row(self, number: int, status: str, said: str) -> None:
        self.rows[number] = replace(self.rows[number], status=status, said=said)
        self.told.emit(number)


def _told_kind(wish: Wish) -> Wish:
    """Tell a wish what its model is of."""
    return replace(wish, classes=bool(classes_of(wish.model)))
