"""A job's events on a terminal: progress with time to go, Ctrl+C to stop."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager
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

MEASURES = {"mean_ap": "mean AP", "mean_iou": "mean IoU"}
"""How people call what a score is."""


def run_job(
    start: Callable[[Callable[[], bool]], Iterator[Event]],
) -> Event | None:
    """Run a job to its end, with a progress line on stderr.

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
    due = 0.0
    with _interruptible() as cancelled, _bar() as bar:
        for event in start(cancelled):
            if isinstance(event, Progress):
                bar.total = event.total
                bar.n = event.done
                what = event.what.replace("\n", " ")  # it may be in a file's name
                bar.set_description_str(what, refresh=False)
                left = event.seconds_left
                bar.set_postfix_str(
                    "" if left is None else f"{_clock(left)} to go", refresh=False
                )
                if time.monotonic() >= due:
                    bar.refresh()
                    due = time.monotonic() + bar.mininterval
                continue
            text = _sentence(event)
            if text:
                bar.write(text, file=sys.stderr)
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
            return (
                f"{image}: {counted(nuclei, 'nucleus', 'nuclei')} "
                f"(diameter {diameter:.0f} px)"
            )
        case ImageExported(image=image, exports=exports):
            return f"{image}: {', '.join(exports)} of masks that were there"
        case ImageFailed(image=image, reason=reason):
            return f"{image}: failed. {reason}"
    return ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{rest} s"


def _bar() -> tqdm:  # type: ignore[type-arg, unused-ignore]
    return tqdm(
        total=None,
        file=sys.stderr,
        leave=False,
        mininterval=0.5 if sys.stderr.isatty() else 10.0,
        bar_format="{desc} |{bar:20}| {percentage:3.0f} % {postfix}",
    )


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
