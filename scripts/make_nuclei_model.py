"""Make the model ``nuclei`` that ships, from the annotated images it learned from.

python scripts/make_nuclei_model.py DATA --out FIRST --minutes 65
python scripts/make_nuclei_model.py DATA --start FIRST --minutes 20 --out FOLDER

docs/models.md has the commands that made the one that ships. DATA holds
``fluorescence/train`` and ``histology``, each with ``images`` and ``masks`` (2018 Data
Science Bowl, BBBC038, CC0). At first a tenth of each, by name, is held out to fit the
thresholds; then it learns what nuclei of other stains, cameras and file formats may
look like, from textures, single colours, noise, blur, stripes and compression. A
quarter of histology is never looked at: ``--list-unseen`` names it, for docs/models.md.
Interrupted, it goes on where it was. ``--without-histology`` makes the model that
benchmarks adapt to histology.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from unetloop.checkpoint import load_weights, open_model
from unetloop.config import AugmentationConfig, TrainingConfig
from unetloop.console import run_job
from unetloop.images import open_image, resolve_channels
from unetloop.model_saving import save_model
from unetloop.network import start_keras
from unetloop.pairing import pair_by_stem
from unetloop.training_image import TrainingImage

_HELD_OUT = 0.1
_UNSEEN = 0.25
# Nuclei look alike in many stains; what lies behind them does not.
_TEXTURE, _NOISE, _BLUR, _STRIPES, _COMPRESSION = 0.15, 0.2, 2.5, 0.12, 4.0
_RGB = (0, 1, 2)
_RATE_ONWARDS = 4e-3  # of which training that goes on takes a tenth


def share(path: Path) -> float:
    """Give an image a number 0..1 that depends on its name alone."""
    digest = hashlib.sha256(path.stem.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def pairs(folder: Path) -> list[TrainingImage]:
    """List the annotated images of a folder."""
    result = []
    for pair in pair_by_stem(folder / "images", folder / "masks"):
        with open_image(pair.image) as image:
            channels = resolve_channels(image, None)
        result.append(TrainingImage(pair.image, pair.mask, channels=channels))
    return result


def unseen(images: list[TrainingImage]) -> list[TrainingImage]:
    """Of histology, what no choice is made on."""
    return [image for image in images if share(image.image) >= 1 - _UNSEEN]


def through_colours(images: list[TrainingImage]) -> list[TrainingImage]:
    """RGB images through each colour alone: the three differ as stains do."""
    return [replace(image, channels=(index,)) for image in images for index in _RGB]


def shorten(folder: Path) -> None:
    """Round weights to half precision: equal masks, and a wheel half as large."""
    model = open_model(folder)
    network = load_weights(model)
    network.set_weights(
        [value.astype(np.float16).astype(np.float32) for value in network.get_weights()]
    )
    save_model(network, model.card, folder, quick=True)


def main() -> int:
    """Train for some minutes; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="model folder to go on from")
    onwards = parser.add_argument_group("with --start")
    onwards.add_argument("--noise", type=float, default=_NOISE)
    onwards.add_argument("--blur", type=float, default=_BLUR)
    onwards.add_argument("--stripes", type=float, default=_STRIPES)
    onwards.add_argument("--compression", type=float, default=_COMPRESSION)
    parser.add_argument("--without-histology", action="store_true")
    parser.add_argument("--list-unseen", action="store_true")
    options = parser.parse_args()
    histology = pairs(options.data / "histology")
    if options.list_unseen:
        for image in unseen(histology):
            sys.stdout.write(f"{image.image}\n")
        return 0
    if options.out is None:
        parser.error("--out is needed")
    images = pairs(options.data / "fluorescence/train")
    stained: list[TrainingImage] = []
    if not options.without_histology:
        hidden = {image.image for image in unseen(histology)}
        stained = [image for image in histology if image.image not in hidden]
    images += stained
    config = TrainingConfig(minutes=options.minutes, seed=options.seed)
    start = None
    if options.start:
        start = open_model(options.start)
        # Scored on stains that it knows, it would stay as it is: nothing is held out,
        # and the thresholds are those that it has.
        learned, held_out = [*images, *through_colours(stained)], []
        config = replace(
            config,
            learning_rate=_RATE_ONWARDS,
            augmentation=AugmentationConfig(
                texture=_TEXTURE,
                noise=options.noise,
                blur=options.blur,
                stripes=options.stripes,
                compression=options.compression,
            ),
        )
    else:
        learned = [image for image in images if share(image.image) >= _HELD_OUT]
        held_out = [image for image in images if share(image.image) < _HELD_OUT]
    start_keras()
    from unetloop.training import train

    done = run_job(
        lambda cancelled: train(
            learned,
            options.out,
            config,
            start=start,
            validation=held_out,
            cancelled=cancelled,
        )
    )
    if done is None:
        return 1
    shorten(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
