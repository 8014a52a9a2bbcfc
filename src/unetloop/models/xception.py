"""The U-Net of separable convolutions and residuals that Keras's examples teach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras import Input, Model, layers

from unetloop.models.blocks import check_filters, project, shortcut

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["XceptionUNetConfig", "build_xception_unet"]


@dataclass(frozen=True)
class XceptionUNetConfig:
    """Size of the Xception-style U-Net.

    Parameters
    ----------
    filters : sequence of int
        Channels of the entry convolution and of each down-sampling block.
    """

    filters: Sequence[int] = (32, 64, 128, 256)

    def __post_init__(self) -> None:
        check_filters(self.filters)


def build_xception_unet(
    channels: int, outputs: int, config: XceptionUNetConfig
) -> Model:
    """Build the Xception-style U-Net of the Keras examples.

    Source: Chollet, "Image segmentation with a U-Net-like architecture",
    https://keras.io/examples/vision/oxford_pets_image_segmentation/, after
    "Xception", https://arxiv.org/abs/1610.02357.

    Parameters
    ----------
    channels : int
        Channels of the image; 3 there.
    outputs : int
        Maps to predict; 3 classes there.
    config : XceptionUNetConfig
        Filters of each level.

    Returns
    -------
    keras.Model
        From (batch, rows, columns, channels) to logits (batch, rows, columns,
        outputs), float32; rows and columns are multiples of
        ``2 ** len(config.filters)``.
    """
    image = Input((None, None, channels), name="image")
    first, *deeper = config.filters
    features: Any = layers.Conv2D(first, 3, strides=2, padding="same", name="entry")(
        image
    )
    features = layers.BatchNormalization(name="entry_norm")(features)
    features = layers.ReLU(name="entry_act")(features)
    for level, filters in enumerate(deeper, 1):
        name = f"down{level}"
        inner = features
        for index in (1, 2):
            inner = layers.ReLU(name=f"{name}_act{index}")(inner)
            inner = layers.SeparableConv2D(
                filters, 3, padding="same", name=f"{name}_conv{index}"
            )(inner)
            inner = layers.BatchNormalization(name=f"{name}_norm{index}")(inner)
        pool = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")
        short = shortcut(features, filters, 2, f"{name}_short", "glorot_uniform")
        features = layers.Add(name=f"{name}_add")([pool(inner), short])
    for level, filters in reversed(list(enumerate(config.filters))):
        name = f"up{level}"
        inner = features
        for index in (1, 2):
            inner = layers.ReLU(name=f"{name}_act{index}")(inner)
            inner = layers.Conv2DTranspose(
                filters, 3, padding="same", name=f"{name}_conv{index}"
            )(inner)
            inner = layers.BatchNormalization(name=f"{name}_norm{index}")(inner)
        inner = layers.UpSampling2D(2, name=f"{name}_up")(inner)
        short = layers.UpSampling2D(2, name=f"{name}_short_up")(features)
        short = layers.Conv2D(filters, 1, padding="same", name=f"{name}_short")(short)
        features = layers.Add(name=f"{name}_add")([inner, short])
    return Model(image, project(features, outputs, kernel=3), name="xception_unet")
