"""What a training does where its model can't be written."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from unetloop import training_state
from unetloop.classes import number_classes
from unetloop.config import InstanceConfig, ModelConfig, TrainingConfig
from unetloop.errors import EngineError
from unetloop.keeping import Keeper
from unetloop.model_saving import check_folder
from unetloop.tasks import NUCLEI, Classes
from unetloop.training import train

if TYPE_CHECKING:
    from pathlib import Path


def _keeper(out: Path) -> Keeper:
    return Keeper(out, TrainingConfig(), ModelConfig(), None, 32.0)


def _learner(weights: int = 1000) -> Any:
    return SimpleNamespace(
        step=1,
        rate_factor=1.0,
        everything=lambda: [],
        averaged=SimpleNamespace(count_params=lambda: weights),
    )


def test_a_folder_that_cannot_take_the_model_is_said_before_any_work(
    tmp_path: Path,
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(EngineError, match="something else than a model"):
        next(iter(train([], tmp_path, TrainingConfig())))
    with pytest.raises(EngineError, match="this is a file"):
        next(iter(train([], tmp_path / "notes.txt", TrainingConfig())))
    with pytest.raises(EngineError, match="could not be saved"):
        next(iter(train([], tmp_path / "notes.txt" / "m", TrainingConfig())))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_can_take_it_is_left_as_it_is(tmp_path: Path) -> None:
    check_folder(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.json").write_text("{}")
    check_folder(tmp_path / "m")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_model_of_nuclei_has_no_pixel_size_of_tissue(tmp_path: Path) -> None:
    """That of a model of classes, whose weights it takes over where they fit."""
    start: Any = SimpleNamespace(
        card=SimpleNamespace(pixel_size=0.5), instances=InstanceConfig()
    )
    classes = Classes(number_classes(2))
    sizes = [
        Keeper(tmp_path, TrainingConfig(), ModelConfig(), start, 32.0, task).pixel_size
        for task in (NUCLEI, classes)
    ]
    assert sizes == [None, 0.5]


def test_a_disk_without_room_for_the_model_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=8000))
    keeper = _keeper(tmp_path / "m")
    keeper.check_space(_learner(1000))
    with pytest.raises(EngineError, match=r"no room for the model: .* are free"):
        keeper.check_space(_learner(1001))


def test_a_run_goes_on_where_its_state_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    keeper = _keeper(tmp_path / "m")
    schedule: Any = SimpleNamespace(seconds=1.0, losses=[], add=lambda seconds: None)
    assert not keeper.resume(_learner(), schedule, "this run")
    with monkeypatch.context() as patch:
        patch.setattr(training_state.np, "savez", full)
        warning = keeper.note(_learner(), schedule)
        assert warning is not None
        assert "No space left on device" in warning.text
        assert keeper.note(_learner(), schedule) is None  # said once
    assert list(tmp_path.iterdir()) == []  # half a file takes what others need
    assert keeper.note(_learner(), schedule) is None
    assert [path.name for path in tmp_path.iterdir()] == [".m.resume.npz"]
