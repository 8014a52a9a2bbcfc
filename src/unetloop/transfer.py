"""A new network that begins with the weights of another, where these fit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from unetloop.errors import EngineError

__all__ = ["TakenOver", "take_over"]

_MOST_NAMES = 6
# Layers that give logits; those of `models.nested` are averaged.
_LOGITS = re.compile(r"logits|head\d+")


@dataclass(frozen=True)
class TakenOver:
    """What a network took from another.

    Parameters
    ----------
    layers : int
        Layers with weights.
    anew : tuple of str
        Names of those that did not fit.
    share : float
        Of the weights that were taken over, 0..1.
    """

    layers: int
    anew: tuple[str, ...]
    share: float

    def sentence(self, source: str) -> str:
        """Say it to people."""
        taken = self.layers - len(self.anew)
        # 99.96 % are not all of them.
        percent = min(round(100 * self.share), 99) if self.anew else 100
        text = f"{taken} of {self.layers} layers, {percent} % of the weights, are taken"
        text += f" from {source}"
        if not self.anew:
            return f"{text}."
        names = ", ".join(self.anew[:_MOST_NAMES])
        more = len(self.anew) - _MOST_NAMES
        others = f" and {more} more" if more > 0 else ""
        return f"{text}; learned anew: {names}{others}."


def take_over(network: Any, source: Any, undecided: bool = True) -> TakenOver:
    """Copy weights between layers of the same name and the same shapes.

    Other channels of the image change the first layer only, other maps the last
    one; so the rest can be learned from a model for something else (Yosinski 2014,
    "How transferable are features in deep neural networks?", arXiv:1411.1792).

    Parameters
    ----------
    network : keras.Model
        Changed in place.
    source : keras.Model
        Where the weights come from.
    undecided : bool
        Whether a last layer that does not fit begins with zeros: without normalisation,
        features that were learned may be large, and random sums of them saturate each
        probability, from where a loss of overlaps (Dice) finds no way back. Among
        classes it is left at random: a class of one stroke did not come up from zeros.

    Returns
    -------
    TakenOver

    Raises
    ------
    EngineError
        If no layer fits.
    """
    known = {layer.name: layer for layer in source.layers if layer.weights}
    ours = [layer for layer in network.layers if layer.weights]
    anew, copied = [], 0
    for layer in ours:
        other = known.get(layer.name)
        if other is None or _shapes(other) != _shapes(layer):
            anew.append(layer.name)
            if undecided and _LOGITS.fullmatch(layer.name):
                layer.set_weights([0 * weights for weights in layer.get_weights()])
            continue
        layer.set_weights(other.get_weights())
        copied += layer.count_params()
    if len(anew) == len(ours):
        raise EngineError(
            "No layer of the model to start from fits this network.",
            todo="Start from a model of a similar network, or from scratch.",
            network=network.name,
            model=source.name,
        )
    return TakenOver(len(ours), tuple(anew), copied / network.count_params())


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]
