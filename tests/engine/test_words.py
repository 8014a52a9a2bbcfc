"""Settings, events, errors and names: the words that all modules speak."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unetloop import catalog
from unetloop.config import (
    AugmentationConfig,
    PredictionConfig,
    TrainingConfig,
    from_dict,
    to_dict,
)
from unetloop.errors import EngineError
from unetloop.event_json import to_json
from unetloop.events import EpochDone, ModelSaved


def test_settings_survive_json() -> None:
    config = TrainingConfig(minutes=2, augmentation=AugmentationConfig(scale=2))
    assert from_dict(TrainingConfig, json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TrainingConfig, {"minutes": 0}),
        (TrainingConfig, {"patch_size": 100}),
        (TrainingConfig, {"val_fraction": 1}),
        (TrainingConfig, {"augmentation": {"scale": 0.5}}),
        (TrainingConfig, {"epohcs": 3}),
        (TrainingConfig, {"epochs": "many"}),
        (PredictionConfig, {"tile": 100}),
        (PredictionConfig, {"overlap": 600}),
    ],
)
def test_wrong_settings_are_refused(kind: type, values: dict[str, object]) -> None:
    with pytest.raises(EngineError):
        from_dict(kind, values)


def test_an_event_is_one_line_of_json() -> None:
    event = EpochDone(
        epoch=1,
        step=2,
        loss=float("nan"),
        learning_rate=1.0,
        seconds=3,
        seconds_left=None,
    )
    line = to_json(event)
    assert "\n" not in line
    assert json.loads(line)["loss"] is None
    saved = ModelSaved(path=Path("a/b"), step=1, job="x\ny")
    assert json.loads(to_json(saved)) == {
        "event": "ModelSaved",
        "job": "x\ny",
        "path": str(Path("a/b")),
        "step": 1,
        "score": None,
    }


def test_an_error_says_what_was_received_and_what_to_do() -> None:
    error = EngineError("It is empty.", todo="Check it.", shape=(0, 5), name="a")
    assert str(error) == "It is empty. Received: shape=(0, 5), name=a. Check it."


@pytest.mark.parametrize(
    "target",
    [
        *(entry.build for entry in catalog.ARCHITECTURES.values()),
        *(entry.config for entry in catalog.ARCHITECTURES.values()),
        *(entry.function for entry in catalog.LOSSES.values()),
        *(entry.write for entry in catalog.EXPORTERS.values()),
    ],
)
def test_every_name_of_the_catalog_can_be_loaded(target: str) -> None:
    assert callable(catalog.load(target))
