"""Optimisers and courses of the learning rate."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from unetloop import catalog
from unetloop.rates import plateau, steps


@pytest.mark.parametrize("name", list(catalog.SCHEDULES))
def test_a_rate_starts_at_the_highest_and_never_rises(name: str) -> None:
    share = catalog.load(catalog.SCHEDULES[name].share)
    course = [share(part, [1.0]) for part in np.linspace(0, 1, 50)]
    assert course[0] == 1
    assert (np.diff(course) <= 0).all()
    assert 0 < course[-1] <= 1
    assert share(2.0) == share(1.0)  # minutes may run over


def test_steps_fall_where_they_are_asked_to() -> None:
    assert [steps(part) for part in (0.4, 0.5, 0.8)] == pytest.approx([1, 0.1, 0.01])
    assert steps(0.3, at=(0.2,), factor=0.5) == 0.5


def test_a_plateau_lowers_the_rate_until_it_is_lowest() -> None:
    falling = [1.0, 0.9, 0.8]
    assert plateau(0, [*falling, 0.8, 0.8], patience=3) == 1
    assert plateau(0, [*falling, 0.8, 0.8, 0.8], patience=3) == pytest.approx(0.1)
    assert plateau(0, [*falling, *[0.8] * 6], patience=3) == pytest.approx(0.01)
    assert plateau(0, [*falling, *[0.8] * 3, 0.5], patience=3) == pytest.approx(0.1)
    assert plateau(0, [1.0] * 100, patience=3) == pytest.approx(1e-4)


@pytest.mark.parametrize("name", list(catalog.OPTIMIZERS))
def test_an_optimiser_finds_the_bottom_of_a_bowl(name: str) -> None:
    optimizer = catalog.load(catalog.OPTIMIZERS[name].make)(0.01, clip=1.0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(optimizer, "mse", jit_compile=False)
    ones = np.ones((4, 1), np.float32)
    before = float(model.train_on_batch(ones, 3 * ones))
    for _ in range(60):
        model.train_on_batch(ones, 3 * ones)
    assert float(model.test_on_batch(ones, 3 * ones)) < before
    assert optimizer.global_clipnorm == 1.0
    if name == "sgd":
        assert optimizer.momentum == 0.99
