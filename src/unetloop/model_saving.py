"""Writing a model folder so that at any moment the old or the new one can be opened."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from unetloop.atomic import swap_folder, write_through
from unetloop.checkpoint import Model, file_hash
from unetloop.errors import EngineError
from unetloop.model_card import card_to_json
from unetloop.network import KerasNetwork
from unetloop.onnx_graph import exchange_weights

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.model_card import ModelCard

__all__ = ["check_folder", "save_model"]


def save_model(
    network: Any, card: ModelCard, folder: Path, quick: bool, like: Model | None = None
) -> Model:
    """Write a model folder; at any moment the old or the new one can be opened.

    Parameters
    ----------
    network : keras.Model
        Outputs logits.
    card : ModelCard
        What to say of it.
    folder : Path
        Made, or replaced if it holds a model; anything else is left alone.
    quick : bool
        Also write ``model.onnx`` (takes seconds, unless ``like`` helps).
    like : Model, optional
        One that may be of the same architecture.

    Raises
    ------
    EngineError
        If the folder holds something else, or can't be written.
    """
    folder = folder.absolute()
    check_folder(folder)
    fresh = _beside(folder)
    try:
        fresh.mkdir(parents=True)
        network.save(fresh / "model.keras", include_optimizer=False)
        weights = file_hash(fresh / "model.keras")
        if quick:
            try:
                _write_quick(network, card, fresh / "model.onnx", like)
            except Exception:  # noqa: BLE001 - an exporter may be missing; Keras predicts
                (fresh / "model.onnx").unlink(missing_ok=True)
        text = json.dumps(card_to_json(card, weights), indent=2)
        (fresh / "model.json").write_text(text + "\n", encoding="utf-8")
        for path in (*fresh.iterdir(), fresh):
            write_through(path)
        _swap(fresh, folder)
    except OSError as error:
        raise _unsaved(folder, error) from error
    finally:  # nothing is there any more if it took its place
        shutil.rmtree(fresh, ignore_errors=True)
    return Model(folder, card, weights)


def _write_quick(network: Any, card: ModelCard, path: Path, like: Model | None) -> None:
    same = like is not None and (
        (like.card.model, like.card.activation) == (card.model, card.activation)
    )
    if like is not None and same:
        if exchange_weights(like.path / "model.onnx", network, path):
            return
    KerasNetwork(network, card.activation).export(path)


def check_folder(folder: Path) -> None:
    """Make sure that a model can be saved in a folder, before there is one.

    What a program left that was killed while it saved one is cleared away; a model
    that had lost its name by that gets it back.

    Raises
    ------
    EngineError
        If the folder holds something else, or can't be written.
    """
    folder = folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise EngineError("A model is a folder, but this is a file.", path=str(folder))
    try:
        old = _former(folder)
        if old.is_dir() and not folder.exists():
            old.rename(folder)
        if folder.is_dir() and any(folder.iterdir()):
            if not (folder / "model.json").exists():
                raise EngineError(
                    "This folder holds something else than a model.",
                    todo="Choose a new or empty folder.",
                    path=str(folder),
                )
        fresh = _beside(folder)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        fresh.rmdir()
    except OSError as error:
        raise _unsaved(folder, error) from error


def _beside(folder: Path) -> Path:
    """Where a new model is written before it takes the old one's place."""
    return folder.with_name(f".{folder.name}.new")


def _former(folder: Path) -> Path:
    """Where the old model is while the new one takes its place."""
    return folder.with_name(f".{folder.name}.old")


def _unsaved(folder: Path, error: OSError) -> EngineError:
    return EngineError(
        f"The model could not be saved ({error.strerror or error}).",
        todo="Free some space or choose another folder.",
        path=str(folder),
    )


def _swap(fresh: Path, folder: Path) -> None:
    """Put a new folder in another's place; `open_model` knows the name between."""
    old = _former(folder)
    shutil.rmtree(old, ignore_errors=True)
    swap_folder(fresh, folder, old)
    write_through(folder.parent)
    shutil.rmtree(old, ignore_errors=True)
