"""U-Net++: nested U-Nets of every depth, supervised at each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras import Input, Model, layers

from unetloop.models.blocks import check_filters, convolve_twice, project

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NestedUNetConfig", "build_nested_unet"]


@dataclass(frozen=True)
class NestedUNetConfig:
    """Size of a U-Net++.

    Parameters
    ----------
    filters : sequence of int
        Channels of each level, from the finest to the coarsest.
    deep_supervision : bool
        Whether the maps of all depths are learned and averaged ("accurate mode");
        else only the deepest.
    """

    filters: Sequence[int] = (32, 64, 128, 256, 512)
    deep_supervision: bool = True

    def __post_init__(self) -> None:
        check_filters(self.filters)


def build_nested_unet(channels: int, outputs: int, config: NestedUNetConfig) -> Model:
    """Build a U-Net++.

    Source: Zhou, Siddiquee, Tajbakhsh, Liang, "UNet++: A Nested U-Net
    Architecture for Medical Image Segmentation", 2018,
    https://arxiv.org/abs/1807.10165.

    Parameters
    ----------
    channels : int
        Channels of the image.
    outputs : int
        Maps to predict.
    config : NestedUNetConfig
        Levels, filters, and whether all depths are supervised.

    Returns
    -------
    keras.Model
        From (batch, rows, columns, channels) to logits (batch, rows, columns,
        outputs), float32: the mean of the heads ``head1``, ``head2`` and so on,
        which `supervision.supervised` gives one by one. Rows and columns are
        multiples of ``2 ** (len(config.filters) - 1)``.
    """
    image = Input((None, None, channels), name="image")
    depth = len(config.filters)
    # nodes[i][j] is X(i, j) of the paper: level i, the j-th along its skip pathway.
    nodes: list[list[Any]] = [[] for _ in range(depth)]
    for level, filters in enumerate(config.filters):
        inputs: Any = image
        if level:
            pool = layers.MaxPooling2D(2, name=f"down{level}_pool")
            inputs = pool(nodes[level - 1][0])
        nodes[level].append(convolve_twice(inputs, filters, f"x{level}_0"))
    for along in range(1, depth):
        for level in range(depth - along):
            name, filters = f"x{level}_{along}", config.filters[level]
            larger = layers.Conv2DTranspose(
                filters, 2, strides=2, kernel_initializer="he_normal", name=f"{name}_up"
            )(nodes[level + 1][along - 1])
            join = layers.Concatenate(name=f"{name}_join")
            nodes[level].append(
                convolve_twice(join([*nodes[level], larger]), filters, name)
            )
    if not config.deep_supervision or depth == 2:
        return Model(image, project(nodes[0][-1], outputs), name="nested_unet")
    heads = [
        project(node, outputs, name=f"head{along}")
        for along, node in enumerate(nodes[0][1:], 1)
    ]
    logits = layers.Average(dtype="float32", name="logits")(heads)
    return Model(image, logits, name="nested_unet")
