"""When training starts, with what, and which model is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._adoption import judge
from napari_unet._models import Models, name_of
from napari_unet._nuclei import NUCLEI
from napari_unet._state import Learning
from napari_unet._training import Training
from unetloop.catalog import SHIPPED
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_unet._adoption import Ended
    from napari_unet._background import Background
    from napari_unet._engine import Engine
    from napari_unet._task import Task
    from unetloop.journal import Journal

__all__ = ["Learner"]

_IDLE_MS = 2500
_ALL_LOCKED = (
    "What you corrected so far is kept for scoring only: correct another image, too."
)


class Learner(QObject):
    """One training at a time, from the best model so far.

    Signals: ``changed()`` when there is something new to say; ``model_chosen(name)``
    when another model is to predict from now on; ``kept()`` when it stays;
    ``live(bool)`` while a network is being trained that can predict.

    ``training`` is the one that is under way; ``first`` the model that all learning
    begins with; ``learned`` counts the corrections that the last training knew;
    ``learned_with`` are the wishes of how nuclei are made that the model last chosen
    learned with, and has as its own.

    Parameters
    ----------
    engine, background
        What it works with.
    """

    changed = Signal()
    model_chosen = Signal(str)
    kept = Signal()
    live = Signal(bool)

    def __init__(
        self, engine: Engine, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._journal: Journal | None = None
        self.models = Models()
        self.task: Task = NUCLEI
        self.settings: dict[str, Any] = dict(self.task.settings)
        self.network: dict[str, Any] = {}
        self.learned = 0
        self.learned_with: dict[str, float] = {}
        self.first = SHIPPED
        self._corrections = 0
        self._imported: Mapping[str, Mapping[str, int]] = {}
        self._missing = self._waiting = ""
        self._reworked = self._taught = False
        self._model = self._began_with = ""
        self._wishes: dict[str, float] = {}
        self._channels: dict[str, str] = {}
        self._inputs: int | None = None
        self._instances: dict[str, float] = {}
        self._locked: tuple[str, ...] = ()
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(_IDLE_MS)
        self._idle.timeout.connect(self._start_if_due)
        state = Learning(can_start=self.task.progress({}).hindrance)
        self.training = Training(engine, background, state, self)
        self.training.changed.connect(self.changed)
        self.training.live.connect(self.live)
        self.training.ended.connect(self._on_ended)

    @property
    def state(self) -> Learning:
        """What the docks show of it."""
        return self.training.state

    def open(
        self,
        journal: Journal,
        models: Models,
        learned: int,
        automatic: bool,
        imported: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        """Learn in another project.

        Parameters
        ----------
        journal : Journal
            Of the project.
        models : Models
            Its models.
        learned : int
            Corrections that the last training knew.
        automatic : bool
            Whether training starts by itself, after the next correction.
        imported : mapping, optional
            By image: what was reviewed before, and is not in the journal, by action.
        """
        self._idle.stop()
        self._journal, self.models, self.learned = journal, models, learned
        self._imported, self._locked = dict(imported or {}), ()
        hindrance = self.task.progress({}).hindrance
        self.training.drop(Learning(automatic=automatic, can_start=hindrance))
        self.count()
        # Less is there than was learned if what was imported was corrected since.
        self.learned = min(learned, self._corrections)

    def use(
        self,
        model: str,
        channels: Mapping[str, str],
        locked: tuple[str, ...] = (),
        inputs: int | None = None,
        instances: Mapping[str, float] | None = None,
    ) -> None:
        """Take note of what to learn with.

        Parameters
        ----------
        model : str
            Where it starts; empty: from the beginning.
        channels : mapping
            By image: the channel that was chosen for it.
        locked : tuple of str
            Images to score on; corrections of them are not learned from.
        inputs : int, optional
            Channels that the network has to look at; None: as many as it does.
        instances : mapping, optional
            By what maps became the nuclei that were corrected, where that is not as
            ``model`` says.
        """
        self._model, self._channels, self._inputs = model, dict(channels), inputs
        self._instances = dict(instances or {})
        if locked != self._locked:
            self._locked = locked
            self.count()
            # Less is there than was learned if what was learned is locked now.
            self.learned = min(self.learned, self._corrections)

    def take(self, task: Task) -> None:
        """Learn what is segmented."""
        self.task = task
        self.count()

    def set_training(self, settings: dict[str, Any]) -> None:
        """Train with these settings; none: as is usual here."""
        self.settings = dict(settings or self.task.settings)

    def count(self) -> None:
        """Look up how many corrections there are to learn from."""
        try:
            ledger = self._ledger(self._locked)
            progress = self.task.progress(ledger)
            hindrance = progress.hindrance
            if hindrance and self._locked and self._ledger(()):
                hindrance = _ALL_LOCKED
        except EngineError:  # whoever writes to the journal says so
            return
        self._corrections, self._missing = progress.count, progress.missing
        brought = set(self._imported) - set(self._locked)
        self._reworked = bool(brought or set(ledger) - self.task.as_found)
        self.training.show(can_start=hindrance)
        self._say_what_is_missing()

    def _ledger(self, without: tuple[str, ...]) -> Counter[str]:
        """Count corrections by action, but for those of some images."""
        found = Counter(self._journal.ledger(without) if self._journal else {})
        for image in set(self._imported) - set(without):
            found.update(self._imported[image])
        return found

    def _say_what_is_missing(self) -> None:
        """Say for what learning waits, where nothing else is to be said."""
        before, self._waiting = self._waiting, self._missing
        left = self.task.enough - (self._corrections - self.learned)
        if self.state.automatic and not self._missing and 0 < left < self.task.enough:
            more = "one more correction" if left == 1 else f"{left} more corrections"
            self._waiting = f"Learns by itself after {more}."
        elif self._due:
            self._waiting = "Learns as soon as you pause."
        if self.state.sentence == before and not self.training.busy:
            self.training.show(sentence=self._waiting)

    def corrected(self) -> None:
        """Take note of a correction; training starts when the user rests."""
        self.count()
        self._idle.start()

    def set_automatic(self, automatic: bool) -> None:
        """Let training start by itself, or not."""
        self.training.show(automatic=automatic)
        self._say_what_is_missing()
        if automatic:
            self._idle.start()

    def start(self) -> None:
        """Store the corrections and train."""
        if self.training.busy or self._journal is None or self.state.can_start:
            return
        self._begin(self._journal, self._compose(), "Getting ready to learn.")

    def _compose(self) -> dict[str, Any]:
        """Say what is to be learned, and what with."""
        command: dict[str, Any] = {
            "out": self.models.free_name(),
            "settings": dict(self.settings),
        }
        if self.network or not self._model:  # from the beginning
            inputs = {"channels": self._inputs} if (self._inputs or 1) > 1 else {}
            if made := {**inputs, **self.network}:
                command["model"] = made
        else:
            command["start"] = self.models.location(self._model)
            if self._instances:
                command["instances"] = dict(self._instances)
            network = self.models.network(self._model)
            if self._inputs and network.channels != self._inputs:
                # One that looks at what was chosen; it takes over what fits.
                command["model"] = asdict(replace(network, channels=self._inputs))
            # Does what was learned help on the images that were corrected since?
            names = self.models.names()
            rounds = [name for name in names if name != self.first]
            if rounds and self.first in names:
                newest = rounds[0] if self._model == self.first else self._model
                command["root"] = self.models.location(self.first)
                command["newest"] = self.models.location(newest)
        if self._locked:
            command["locked"] = list(self._locked)
        if self._channels:
            command["channels"] = dict(self._channels)
        return command

    def go_on(self, command: dict[str, Any]) -> None:
        """Go on with a training that was broken off when the project was left.

        Parameters
        ----------
        command : dict
            The training's ``command`` then. One that came to its end is left alone.
        """
        name = command.get("out")
        if self.training.busy or self._journal is None or not isinstance(name, str):
            return
        if name in self.models.names() and not self.models.is_unfinished(name):
            return
        command = dict(command)
        for which in {"start", "root", "newest"} & set(command):
            # The project may lie elsewhere now.
            command[which] = self.models.location(name_of(command[which]))
        self._begin(self._journal, command, f"Going on with the training of {name}.")

    def _begin(self, journal: Journal, command: dict[str, Any], sentence: str) -> None:
        self.learned = self._corrections
        self._began_with = name_of(command.get("start", ""))
        self._wishes = dict(command.get("instances", {}))
        self._taught = self._teaches
        self.training.begin(journal, command, sentence)

    @property
    def _teaches(self) -> bool:
        """Whether there is more to learn than what the model found by itself."""
        wished = self._instances or self.network or not self._model
        return self._reworked or bool(wished)

    @property
    def _due(self) -> bool:
        fresh = self._corrections - self.learned
        enough = fresh >= self.task.enough and not self._missing
        # Where all is right as it was found, once is enough to see that.
        new = self._teaches or not self.learned
        return self.state.automatic and enough and new

    def _start_if_due(self) -> None:
        if self._due and not self.training.busy:
            self.start()

    def _on_ended(self, how: Ended) -> None:
        start = self.first if how.harm else self._began_with
        model, sentence = judge(how, start, self._model, self.first, self._taught)
        self.training.show(sentence=sentence)
        self.learned_with = self._wishes if model == how.name else {}
        if model:
            self.model_chosen.emit(model)
        else:
            self.kept.emit()
        self._idle.start()
