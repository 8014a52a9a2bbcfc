"""A U-Net of dense blocks: the fully convolutional DenseNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras import Input, Model, layers

from unetloop.errors import EngineError
from unetloop.models.blocks import check_share, project

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DenseUNetConfig", "build_dense_unet"]


@dataclass(frozen=True)
class DenseUNetConfig:
    """Size of a dense U-Net; the defaults are the paper's FC-DenseNet56.

    Parameters
    ----------
    blocks : sequence of int
        Layers of the dense block of each level, from the finest to the coarsest.
    growth : int
        Channels that each layer adds.
    first : int
        Filters of the first convolution.
    dropout : float
        Share dropped behind each layer.
    """

    blocks: Sequence[int] = (4, 4, 4, 4, 4, 4)
    growth: int = 12
    first: int = 48
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if len(self.blocks) < 2 or min(self.blocks) < 1:
            raise EngineError(
                "blocks must name two or more levels of at least 1 layer.",
                blocks=tuple(self.blocks),
            )
        if self.growth < 1 or self.first < 1:
            raise EngineError(
                "growth and first must be at least 1.",
                growth=self.growth,
                first=self.first,
            )
        check_share("dropout", self.dropout)


def build_dense_unet(channels: int, outputs: int, config: DenseUNetConfig) -> Model:
    """Build a fully convolutional DenseNet.

    Source: Jégou, Drozdzal, Vazquez, Romero, Bengio, "The One Hundred Layers
    Tiramisu", 2017, https://arxiv.org/abs/1611.09326, table 2.

    Parameters
    ----------
    channels : int
        Channels of the image.
    outputs : int
        Maps to predict.
    config : DenseUNetConfig
        Levels, layers and growth.

    Returns
    -------
    keras.Model
        From (batch, rows, columns, channels) to logits (batch, rows, columns,
        outputs), float32; rows and columns are multiples of
        ``2 ** (len(config.blocks) - 1)``.
    """
    image = Input((None, None, channels), name="image")
    features: Any = _convolution(config.first, 3, "first")(image)
    skips = []
    *above, bottom = config.blocks
    for level, count in enumerate(above):
        name = f"down{level}"
        new = _block(features, count, config, name)
        features = layers.Concatenate(name=f"{name}_join")([features, new])
        skips.append(features)
        features = _layer(features, features.shape[-1], 1, config, f"{name}_pass")
        features = layers.MaxPooling2D(2, name=f"{name}_pool")(features)
    new = _block(features, bottom, config, "bottom")
    for level in reversed(range(len(above))):
        name = f"up{level}"
        # Only what the block below added goes up, or channels would explode.
        larger = layers.Conv2DTranspose(
            new.shape[-1],
            3,
            strides=2,
            padding="same",
            kernel_initializer="he_uniform",
            name=f"{name}_up",
        )(new)
        features = layers.Concatenate(name=f"{name}_join")([larger, skips[level]])
        new = _block(features, above[level], config, name)
    features = layers.Concatenate(name="last_join")([features, new])
    return Model(image, project(features, outputs), name="dense_unet")


def _convolution(filters: int, kernel: int, name: str) -> Any:
    return layers.Conv2D(
        filters, kernel, padding="same", kernel_initializer="he_uniform", name=name
    )


def _layer(
    inputs: Any, filters: int, kernel: int, config: DenseUNetConfig, name: str
) -> Any:
    outputs = layers.BatchNormalization(name=f"{name}_norm")(inputs)
    outputs = layers.ReLU(name=f"{name}_act")(outputs)
    outputs = _convolution(filters, kernel, f"{name}_conv")(outputs)
    if not config.dropout:
        return outputs
    return layers.Dropout(config.dropout, name=f"{name}_drop")(outputs)


def _block(inputs: Any, count: int, config: DenseUNetConfig, name: str) -> Any:
    """Let each layer see all before it; give what the block added."""
    seen, added = inputs, []
    for index in range(count):
        title = f"{name}_{index}"
        added.append(_layer(seen, config.growth, 3, config, title))
        if index + 1 < count:
            seen = layers.Concatenate(name=f"{title}_join")([seen, added[-1]])
    if count == 1:
        return added[0]
    return layers.Concatenate(name=f"{name}_new")(added)
