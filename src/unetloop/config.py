"""What a user may set: frozen dataclasses that check themselves.

Each field's metadata holds one line of help, from which the command line and
the dock build their controls. ``to_dict`` and ``from_dict`` are how the model
folder, the project and the server write and read them.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from unetloop.errors import EngineError

__all__ = [
    "AugmentationConfig",
    "InstanceConfig",
    "ModelConfig",
    "NormalizationConfig",
    "PredictionConfig",
    "TrainingConfig",
    "from_dict",
    "to_dict",
]

Trainable = Literal["auto", "all", "decoder", "biases", "anew"]
"""Which weights of a network learn."""


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


def _check(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        received: dict[str, Any] = {name: value}
        raise EngineError(f"{name} must be {expected}.", **received)


@dataclass(frozen=True)
class NormalizationConfig:
    """How intensities become numbers near 0..1: by percentiles of the plane.

    ``(plane - p_low) / (p_high - p_low)``, each channel by itself, percentiles
    over the whole plane. Where nuclei are dark, as in stained tissue, the plane is
    inverted: 100 - low becomes 0 and 100 - high becomes 1. A noisy plane is smoothed,
    and one in which few things outshine all others is seen by a logarithm; see
    `preprocessing.intensity_limits`.
    """

    low: float = _option(1.0, "percentile that becomes 0")
    high: float = _option(99.8, "percentile that becomes 1")
    nuclei: Literal["bright", "dark", "either"] = _option(
        "either", "bright or dark on their background, or either: plane by plane"
    )

    def __post_init__(self) -> None:
        _check(0 <= self.low < 100, "low", self.low, "from 0 to below 100")
        _check(self.low < self.high <= 100, "high", self.high, "above low, at most 100")
        kinds = ("bright", "dark", "either")
        _check(self.nuclei in kinds, "nuclei", self.nuclei, "bright, dark or either")


@dataclass(frozen=True)
class ModelConfig:
    """Which network: a name of the catalog and that architecture's options."""

    architecture: str = _option("unet", "name of the network")
    channels: int = _option(1, "channels of the image that the network sees")
    options: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "the architecture's own options"}
    )

    def __post_init__(self) -> None:
        _check(self.channels >= 1, "channels", self.channels, "at least 1")


@dataclass(frozen=True)
class AugmentationConfig:
    """How patches are varied; each strength 0 switches its part off."""

    flip: bool = _option(True, "mirror at random")
    rotate: bool = _option(True, "rotate by any angle")
    scale: float = _option(1.6, "zoom by a factor from 1/scale to scale")
    elastic: float = _option(
        2.0, "standard deviation of elastic displacements, in pixels"
    )
    intensity: float = _option(1.0, "strength of brightness, contrast and gamma")
    noise: float = _option(
        0.03, "largest standard deviation of added noise, fine or coarse of grain"
    )
    blur: float = _option(1.0, "largest sigma of blur, in pixels")
    texture: float = _option(
        0.0, "largest deviation of added texture, for stains not seen before"
    )
    stripes: float = _option(
        0.0, "largest deviation of added stripes, as scanners and cameras leave them"
    )
    compression: float = _option(
        0.0, "strongest compression as by JPEG, in steps of quality 50"
    )

    def __post_init__(self) -> None:
        _check(1 <= self.scale <= 4, "scale", self.scale, "from 1 to 4")
        for name, value in vars(self).items():
            if name not in ("flip", "rotate", "scale"):
                _check(value >= 0, name, value, "0 or more")


