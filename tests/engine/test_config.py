"""Settings check themselves."""

from __future__ import annotations

import math
from typing import Any

import pytest

from unetloop.config import InstanceConfig, PredictionConfig, TrainingConfig, from_dict
from unetloop.errors import EngineError


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (TrainingConfig, "minutes"),
        (TrainingConfig, "learning_rate"),
        (TrainingConfig, "diameter"),
        (PredictionConfig, "diameter"),
    ],
)
def test_what_must_be_above_0_and_finite(kind: Any, name: str, value: float) -> None:
    with pytest.raises(EngineError, match=f"{name} must be above 0 and finite"):
        from_dict(kind, {name: value})


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TrainingConfig, {"seed": -1}),
        (TrainingConfig, {"patch_size": 40}),
        (TrainingConfig, {"val_fraction": 1}),
        (PredictionConfig, {"tile": 100}),
        (PredictionConfig, {"overlap": 1000}),
        (InstanceConfig, {"threshold": math.nan}),
        (InstanceConfig, {"min_size": -0.1}),
        (InstanceConfig, {"min_certainty": 2}),
    ],
)
def test_a_value_out_of_range_is_named(kind: Any, values: dict[str, float]) -> None:
    (name,) = values
    with pytest.raises(EngineError, match=rf"{name} must be .*Received: {name}="):
        from_dict(kind, values)


def test_an_unknown_setting_is_told_the_known_ones() -> None:
    with pytest.raises(EngineError, match=r"no setting.*it has .*diameter.*colour"):
        from_dict(PredictionConfig, {"colour": "red"})
