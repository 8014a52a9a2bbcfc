"""Padded U-Nets as courses and competitions teach them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from keras import Input, Model, layers

from unetloop.errors import EngineError
from unetloop.models.blocks import check_filters, check_one_of, check_share, project

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PaddedUNetConfig", "build_padded_unet"]

_ACTIVATIONS = ("relu", "elu", "gelu", "silu", "leaky_relu")


@dataclass(frozen=True)
class PaddedUNetConfig:
    """What padded U-Nets differ in.

    Parameters
    ----------
    filters : sequence of int
        Channels of each level, from the finest to the coarsest.
    activation : str
        Of the 3 × 3 convolutions.
    normalized : bool
        Batch normalisation between convolution and activation.
    upsampling : str
        ``transpose``: a transposed convolution; ``repeat``: pixels repeated, then
        a 2 × 2 convolution.
    kernel : int
        Side of the transposed convolution.
    dropout : sequence of float
        Share dropped at each level, or nothing for none.
    dropout_place : str
        ``inside``: between the two convolutions of each block; ``joints``: behind
        each pooling and each concatenation; ``end``: behind the blocks of the
        contracting path.
    head : int
        Filters, for each output, of a 3 × 3 convolution before the last one; 0:
        there is none.
    """

    filters: Sequence[int] = (64, 128, 256, 512, 1024)
    activation: str = "relu"
    normalized: bool = False
    upsampling: Literal["transpose", "repeat"] = "transpose"
    kernel: int = 2
    dropout: Sequence[float] = ()
    dropout_place: Literal["inside", "joints", "end"] = "inside"
    head: int = 0

    def __post_init__(self) -> None:
        check_filters(self.filters)
        check_one_of("activation", self.activation, _ACTIVATIONS)
        check_one_of("upsampling", self.upsampling, ("transpose", "repeat"))
        check_one_of("dropout_place", self.dropout_place, ("inside", "joints", "end"))
        for share in self.dropout:
            check_share("dropout", share)
        if self.dropout and len(self.dropout) != len(self.filters):
            raise EngineError(
                "dropout must name one share for each level, or none.",
                dropout=tuple(self.dropout),
            )
        if self.kernel < 2 or self.head < 0:
            raise EngineError(
                "kernel must be 2 or more, and head 0 or more.",
                kernel=self.kernel,
                head=self.head,
            )


def build_padded_unet(channels: int, outputs: int, config: PaddedUNetConfig) -> Model:
    """Build a padded U-Net.

    Sources: Ronneberger, Fischer, Brox, MICCAI 2015,
    https://arxiv.org/abs/1505.04597, as taught since: 64 to 1024 filters,
    https://github.com/zhixuhao/unet; 16 to 256 filters with batch normalisation,
    https://www.depends-on-the-definition.com/unet-keras-segmenting-images/; and
    for the 2018 Data Science Bowl,
    https://www.kaggle.com/code/keegil/keras-u-net-starter-lb-0-277. The catalog
    holds the options of each.

    Parameters
    ----------
    channels : int
        Channels of the image.
    outputs : int
        Maps to predict.
    config : PaddedUNetConfig
        Levels, filters, and what else they differ in.

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
    for level in range(len(config.filters)):
        if level:
            features = layers.MaxPooling2D(2, name=f"down{level}_pool")(features)
            features = _drop(features, config, level - 1, "joints", f"down{level}")
        features = _block(features, config, level, f"down{level}")
        features = _drop(features, config, level, "end", f"down{level}")
        skips.append(features)
    for level in reversed(range(len(config.filters) - 1)):
        features = _double(features, config, level, f"up{level}")
        join = layers.Concatenate(name=f"up{level}_join")
        features = join([features, skips[level]])
        features = _drop(features, config, level, "joints", f"up{level}_join")
        features = _block(features, config, level, f"up{level}")
    if config.head:
        head = _convolution(config.head * outputs, 3, "head", config.activation)
        features = head(features)
    return Model(image, project(features, outputs), name="padded_unet")


def _convolution(filters: int, kernel: int, name: str, activation: str | None) -> Any:
    return layers.Conv2D(
        filters,
        kernel,
        padding="same",
        activation=activation,
        kernel_initializer="he_normal",
        name=name,
    )


def _block(inputs: Any, config: PaddedUNetConfig, level: int, name: str) -> Any:
    outputs, filters = inputs, config.filters[level]
    for index in (1, 2):
        if index == 2:
            outputs = _drop(outputs, config, level, "inside", name)
        title = f"{name}_conv{index}"
        if config.normalized:
            outputs = _convolution(filters, 3, title, None)(outputs)
            outputs = layers.BatchNormalization(name=f"{title}_norm")(outputs)
            act = layers.Activation(config.activation, name=f"{title}_act")
            outputs = act(outputs)
        else:
            outputs = _convolution(filters, 3, title, config.activation)(outputs)
    return outputs


def _double(inputs: Any, config: PaddedUNetConfig, level: int, name: str) -> Any:
    filters = config.filters[level]
    if config.upsampling == "repeat":
        larger = layers.UpSampling2D(2, name=f"{name}_up")(inputs)
        return _convolution(filters, 2, f"{name}_up_conv", config.activation)(larger)
    return layers.Conv2DTranspose(
        filters, config.kernel, strides=2, padding="same", name=f"{name}_up"
    )(inputs)


def _drop(
    inputs: Any, config: PaddedUNetConfig, level: int, place: str, name: str
) -> Any:
    if place != config.dropout_place or not config.dropout:
        return inputs
    share = config.dropout[level]
    return layers.Dropout(share, name=f"{name}_drop")(inputs) if share else inputs
