"""The loop without its widgets: project, journal, engine and layers of one viewer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet._background import Background
from napari_unet._board import Board
from napari_unet._choices import Choices
from napari_unet._class_desk import ClassDesk, rows_of
from napari_unet._editor import Editor
from napari_unet._engine import Engine
from napari_unet._gallery import Gallery
from napari_unet._layers import Layers, warm_up
from napari_unet._learner import Learner
from napari_unet._models import Models
from napari_unet._opener import Opener
from napari_unet._predictor import Predictor
from napari_unet._run_all import everything
from napari_unet._stage import Stage
from napari_unet._steps import Steps
from napari_unet._tissue import task_of
from napari_unet._tools import Tools
from unetloop.class_corrections import ERASE, painted_class

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari import Viewer

    from napari_unet._batch_state import Wish
    from napari_unet._state import LoopState

__all__ = ["Session"]


class Session(QObject):
    """What one viewer works on; docks show it and tell it what the user wants.

    Signals: ``changed(LoopState)``; ``said(text, level)`` for napari's
    notifications; ``tool_armed(name)``; ``training_set(settings)`` when others
    than the user's were taken; ``closed()``.

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
    training_set = Signal(dict)
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
        self._engine = engine or Engine(self)
        self._background = Background(self)
        self.layers = Layers(viewer, self)
        self.tools = Tools(self.layers, self)
        self.stage = Stage(self.layers, self._background, self)
        self.opener = Opener(self.layers, self.stage, self._background, self)
        self.editor = Editor(self.layers, self)
        self.predictor = Predictor(
            self.layers, self.editor, self._engine, self._background, self
        )
        self.learner = Learner(self._engine, self._background, self)
        self.gallery = Gallery(self._background, self)
        self.choices = Choices(
            self.layers, self.opener, self.predictor, self.learner, self.board, self
        )
        self.choices.locked.connect(self.gallery.set_locked)
        self.steps = Steps(self.layers, self.opener, self.editor, self.gallery, self)
        self.steps.said.connect(self.said)
        self.classes = ClassDesk(
            *(self.layers, self.opener, self.tools, self.learner, self.choices),
            *(self.board, self._background, self),
        )
        self.classes.said.connect(self.said)
        self._task = ""
        self._connect()
        self._engine.start()
        self._background.run(warm_up, lambda _: None, lambda _: None)

    @property
    def engine(self) -> Engine:
        """The engine's process."""
        return self._engine

    @property
    def state(self) -> LoopState:
        """What the docks show."""
        return self.board.state

    def _connect(self) -> None:
        self.board.changed.connect(self._on_changed)
        self._engine.stopped.connect(self._on_engine_stopped)
        self._engine.started.connect(self._on_engine_started)
        self._engine.received.connect(self.board.hear)
        self.stage.keeps = lambda: self.editor.unstored
        self.stage.shown.connect(self._on_shown)
        self.stage.plane_loaded.connect(self.predictor.request)
        self.stage.missing.connect(self.gallery.set_missing)
        self.stage.busy.connect(self.board.set_busy)
        self.stage.problem.connect(self.board.set_problem)
        self.opener.opened.connect(self._on_opened)
        self.opener.busy.connect(self.board.set_busy)
        self.opener.problem.connect(self.board.set_problem)
        self.opener.said.connect(self.said)
        self.tools.wanted.connect(self._on_wanted)
        self.tools.armed.connect(self.tool_armed)
        self.layers.view_changed.connect(self._on_view_changed)
        self.layers.removed.connect(self._on_layer_removed)
        self.editor.corrected.connect(self._on_corrected)
        self.editor.undone.connect(self._on_undone)
        self.editor.moved.connect(self.steps.go_to)
        self.editor.problem.connect(partial(self.board.set_problem, "store"))
        self.predictor.changed.connect(self._refresh)
        self.predictor.shown.connect(self._count)
        self.predictor.maps.told.connect(self.layers.probabilities.draw)
        self.predictor.problem.connect(partial(self.board.set_problem, "field"))
        self.learner.changed.connect(self._note_training)
        self.learner.changed.connect(self._refresh)
        self.learner.live.connect(self.predictor.set_live)
        self.learner.model_chosen.connect(self.choose_model)
        self.learner.kept.connect(self._on_model_kept)
        self.gallery.changed.connect(self._refresh)

    # What the panels ask for

    def open(self, paths: Sequence[Path | str]) -> None:
        """Open images, folders or a project."""
        self.tools.disarm()
        self.opener.open(paths, task=self._task, otherwise=self.state.task)

    def set_task(self, task: str) -> None:
        """Segment ``"nuclei"`` or ``"classes"``: in these images, and the next ones."""
        self._task = task
        if self.opener.workspace is None:
            names = Models(task=task).names()
            self.board.update(task=task, models=names, model=next(iter(names), ""))
        elif task != self.opener.workspace.project.task:
            self.tools.disarm()
            self.opener.open_other(task)

    def fix(self, paths: Sequence[Path], known: dict[str, Any]) -> None:
        """Take images into the project that is open, or one beside them, to correct.

        Parameters
        ----------
        paths : sequence of Path
            Images; the first one is shown.
        known : dict
            ``channel`` and ``diameter`` that they were predicted by, and ``task``:
            another project than the one that is open, if it segments something else.
        """
        self.tools.disarm()
        reading = {name: value for name, value in known.items() if name != "task"}
        task = str(known.get("task") or self.state.task)
        join = task == self.state.task
        self.opener.open(paths, join, reading, "" if join else task, task)

    def everything(self) -> Wish | None:
        """Say what "Run all" would run; None while no project is open."""
        workspace = self.opener.workspace
        if workspace is None or not self.state.model:
            return None
        model = self.learner.models.location(self.state.model)
        how, chosen = self.choices.how(), self.choices.instances()
        return everything(workspace, model, *how, chosen)

    def use_layer(self) -> None:
        """Work on the image layer that is selected in napari."""
        self.opener.open_layer(self._task, self.state.task)

    def show_image(self, image: str) -> None:
        """Bring an image of the project to the screen."""
        self.tools.disarm()
        self.opener.show(image)

    def next(self) -> None:
        """Show the next image of the list."""
        self.tools.disarm()
        self.steps.go(1)

    def previous(self) -> None:
        """Show the previous image of the list."""
        self.tools.disarm()
        self.steps.go(-1)

    def change_reading(self, values: dict[str, Any]) -> None:
        """Read the image on the screen in another way."""
        self.choices.change_reading(values)

    def lock(self, image: str, locked: bool) -> None:
        """Keep an image for scoring only, or learn from it again."""
        self.choices.lock(image, locked)

    def set_outlines(self, outlines: bool) -> None:
        """Show outlines, or filled nuclei."""
        self.choices.set_outlines(outlines)

    def set_probabilities(self, wanted: bool) -> None:
        """Have a layer a class with its probability, or none."""
        self.choices.set_probabilities(wanted)

    def set_threshold(self, threshold: float) -> None:
        """Count pixels above this probability as nucleus."""
        self.choices.set_instances(threshold=threshold)

    def set_min_size(self, min_size: float) -> None:
        """Leave out nuclei below this share of a typical nucleus's area."""
        self.choices.set_instances(min_size=min_size)

    def use_tool(self, name: str) -> None:
        """Let a tool wait for the mouse, or do at once what needs none."""
        self.tools.arm(name)

    def start_learning(self) -> None:
        """Train now."""
        self.learner.start()

    def pause_learning(self) -> None:
        """Let training rest."""
        self.learner.pause()

    def resume_learning(self) -> None:
        """Go on with training."""
        self.learner.resume()

    def stop_learning(self) -> None:
        """End training; what was learned is kept."""
        self.learner.stop()

    def set_automatic(self, automatic: bool) -> None:
        """Let training start by itself, or not."""
        if self.opener.workspace is not None:
            self.opener.workspace.view.automatic = automatic
        self.learner.set_automatic(automatic)
        self.opener.note()

    def choose_model(self, name: str) -> None:
        """Predict with this model, and start the next training from it."""
        workspace = self.opener.workspace
        if workspace is None or name not in self.learner.models.names():
            return
        workspace.view.model = name
        workspace.view.learned = self.learner.learned
        self.board.update(model=name, models=self.learner.models.names())
        self.choices.tell_learner()
        self.choices.show_instances()
        self.predictor.use_model(self.learner.models.location(name))
        self.opener.note()

    def set_training(self, settings: dict[str, Any]) -> None:
        """Train with these settings from now on."""
        self.learner.set_training(settings)
        if not settings:
            self.training_set.emit(self.learner.settings)
        if self.opener.workspace is not None:
            self.opener.workspace.view.training = dict(settings)
            self.opener.note()

    def set_network(self, network: dict[str, Any]) -> None:
        """Train another network, from the beginning; empty: go on with the model."""
        self.learner.network = dict(network)

    def save(self) -> None:
        """Store everything now."""
        self.editor.store()
        self.opener.save()

    def close(self) -> None:
        """Store everything and end the engine; nothing is asked."""
        if self._closed:
            return
        self.save()
        self._closed = True
        self.closed.emit()
        self.tools.close()
        self.layers.close()
        self._engine.close()
        self._background.close()
        self.opener.close()

    # What comes back

    def _on_opened(self) -> None:
        workspace = self.opener.workspace
        if workspace is None:
            return
        self.board.clear_problems()
        view, project = workspace.view, workspace.project
        unfinished = dict(view.unfinished)
        task = task_of(project.classes)
        models = Models(project.models_folder, task.name)
        names = models.names()
        model = view.model if view.model in names else next(iter(names), "")
        self._task = ""
        self.tools.take(task)
        self.learner.task = task
        self.editor.open(workspace.journal)
        self.predictor.open(workspace.journal)
        self.learner.set_training(view.training)
        self.training_set.emit(self.learner.settings)
        self.learner.open(workspace.journal, models, view.learned, view.automatic)
        self.gallery.open(project, view)
        self._engine.send("open_project", folder=str(project.folder), shared=True)
        self.board.update(
            folder=project.folder,
            task=task.name,
            classes=rows_of(task),
            model=model,
            models=names,
        )
        self.set_outlines(view.outlines)
        self.set_probabilities(view.probabilities)
        self.choices.tell_learner()
        self.choices.show_instances()
        self.predictor.use_model(models.location(model))
        self.learner.go_on(unfinished)

    def _on_shown(self) -> None:
        current = self.opener.current
        if current is None:
            return
        self.editor.show(current)
        self.board.update(current=current.entry.id, plane=self.layers.plane)
        self.choices.show_reading()
        self.choices.tell_learner()
        self.predictor.show(current, *self.choices.how())
        if self.state.shown.probabilities:
            self.predictor.maps.tell_again()
        self._count()

    def _on_view_changed(self) -> None:
        if self.opener.current is not None and self.layers.plane != self.state.plane:
            self.board.update(plane=self.layers.plane)
            self.stage.load_plane()

    def _on_layer_removed(self, name: str) -> None:
        self.said.emit(
            f"The layer {name} was removed. Nothing is lost: it is back with the next "
            "correction or image.",
            "info",
        )

    def _on_wanted(self, name: str, where: Any) -> None:
        self.layers.ensure()
        if name == "new":
            diameter = self.predictor.diameter_found
            size = diameter / 3 if diameter else None
            self.layers.start_brush(self.editor.free_number(), size)
        elif name == "erase" or painted_class(name):
            self.classes.start_brush(painted_class(name))
        elif name == "undo":
            self.editor.undo()
        elif name == "redo":
            self.editor.redo()
        elif name == "outlines":
            self.set_outlines(not self.state.shown.outlines)
        elif name == "next":
            self.next()
        elif name == "previous":
            self.previous()
        elif name == "box" and where is None:
            self.steps.accept_view()
        else:
            self.editor.correct(name, where)

    def _on_corrected(self, action: str) -> None:
        self.learner.corrected()
        if action == ERASE:
            self.predictor.label_again(self.editor.last)
        self._count()

    def _on_undone(self) -> None:
        self.learner.count()
        if self.learner.task.classes:
            self.predictor.label_again(self.editor.last)
        self._count()

    def _note_training(self) -> None:
        """Remember what is being learned, to go on with it another day."""
        workspace, command = self.opener.workspace, self.learner.command
        if workspace is not None and workspace.view.unfinished != command:
            workspace.view.unfinished = command
            self.opener.note()

    def _on_model_kept(self) -> None:
        if self.opener.workspace is not None:
            self.opener.workspace.view.learned = self.learner.learned
        self.board.update(models=self.learner.models.names())
        self.predictor.predict_again()

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

    def _count(self, image: str = "") -> None:
        if self.opener.current is not None:
            self.gallery.count(self.opener.current)
        self._refresh()

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
            can_undo=self.editor.can_undo,
            can_redo=self.editor.can_redo,
        )
