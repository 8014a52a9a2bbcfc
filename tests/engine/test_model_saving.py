"""A model folder is the old or the new one, whatever breaks off its writing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from unetloop import model_saving
from unetloop.checkpoint import open_model
from unetloop.config import ModelConfig
from unetloop.errors import EngineError
from unetloop.model_card import ModelCard
from unetloop.model_saving import save_model


class Weights:
    """What is saved of a network: these bytes, unless it can't be."""

    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        self._data, self._error = data, error

    def save(self, path: Path, include_optimizer: bool) -> None:
        path.write_bytes(self._data[: 2 if self._error else None])
        if self._error is not None:
            raise self._error


def card(diameter: float) -> ModelCard:
    return ModelCard(ModelConfig(), diameter)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of nuclei 32 pixels wide."""
    save_model(Weights(b"old weights"), card(32.0), tmp_path / "m", quick=False)
    return tmp_path / "m"


def only_the_old_one(folder: Path) -> bool:
    weights = (open_model(folder).path / "model.keras").read_bytes()
    return weights == b"old weights" and open_model(folder).diameter == 32.0


def test_a_model_takes_the_place_of_another(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"of the old weights")
    saved = save_model(Weights(b"new"), card(40.0), folder, quick=False)
    assert open_model(folder) == saved
    assert saved.diameter == 40.0
    assert [path.name for path in folder.parent.iterdir()] == ["m"]
    assert not (folder / "model.onnx").exists()


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), ValueError("in the middle")],
)
def test_a_model_that_can_not_be_written_leaves_the_old_one_and_nothing_else(
    folder: Path, error: Exception
) -> None:
    told = EngineError if isinstance(error, OSError) else ValueError
    with pytest.raises(told, match=r"No space left|in the middle"):
        save_model(Weights(b"new", error), card(40.0), folder, quick=False)
    assert only_the_old_one(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["m"]


def test_a_program_that_is_killed_between_the_two_names_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, names = Path.rename, []

    def killed(self: Path, target: Path) -> Path:
        names.append(self.name)
        if len(names) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        save_model(Weights(b"new"), card(40.0), folder, quick=False)
    monkeypatch.undo()
    assert names == ["m", ".m.new"]
    assert not folder.exists()
    assert only_the_old_one(folder)
    assert save_model(Weights(b"new"), card(40.0), folder, quick=False).diameter == 40.0
    assert [path.name for path in folder.parent.iterdir()] == ["m"]


@pytest.mark.parametrize("killed_before", [False, True])
def test_a_new_model_that_can_not_take_its_place_leaves_the_old_one_in_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, killed_before: bool
) -> None:
    """As on Windows, while another program looks at a file of it."""
    if killed_before:  # between the two names
        folder.rename(folder.with_name(".m.old"))
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if self.name == ".m.new":
            raise PermissionError(errno.EACCES, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(EngineError, match="Permission denied"):
        save_model(Weights(b"new"), card(40.0), folder, quick=False)
    assert only_the_old_one(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["m"]


def test_what_a_killed_program_left_is_in_nobodys_way(folder: Path) -> None:
    rest = folder.with_name(".m.new")
    rest.mkdir()
    (rest / "model.keras").write_bytes(b"half")
    save_model(Weights(b"new"), card(40.0), folder, quick=False)
    assert open_model(folder).diameter == 40.0
    assert not rest.exists()


def test_a_model_without_an_exporter_is_saved_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Exporter:
        def __init__(self, network: object, activation: str) -> None:
            pass

        def export(self, path: Path) -> None:
            path.write_bytes(b"half")
            raise ImportError("no tf2onnx")

    monkeypatch.setattr(model_saving, "KerasNetwork", Exporter)
    saved = save_model(Weights(b"new"), card(40.0), tmp_path / "m", quick=True)
    assert open_model(saved.path) == saved
    names = sorted(path.name for path in saved.path.iterdir())
    assert names == ["model.json", "model.keras"]


def test_what_is_no_model_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "thesis.txt").write_text("years of work")
    with pytest.raises(EngineError, match="something else than a model"):
        save_model(Weights(b"new"), card(40.0), tmp_path / "m", quick=False)
    assert (tmp_path / "m" / "thesis.txt").read_text() == "years of work"
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_weights_that_were_changed_are_told(folder: Path) -> None:
    (folder / "model.keras").write_bytes(b"other")
    with pytest.raises(EngineError, match="missing or damaged"):
        open_model(folder)
