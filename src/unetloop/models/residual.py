"""A U-Net of residual units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras import Input, Model, layers

from unetloop.models.blocks import check_filters, project, shortcut, upsample_and_join

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ResidualUNetConfig", "build_residual_unet"]


@dataclass(frozen=True)
class ResidualUNetConfig:
    """Size of a residual U-Net.

    Parameters
    ----------
    filters : sequence of int
        Channels of each level, from the finest to the coarsest.
    """

    filters: Sequence[int] = (64, 128, 256, 512)

    def __post_init__(self) -> None:
        check_filters(self.filters)


def build_residual_unet(
    channels: int, outputs: int, config: ResidualUNetConfig
) -> Model:
    """Build a deep residual U-Net.

    Source: Zhang, Liu, Wang, "Road Extraction by Deep Residual U-Net", IEEE
    Geosci. Remote Sens. Lett. 2018, https://arxiv.org/abs/1711.10684: units of
    two convolutions, normalised and rectified before each; halved by stride.

    Parameters
    ----------
    channels : int
        Channels of the image; 3 there.
    outputs : int
        Maps to predict; 1 there.
    config : ResidualUNetConfig
        Levels and filters.

    Returns
    -------
    keras.Model
        From (batch, rows, columns, channels) to logits (batch, rows, columns,
        outputs), float32; rows and columns are multiples of
        ``2 ** (len(config.filters) - 1)``.
    """
    image = Input((None, None, channels), name="image")
    features: Any = image
    skips = []
    for level, filters in enumerate(config.filters):
        features = _unit(features, filters, 2 if level else 1, f"down{level}")
        skips.append(features)
    for level in reversed(range(len(config.filters) - 1)):
        features = upsample_and_join(features, skips[level], f"up{level}")
        features = _unit(features, config.filters[level], 1, f"up{level}")
    return Model(image, project(features, outputs), name="residual_unet")


def _unit(inputs: Any, filters: int, stride: int, name: str) -> Any:
    outputs = inputs
    for index in (1, 2):
        if name != "down0" or index == 2:  # the image itself is not rectified
            outputs = layers.BatchNormalization(name=f"{name}_norm{index}")(outputs)
            outputs = layers.ReLU(name=f"{name}_act{index}")(outputs)
        outputs = layers.Conv2D(
            filters,
            3,
            strides=stride if index == 1 else 1,
            padding="same",
            kernel_initializer="he_normal",
            name=f"{name}_conv{index}",
        )(outputs)
    short = shortcut(inputs, filters, stride, f"{name}_short", "he_normal")
    return layers.Add(name=f"{name}_add")([outputs, short])
