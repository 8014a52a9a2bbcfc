"""Lets the engine run a batch, and keeps account of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet._batch_state import Run
from napari_unet._words import found_in_words, in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet._batch_state import Wish
    from napari_unet._engine import Engine
    from unetloop.errors import EngineError

    First = Callable[[Callable[[], None], Callable[[EngineError], None]], None]

__all__ = ["Runner"]

_MOST_FAILURES = 20
_MOST_WORST = 3
_WITH_RESULTS = ("predicted", "exported", "skipped")
_READY = "The engine gets ready."


class Runner(QObject):
    """One batch at a time.

    Signals: ``changed()`` when there is something new to say; ``told(path, status,
    said)`` when an image was predicted or failed; ``ended()``.

    Parameters
    ----------
    engine : Engine
        Does the work.
    """

    changed = Signal()
    told = Signal(str, str, str)
    ended = Signal()

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run = Run()
        self.wish: Wish | None = None
        self._engine = engine
        self._job = ""
        self._turn = 0
        self._done: dict[str, Any] | None = None
        self._warnings: list[str] = []
        self._waiting = ""
        engine.received.connect(self._on_event)

    def use_engine(self, engine: Engine) -> None:
        """Let another engine do the next one; not while one runs."""
        self._engine.received.disconnect(self._on_event)
        self._engine = engine
        engine.received.connect(self._on_event)

    def start(
        self, wish: Wish, retry_failed: bool = False, first: First | None = None
    ) -> None:
        """Run what is wished, unless something runs.

        Parameters
        ----------
        wish : Wish
            What, and how.
        retry_failed : bool
            Predict only the images that failed before.
        first : callable, optional
            Does what must be done before; calls the first of what it is given then, or
            the second with what went wrong.
        """
        if self.run.busy or not wish.paths:
            return
        self.wish, self._done, self._warnings = wish, None, []
        sentence = self._waiting or _READY
        out = Path(wish.folder)
        self.run = Run("starting", sentence, out=out, project=wish.project)
        self._turn += 1
        turn = self._turn

        def send() -> None:
            if turn == self._turn:  # it was not stopped meanwhile
                self._job = self._engine.send(
                    "predict_folder",
                    **wish.command(),
                    overwrite=wish.overwrite and not retry_failed,
                    retry_failed=retry_failed,
                )

        def failed(error: EngineError) -> None:
            if turn == self._turn:
                self._end(sentence=str(error), wrong=True)

        if first is None:
            send()
        else:
            first(send, failed)
        self.changed.emit()

    def set_waiting(self, why: str) -> None:
        """Say for what the engine would let a batch wait; empty: for nothing.

        One that is under way came first, and does not wait.
        """
        waits = bool(self._waiting) and self.run.sentence == self._waiting
        self._waiting = why
        if self.run.phase == "starting" and waits:
            self._show(sentence=why or _READY)

    def stop(self) -> None:
        """End it now; what is done is kept."""
        if self._job and self.run.phase != "stopping":
            self._engine.cancel(self._job)
            self._show(phase="stopping", sentence="Stopping; what is done is kept.")
        elif not self._job and self.run.busy:
            self._end(sentence="Cancelled before it began.")

    def _on_event(self, event: dict[str, Any]) -> None:
        if not self._job or event.get("job") != self._job:
            return
        kind = event["event"]
        if kind == "Progress":
            self._on_progress(event)
        elif kind == "ImagePredicted":
            self.told.emit(str(event["image"]), "done", found_in_words(event))
        elif kind == "ImageExported":
            self.told.emit(str(event["image"]), "done", "exported")
        elif kind == "ImageFailed":
            self._on_failed_image(event)
        elif kind == "Notice":
            self._on_notice(event)
        elif kind == "PredictionDone":
            self._done = event
        elif kind == "JobDone":
            self._on_job_done()
        elif kind == "Failed":
            self._on_job_failed(event)

    def _on_notice(self, event: dict[str, Any]) -> None:
        if event.get("level") == "warning":
            self._warnings.append(str(event["text"]))
        elif self.run.phase == "running":  # behind the last image there is more to do
            self._show(sentence=str(event["text"]), seconds_left=None)

    def _on_progress(self, event: dict[str, Any]) -> None:
        total = float(event.get("total") or 0)
        if not total:
            return
        done = float(event["done"])
        values: dict[str, Any] = {
            "fraction": min(done / total, 1.0),
            "seconds_left": event.get("seconds_left"),
        }
        if self.run.phase != "stopping":
            values["phase"] = "running"
            values["sentence"] = f"{int(done):,} of {round(total):,} images"
            if self.run.failed:
                values["sentence"] += f", {self.run.failed:,} failed"
        self._show(**values)

    def _on_failed_image(self, event: dict[str, Any]) -> None:
        image, reason = str(event["image"]), str(event["reason"])
        failures = (*self.run.failures, f"{Path(image).name}: {reason}")
        self.told.emit(image, "failed", reason)
        self._show(failed=self.run.failed + 1, failures=failures[:_MOST_FAILURES])

    def _on_job_done(self) -> None:
        done = self._done
        if done is None:
            self._end(sentence="Cancelled before it began.")
            return
        report = done.get("report")
        self._end(
            sentence=_sentence(done, self._warnings),
            report=Path(report) if report else None,
            out=Path(done["out"]) if done.get("out") else self.run.out,
            failed=int(done["failed"]),
            unlike=int(done.get("unlike") or 0),
            images=sum(int(done[name]) for name in _WITH_RESULTS),
            worst=tuple(
                Path(item["image"])
                for item in done["worst"][:_MOST_WORST]
                if done.get("unlike")
            ),
            wrong=done.get("stopped") == "disk full" or bool(self._warnings),
        )

    def _on_job_failed(self, event: dict[str, Any]) -> None:
        sentence = str(event.get("message", ""))
        if event.get("engine_died"):
            sentence += " What is done is kept: run it again to go on."
        # The command line's word for it says nothing here.
        sentence = sentence.replace("--overwrite", '"Overwrite"')
        self._end(sentence=sentence, wrong=True)

    def _end(self, **values: Any) -> None:
        self._job = ""
        self._turn += 1
        self._show(phase="idle", fraction=0.0, seconds_left=None, **values)
        self.ended.emit()

    def _show(self, **values: Any) -> None:
        self.run = replace(self.run, **values)
        self.changed.emit()


def _sentence(done: dict[str, Any], warnings: list[str]) -> str:
    """Sum up a batch in one line, as ``298 predicted, 2 failed, in 3 min``."""
    parts = [f"{done['predicted']:,} predicted"]
    if done["exported"]:
        parts.append(f"{done['exported']:,} exported from masks that were there")
    if done["skipped"]:
        parts.append(f"{done['skipped']:,} left as they were")
    if done["failed"]:
        parts.append(f"{done['failed']:,} failed")
    parts.append(f"in {in_words(float(done['seconds']))}")
    sentence = ", ".join(parts) + "."
    if done.get("stopped") == "cancelled":
        sentence = f"Cancelled: {sentence} Run again to go on."
    return " ".join([sentence, *warnings])
