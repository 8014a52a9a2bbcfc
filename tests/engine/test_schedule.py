from __future__ import annotations

import time

import pytest

from unetloop.config import TrainingConfig
from unetloop.errors import EngineError
from unetloop.schedule import Schedule


def test_epochs_end_a_run() -> None:
    schedule = Schedule(TrainingConfig(epochs=4, steps_per_epoch=10))
    assert [schedule.fraction(step) for step in (0, 10, 40)] == [0, 0.25, 1]


def test_minutes_count_from_the_start_of_the_command_and_leave_time_to_save() -> None:
    schedule = Schedule(TrainingConfig(minutes=1), began=time.monotonic() - 15)
    assert schedule.fraction(7) == pytest.approx(0.25, abs=0.02)
    schedule.step_took(3)
    schedule.step_took(0.1)  # later steps say nothing of the export
    schedule.score_took(2)
    saving = 2 * 3 + 7 * 2
    assert schedule.fraction(7) == pytest.approx(15 / (60 - saving), abs=0.02)
    schedule.add(100)
    assert schedule.fraction(7) > 1
    assert schedule.seconds == pytest.approx(115, abs=1)


def test_a_pause_does_not_count() -> None:
    schedule = Schedule(TrainingConfig(minutes=1), began=time.monotonic() - 45)
    schedule.leave_out(30)
    assert schedule.seconds == pytest.approx(15, abs=1)
    assert schedule.fraction(7) == pytest.approx(0.25, abs=0.02)


def test_what_comes_last_takes_at_most_half_of_a_short_run() -> None:
    schedule = Schedule(TrainingConfig(minutes=0.1), began=time.monotonic())
    schedule.step_took(100)
    assert schedule.fraction(0) < 0.5


def test_the_rate_rises_and_falls() -> None:
    schedule = Schedule(
        TrainingConfig(epochs=10, steps_per_epoch=100, learning_rate=1e-3)
    )
    rates = [schedule.rate(step) for step in (0, 29, 300, 700, 1000)]
    assert rates[0] < 1e-4 < rates[3]
    assert rates[1] > rates[2] > rates[3] > rates[4]
    assert rates[4] == pytest.approx(1e-5)


def test_time_to_go() -> None:
    schedule = Schedule(
        TrainingConfig(epochs=1, steps_per_epoch=100), began=time.monotonic() - 30
    )
    assert schedule.seconds_left(0) is None
    assert schedule.seconds_left(25) == pytest.approx(90, rel=0.05)


def test_biases_learn_at_a_higher_rate_than_all_weights() -> None:
    config = TrainingConfig(epochs=1)
    everything, biases = Schedule(config, warm=True), Schedule(config, warm=True)
    biases.only_biases_learn()
    assert everything.rate(60) < biases.rate(60) < Schedule(config).rate(60)


def test_what_has_nothing_to_lose_learns_as_fast_as_random_weights() -> None:
    config = TrainingConfig(epochs=1)
    anew = Schedule(config, warm=True)
    anew.learn_anew()
    assert anew.rate(60) == Schedule(config).rate(60)


def test_a_trained_model_learns_on_at_a_lower_rate() -> None:
    config = TrainingConfig(epochs=1)
    cold, warm = Schedule(config), Schedule(config, warm=True)
    for step in (0, 29, 60, 99):
        assert warm.rate(step) == pytest.approx(0.1 * cold.rate(step))


def test_courses_of_the_rate() -> None:
    def rates(name: str, losses: list[float]) -> list[float]:
        config = TrainingConfig(
            epochs=10, steps_per_epoch=100, learning_rate=1.0, schedule=name
        )
        schedule = Schedule(config)
        for loss in losses:
            schedule.epoch_ended(loss)
        return [schedule.rate(step) for step in (0, 100, 600, 900)]

    assert rates("constant", []) == [1.0] * 4
    assert rates("steps", [])[1:] == pytest.approx([1.0, 0.1, 0.01])
    assert rates("plateau", [0.5])[1:] == pytest.approx([1.0] * 3)
    assert rates("plateau", [0.5] * 6)[1:] == pytest.approx([0.1] * 3)


def test_an_unknown_course_is_named() -> None:
    with pytest.raises(EngineError, match="no schedule of this name"):
        Schedule(TrainingConfig(epochs=1, schedule="nonesuch"))
