"""A model is one self-describing folder: weights, and what one must know of them.

``model.json`` is the card, ``model.keras`` the weights (logits), ``model.onnx``
the same network for a quick start. docs/formats.md describes the fields.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unetloop import catalog
from unetloop.annotations import MAPS
from unetloop.config import (
    InstanceConfig,
    ModelConfig,
    NormalizationConfig,
    from_dict,
    to_dict,
)
from unetloop.errors import EngineError, refusals_named
from unetloop.model_card import read_card
from unetloop.network import (
    KerasNetwork,
    OnnxNetwork,
    start_keras,
)
from unetloop.tasks import task_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unetloop.model_card import ModelCard
    from unetloop.network import Network
    from unetloop.tasks import Task

__all__ = [
    "Model",
    "build_network",
    "file_hash",
    "load_weights",
    "open_model",
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

    def with_instances(self, changes: Mapping[str, float]) -> Model:
        """Give the same model, making nuclei in another way: fields of its settings.

        Raises
        ------
        EngineError
            If a name is unknown, or a value out of range.
        """
        instances = from_dict(InstanceConfig, {**to_dict(self.instances), **changes})
        return replace(self, card=replace(self.card, instances=instances))

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
    except Exception as error:  # whatever went wrong inside, a screenful long
        raise EngineError(
            f"Keras {keras.__version__} can't read this model "
            f"({type(error).__name__}).",
            todo="If a newer one wrote it, update with: pip install -U keras",
            path=str(model.path),
        ) from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
