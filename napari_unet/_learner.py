"""When training starts, what it says of itself, and which model is kept."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._models import Models
from napari_unet._nuclei import NUCLEI
from napari_unet._state import Curve, Learning
from unetloop.catalog import SHIPPED
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet._background import Background
    from napari_unet._engine import Engine
    from napari_unet._task import Task
    from unetloop.journal import Journal

__all__ = ["Learner"]

_IDLE_MS = 2500
_WORSE = 0.005


class Learner(QObject):
    """One training at a time, from the best model so far.

    Signals: ``changed()`` when there is something new to say; ``model_chosen(name)``
    when another model is to predict from now on; ``kept(name)`` when it stays;
    ``live(bool)`` while a network is being trained that can predict.

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
        self._engine = engine
        self._background = background
        self._journal: Journal | None = None
        self.models = Models()
        self.task: Task = NUCLEI
        self.state = Learning(can_start=self.task.progress({}).hindrance)
        self.settings: dict[str, Any] = dict(self.task.settings)
        self.network: dict[str, Any] = {}
        self.learned = 0
        self.first = SHIPPED  # what all learning begins with
        self._corrections = 0
        self._missing = ""
        self._model = ""
        self._job = ""
        self._command: dict[str, Any] = {}
        self._done: dict[str, Any] | None = None
        self._harm = False
        self._resume = False
        self._waiting = self._ready = ""
        self._channel: str | None = None
        self._colours = 1
        self._locked: tuple[str, ...] = ()
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(_IDLE_MS)
        self._idle.timeout.connect(self._start_if_due)
        engine.received.connect(self._on_event)
        engine.started.connect(self._on_engine_started)

    @property
    def busy(self) -> bool:
        """Whether a training is under way."""
        return self.state.phase != "idle"

    def open(
        self, journal: Journal, models: Models, learned: int, automatic: bool
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
        """
        if self._job:
            self._engine.cancel(self._job)
        self._job, self._command, self._done = "", {}, None
        self._resume = False
        self._idle.stop()
        self._journal, self.models, self.learned = journal, models, learned
        hindrance = self.task.progress({}).hindrance
        self.state = Learning(automatic=automatic, can_start=hindrance)
        self.live.emit(False)
        self.count()

    def use(
        self,
        model: str,
        channel: str | None,
        locked: tuple[str, ...] = (),
        colours: int = 1,
    ) -> None:
        """Start from this model, look at this channel, and score on locked images.

        A new network sees as many ``colours``.
        """
        self._model, self._channel, self._locked = model, channel, locked
        self._colours = colours

    def take(self, task: Task) -> None:
        """Learn what is segmented."""
        self.task = task
        self.count()

    def set_waiting(self, why: str) -> None:
        """Say for what the engine would let a training wait; empty: for nothing.

        One that is under way came first, and does not wait.
        """
        waits = bool(self._waiting) and self.state.sentence == self._waiting
        self._waiting = why
        if self.state.phase == "starting" and waits:
            self._show(sentence=why or self._ready)

    def set_training(self, settings: dict[str, Any]) -> None:
        """Train with these settings; none: as is usual here."""
        self.settings = dict(settings or self.task.settings)

    def count(self) -> None:
        """Look up how many corrections there are."""
        ledger: dict[str, int] = {}
        if self._journal is not None:
            try:
                ledger = self._journal.ledger()
            except EngineError:  # whoever writes to the journal says so
                return
        progress = self.task.progress(ledger)
        self._corrections, before = progress.count, self._missing
        self._missing = progress.missing
        self._show(can_start=progress.hindrance)
        if self.state.sentence == before and not self.busy:
            self._show(sentence=self._missing)

    def corrected(self) -> None:
        """Take note of a correction; training starts when the user rests."""
        self.count()
        self._idle.start()

    def set_automatic(self, automatic: bool) -> None:
        """Let training start by itself, or not."""
        self._show(automatic=automatic)
        if automatic:
            self._idle.start()

    def start(self) -> None:
        """Store the corrections and train."""
        if self.busy or self._journal is None or self.state.can_start:
            return
        name = self.models.free_name()
        self._command = {
            "out": name,
            "settings": dict(self.settings),
        }
        if self.network or not self._model:  # from the beginning
            colours = {} if self._colours == 1 else {"channels": self._colours}
            if made := {**colours, **self.network}:
                self._command["model"] = made
        else:
            self._command["start"] = self.models.location(self._model)
            # Does what was learned help on the images that were corrected since?
            names = self.models.names()
            rounds = [name for name in names if name != self.first]
            if rounds and self.first in names:
                newest = rounds[0] if self._model == self.first else self._model
                self._command["root"] = self.models.location(self.first)
                self._command["newest"] = self.models.location(newest)
        if self._locked:
            self._command["locked"] = list(self._locked)
        if self._channel:
            self._command["channel"] = self._channel
        self._begin("Getting ready to learn from your corrections.")

    @property
    def command(self) -> dict[str, Any]:
        """What the engine was asked for; empty while nothing is learned."""
        return dict(self._command)

    def go_on(self, command: dict[str, Any]) -> None:
        """Go on with a training that was broken off when the viewer was closed.

        Parameters
        ----------
        command : dict
            What `command` was then. One that came to its end is left alone.
        """
        name = command.get("out")
        if self.busy or self._journal is None or not isinstance(name, str):
            return
        if name in self.models.names() and not self.models.is_unfinished(name):
            return
        self._command = dict(command)
        for which in {"start", "root", "newest"} & set(command):
            # The project may lie elsewhere now.
            model = re.split(r"[/\\]", str(command[which]))[-1]
            self._command[which] = self.models.location(model)
        self._begin(f"Going on with the training of {name}.")

    def _begin(self, sentence: str) -> None:
        self._done, self._harm = None, False
        self.learned = self._corrections
        self._ready = sentence
        self._show(
            phase="starting",
            sentence=self._waiting or sentence,
            fraction=0.0,
            seconds_left=None,
            curve=Curve(),
        )
        self._flush_and_send()

    def pause(self) -> None:
        """Let it rest."""
        if self.state.phase in ("starting", "running") and self._job:
            self._engine.send("pause")
            self.live.emit(False)
            self._show(phase="paused", sentence="Paused. What was learned is kept.")

    def resume(self) -> None:
        """Go on."""
        if self.state.phase == "paused":
            self._engine.send("resume")
            self._show(phase="running", sentence="Going on.")
            self.live.emit(True)

    def stop(self) -> None:
        """End it now; what was learned is kept."""
        if self._job and self.state.phase != "stopping":
            self._engine.cancel(self._job)
            self._show(phase="stopping", sentence="Stopping; what was learned is kept.")
        elif self._resume:
            self._resume = False
            self._end("Stopped.")

    def _start_if_due(self) -> None:
        fresh = self._corrections - self.learned
        due = fresh >= self.task.enough and not self._missing
        if self.state.automatic and not self.busy and due:
            self.start()

    def _flush_and_send(self) -> None:
        journal = self._journal
        if journal is None:
            return

        def send(_: None) -> None:
            if journal is self._journal and self._command:
                self._job = self._engine.send("train", **self._command)
                if self._waiting and self.state.phase == "starting":
                    self._show(sentence=self._waiting)

        self._background.run(journal.flush, send, self._on_failed)

    def _on_failed(self, error: EngineError) -> None:
        self._end(str(error))

    def _on_engine_started(self) -> None:
        if self._resume:
            self._resume = False
            self._show(phase="starting", sentence="Going on from the last checkpoint.")
            self._flush_and_send()

    def _on_event(self, event: dict[str, Any]) -> None:
        if not self._job or event.get("job") != self._job:
            return
        answers: dict[str, Callable[[dict[str, Any]], None]] = {
            "Notice": self._on_notice,
            "Progress": self._on_progress,
            "StartScored": self._on_scored,
            "EpochDone": self._on_scored,
            "BatchHalved": self._on_batch_halved,
            "RolledBack": self._on_rolled_back,
            "Examined": self._on_examined,
            "TrainingDone": self._on_training_done,
            "JobDone": self._on_job_done,
            "Failed": self._on_job_failed,
        }
        answer = answers.get(event["event"])
        if answer is not None:
            answer(event)

    def _on_notice(self, event: dict[str, Any]) -> None:
        if self.state.phase == "starting":
            self._show(sentence=str(event["text"]))

    def _on_progress(self, event: dict[str, Any]) -> None:
        total = event.get("total") or 0
        if "step" not in str(event.get("what", "")):
            return
        share = min(float(event["done"]) / total, 1.0) if total else 0.0
        if self.state.phase == "starting":
            self._show(
                phase="running",
                sentence="Learning from your corrections; the result will be "
                f"{self._command['out']}.",
            )
            self.live.emit(True)
        self._show(fraction=share, seconds_left=event.get("seconds_left"))

    def _on_scored(self, event: dict[str, Any]) -> None:
        self._show(curve=self.state.curve.grown(event))

    def _on_batch_halved(self, event: dict[str, Any]) -> None:
        self._show(sentence="Memory ran short: learning in smaller batches.")

    def _on_rolled_back(self, event: dict[str, Any]) -> None:
        self._show(sentence="A step went astray and was taken back; going on slower.")

    def _on_examined(self, event: dict[str, Any]) -> None:
        self._harm = bool(event["harm"])

    def _on_training_done(self, event: dict[str, Any]) -> None:
        self._done = event

    def _on_job_failed(self, event: dict[str, Any]) -> None:
        if event.get("engine_died"):
            self._job = ""
            self._resume = True
            self.live.emit(False)
            self._show(phase="starting", sentence=str(event.get("message", "")))
        else:
            self._end(str(event.get("message", "")))

    def _on_job_done(self, event: dict[str, Any]) -> None:
        done = self._done
        if done is None:
            self._end("Stopped before anything was learned.")
            return
        name = str(self._command["out"])
        score, before = done.get("score"), done.get("start_score")
        if score is not None and before is not None and score < before - _WORSE:
            self._end(
                f"{name} scored {score:.2f}, {self._model} {before:.2f} on images it "
                f"did not learn from: {self._model} stays."
            )
            return
        if self._harm:
            self._end(
                f"On the images that you corrected since, {self.first} did better than "
                f"what was learned before: {self.first} predicts until {name} does "
                "better on the next ones.",
                self.first,
            )
            return
        how = "" if score is None else f" It scored {score:.2f} on images held out."
        self._end(f"Learned: {name} predicts now.{how}", name)

    def _end(self, sentence: str, model: str = "") -> None:
        self._job, self._command, self._done = "", {}, None
        self.live.emit(False)
        self._show(phase="idle", sentence=sentence, fraction=0.0, seconds_left=None)
        if model:
            self.model_chosen.emit(model)
        else:
            self.kept.emit()
        self._idle.start()

    def _show(self, **values: Any) -> None:
        self.state = replace(self.state, **values)
        self.changed.emit()
