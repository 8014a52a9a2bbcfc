"""Published settings that a user may choose, each with its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RECIPES", "Recipe"]


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


_UNCHANGED: Mapping[str, Any] = {
    "flip": False,
    "rotate": False,
    "scale": 1.0,
    "elastic": 0.0,
    "intensity": 0.0,
    "noise": 0.0,
    "blur": 0.0,
    "texture": 0.0,
    "stripes": 0.0,
    "compression": 0.0,
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
