"""Work in threads, and what becomes of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from napari_unet._background import Background
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[Background]:
    background = Background()
    yield background
    background.close()


def _raise(error: Exception) -> Callable[[], Any]:
    def work() -> None:
        raise error

    return work


def test_what_comes_of_it_is_told_in_the_event_loop(
    background: Background, qtbot: QtBot
) -> None:
    found: list[int] = []
    background.run(lambda: 6 * 7, found.append, lambda _: None)
    qtbot.waitUntil(lambda: found == [42])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EngineError("The image is empty."), "The image is empty."),
        (FileNotFoundError(2, "No such file", "a.npy"), r"can't be read.*a\.npy"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_who_asked_hears_what_was_refused(
    background: Background, qtbot: QtBot, error: Exception, said: str
) -> None:
    failed: list[EngineError] = []
    background.run(_raise(error), lambda _: None, failed.append)
    qtbot.waitUntil(lambda: bool(failed))
    with pytest.raises(EngineError, match=said):
        raise failed[0]


def test_a_mistake_of_ours_is_shown_and_nobody_waits_for_ever(
    background: Background, qtbot: QtBot
) -> None:
    failed: list[EngineError] = []
    with qtbot.capture_exceptions() as shown:
        background.run(_raise(KeyError("maps")), lambda _: None, failed.append)
        qtbot.waitUntil(lambda: bool(failed))
    assert "KeyError: 'maps'" in str(failed[0])
    assert [kind for kind, _, _ in shown] == [KeyError]


def test_nothing_is_told_once_it_is_closed(
    background: Background, qtbot: QtBot
) -> None:
    told: list[int] = []
    background.run(lambda: 1, told.append, lambda _: None)
    background.close()
    background.run(lambda: 2, told.append, lambda _: None)
    background._finished.emit(told.append, 3)
    assert told == []


def test_what_is_run_in_turn_comes_back_in_turn(
    background: Background, qtbot: QtBot
) -> None:
    found: list[int] = []
    go_on = threading.Event()

    def first() -> int:
        go_on.wait(10)
        return 1

    background.run_in_turn(first, found.append, lambda _: None)
    background.run_in_turn(lambda: 2, found.append, lambda _: None)
    background.run(lambda: 0, found.append, lambda _: None)
    qtbot.waitUntil(lambda: found == [0])  # others need not wait
    go_on.set()
    qtbot.waitUntil(lambda: found == [0, 1, 2])
