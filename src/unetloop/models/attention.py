"""U-Net with attention gates on its skip connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras import Input, Model, layers

from unetloop.models.blocks import check_filters, normalized_twice, project

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AttentionUNetConfig", "build_attention_unet"]


@dataclass(frozen=True)
class AttentionUNetConfig:
    """Size of an Attention U-Net.

    Parameters
    ----------
    filters : sequence of int
        Channels of each level, from the finest to the coarsest.
    """

    filters: Sequence[int] = (16, 32, 64, 128, 256)

    def __post_init__(self) -> None:
        check_filters(self.filters)


def build_attention_unet(
    channels: int, outputs: int, config: AttentionUNetConfig
) -> Model:
    """Build an Attention U-Net in two dimensions.

    Source: Oktay et al., "Attention U-Net: Learning Where to Look for the
    Pancreas", 2018, https://arxiv.org/abs/1804.03999: additive gates, steered by
    the coarser features, on all skip connections but the finest. The paper's
    network is three-dimensional and deeply supervised; this one is neither.

    Parameters
    ----------
    channels : int
        Channels of the image.
    outputs : int
        Maps to predict.
    config : AttentionUNetConfig
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
        if level:
            features = layers.MaxPooling2D(2, name=f"down{level}_pool")(features)
        features = normalized_twice(features, filters, f"down{level}")
        skips.append(features)
    for level in reversed(range(len(config.filters) - 1)):
        name, filters = f"up{level}", config.filters[level]
        skip = skips[level]
        if level:
            skip = _gate(skip, features, filters, f"{name}_gate")
        features = layers.Conv2DTranspose(
            filters, 2, strides=2, kernel_initializer="he_normal", name=f"{name}_up"
        )(features)
        features = layers.Concatenate(name=f"{name}_join")([features, skip])
        features = normalized_twice(features, filters, name)
    return Model(image, project(features, outputs), name="attention_unet")


def _gate(skip: Any, coarse: Any, filters: int, name: str) -> Any:
    """Weigh a skip connection by what the level below thinks matters.

    Equations 1 and 2 of the paper: ``sigmoid(psi(relu(W_x skip + W_g coarse)))``,
    found at the coarse size and enlarged smoothly.
    """
    here = layers.Conv2D(filters, 2, strides=2, use_bias=False, name=f"{name}_skip")(
        skip
    )
    there = layers.Conv2D(filters, 1, name=f"{name}_coarse")(coarse)
    both = layers.ReLU(name=f"{name}_act")(
        layers.Add(name=f"{name}_add")([here, there])
    )
    share = layers.Conv2D(1, 1, activation="sigmoid", name=f"{name}_share")(both)
    # Repeated and smoothed: Keras resizes only images of a known size bilinearly.
    share = layers.UpSampling2D(2, name=f"{name}_up")(share)
    smooth = layers.AveragePooling2D(3, strides=1, padding="same", name=f"{name}_even")
    share = smooth(share)
    kept = layers.Multiply(name=f"{name}_keep")([skip, share])
    kept = layers.Conv2D(filters, 1, name=f"{name}_conv")(kept)
    return layers.BatchNormalization(name=f"{name}_norm")(kept)
