"""Every name a user may choose: what it stands for, and one line of help."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ARCHITECTURES",
    "CLASS_EXPORTERS",
    "CLASS_LOSSES",
    "EXPORTERS",
    "LOSSES",
    "OPTIMIZERS",
    "RECIPES",
    "SCHEDULES",
    "SHIPPED",
    "Architecture",
    "Exporter",
    "Loss",
    "Optimizer",
    "Recipe",
    "Schedule",
    "find",
    "load",
]


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


@dataclass(frozen=True)
class Loss:
    """A loss ``(truth, logits) -> (batch,)``; `unetloop.losses` says of what.

    Parameters
    ----------
    function : str
        ``"module:name"``.
    help : str
        One line: what it is like.
    activation : str
        What makes probabilities of the logits that it trains; with one output,
        ``softmax`` means the sigmoid.
    weights : str
        ``"module:name"`` of what weighs the pixels of a label image for it, or
        nothing.
    """

    function: str
    help: str
    activation: Literal["sigmoid", "softmax"] = "softmax"
    weights: str = ""


@dataclass(frozen=True)
class Optimizer:
    """An optimiser: ``make(rate, **options) -> keras.optimizers.Optimizer``."""

    make: str
    help: str


@dataclass(frozen=True)
class Schedule:
    """A course of the learning rate: ``share(progress, losses) -> 0..1``."""

    share: str
    help: str


@dataclass(frozen=True)
class Recipe:
    """A network with all that it was published with.

    Parameters
    ----------
    title : str
        What people call it.
    source : str
        Where it was published.
    help : str
        One line: what it is for.
    architecture : str
        Of `ARCHITECTURES`, which knows the channels as published.
    settings : mapping
        Fields of `config.TrainingConfig`.
    classes : int
        Classes that it tells apart; 0: it finds nuclei.
    """

    title: str
    source: str
    help: str
    architecture: str
    settings: Mapping[str, Any]
    classes: int = 0


@dataclass(frozen=True)
class Exporter:
    """A format: ``write(path, planes, about)``, the file's suffix, a line of help."""

    write: str
    suffix: str
    help: str


SHIPPED = "nuclei"
"""The model that ships: the default of predictions, and every training's start."""

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

LOSSES: Mapping[str, Loss] = {
    "default": Loss(
        function="unetloop.losses:foreground_and_distance",
        help="cross-entropy of the foreground plus L1 of the distance map",
        activation="sigmoid",
    ),
}
"""Losses of nuclei."""

CLASS_LOSSES: Mapping[str, Loss] = {
    "categorical_crossentropy": Loss(
        function="unetloop.losses:categorical_crossentropy",
        help="cross-entropy of the softmax; the sparse one as well",
    ),
    "binary_crossentropy": Loss(
        function="unetloop.losses:binary_crossentropy",
        help="cross-entropy of the sigmoid, each class against all others",
        activation="sigmoid",
    ),
    "weighted_crossentropy": Loss(
        function="unetloop.losses:weighted_crossentropy",
        help="the original U-Net's: borders between touching cells count most",
        weights="unetloop.pixel_weights:border_weights",
    ),
    "focal": Loss(
        function="unetloop.losses:focal",
        help="cross-entropy in which what is known already counts little",
    ),
    "dice": Loss(
        function="unetloop.losses:soft_dice",
        help="one minus the Dice coefficient of each class",
    ),
    "dice_and_crossentropy": Loss(
        function="unetloop.losses:dice_and_crossentropy",
        help="the sum of both",
    ),
    "tversky": Loss(
        function="unetloop.losses:tversky",
        help="like Dice; what is missed costs more than what is too much",
    ),
}
"""Losses of classes."""

OPTIMIZERS: Mapping[str, Optimizer] = {
    "adamw": Optimizer(
        make="unetloop.optimizers:adamw", help="Adam with decoupled weight decay"
    ),
    "adam": Optimizer(make="unetloop.optimizers:adam", help="Adam"),
    "sgd": Optimizer(
        make="unetloop.optimizers:sgd", help="gradient descent with momentum"
    ),
}

SCHEDULES: Mapping[str, Schedule] = {
    "cosine": Schedule(share="unetloop.rates:cosine", help="half a cosine down to 1 %"),
    "constant": Schedule(share="unetloop.rates:constant", help="the same all the time"),
    "steps": Schedule(
        share="unetloop.rates:steps", help="a tenth after half and three quarters"
    ),
    "plateau": Schedule(
        share="unetloop.rates:plateau",
        help="a tenth whenever the loss has not fallen for some epochs",
    ),
}

