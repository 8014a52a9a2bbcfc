"""A job's events on a terminal or in a log: how far it is, Ctrl+C to stop."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

from unetloop.counts import counted
from unetloop.events import (
    BatchHalved,
    EpochDone,
    Event,
    ImageExported,
    ImageFailed,
    ImagePredicted,
    Notice,
    PredictionDone,
    Progress,
    RolledBack,
    TrainingDone,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["MEASURES", "run_job"]

_BAR_SECONDS, _LOG_SECONDS = 0.5, 10.0

MEASURES = {"mean_ap": "mean AP", "mean_iou": "mean IoU"}
"""How people call what a score is."""


def run_job(
    start: Callable[[Callable[[], bool]], Iterator[Event]],
) -> Event | None:
    """Run a job to its end, and say on stderr what it does and how far it is.

    Parameters
    ----------
    start : callable
        Given a function that says whether Ctrl+C was pressed, it returns the
        job's events.

    Returns
    -------
    Event or None
        The event that ended it.
    """
    last: Event | None = None
    told = _Bar() if sys.stderr.isatty() else _Log()
    with _interruptible() as cancelled, closing(told):
        for event in start(cancelled):
            if isinstance(event, Progress):
                told.show(event)
                continue
            if text := _sentence(event):
                told.say(text)
            last = event
    ended = isinstance(last, (TrainingDone, PredictionDone))
    return last if ended else None


def _sentence(event: Event) -> str:
    match event:
        case Notice(text=text):
            return text
        case EpochDone():
            measure = MEASURES.get(event.measure, event.measure)
            score = "" if event.score is None else f", {measure} {event.score:.3f}"
            best = " (best)" if event.best and event.score is not None else ""
            return f"epoch {event.epoch}: loss {event.loss:.3f}{score}{best}"
        case RolledBack(reason=reason, learning_rate=rate):
            return f"Undid a step, {reason}; the learning rate is now {rate:.2g}."
        case BatchHalved(batch_size=size):
            return f"Memory ran out: going on with {size} patches at once."
        case ImagePredicted(image=image, shares=shares) if shares is not None:
            listed = (f"{name} {share:.1%}" for name, share in shares.items())
            return f"{image}: {', '.join(listed)}"
        case ImagePredicted(image=image, nuclei=int(nuclei), diameter=diameter):
            seen_by = f"{event.channel}, " if event.channel else ""
            return (
                f"{image}: {counted(nuclei, 'nucleus', 'nuclei')} "
                f"({seen_by}diameter {diameter:.0f} px)"
            )
        case ImageExported(image=image, exports=exports):
            return f"{image}: {', '.join(exports)} of masks that were there"
        case ImageFailed(image=image, reason=reason):
            return f"{image}: failed. {reason}"
    return ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"


class _Bar:
    """Progress on a terminal: a line that is written over."""

    def __init__(self) -> None:
        self._bar = tqdm(
            total=None,
            file=sys.stderr,
            leave=False,
            bar_format="{desc} |{bar:20}| {percentage:3.0f} % {postfix}",
        )
        self._due = 0.0

    def say(self, text: str) -> None:
        """Write a sentence above it."""
        self._bar.write(text, file=sys.stderr)

    def show(self, event: Progress) -> None:
        """Draw it anew, if it was not just now."""
        self._bar.total, self._bar.n = event.total, event.done
        self._bar.set_description_str(_one_line(event.what), refresh=False)
        self._bar.set_postfix_str(_left(event), refresh=False)
        if time.monotonic() >= self._due:
            self._bar.refresh()
            self._due = time.monotonic() + _BAR_SECONDS

    def close(self) -> None:
        """Take it away."""
        self._bar.close()


class _Log:
    """Progress in a file or a pipe: now and then a line."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _LOG_SECONDS

    def say(self, text: str) -> None:
        """Write a sentence."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def show(self, event: Progress) -> None:
        """Say how far it is, if nobody did for a while."""
        if time.monotonic() < self._due or not event.total:
            return
        share = f"{100 * event.done / event.total:.0f} %"
        self.say(", ".join(filter(None, (_one_line(event.what), share, _left(event)))))
        self._due = time.monotonic() + _LOG_SECONDS

    def close(self) -> None:
        """Leave it."""


def _one_line(what: str) -> str:
    return what.replace("\n", " ")  # it may be in a file's name


def _left(event: Progress) -> str:
    left = event.seconds_left
    return "" if left is None else f"{_clock(left)} to go"


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl+C into a wish to stop; a second one stops at once."""
    pressed = False

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        sys.stderr.write("\nStopping; what is done is kept. Press again to abort.\n")

    try:
        before = signal.signal(signal.SIGINT, press)
    except ValueError:  # not in the main thread
        yield lambda: False
        return
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
