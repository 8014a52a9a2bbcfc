"""What ``model.json`` says of a model, and how it is read and written."""

from __future__ import annotations

import dataclasses
import math
import platform
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

from unetloop import __version__
from unetloop.annotations import MAPS
from unetloop.classes import TissueClass, classes_from_json
from unetloop.config import (
    InstanceConfig,
    ModelConfig,
    NormalizationConfig,
    from_dict,
    to_dict,
)
from unetloop.errors import EngineError
from unetloop.network import BYTES_A_PIXEL
from unetloop.tasks import TASKS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMAT", "VERSION", "ModelCard", "card_to_json", "read_card"]

FORMAT = "unetloop-model"
VERSION = 2
"""The newest that is read: 1 is a model of nuclei, 2 one of classes."""


@dataclass(frozen=True)
class ModelCard:
    """What ``model.json`` says of a model.

    Parameters
    ----------
    model : ModelConfig
        Architecture, its options, and the number of image channels.
    diameter : float
        Nucleus diameter in pixels that images are resized to.
    normalization : NormalizationConfig
        How intensities are normalised.
    instances : InstanceConfig
        How maps become nuclei.
    maps : tuple of str
        What the network predicts, in order.
    task : str
        ``nuclei`` or ``classes``, see `unetloop.tasks`.
    classes : tuple of TissueClass
        In the order of the maps; empty where nuclei are numbered.
    activation : str
        What makes probabilities of the logits: ``sigmoid``, or ``softmax`` where
        they add up to 1.
    pixel_size : float or None
        Side of a pixel in µm that images are resized to by a model of classes;
        None: they are not resized.
    training : dict
        Settings, steps, seconds, seed, and the images with their hashes.
    scores : dict
        What was measured on the images held out.
    started_from : str or None
        Hash of the weights it started from; None: from scratch.
    reference : dict
        Statistics of the images that it learned from, of `quality.Reference`.
    bytes_a_pixel : int
        Memory that the network takes for each pixel of a tile.
    """

    model: ModelConfig
    diameter: float
    normalization: NormalizationConfig = field(default_factory=NormalizationConfig)
    instances: InstanceConfig = field(default_factory=InstanceConfig)
    maps: tuple[str, ...] = MAPS
    task: Literal["nuclei", "classes"] = "nuclei"
    classes: tuple[TissueClass, ...] = ()
    activation: Literal["sigmoid", "softmax"] = "sigmoid"
    pixel_size: float | None = None
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    started_from: str | None = None
    reference: dict[str, Any] = field(default_factory=dict)
    bytes_a_pixel: int = BYTES_A_PIXEL

    def count_images(self) -> int:
        """Count the images it learned from: once, whatever of them it saw."""
        images = self.training.get("images", ())
        return len({item.get("image_sha256") or item.get("image") for item in images})


def card_to_json(card: ModelCard, weights: str) -> dict[str, Any]:
    """Give what ``model.json`` holds of a card and the hash of its weights."""
    return {
        "format": FORMAT,
        # Programs that know no classes must not take the maps for nuclei.
        "version": 2 if card.classes else 1,
        **to_dict(card),
        "weights_sha256": weights,
        "versions": {
            "unetloop": __version__,
            "python": platform.python_version(),
            "keras": metadata.version("keras"),
            "numpy": metadata.version("numpy"),
        },
    }


def read_card(values: Any, path: Path) -> tuple[ModelCard, str]:
    """Take a card, and the hash of its weights, from what ``model.json`` holds.

    Parameters
    ----------
    values : any
        What was read.
    path : Path
        The model folder, for messages.

    Raises
    ------
    EngineError
        If it is foreign, damaged or written by a newer version.
    """
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise EngineError(
            "This model.json was not written by unetloop.",
            todo="Give the folder that 'unetloop train' wrote.",
            path=str(path),
        )
    if not isinstance(values.get("version"), int) or values["version"] > VERSION:
        raise EngineError(
            "This model was written by a newer version.",
            todo="Update with: pip install -U napari-unet-loop",
            version=values.get("version"),
            path=str(path),
        )
    try:
        card = _from_json(values)
        expected = values["weights_sha256"]
    except (KeyError, TypeError, ValueError, EngineError) as error:
        raise EngineError(
            f"The model.json of this model is damaged ({error}).",
            todo="Copy the model folder again, whole.",
            path=str(path),
        ) from error
    return card, expected


def _from_json(values: dict[str, Any]) -> ModelCard:
    names = {item.name for item in dataclasses.fields(ModelCard)}
    known = {name: value for name, value in values.items() if name in names}
    known["model"] = from_dict(ModelConfig, known["model"])
    known["normalization"] = from_dict(NormalizationConfig, known["normalization"])
    known["instances"] = from_dict(InstanceConfig, known["instances"])
    known["maps"] = tuple(known["maps"])
    known["diameter"] = float(known["diameter"])
    known["classes"] = classes_from_json(known.get("classes", ()))
    card = ModelCard(**known)
    if card.task not in TASKS or (card.task == "classes") != bool(card.classes):
        raise EngineError(
            "The card names no task, or no classes of its task.", task=card.task
        )
    if not 0 < card.diameter < math.inf:
        raise EngineError("The card's diameter is none.", diameter=card.diameter)
    for name in ("training", "scores", "reference"):
        if not isinstance(getattr(card, name), dict):
            raise EngineError(f"The card's {name} is no object.")
    return card
