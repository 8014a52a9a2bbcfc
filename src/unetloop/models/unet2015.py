"""The original U-Net, with unpadded convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras import Input, Model, layers

from unetloop.models.blocks import check_filters, check_share, convolve_twice, project

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["UNet2015Config", "build_unet2015"]

_SHRINKAGE = 4  # pixels that two unpadded 3 x 3 convolutions take


@dataclass(frozen=True)
class UNet2015Config:
    """Size of the original U-Net.

    Parameters
    ----------
    filters : sequence of int
        Channels of each level, from the finest to the coarsest.
    dropout : float
        Share dropped at the end of the contracting path, in its last two levels.
    """

    filters: Sequence[int] = (64, 128, 256, 512, 1024)
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_filters(self.filters)
        check_share("dropout", self.dropout)


def build_unet2015(channels: int, outputs: int, config: UNet2015Config) -> Model:
    """Build the U-Net of the paper.

    Source: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for
    Biomedical Image Segmentation", MICCAI 2015, https://arxiv.org/abs/1505.04597:
    23 convolutional layers, skip connections cropped in their middle; weights are
    drawn with standard deviation sqrt(2 / N).

    Parameters
    ----------
    channels : int
        Channels of the image.
    outputs : int
        Maps to predict; 2 in the paper.
    config : UNet2015Config
        Levels, filters, dropout.

    Returns
    -------
    keras.Model
        From (batch, rows, columns, channels) to logits (batch, rows - 184,
        columns - 184, outputs), float32; rows and columns are 12 more than a
        multiple of 16. With other numbers of levels, see `geometry.geometry_of`.
    """
    image = Input((None, None, channels), name="image")
    features: Any = image
    last = len(config.filters) - 1
    skips = []
    for level, filters in enumerate(config.filters):
        if level:
            features = layers.MaxPooling2D(2, name=f"down{level}_pool")(features)
        features = convolve_twice(features, filters, f"down{level}", "valid")
        if level >= last - 1:
            name = f"down{level}_drop"
            features = layers.Dropout(config.dropout, name=name)(features)
        skips.append(features)
    crop = 0
    for level in reversed(range(last)):
        filters = config.filters[level]
        crop = 2 * crop + (2 * _SHRINKAGE if crop else _SHRINKAGE)
        features = layers.Conv2DTranspose(
            filters,
            2,
            strides=2,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"up{level}_up",
        )(features)
        skip = layers.Cropping2D(crop, name=f"up{level}_crop")(skips[level])
        features = layers.Concatenate(name=f"up{level}_join")([skip, features])
        features = convolve_twice(features, filters, f"up{level}", "valid")
    return Model(image, project(features, outputs), name="unet2015")