@dataclass(frozen=True)
class TrainingConfig:
    """How a network learns.

    Ends after ``minutes`` or ``epochs``, whichever is set (``minutes`` if
    both are None: 10).
    """

    minutes: float | None = _option(None, "wall time to train, in minutes")
    epochs: int | None = _option(None, "epochs to train")
    steps_per_epoch: int = _option(100, "optimiser steps in one epoch")
    batch_size: int = _option(8, "patches in one step")
    patch_size: int = _option(
        128, "side of what a patch maps, in pixels at the model's scale"
    )
    learning_rate: float = _option(
        1.5e-3, "highest learning rate (a part of it from a trained model)"
    )
    loss: str = _option("default", "name of the loss")
    optimizer: str = _option("adamw", "name of the optimiser")
    schedule: str = _option("cosine", "course of the learning rate")
    precision: Literal["float32", "mixed"] = _option(
        "float32", "mixed: half the bits, faster on a GPU and slower on a CPU"
    )
    trainable: Literal["auto", "all", "decoder", "biases", "anew"] = _option(
        "auto",
        "weights that learn; auto: biases if a trained model learns from few nuclei; "
        "anew: all, as fast as a new network's",
    )
    class_balance: float = _option(
        0.5, "how far rare classes count more, from 0: not to 1: all the same"
    )
    patience: int = _option(0, "epochs without progress before stopping; 0: never")
    diameter: float | None = _option(
        None, "nucleus diameter at the model's scale, in pixels"
    )
    val_fraction: float | None = _option(
        None, "share of the images held out; none: by their number"
    )
    seed: int = _option(0, "seed of everything random")
    augmentation: AugmentationConfig = field(
        default_factory=AugmentationConfig, metadata={"help": "how patches are varied"}
    )
    normalization: NormalizationConfig = field(
        default_factory=NormalizationConfig,
        metadata={"help": "how intensities are normalised"},
    )

    def __post_init__(self) -> None:
        for name in ("steps_per_epoch", "batch_size"):
            value = getattr(self, name)
            _check(value >= 1, name, value, "at least 1")
        _check(
            self.patch_size >= 32 and self.patch_size % 16 == 0,
            "patch_size",
            self.patch_size,
            "a multiple of 16, at least 32",
        )
        for name in ("minutes", "epochs", "learning_rate", "diameter"):
            value = getattr(self, name)
            holds = value is None or 0 < value < math.inf
            _check(holds, name, value, "above 0 and finite")
        _check(self.seed >= 0, "seed", self.seed, "0 or more")
        _check(self.patience >= 0, "patience", self.patience, "0 or more")
        kinds = ("float32", "mixed")
        _check(self.precision in kinds, "precision", self.precision, "float32 or mixed")
        balance = self.class_balance
        _check(0 <= balance <= 1, "class_balance", balance, "from 0 to 1")
        fraction = self.val_fraction
        _check(
            fraction is None or 0 <= fraction < 1,
            "val_fraction",
            fraction,
            "from 0 to below 1",
        )


@dataclass(frozen=True)
class InstanceConfig:
    """How network maps become numbered nuclei."""

    threshold: float = _option(0.55, "probability above which a pixel is nucleus")
    seed_threshold: float = _option(
        0.2, "distance map above which a nucleus has its core"
    )
    prominence: float = _option(
        0.3, "dip of the distance map that divides two nuclei; 0: never"
    )
    min_size: float = _option(
        0.1, "smallest nucleus, as a share of a typical nucleus's area"
    )
    min_certainty: float = _option(
        0.85, "smallest mean probability of a nucleus; 0: show all"
    )

    def __post_init__(self) -> None:
        for name in ("threshold", "seed_threshold"):
            value = getattr(self, name)
            _check(0 < value < 1, name, value, "between 0 and 1")
        _check(0 <= self.prominence < 1, "prominence", self.prominence, "from 0 to 1")
        _check(self.min_size >= 0, "min_size", self.min_size, "0 or more")
        certainty = self.min_certainty
        _check(0 <= certainty <= 1, "min_certainty", certainty, "from 0 to 1")


@dataclass(frozen=True)
class PredictionConfig:
    """How a trained network is run over an image."""

    tile: int = _option(1024, "largest side of a tile, in pixels at the model's scale")
    overlap: int = _option(208, "pixels that neighbouring tiles share")
    batch_size: int = _option(0, "tiles at once; 0: by the memory there is")
    flips: bool = _option(False, "average over four mirror images (4 x slower)")
    diameter: float | None = _option(
        None, "nucleus diameter in the image, in pixels; none: estimated"
    )

    def __post_init__(self) -> None:
        _check(
            self.tile >= 64 and self.tile % 16 == 0,
            "tile",
            self.tile,
            "a multiple of 16, at least 64",
        )
        _check(
            0 <= self.overlap <= self.tile // 2,
            "overlap",
            self.overlap,
            "from 0 to half a tile",
        )
        _check(self.batch_size >= 0, "batch_size", self.batch_size, "0 or more")
        diameter = self.diameter
        holds = diameter is None or 0 < diameter < math.inf
        _check(holds, "diameter", diameter, "above 0 and finite")


Config = TypeVar("Config")


def to_dict(config: Any) -> dict[str, Any]:
    """Write a configuration as plain values that JSON knows."""
    return dataclasses.asdict(config)


def from_dict(kind: type[Config], values: dict[str, Any]) -> Config:
    """Read a configuration, nested ones too.

    Parameters
    ----------
    kind : type
        A dataclass of this module.
    values : dict
        Field names and values; fields that are missing keep their defaults.

    Raises
    ------
    EngineError
        If a name is unknown or a value is out of range.
    """
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise EngineError(
            f"{kind.__name__} has no setting of this name; "
            f"it has {', '.join(sorted(known))}.",
            name=", ".join(unknown),
        )
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        factory = known[name].default_factory
        if isinstance(value, dict) and dataclasses.is_dataclass(factory):
            value = from_dict(factory, value)  # type: ignore[arg-type]
        arguments[name] = value
    try:
        return kind(**arguments)
    except TypeError as error:
        raise EngineError(
            f"{kind.__name__} was given a value of the wrong kind ({error})."
        ) from error