_UNCHANGED: Mapping[str, Any] = {
    "flip": False,
    "rotate": False,
    "scale": 1.0,
    "elastic": 0.0,
    "intensity": 0.0,
    "noise": 0.0,
    "blur": 0.0,
}

RECIPES: Mapping[str, Recipe] = {
    "unet2015": Recipe(
        title="The original U-Net",
        source="Ronneberger 2015, https://arxiv.org/abs/1505.04597",
        help="one tile of 572 x 572 a step, borders between cells count most; rate "
        "and length are not published",
        architecture="unet2015",
        settings={
            "loss": "weighted_crossentropy",
            "optimizer": "sgd",
            "schedule": "constant",
            "learning_rate": 1e-4,
            "batch_size": 1,
            "patch_size": 384,  # the next size that it takes gives 388
            "epochs": 100,
            "augmentation": {
                **_UNCHANGED,
                "rotate": True,
                "elastic": 10.0,
                "intensity": 0.5,
            },
        },
    ),
    "dsb2018": Recipe(
        title="U-Net of the 2018 Data Science Bowl",
        source="https://www.kaggle.com/code/keegil/keras-u-net-starter-lb-0-277",
        help="the best epoch is kept, and it stops after two that are no better",
        architecture="unet_dsb2018",
        settings={
            "loss": "binary_crossentropy",
            "optimizer": "adam",
            "schedule": "constant",
            "learning_rate": 1e-3,
            "batch_size": 16,
            "patch_size": 128,
            "epochs": 50,
            "steps_per_epoch": 38,  # 90 % of 670 images
            "patience": 2,
            "val_fraction": 0.1,
            "augmentation": _UNCHANGED,
        },
    ),
    "keras-xception": Recipe(
        title="Image segmentation of the Keras examples",
        source="https://keras.io/examples/vision/oxford_pets_image_segmentation/",
        help="three classes on 160 x 160",
        architecture="unet_xception",
        settings={
            "loss": "categorical_crossentropy",
            "optimizer": "adam",
            "schedule": "constant",
            "learning_rate": 1e-4,
            "batch_size": 32,
            "patch_size": 160,
            "epochs": 50,
            "steps_per_epoch": 200,  # 6390 images
            "augmentation": _UNCHANGED,
        },
        classes=3,
    ),
    "course": Recipe(
        title="Padded U-Net, 64 to 1024 filters",
        source="https://github.com/zhixuhao/unet",
        help="as courses teach it, on 256 x 256",
        architecture="unet_course",
        settings={
            "loss": "binary_crossentropy",
            "optimizer": "adam",
            "schedule": "constant",
            "learning_rate": 1e-4,
            "batch_size": 2,
            "patch_size": 256,
            "epochs": 1,
            "steps_per_epoch": 300,
            "augmentation": {**_UNCHANGED, "flip": True, "scale": 1.05},
        },
    ),
}

EXPORTERS: Mapping[str, Exporter] = {
    "rois": Exporter(
        write="unetloop.export.rois:write",
        suffix=".zip",
        help="ImageJ regions of interest, for the ROI Manager of Fiji",
    ),
    "geojson": Exporter(
        write="unetloop.export.geojson:write",
        suffix=".geojson",
        help="outlines and measurements as GeoJSON, for QuPath",
    ),
    "coco": Exporter(
        write="unetloop.export.coco:write",
        suffix=".json",
        help="instance masks in COCO's format, to train and score other programs",
    ),
    "overlay": Exporter(
        write="unetloop.export.overlay:write",
        suffix=".png",
        help="pictures of the images with the nuclei outlined",
    ),
    "ome_zarr": Exporter(
        write="unetloop.export.ome_zarr:write",
        suffix=".ome.zarr",
        help="label images as OME-Zarr with a pyramid, for napari and others",
    ),
}

CLASS_EXPORTERS: Mapping[str, Exporter] = {
    "overlay": EXPORTERS["overlay"],
    "ome_zarr": EXPORTERS["ome_zarr"],
    "probabilities": Exporter(
        write="unetloop.export.probabilities:write",
        suffix=".ome.tif",
        help="probability of each class, as OME-TIFF with a channel a class",
    ),
}
"""Formats for what a model of classes predicts; all others are of nuclei."""


def find(entries: Mapping[str, Any], name: str, what: str) -> Any:
    """Look a name up.

    Raises
    ------
    EngineError
        If there is none of this name; the message lists those that there are.
    """
    if name not in entries:
        raise EngineError(
            f"There is no {what} of this name; choose from {', '.join(entries)}.",
            name=name,
        )
    return entries[name]


def load(target: str) -> Any:
    """Import what ``"module:attribute"`` stands for."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
