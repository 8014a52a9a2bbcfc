"""The contracting path of a network, which may be left as it is."""

from __future__ import annotations

import re
from typing import Any

from unetloop.errors import EngineError

__all__ = ["encoder_layers", "freeze_encoder"]

# What the networks of the catalog call their layers down to the coarsest level.
_ENCODER = re.compile(r"(first|entry|bottom|down\d+|x\d+_0)(_.*)?")


def encoder_layers(model: Any) -> list[Any]:
    """Give the layers with weights on the way down to the coarsest level.

    Parameters
    ----------
    model : keras.Model
        A network of the catalog: they are found by their names.

    Returns
    -------
    list of keras.layers.Layer
    """
    return [
        layer
        for layer in model.layers
        if layer.weights and _ENCODER.fullmatch(layer.name)
    ]


def freeze_encoder(model: Any) -> None:
    """Let a training leave the contracting path as it is.

    Its batch normalisations keep their statistics, too.

    Raises
    ------
    EngineError
        If no layer is known to belong to it.
    """
    layers = encoder_layers(model)
    if not layers:
        raise EngineError(
            "This network has no contracting path that could be frozen.",
            todo="Train without freeze_encoder.",
            network=model.name,
        )
    for layer in layers:
        layer.trainable = False
