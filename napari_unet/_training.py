"""One training in the engine: begun, followed, paused, and gone on with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet._adoption import Ended
from napari_unet._curve import Curve

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet._background import Background
    from napari_unet._engine import Engine
    from napari_unet._state import Learning
    from unetloop.errors import EngineError
    from unetloop.journal import Journal

__all__ = ["Training"]


class Training(QObject):
    """What the engine learns, one training at a time.

    Its ``state`` is what the docks show of it; ``command`` what the engine was asked
    for, empty while nothing is learned.

    Signals: ``changed()`` when the state is another one; ``live(bool)`` while a
    network is being trained that can predict; ``ended(Ended)``.

    Parameters
    ----------
    engine, background
        What it works with.
    state : Learning
        To begin with.
    """

    changed = Signal()
    live = Signal(bool)
    ended = Signal(object)

    def __init__(
        self,
        engine: Engine,
        background: Background,
        state: Learning,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._background = background
        self._journal: Journal | None = None
        self.state = state
        self.command: dict[str, Any] = {}
        self._job = ""
        self._done: dict[str, Any] | None = None
        self._harm = False
        self._resume = False
        self._waiting = self._ready = ""
        engine.received.connect(self._on_event)
        engine.started.connect(self._on_engine_started)

    @property
    def busy(self) -> bool:
        """Whether one is under way."""
        return self.state.phase != "idle"

    def show(self, **values: Any) -> None:
        """Change some of the state."""
        self.state = replace(self.state, **values)
        self.changed.emit()

    def drop(self, state: Learning) -> None:
        """Leave one that is under way, to go on another time; show this state."""
        if self._job:
            self._engine.cancel(self._job, keep=True)
        self._job, self.command, self._done = "", {}, None
        self._resume = False
        self.state = state
        self.live.emit(False)

    def begin(self, journal: Journal, command: dict[str, Any], sentence: str) -> None:
        """Store the corrections and train.

        Parameters
        ----------
        journal : Journal
            Of the project that is open in the engine.
        command : dict
            Fields of the engine's command ``train``.
        sentence : str
            What to say of it until it runs.
        """
        self._journal, self.command = journal, command
        self._done, self._harm = None, False
        self._ready = sentence
        self.show(
            phase="starting",
            sentence=self._waiting or sentence,
            fraction=0.0,
            seconds_left=None,
            curve=Curve(),
        )
        self._flush_and_send()

    def set_waiting(self, why: str) -> None:
        """Say for what the engine would let a training wait; empty: for nothing.

        One that is under way came first, and does not wait.
        """
        waits = bool(self._waiting) and self.state.sentence == self._waiting
        self._waiting = why
        if self.state.phase == "starting" and waits:
            self.show(sentence=why or self._ready)

    def pause(self) -> None:
        """Let it rest."""
        if self.state.phase in ("starting", "running") and self._job:
            self._engine.send("pause")
            self.live.emit(False)
            self.show(phase="paused", sentence="Paused. What was learned is kept.")

    def resume(self) -> None:
        """Go on."""
        if self.state.phase != "paused":
            return
        if not self._job:  # the engine died meanwhile
            self._go_on_again()
        else:
            self._engine.send("resume")
            self.show(phase="running", sentence="Going on.")
            self.live.emit(True)

    def stop(self) -> None:
        """End it now; what was learned is kept."""
        if self._job and self.state.phase != "stopping":
            self._engine.cancel(self._job)
            self.show(phase="stopping", sentence="Stopping; what was learned is kept.")
        elif not self._job and self.busy:  # it is not there yet, or not again
            self._end("Stopped.")

    def _flush_and_send(self) -> None:
        journal, command = self._journal, self.command
        if journal is None:
            return

        def send(_: None) -> None:
            if command and command is self.command:
                self._job = self._engine.send("train", **command)
                if self._waiting and self.state.phase == "starting":
                    self.show(sentence=self._waiting)

        def failed(error: EngineError) -> None:
            if command and command is self.command:  # it was not stopped meanwhile
                self._end(str(error))

        self._background.run_in_turn(journal.flush, send, failed)

    def _on_engine_started(self) -> None:
        if self._resume:
            self._resume = False
            self._go_on_again()

    def _go_on_again(self) -> None:
        self.show(phase="starting", sentence="Going on from the last checkpoint.")
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
        if self.state.phase in ("starting", "running"):
            # Behind the last step, which was not the end, it says what is being done.
            self.show(sentence=str(event["text"]), seconds_left=None)

    def _on_progress(self, event: dict[str, Any]) -> None:
        total = event.get("total") or 0
        if "step" not in str(event.get("what", "")):
            return
        share = min(float(event["done"]) / total, 1.0) if total else 0.0
        if self.state.phase == "starting":
            self.show(
                phase="running",
                sentence="Learning from your corrections; the result will be "
                f"{self.command['out']}.",
            )
            self.live.emit(True)
        self.show(fraction=share, seconds_left=event.get("seconds_left"))

    def _on_scored(self, event: dict[str, Any]) -> None:
        self.show(curve=self.state.curve.grown(event))

    def _on_batch_halved(self, event: dict[str, Any]) -> None:
        self.show(sentence="Memory ran short: learning in smaller batches.")

    def _on_rolled_back(self, event: dict[str, Any]) -> None:
        self.show(sentence="A step went astray and was taken back; going on slower.")

    def _on_examined(self, event: dict[str, Any]) -> None:
        self._harm = bool(event["harm"])

    def _on_training_done(self, event: dict[str, Any]) -> None:
        self._done = event
        self.show(curve=self.state.curve.ended(event))

    def _on_job_done(self, event: dict[str, Any]) -> None:
        self._end("" if self._done else "Stopped before anything was learned.")

    def _on_job_failed(self, event: dict[str, Any]) -> None:
        message = str(event.get("message", ""))
        if not event.get("engine_died") or self.state.phase == "stopping":
            self._end(message)
            return
        # Why it died is said once, for all that was under way.
        self._job = ""
        self.live.emit(False)
        if self.state.phase == "paused":  # by the user, who says when to go on
            self.show(sentence="Still paused. What was learned is kept.")
        else:
            self._resume = True
            self.show(
                phase="starting",
                sentence="Goes on from the last checkpoint when the engine is back.",
            )

    def _end(self, sentence: str) -> None:
        """Let go of it; an empty sentence: there is a new model."""
        done = self._done if self._done and not sentence else {}
        how = Ended(
            str(self.command.get("out", "")),
            sentence,
            done.get("score"),
            done.get("start_score"),
            self._harm,
            done.get("fit"),
            done.get("start_fit"),
            done.get("nuclei"),
            done.get("anew", False),
        )
        self._job, self.command, self._done = "", {}, None
        self._resume = False
        self.live.emit(False)
        self.state = replace(self.state, phase="idle", fraction=0.0, seconds_left=None)
        self.ended.emit(how)
