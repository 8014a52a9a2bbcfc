"""Where a training run is: what a damaged state and odd folders come to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from unetloop.training_state import read_state, remove_state, write_state

if TYPE_CHECKING:
    from pathlib import Path

NOTE: dict[str, Any] = {
    "step": 7,
    "seconds": 1.5,
    "rate_factor": 0.5,
    "score": None,
    "best_epoch": 0,
    "saved": False,
    "losses": [0.5],
}


def _write(out: Path, **values: Any) -> None:
    write_state(out, "run", arrays=[np.arange(3.0)], **{**NOTE, **values})


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    _write(tmp_path / "model")
    state = read_state(tmp_path / "model", "run")
    assert state is not None
    assert (state.step, state.rate_factor) == (7, 0.5)
    np.testing.assert_array_equal(state.arrays[0], np.arange(3.0))
    assert read_state(tmp_path / "model", "another run") is None
    remove_state(tmp_path / "model")
    assert read_state(tmp_path / "model", "run") is None


def test_the_folder_one_is_in_may_be_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    monkeypatch.chdir(folder)
    _write(type(folder)("."))
    assert (tmp_path / ".model.resume.npz").exists()
    assert read_state(folder, "run") is not None


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "other note"])
def test_from_a_damaged_state_a_run_begins_again(tmp_path: Path, damage: str) -> None:
    out = tmp_path / "model"
    _write(out)
    path = tmp_path / ".model.resume.npz"
    content = path.read_bytes()
    if damage == "other note":
        note = json.dumps({"identity": "run", "unknown": 1})
        with path.open("wb") as file:
            np.savez(file, note=note, array0=np.arange(3.0))
    else:
        path.write_bytes(
            {"empty": b"", "cut": content[: len(content) // 2], "text": b"a"}[damage]
        )
    assert read_state(out, "run") is None
