"""Optimisers by name, with the settings that they are used with here.

Each takes the learning rate, and ``clip``: the global norm that gradients are
shortened to (Pascanu 2013, arXiv:1211.5063), or None.
"""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["adam", "adamw", "sgd"]


def adamw(rate: float, *, weight_decay: float = 1e-4, clip: float | None = 1.0) -> Any:
    """Adam with decoupled weight decay (Loshchilov 2019, arXiv:1711.05101)."""
    return keras.optimizers.AdamW(rate, weight_decay=weight_decay, global_clipnorm=clip)


def adam(rate: float, *, clip: float | None = None) -> Any:
    """Adam (Kingma 2015, arXiv:1412.6980)."""
    return keras.optimizers.Adam(rate, global_clipnorm=clip)


def sgd(rate: float, *, momentum: float = 0.99, clip: float | None = None) -> Any:
    """Gradient descent with momentum, 0.99 as in the original U-Net.

    Sources: Sutskever 2013, https://proceedings.mlr.press/v28/sutskever13.html;
    Ronneberger 2015, arXiv:1505.04597.
    """
    return keras.optimizers.SGD(rate, momentum=momentum, global_clipnorm=clip)
