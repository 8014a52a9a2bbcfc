"""Networks that a user may choose, as they were published."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ARCHITECTURES", "Architecture"]


@dataclass(frozen=True)
class Architecture:
    """A network: ``build(channels, outputs, config)`` and its config dataclass.

    Parameters
    ----------
    build, config : str
        ``"module:name"`` of the function and of the dataclass.
    title : str
        What people call it.
    source : str
        Where it was published.
    help : str
        One line: what it is like.
    input : tuple of int
        Rows, columns and channels that it was published for.
    outputs : int
        Maps that it was published for.
    parameters : int
        How many it has for that input and those outputs.
    border : int
        Pixels that its map lacks on each side; 0 if its convolutions are padded.
    step : int
        Sizes of the input differ by multiples of this; see
        `models.geometry.geometry_of` for other options than the default ones.
    options : mapping
        Options of ``config`` that make it this network and not another of its file.
    """

    build: str
    config: str
    title: str
    source: str
    help: str
    input: tuple[int, int, int]
    outputs: int
    parameters: int
    border: int = 0
    step: int = 16
    options: Mapping[str, Any] = field(default_factory=dict)


ARCHITECTURES: Mapping[str, Architecture] = {
    "unet": Architecture(
        build="unetloop.models.unet:build_unet",
        config="unetloop.models.unet:UNetConfig",
        title="U-Net of this program",
        source="https://arxiv.org/abs/1505.04597, padded and narrow",
        help="padded U-Net without normalisation, 1.2 million parameters",
        input=(256, 256, 1),
        outputs=2,
        parameters=1_224_818,
    ),
    "unet2015": Architecture(
        build="unetloop.models.unet2015:build_unet2015",
        config="unetloop.models.unet2015:UNet2015Config",
        title="The original U-Net",
        source="Ronneberger 2015, https://arxiv.org/abs/1505.04597",
        help="unpadded, 23 convolutional layers: a tile of 572 x 572 gives 388 x 388",
        input=(572, 572, 1),
        outputs=2,
        parameters=31_030_658,
        border=92,
    ),
    "unet_course": Architecture(
        build="unetloop.models.padded:build_padded_unet",
        config="unetloop.models.padded:PaddedUNetConfig",
        title="Padded U-Net, 64 to 1024 filters",
        source="https://github.com/zhixuhao/unet",
        help="padded U-Net as courses teach it, pixels repeated on the way up",
        input=(256, 256, 3),
        outputs=1,
        parameters=31_032_837,
        options={
            "upsampling": "repeat",
            "dropout": (0.0, 0.0, 0.0, 0.5, 0.5),
            "dropout_place": "end",
            "head": 2,
        },
    ),
    "unet_small": Architecture(
        build="unetloop.models.padded:build_padded_unet",
        config="unetloop.models.padded:PaddedUNetConfig",
        title="Small U-Net with batch normalisation",
        source="https://www.depends-on-the-definition.com/unet-keras-segmenting-images/",
        help="padded U-Net, 16 to 256 filters, batch normalisation",
        input=(128, 128, 1),
        outputs=1,
        parameters=2_164_305,
        options={
            "filters": (16, 32, 64, 128, 256),
            "normalized": True,
            "kernel": 3,
            "dropout": (0.05, 0.05, 0.05, 0.05, 0.05),
            "dropout_place": "joints",
        },
    ),
    "unet_dsb2018": Architecture(
        build="unetloop.models.padded:build_padded_unet",
        config="unetloop.models.padded:PaddedUNetConfig",
        title="U-Net of the 2018 Data Science Bowl",
        source="https://www.kaggle.com/code/keegil/keras-u-net-starter-lb-0-277",
        help="padded U-Net, 16 to 256 filters, ELU, dropout 0.1 to 0.3",
        input=(128, 128, 3),
        outputs=1,
        parameters=1_941_105,
        options={
            "filters": (16, 32, 64, 128, 256),
            "activation": "elu",
            "dropout": (0.1, 0.1, 0.2, 0.2, 0.3),
        },
    ),
    "unet_xception": Architecture(
        build="unetloop.models.xception:build_xception_unet",
        config="unetloop.models.xception:XceptionUNetConfig",
        title="Xception-style U-Net",
        source="https://keras.io/examples/vision/oxford_pets_image_segmentation/",
        help="separable convolutions, residuals, batch normalisation",
        input=(160, 160, 3),
        outputs=3,
        parameters=2_058_979,
    ),
    "attention_unet": Architecture(
        build="unetloop.models.attention:build_attention_unet",
        config="unetloop.models.attention:AttentionUNetConfig",
        title="Attention U-Net",
        source="Oktay 2018, https://arxiv.org/abs/1804.03999",
        help="gates on the skip connections, batch normalisation",
        input=(256, 256, 1),
        outputs=2,
        parameters=2_098_821,
    ),
    "unet_plus_plus": Architecture(
        build="unetloop.models.nested:build_nested_unet",
        config="unetloop.models.nested:NestedUNetConfig",
        title="U-Net++",
        source="Zhou 2018, https://arxiv.org/abs/1807.10165",
        help="nested skip pathways, supervised at every depth",
        input=(256, 256, 3),
        outputs=1,
        parameters=9_042_276,
    ),
    "dense_unet": Architecture(
        build="unetloop.models.dense:build_dense_unet",
        config="unetloop.models.dense:DenseUNetConfig",
        title="Dense U-Net (FC-DenseNet56)",
        source="Jégou 2017, https://arxiv.org/abs/1611.09326",
        help="dense blocks, batch normalisation, dropout 0.2",
        input=(224, 224, 3),
        outputs=11,
        parameters=1_397_963,
        step=32,
    ),
    "residual_unet": Architecture(
        build="unetloop.models.residual:build_residual_unet",
        config="unetloop.models.residual:ResidualUNetConfig",
        title="Residual U-Net",
        source="Zhang 2018, https://arxiv.org/abs/1711.10684",
        help="residual units, halved by stride, batch normalisation",
        input=(224, 224, 3),
        outputs=1,
        parameters=8_227_393,
        step=8,
    ),
}
