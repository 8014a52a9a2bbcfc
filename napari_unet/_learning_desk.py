"""Which model predicts and what is learned next, as remembered in the project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet._models import Models

if TYPE_CHECKING:
    from napari_unet._board import Board
    from napari_unet._choices import Choices
    from napari_unet._learner import Learner
    from napari_unet._opener import Opener
    from napari_unet._predictor import Predictor
    from napari_unet._task import Task
    from napari_unet._workspace import Workspace

__all__ = ["LearningDesk"]


class LearningDesk(QObject):
    """Takes a model into use, by choice or because it was learned, and notes it.

    Signal: ``training_set(settings)`` when others than the user's were taken.

    Parameters
    ----------
    opener, predictor, learner, choices, board
        What it works with.
    """

    training_set = Signal(dict)

    def __init__(
        self,
        opener: Opener,
        predictor: Predictor,
        learner: Learner,
        choices: Choices,
        board: Board,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._opener = opener
        self._predictor = predictor
        self._learner = learner
        self._choices = choices
        self._board = board
        self._unfinished: dict[str, Any] = {}
        learner.changed.connect(self._note_training)
        learner.model_chosen.connect(self._on_learned)
        learner.kept.connect(self._on_kept)
        learner.live.connect(predictor.set_live)

    def open(self, workspace: Workspace, task: Task) -> None:
        """Learn from the corrections of another project."""
        view, project = workspace.view, workspace.project
        self._unfinished = dict(view.unfinished)
        self._learner.task = task
        self._learner.set_training(view.training)
        self.training_set.emit(self._learner.settings)
        models = Models(project.models_folder, task.name)
        self._learner.open(
            *(workspace.journal, models, view.learned, view.automatic),
            imported=view.imported,
        )

    def go_on(self, workspace: Workspace) -> None:
        """Predict and train as when the project was left."""
        models, model = self._learner.models, workspace.view.model
        if model not in models.names():  # none was chosen: the newest that was learned
            names = models.names()
            learned = (name for name in names if not models.is_unfinished(name))
            model = next(learned, "")
        self._predict_with(model)
        self._learner.go_on(self._unfinished)

    def choose_model(self, name: str) -> None:
        """Predict with this model, and start the next training from it."""
        workspace = self._opener.workspace
        if workspace is None or name not in self._learner.models.names():
            return
        workspace.view.model = name
        workspace.view.learned = self._learner.learned
        self._predict_with(name)
        self._opener.bookmark.note()

    def set_automatic(self, automatic: bool) -> None:
        """Let training start by itself, or not."""
        if self._opener.workspace is not None:
            self._opener.workspace.view.automatic = automatic
        self._learner.set_automatic(automatic)
        self._opener.bookmark.note()

    def set_training(self, settings: dict[str, Any]) -> None:
        """Train with these settings from now on; none: as is usual here."""
        self._learner.set_training(settings)
        if not settings:
            self.training_set.emit(self._learner.settings)
        if self._opener.workspace is not None:
            self._opener.workspace.view.training = dict(settings)
            self._opener.bookmark.note()

    def set_network(self, network: dict[str, Any]) -> None:
        """Train another network, from the beginning; empty: go on with the model."""
        self._learner.network = dict(network)

    def _predict_with(self, name: str) -> None:
        models = self._learner.models
        self._board.update(model=name, models=models.names())
        self._choices.tell_learner()
        self._choices.take_model()
        self._predictor.use_model(models.location(name))

    def _on_learned(self, name: str) -> None:
        self._choices.drop_instances(self._learner.learned_with)
        self.choose_model(name)

    def _note_training(self) -> None:
        """Remember what is being learned, to go on with it another day."""
        workspace, command = self._opener.workspace, self._learner.training.command
        if workspace is not None and workspace.view.unfinished != command:
            workspace.view.unfinished = dict(command)
            self._opener.bookmark.note()

    def _on_kept(self) -> None:
        if self._opener.workspace is not None:
            self._opener.workspace.view.learned = self._learner.learned
        self._board.update(models=self._learner.models.names())
        self._predictor.predict_again()
