"""The loop without its widgets: project, journal, engine and layers of one viewer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet._actions import Actions
from napari_unet._background import Background
from napari_unet._board import Board
from napari_unet._choices import Choices
from napari_unet._class_desk import ClassDesk, rows_of
from napari_unet._comparison import Comparer
from napari_unet._editor import Editor
from napari_unet._engine import Engine
from napari_unet._entrance import Entrance
from napari_unet._gallery import Gallery
from napari_unet._layers import Layers
from napari_unet._learner import Learner
from napari_unet._learning_desk import LearningDesk
from napari_unet._opener import Opener
from napari_unet._predictor import Predictor
from napari_unet._removals import Removals
from napari_unet._rescue import Rescue
from napari_unet._run_desk import RunDesk
from napari_unet._stage import Stage
from napari_unet._steps import Steps
from napari_unet._tissue import task_of
from napari_unet._tools import Tools
from napari_unet._warm_up import make_ready, take_ready

if TYPE_CHECKING:
    from napari import Viewer

    from napari_unet._state import LoopState

__all__ = ["Session"]


class Session(QObject):
    """What one viewer works on; docks show it and tell it what the user wants.

    Signals: ``changed(LoopState)``; ``said(text, level)`` for napari's
    notifications; ``tool_armed(name)``; ``closed()``.

    What one of its parts does is asked of that part: of ``entrance``, ``choices``,
    ``steps``, ``classes``, ``learning``, ``learner``, ``comparer`` and ``runs``.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    engine : Engine, optional
        The engine; the real one if left out.
    """

    changed = Signal(object)
    said = Signal(str, str)
    tool_armed = Signal(str)
    closed = Signal()

    def __init__(
        self,
        viewer: Viewer,
        engine: Engine | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.board = Board(self)
        self._closed = False
        self.engine = engine or Engine(self)
        self._background = Background(self)
        self.layers = Layers(viewer, self)
        self.removals = Removals(self)
        self.tools = Tools(self.layers, self)
        self.stage = Stage(self.layers, self._background, self)
        self.opener = Opener(self.layers, self.stage, self._background, self)
        self.editor = Editor(self.layers, self._background, self)
        self.rescue = Rescue(self.editor, self)
        self.predictor = Predictor(
            self.layers, self.editor, self.engine, self._background, self
        )
        self.learner = Learner(self.engine, self._background, self)
        self.gallery = Gallery(self._background, self)
        self.choices = Choices(
            self.layers, self.opener, self.predictor, self.learner, self.board, self
        )
        self.steps = Steps(
            self.layers, self.tools, self.opener, self.editor, self.gallery, self
        )
        self._make_desks()
        self._connect()
        self.engine.start()
        self._background.run(make_ready, take_ready, lambda _: None)

    def _make_desks(self) -> None:
        """Make the parts that know other parts."""
        self.entrance = Entrance(
            self.layers, self.tools, self.opener, self.editor, self.board, self
        )
        self.classes = ClassDesk(
            self.layers,
            self.opener,
            self.editor,
            self.tools,
            self.learner,
            self.choices,
            self.board,
            self._background,
            self,
        )
        self.learning = LearningDesk(
            self.opener, self.predictor, self.learner, self.choices, self.board, self
        )
        self.comparer = Comparer(
            self.layers,
            self.editor,
            self.predictor,
            self.learner,
            self.choices,
            self.board,
            self.engine,
            self._background,
            self,
        )
        self.runs = RunDesk(
            self.opener,
            self.editor,
            self.learner,
            self.choices,
            self.board,
            self._background,
            self,
        )
        self.actions = Actions(
            self.layers,
            self.editor,
            self.predictor,
            self.learner,
            self.choices,
            self.steps,
            self.classes,
            self.board,
            self,
        )

    @property
    def state(self) -> LoopState:
        """What the docks show."""
        return self.board.state

    def _connect(self) -> None:
        self.board.changed.connect(self._on_changed)
        for speaker in (self.opener, self.entrance, self.steps, self.classes):
            speaker.said.connect(self.said)
        for other in (self.tools, self.actions, self.rescue, self.runs, self.choices):
            other.said.connect(self.said)
        self.engine.stopped.connect(self._on_engine_stopped)
        self.engine.started.connect(self._on_engine_started)
        self.engine.received.connect(self.board.hear)
        self.stage.keeps = lambda: self.editor.unstored
        self.stage.revision = lambda: self.editor.revision
        self.stage.shown.connect(self._on_shown)
        self.stage.plane_loaded.connect(self.editor.restore)
        self.stage.plane_loaded.connect(lambda plane: self.predictor.request())
        self.stage.plane_loaded.connect(lambda plane: self._count())
        self.stage.missing.connect(self.steps.skip)
        self.opener.opened.connect(self._on_opened)
        for reader in (self.stage, self.opener):
            reader.busy.connect(self.board.set_busy)
            reader.problem.connect(self.board.set_problem)
        self.choices.locked.connect(self.gallery.set_locked)
        self.tools.wanted.connect(self.actions.do)
        self.tools.armed.connect(self.tool_armed)
        self.layers.view_changed.connect(self._on_view_changed)
        self.layers.removed.connect(self.removals.note)
        self.removals.said.connect(self.said)
        self.actions.corrected.connect(self._count)
        self.editor.stored.connect(self.opener.bookmark.note)
        self.editor.stored.connect(self.opener.flush)  # there is room again
        self.editor.problem.connect(partial(self.board.set_problem, "store"))
        self.predictor.shown.connect(self._count)
        self.predictor.maps.told.connect(self.layers.probabilities.draw)
        self.predictor.problem.connect(partial(self.board.set_problem, "field"))
        for part in (self.predictor, self.learner, self.gallery):
            part.changed.connect(self._refresh)
        self.closed.connect(lambda: self.comparer.set_on(False))
        self.comparer.changed.connect(lambda now: self.board.update(comparison=now))

    def save(self) -> None:
        """Store everything now."""
        self.removals.forget()
        self.editor.store()
        self.opener.save()

    def close(self) -> None:
        """Store everything and end the engine; nothing is asked."""
        if self._closed:
            return
        self.save()
        self.rescue.close()
        self._closed = True
        self.closed.emit()
        self.tools.close()
        self.layers.close()
        self.engine.close()
        self._background.close()
        self.opener.close()

    # What comes back

    def _on_opened(self) -> None:
        workspace = self.opener.workspace
        if workspace is None:
            return
        self.board.start_again()
        self.comparer.show(None)
        view, project = workspace.view, workspace.project
        task = task_of(project.classes)
        self.tools.take(task)
        self.rescue.open(workspace)
        self.predictor.open(workspace.journal)
        self.learning.open(workspace, task)
        self.gallery.open(workspace)
        self.engine.send("open_project", folder=str(project.folder), shared=True)
        self.board.update(folder=project.folder, task=task.name, classes=rows_of(task))
        self.choices.set_outlines(view.outlines)
        self.choices.set_probabilities(view.probabilities)
        self.learning.go_on(workspace)

    def _on_shown(self) -> None:
        current = self.opener.current
        if current is None:
            return
        if current.entry.id != self.state.current:  # a tool ends with its image
            self.tools.disarm()
        self.editor.show(current)
        self.board.update(current=current.entry.id, plane=self.layers.plane)
        self.choices.show_reading()
        self.choices.tell_learner()
        self.predictor.show(current, *self.choices.how())
        self.comparer.show(current)
        if self.state.shown.probabilities:
            self.predictor.maps.tell_again()
        self._count()

    def _on_view_changed(self) -> None:
        if self.opener.current is not None and self.layers.plane != self.state.plane:
            self.board.update(plane=self.layers.plane)
            self.stage.load_plane()

    def _on_engine_stopped(self, sentence: str) -> None:
        self.board.set_problem("engine", sentence)
        self.said.emit(sentence, "warning")

    def _on_engine_started(self) -> None:
        self.board.set_problem("engine", "")
        self.predictor.request()

    # State

    def _on_changed(self, state: LoopState) -> None:
        if not self._closed:
            self.changed.emit(state)

    def _count(self) -> None:
        if self.opener.current is not None:
            self.gallery.count(self.opener.current)
            self.board.set_none_found(self._is_none_found)
        self._refresh()

    @property
    def _is_none_found(self) -> bool:
        """Whether the plane on the screen was segmented, and nothing is in it."""
        current, predictor = self.opener.current, self.predictor
        if current is None or predictor.coming or predictor.diameter_found is None:
            return False
        return current.truth.is_empty(self.layers.plane)

    def _refresh(self) -> None:
        if self._closed or self.opener.workspace is None:
            return
        found, reading = self.predictor.diameter_found, self.state.reading
        if reading is not None and reading.diameter_found != found:
            reading = replace(reading, diameter_found=found)
        self.board.set_predicting(self.predictor.busy)
        self.board.update(
            images=self.gallery.rows,
            learning=self.learner.state,
            reading=reading,
            field_seconds=self.predictor.seconds,
            saved=self.editor.saved,
            can_undo=self.editor.history.can_undo,
            can_redo=self.editor.history.can_redo,
        )
