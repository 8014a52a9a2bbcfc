"""What a job says to people: on a terminal, and in a log."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from unetloop import console
from unetloop.console import run_job
from unetloop.events import ImagePredicted, Notice, PredictionDone, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unetloop.events import Event


class _Stream(io.StringIO):
    """What is written to stderr, which is a terminal or not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture(params=[False, True], ids=["log", "terminal"])
def stream(request: pytest.FixtureRequest) -> _Stream:
    return _Stream(request.param)


def _run(stream: _Stream, monkeypatch: pytest.MonkeyPatch, seconds: float) -> Any:
    """Run a job of 100 steps that take so many seconds each."""
    now = [0.0]
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("sys.stderr", stream)

    def job(cancelled: Callable[[], bool]) -> Iterator[Event]:
        for step in range(100):
            now[0] += seconds
            left = (99 - step) * seconds
            what = "a\nb.tif"
            yield Progress(
                done=step + 1, total=100, unit="images", seconds_left=left, what=what
            )
        yield Notice(text="That was it.")
        yield PredictionDone(
            **dict.fromkeys(("predicted", "exported", "failed", "skipped"), 0),
            seconds=1.0,
            stopped="finished",
            out=Path("results"),
            report=None,
            unlike=None,
            worst=(),
        )

    return run_job(job)


def test_a_log_has_whole_lines_now_and_then(
    stream: _Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(_run(stream, monkeypatch, 0.5), PredictionDone)
    said = stream.getvalue()
    if stream.isatty():
        assert "\r" in said
        assert "|" in said
    else:
        assert said.splitlines() == [
            *("a b.tif, 20 %, 40 s to go", "a b.tif, 40 %, 30 s to go"),
            *("a b.tif, 60 %, 20 s to go", "a b.tif, 80 %, 10 s to go"),
            *("a b.tif, 100 %, 0 s to go", "That was it."),
        ]


def test_of_a_short_job_a_log_has_the_sentences_alone(
    stream: _Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(stream, monkeypatch, 0.01)
    said = stream.getvalue()
    assert said.count("That was it.\n") == 1
    assert (said == "That was it.\n") is not stream.isatty()


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ("", "a.tif: 12 nuclei (diameter 20 px)"),
        ("haematoxylin", "a.tif: 12 nuclei (haematoxylin, diameter 20 px)"),
    ],
)
def test_what_an_image_was_seen_by_is_named(
    channel: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = _Stream(False)
    monkeypatch.setattr("sys.stderr", stream)
    image = Path("a.tif")
    found = {"nuclei": 12, "diameter": 20.2, "seconds": 1.0, "channel": channel}
    run_job(lambda _: iter([ImagePredicted(image=image, output=image, **found)]))
    assert stream.getvalue().strip() == said
