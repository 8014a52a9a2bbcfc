"""StarDist, trained and run in an environment of its own; `peer.py` calls it.

ENV/bin/python benchmarks/stardist_peer.py train DATA/train --out MODEL --minutes 60
ENV/bin/python benchmarks/stardist_peer.py thresholds DATA/train --out MODEL
ENV/bin/python benchmarks/stardist_peer.py predict MODEL --threads 2 < paths

StarDist 2D (Schmidt et al., MICCAI 2018, doi:10.1007/978-3-030-00934-2_30) as its
example notebook trains it: 32 rays on a grid of 2 x 2, U-Net of depth 3, 4 patches of
256 x 256 a step, 100 steps an epoch, Adam at 3e-4 (halved after 40 epochs without
gain), flips, turns, intensity and noise; percentiles 1 and 99.8; 85 % of the images
learned from, 15 % to choose the epoch and both thresholds. ``train`` goes on where it
was stopped. Nothing of this project is imported here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

_SHARE = 0.15
_STATE = "state.json"


def read(folder: Path) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Read images and masks, split as the notebook does: to learn from, to check."""
    import tifffile
    from csbdeep.utils import normalize
    from stardist import fill_label_holes

    paths = sorted((folder / "images").glob("*.tif"))
    images = [normalize(tifffile.imread(path), 1, 99.8, axis=(0, 1)) for path in paths]
    masks = [
        fill_label_holes(tifffile.imread(folder / "masks" / path.name).astype(np.int32))
        for path in paths
    ]
    order = np.random.RandomState(42).permutation(len(paths))
    held = max(1, round(_SHARE * len(paths)))
    learn, check = order[:-held], order[-held:]
    return (
        [images[index] for index in learn],
        [masks[index] for index in learn],
        [images[index] for index in check],
        [masks[index] for index in check],
    )


def augment(image: Any, mask: Any) -> tuple[Any, Any]:
    """Flip, turn, change brightness and contrast, add noise: the notebook's ranges."""
    for axis in (0, 1):
        if np.random.rand() < 0.5:
            image, mask = np.flip(image, axis), np.flip(mask, axis)
    if np.random.rand() < 0.5:
        image, mask = image.T, mask.T
    image = image * np.random.uniform(0.6, 2) + np.random.uniform(-0.2, 0.2)
    spread = 0.02 * np.random.uniform(0, 1)
    return image + spread * np.random.normal(0, 1, image.shape), mask


def open_model(folder: Path) -> Any:
    """Open the model, or make a new one with the default configuration."""
    from stardist.models import Config2D, StarDist2D

    config = None
    if not (folder / "config.json").exists():
        config = Config2D(n_rays=32, grid=(2, 2), n_channel_in=1)
    return StarDist2D(config, name=folder.name, basedir=str(folder.parent))


def train(folder: Path, out: Path, minutes: float, rate: float | None) -> None:
    """Train until it took so long in all, going on; the best epoch is kept."""
    from csbdeep.utils.tf import keras_import

    callback = keras_import("callbacks", "Callback")
    state: dict[str, Any] = {"seconds": 0.0, "epochs": []}
    if (out / _STATE).exists():
        state = json.loads((out / _STATE).read_text())
    if state["seconds"] >= minutes * 60:
        return
    model = open_model(out)
    if state["epochs"]:
        model.load_weights("weights_last.h5")
    if rate is None:
        rate = state["epochs"][-1]["rate"] if state["epochs"] else 3e-4
    model.config.train_learning_rate = rate
    images, masks, checked, checks = read(folder)
    before, began = state["seconds"], time.monotonic()

    class Clock(callback):  # type: ignore[misc, valid-type]
        """Writes what an epoch gave and where to go on; ends when the time is up."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            """Save the epoch."""
            state["seconds"] = before + time.monotonic() - began
            now = {"rate": float(model.keras_model.optimizer.learning_rate)}
            figures = ("loss", "val_loss", "val_dist_dist_iou_metric")
            now |= {name: float(logs[name]) for name in figures if name in logs}
            state["epochs"].append(now)
            model.keras_model.save_weights(str(out / "weights_last.h5"))
            (out / _STATE).write_text(json.dumps(state))
            words = ", ".join(f"{name} {value:.4g}" for name, value in now.items())
            seconds = state["seconds"]
            print(f"epoch {len(state['epochs'])}, {seconds:.0f} s: {words}", flush=True)
            if seconds >= minutes * 60:
                self.model.stop_training = True

    model.prepare_for_training()
    for each in model.callbacks:  # what was the best before the interruption
        if type(each).__name__ == "ModelCheckpoint" and each.save_best_only:
            losses = [epoch["val_loss"] for epoch in state["epochs"]]
            each.best = min(losses, default=np.inf)
    model.callbacks.append(Clock())
    epochs = model.config.train_epochs - len(state["epochs"])
    model.train(
        images,
        masks,
        validation_data=(checked, checks),
        augmenter=augment,
        epochs=epochs,
    )


def predict(folder: Path) -> None:
    """Answer each line, the path of an image, with the seconds it took.

    A line "IMAGE<tab>LABELS" writes the labels, too. Counted are reading, percentiles,
    network and nuclei, not the writing.
    """
    import tifffile
    from csbdeep.utils import normalize

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not fall between the answers
    model = open_model(folder)
    for line in sys.stdin:
        path, _, target = line.rstrip("\n").partition("\t")
        began = time.perf_counter()
        image = normalize(tifffile.imread(path), 1, 99.8, axis=(0, 1))
        labels, _ = model.predict_instances(image, show_tile_progress=False)
        seconds = time.perf_counter() - began
        if target:
            tifffile.imwrite(target, labels.astype(np.int32), compression="zlib")
        answers.write(json.dumps({"seconds": seconds}) + "\n")
        answers.flush()


def main() -> None:
    """Train, fit the thresholds or predict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("train", "thresholds", "predict"))
    parser.add_argument("data", type=Path, help="images and masks; predict: the model")
    parser.add_argument("--out", type=Path, help="model folder")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, help="learning rate to go on with")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if options.task == "train":
        train(options.data, options.out, options.minutes, options.rate)
    elif options.task == "thresholds":
        *_, images, masks = read(options.data)
        print(open_model(options.out).optimize_thresholds(images, masks))
    else:
        predict(options.data)


if __name__ == "__main__":
    main()
