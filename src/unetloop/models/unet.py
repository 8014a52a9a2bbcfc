"""The padded U-Net that is the default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keras import Input, Model, layers

from unetloop.models.blocks import (
    check_filters,
    convolve_twice,
    project,
    upsample_and_join,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["UNetConfig", "build_unet"]


@dataclass(frozen=True)
class UNetConfig:
    """Size of a U-Net.

    Parameters
    ----------
    filters : sequence of int
        Channels of each level, from the finest to the coarsest.
    """

    filters: Sequence[int] = (16, 32, 64, 128, 128)

    def __post_init__(self) -> None:
        check_filters(self.filters)


def build_unet(channels: int, outputs: int, config: UNetConfig) -> Model:
    """Build a U-Net with padded convolutions and no normalisation.

    Source: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for
    Biomedical Image Segmentation", MICCAI 2015, https://arxiv.org/abs/1505.04597;
    here padded, narrower, and up-sampled by repetition.

    Parameters
    ----------
    channels : int
        Channels of the image.
    outputs : int
        Maps to predict.
    config : UNetConfig
        Number of levels and their filters.

    Returns
    -------
    keras.Model
        From (batch, rows, columns, channels) to logits (batch, rows, columns,
        outputs), float32; rows and columns are multiples of
        ``2 ** (len(config.filters) - 1)``.
    """
    image = Input((None, None, channels), name="image")
    features = image
    skips = []
    for level, filters in enumerate(config.filters[:-1]):
        features = convolve_twice(features, filters, f"down{level}")
        skips.append(features)
        features = layers.MaxPooling2D(2, name=f"down{level}_pool")(features)
    features = convolve_twice(features, config.filters[-1], "bottom")
    for level in reversed(range(len(skips))):
        features = upsample_and_join(features, skips[level], f"up{level}")
        features = convolve_twice(features, config.filters[level], f"up{level}")
    return Model(image, project(features, outputs), name="unet")
