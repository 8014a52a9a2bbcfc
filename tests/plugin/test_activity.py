"""What napari's activity dock is told of a training or a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QCoreApplication, QObject, Signal

from napari_unet import _activity
from napari_unet._activity import Activity
from napari_unet._batch_state import BatchState, Run

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class Bar:
    """As napari's: while it is drawn, other events happen."""

    open = 0

    def __init__(self, total: int, desc: str) -> None:
        Bar.open += 1
        self.n = 0

    def update(self, n: int) -> None:
        self.n += n
        QCoreApplication.processEvents()

    def close(self) -> None:
        Bar.open -= 1
        QCoreApplication.processEvents()


class Batch(QObject):
    """Says how far it is, as fast as it is let."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.state = BatchState()

    def go_on(self, fraction: float) -> None:
        phase = "running" if fraction < 1 else "idle"
        self.state = BatchState(run=Run(phase, f"{fraction}", fraction=fraction))
        self.changed.emit(self.state)


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> type[Bar]:
    monkeypatch.setattr(_activity, "progress", Bar)
    monkeypatch.setattr(Bar, "open", 0)
    return Bar


def test_nobody_is_told_the_news_before_what_came_before_them(
    qtbot: QtBot, bar: type[Bar]
) -> None:
    from qtpy.QtCore import QTimer

    batch, activity = Batch(), Activity()
    told: list[str] = []
    batch.changed.connect(activity.show_batch)
    batch.changed.connect(lambda state: told.append(state.run.sentence))
    for number in range(5):
        QTimer.singleShot(0, lambda number=number: batch.go_on(number / 4))
    qtbot.waitUntil(lambda: len(told) == 5)
    assert told == ["0.0", "0.25", "0.5", "0.75", "1.0"]
    qtbot.waitUntil(lambda: not activity._timer.isActive())
    assert bar.open == 0


def test_a_bar_is_there_as_long_as_something_runs(qtbot: QtBot, bar: type[Bar]) -> None:
    batch, activity = Batch(), Activity()
    batch.changed.connect(activity.show_batch)
    batch.go_on(0.5)
    qtbot.waitUntil(lambda: bar.open == 1)
    batch.go_on(0.7)
    qtbot.waitUntil(lambda: activity._bar.n == 70)
    batch.go_on(1)
    qtbot.waitUntil(lambda: bar.open == 0)


def test_closing_takes_it_away_at_once(qtbot: QtBot, bar: type[Bar]) -> None:
    batch, activity = Batch(), Activity()
    batch.changed.connect(activity.show_batch)
    batch.go_on(0.5)
    qtbot.waitUntil(lambda: bar.open == 1)
    activity.close()
    assert bar.open == 0
