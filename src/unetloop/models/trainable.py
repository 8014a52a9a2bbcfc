"""Which weights of a network learn, and which are left as they are."""

from __future__ import annotations

import re
from typing import Any

from unetloop.errors import EngineError

__all__ = ["encoder_layers", "freeze"]

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


def freeze(model: Any, trainable: str) -> None:
    """Leave weights as they are.

    Parameters
    ----------
    model : keras.Model
        A network of the catalog.
    trainable : str
        ``"all"``: nothing is frozen. ``"decoder"``: the contracting path is, with the
        statistics of its batch normalisations. ``"biases"``: all kernels are; what is
        learned is how much of each feature there must be, not what a feature is. A
        thousand numbers then adapt a network, which forgets and overfits little (Ben
        Zaken 2022, "BitFit", ACL, https://arxiv.org/abs/2106.10199).

    Raises
    ------
    EngineError
        If no layer is known to belong to the contracting path.
    """
    if trainable == "decoder":
        layers = encoder_layers(model)
        if not layers:
            raise EngineError(
                "This network has no contracting path that could be frozen.",
                todo="Let all weights learn.",
                network=model.name,
            )
        for layer in layers:
            layer.trainable = False
    elif trainable == "biases":
        for variable in model.trainable_variables:
            variable.trainable = len(variable.shape) < 2
