"""Model folders: opened while another one takes their place, or where there is none."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from unetloop import checkpoint
from unetloop.checkpoint import load_weights, open_model
from unetloop.config import ModelConfig
from unetloop.errors import EngineError
from unetloop.model_card import ModelCard, card_to_json

if TYPE_CHECKING:
    from pathlib import Path


def _write(folder: Path, weights: bytes, diameter: float) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "model.keras").write_bytes(weights)
    card = card_to_json(
        ModelCard(ModelConfig(), diameter), hashlib.sha256(weights).hexdigest()
    )
    (folder / "model.json").write_text(json.dumps(card))


def test_a_model_that_is_replaced_while_it_is_opened_is_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "m"
    _write(folder, b"old", 32.0)
    hash_of = checkpoint.file_hash

    def late(path: Path) -> str:
        _write(folder, b"new", 40.0)
        return hash_of(path)

    monkeypatch.setattr(checkpoint, "file_hash", late)
    assert open_model(folder).diameter == 40.0


@pytest.mark.parametrize("name", ["/", "", ".", ".."])
def test_folders_without_a_name_are_no_models(name: str) -> None:
    with pytest.raises(EngineError, match="no model folder"):
        open_model(name)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"diameter": -3}, "diameter is none"),
        ({"diameter": "wide"}, "could not convert"),
        ({"training": []}, "training is no object"),
        ({"reference": None}, "reference is no object"),
        ({"instances": {"threshold": 7}}, "between 0 and 1"),
        ({"task": "stars"}, "names no task"),
    ],
)
def test_a_card_that_was_changed_by_hand_is_damaged(
    changes: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    _write(tmp_path / "m", b"weights", 32.0)
    path = tmp_path / "m/model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(EngineError, match=f"damaged .*{sentence}.*Copy the model"):
        open_model(tmp_path / "m")


def test_a_model_of_a_newer_keras_is_one_sentence_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    _write(tmp_path / "m", b"what a later Keras makes of it", 32.0)
    with pytest.raises(EngineError, match="pip install -U keras") as caught:
        load_weights(open_model(tmp_path / "m"))
    assert len(str(caught.value).splitlines()) == 1
