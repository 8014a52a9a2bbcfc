"""Networks that are supervised at several depths."""

from __future__ import annotations

import re
from typing import Any

from keras import Model, layers, ops

__all__ = ["StackHeads", "heads", "supervised"]

_HEAD = re.compile(r"head\d+")


class StackHeads(layers.Layer):  # type: ignore[misc]  # Keras is not typed
    """Put maps of one shape on a new axis behind the batch."""

    def __init__(self) -> None:
        super().__init__(dtype="float32")

    def call(self, maps: list[Any]) -> Any:
        """Take maps (batch, rows, columns, outputs), give (batch, heads, …)."""
        return ops.stack(maps, axis=1)


def heads(model: Any) -> list[Any]:
    """Give the logits of each depth of a network that is supervised at several.

    Returns
    -------
    list of tensor
        (batch, rows, columns, outputs) each; empty where there is one output.
    """
    return [layer.output for layer in model.layers if _HEAD.fullmatch(layer.name)]


def supervised(model: Any) -> Any:
    """Make the network to train of the network to predict with; they share weights.

    Returns
    -------
    keras.Model
        To logits (batch, heads, rows, columns, outputs), of which every loss of
        the catalog takes the mean over the heads; the model itself where it has
        no heads.
    """
    several = heads(model)
    if not several:
        return model
    return Model(model.input, StackHeads()(several), name=f"{model.name}_supervised")
