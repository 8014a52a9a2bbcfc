"""A model is one self-describing folder: weights, and what one must know of them.

``model.json`` is the card, ``model.keras`` the weights (logits), ``model.onnx``
the same network for a quick start. docs/formats.md describes the fields.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unetloop import catalog
from unetloop.annotations import MAPS
from unetloop.config import (
    InstanceConfig,
    ModelConfig,
    NormalizationConfig,
    from_dict,
)
from unetloop.errors import EngineError, refusals_named
from unetloop.model_card import card_to_json, read_card
from unetloop.network import (
    KerasNetwork,
    OnnxNetwork,
    start_keras,
)
from unetloop.tasks import task_of

if TYPE_CHECKING:
    from unetloop.model_card import ModelCard
    from unetloop.network import Network
    from unetloop.tasks import Task

__all__ = [
    "Model",
    "build_network",
    "check_folder",
    "file_hash",
    "load_weights",
    "open_model",
    "save_model",
    "shipped_models",
]

_PRETRAINED = Path(__file__).parent / "pretrained"
_QUICK_START_PIXELS = 100e6
_QUICK_START_PIXELS_GPU = 10e6


@dataclass(frozen=True)
class Model:
    """An opened model folder; the network itself is loaded when asked for."""

    path: Path
    card: ModelCard
    weights_hash: str

    @property
    def diameter(self) -> float:
        """Nucleus diameter at the model's scale, in pixels."""
        return self.card.diameter

    @property
    def channels(self) -> int:
        """Image channels that the network sees."""
        return self.card.model.channels

    @property
    def normalization(self) -> NormalizationConfig:
        """How intensities are normalised."""
        return self.card.normalization

    @property
    def instances(self) -> InstanceConfig:
        """How maps become nuclei."""
        return self.card.instances

    def network(self, pixels: float | None = None) -> Network:
        """Load the network into the runtime that is faster for the job in hand.

        Importing TensorFlow takes seconds, ONNX Runtime a fraction of one but
        it is somewhat slower afterwards: it is taken for small jobs.

        Parameters
        ----------
        pixels : float, optional
            Pixels to predict, at the model's scale; None: many.
        """
        quick = self.path / "model.onnx"
        gpu = shutil.which("nvidia-smi") is not None
        most = _QUICK_START_PIXELS_GPU if gpu else _QUICK_START_PIXELS
        small = pixels is not None and pixels < most
        if small and "keras" not in sys.modules and quick.exists():
            try:
                return OnnxNetwork(quick, self.card.bytes_a_pixel)
            except Exception:  # noqa: BLE001 - whatever is wrong, Keras still works
                pass
        start_keras()
        return KerasNetwork(load_weights(self), self.card.activation)

    @property
    def task(self) -> Task:
        """What it is for."""
        return task_of(self.card.classes, self.card.maps)


def build_network(config: ModelConfig, outputs: int = len(MAPS)) -> Any:
    """Build an architecture of the catalog with random weights.

    Parameters
    ----------
    config : ModelConfig
        Its name, its options, and the channels of the image.
    outputs : int
        Maps to predict: `annotations.MAPS`, or the number of classes.

    Returns
    -------
    keras.Model
        From (batch, rows, columns, channels) to logits (batch, rows, columns,
        outputs), float32. What it takes and loses: `models.geometry.geometry_of`.

    Raises
    ------
    EngineError
        If there is no such architecture or option.
    """
    entry = catalog.find(catalog.ARCHITECTURES, config.architecture, "architecture")
    values = {**entry.options, **config.options}
    options = from_dict(catalog.load(entry.config), values)
    return catalog.load(entry.build)(config.channels, outputs, options)


def save_model(network: Any, card: ModelCard, folder: Path, quick: bool) -> Model:
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
        Also write ``model.onnx`` (takes seconds).

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
                KerasNetwork(network, card.activation).export(fresh / "model.onnx")
            except Exception:  # noqa: BLE001 - an exporter may be missing; Keras predicts
                (fresh / "model.onnx").unlink(missing_ok=True)
        text = json.dumps(card_to_json(card, weights), indent=2)
        (fresh / "model.json").write_text(text + "\n", encoding="utf-8")
        for path in (*fresh.iterdir(), fresh):
            _sync(path)
        _swap(fresh, folder)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise _unsaved(folder, error) from error
    return Model(folder, card, weights)


def check_folder(folder: Path) -> None:
    """Make sure that a model can be saved in a folder, before there is one.

    Raises
    ------
    EngineError
        If the folder holds something else, or can't be written.
    """
    folder = folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise EngineError("A model is a folder, but this is a file.", path=str(folder))
    try:
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


@refusals_named()
def open_model(name_or_path: str | Path) -> Model:
    """Open a model folder, or one of the models that ship.

    Parameters
    ----------
    name_or_path : str or Path
        A folder, or the name of a shipped model.

    Raises
    ------
    EngineError
        If it is missing, damaged, foreign, written by a newer version, or can't be
        read.
    """
    path, shipped = Path(name_or_path).absolute(), _PRETRAINED / str(name_or_path)
    if not (path / "model.json").exists():
        backup = path.parent / f".{path.name}.old"
        if backup.is_dir():
            path = backup
        elif (shipped / "model.json").exists():  # whatever else is called so here
            path = shipped
        elif not path.exists():
            raise EngineError(
                "There is no model of this name or path.",
                todo="Give the folder that 'unetloop train' wrote, or a name that "
                "'unetloop models' lists.",
                model=str(name_or_path),
            )
    while True:
        card, expected = _read(path)
        weights = path / "model.keras"
        if weights.is_file() and file_hash(weights) == expected:
            return Model(path, card, expected)
        if _read(path)[1] == expected:  # else another one took its place just now
            raise EngineError(
                "The weights of this model are missing or damaged.",
                todo="Copy the model folder again, whole.",
                path=str(weights),
            )


def _read(path: Path) -> tuple[ModelCard, str]:
    """Read the card of a model folder, and the hash that its weights should have."""
    try:
        values = json.loads((path / "model.json").read_text(encoding="utf-8"))
    except PermissionError:
        raise
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise EngineError(
            "This is no model folder, or its model.json is damaged.",
            todo="Give the folder that 'unetloop train' wrote.",
            path=str(path),
        ) from error
    return read_card(values, path)


def shipped_models() -> list[Model]:
    """Open the models that ship, by name."""
    return [
        open_model(card.parent.name)
        for card in sorted(_PRETRAINED.glob("*/model.json"))
    ]


def load_weights(model: Model) -> Any:
    """Load a model's Keras network, which outputs logits.

    Raises
    ------
    EngineError
        If this version of Keras can't read it.
    """
    import keras

    try:
        return keras.saving.load_model(model.path / "model.keras", compile=False)
    except Exception as error:  # Keras raises whatever went wrong inside
        raise EngineError(
            f"Keras {keras.__version__} can't read this model ({error}).",
            path=str(model.path),
        ) from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _beside(folder: Path) -> Path:
    """Where a new model is written before it takes the old one's place."""
    return folder.with_name(f".{folder.name}.new")


def _unsaved(folder: Path, error: OSError) -> EngineError:
    return EngineError(
        f"The model could not be saved ({error.strerror or error}).",
        todo="Free some space or choose another folder.",
        path=str(folder),
    )


def _swap(fresh: Path, folder: Path) -> None:
    """Put a new folder in another's place; `open_model` knows the name between."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    _sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    folder = path.is_dir()
    if os.name == "nt" and folder:
        return  # Windows has no file descriptors of folders
    # Nor does it write through what was opened to be read.
    descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
