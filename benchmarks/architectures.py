"""The architectures beside each other: size, work, speed and, if asked, quality.

python benchmarks/architectures.py
python benchmarks/architectures.py --data DATA/nuclei/fluorescence --steps 1000

All rows are measured in one run, in turn, and the least time of each is taken, so
that a busy machine falsifies ratios less than seconds. With ``--data``, each is
trained from nothing in the same way and scored on ``val``: mean AP by image.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from unetloop import catalog
from unetloop.checkpoint import build_network
from unetloop.config import ModelConfig
from unetloop.masks import read_labels
from unetloop.metrics import average, evaluate_pair
from unetloop.models.geometry import geometry_of
from unetloop.models.supervision import supervised
from unetloop.network import KerasNetwork

_SIDE = 256
_PATCH = 128
_MAPS = 2


def weights(kernel: Any) -> int:
    """Count the weights of a kernel."""
    return math.prod(map(int, kernel.shape))


def operations(layer: Any, shape: tuple[int, ...], result: tuple[int, ...]) -> float:
    """Floating-point operations of a layer on one image: 2 a multiplication-addition.

    Counted are convolutions, which are nearly all of a U-Net's work.
    """
    pixels = result[1] * result[2]
    if isinstance(layer, layers.Conv2DTranspose):
        return 2.0 * shape[1] * shape[2] * weights(layer.kernel)
    if isinstance(layer, layers.SeparableConv2D):
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return 2.0 * pixels * sum(weights(kernel) for kernel in kernels)
    if isinstance(layer, layers.Conv2D):
        return 2.0 * pixels * weights(layer.kernel)
    return 0.0


def count_operations(model: Any, side: int) -> float:
    """Operations of a network on an image of this side, with one channel.

    A network that loses its border is given as much more as it needs.
    """
    size = geometry_of(model).input_size(side)
    shapes = {id(model.input): (1, size, size, model.input_shape[-1])}
    total = 0.0
    for layer in model.operations:
        if isinstance(layer, layers.InputLayer):
            continue
        inputs = layer.input
        if isinstance(inputs, (list, tuple)):
            given: Any = [shapes[id(tensor)] for tensor in inputs]
        else:
            given = shapes[id(inputs)]
        result = layer.compute_output_shape(given)
        shapes[id(layer.output)] = result
        if not isinstance(given, list):
            total += operations(layer, given, result)
    return total


class Candidate:
    """A network ready to be timed.

    Parameters
    ----------
    name : str
        Of the catalog.
    batch : int
        Patches of a training step.
    """

    def __init__(self, name: str, batch: int) -> None:
        self.name = name
        self.entry = catalog.ARCHITECTURES[name]
        model = build_network(ModelConfig(name), _MAPS)
        self.flops = count_operations(model, _SIDE)
        self._network = KerasNetwork(model)
        self._image = np.zeros((1, _SIDE, _SIDE, 1), np.float32)
        geometry = geometry_of(model)
        # A patch's map, not its image, is what is learned from.
        side = geometry.input_size(_PATCH)
        map_side = side - 2 * geometry.border
        self._useful = (map_side / _PATCH) ** 2
        self._patches = np.zeros((batch, side, side, 1), np.float32)
        self._truth = np.ones((batch, map_side, map_side, 4), np.float32)
        self._trained = supervised(model)
        self._trained.compile(
            keras.optimizers.AdamW(1e-4),
            catalog.load(catalog.LOSSES["default"].function),
            jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
        )
        self.training, self.prediction = np.inf, np.inf

    def measure(self) -> None:
        """Time a step and a prediction; keep the least of each."""
        began = time.perf_counter()
        self._trained.train_on_batch(self._patches, self._truth)
        seconds = (time.perf_counter() - began) / self._useful
        self.training = min(self.training, seconds)
        began = time.perf_counter()
        self._network(self._image)
        self.prediction = min(self.prediction, time.perf_counter() - began)


def learn(name: str, data: Path, options: argparse.Namespace) -> dict[str, float]:
    """Train one from nothing with the command line; score it on part of ``val``."""
    epochs = max(1, round(options.steps / 100)) if options.steps else None
    tested = sorted((data / "val/images").glob("*.tif"))[:: options.every]
    length = ["--epochs", epochs] if epochs else ["--minutes", options.minutes]
    with tempfile.TemporaryDirectory() as folder:
        model, out = Path(folder) / "model", Path(folder) / "out"
        for words in (
            [
                *("train", "--images", data / "train/images"),
                *("--masks", data / "train/masks", "--start", "scratch"),
                *("--architecture", name, "--seed", 0, "--out", model, *length),
                *("--batch-size", options.batch, "--patch-size", _PATCH),
            ],
            ["predict", *tested, "--model", model, "--out", out],
        ):
            command = [sys.executable, "-m", "unetloop", *map(str, words)]
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                raise SystemExit(f"{name}: {done.stderr[-2000:]}")
        scores = [
            evaluate_pair(read_labels(mask), read_labels(out / "labels" / mask.name))
            for mask in (data / "val/masks" / path.name for path in tested)
        ]
        steps = json.loads((model / "model.json").read_text())["training"]["steps"]
    return {**average(scores), "steps": steps}


def main() -> None:
    """Print a table, one row an architecture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = list(catalog.ARCHITECTURES)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--batch", type=int, default=4, help="patches of 128 x 128")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path, help="folder with train and val")
    parser.add_argument("--every", type=int, default=3, help="of the images of val")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=10.0)
    length.add_argument("--steps", type=int, help="in hundreds, instead of minutes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if "unet" not in options.only:
        options.only = ["unet", *options.only]  # ratios are to the default
    candidates = [Candidate(name, options.batch) for name in options.only]
    for round_number in range(options.repeats + 1):
        for candidate in candidates:
            candidate.measure()
            if not round_number:  # the first compiles
                candidate.training = candidate.prediction = np.inf
    default = next(item for item in candidates if item.name == "unet")
    figures = ["mean_ap", "ap@0.50", "dice", "steps"] if options.data else []
    heads = [
        "name",
        "network",
        "parameters",
        "input",
        "GFLOP",
        "training",
        "prediction",
    ]
    print("| " + " | ".join([*heads, *figures]) + " |")
    print("|" + "---|" * (len(heads) + len(figures)))
    rows = []
    for item in candidates:
        row: dict[str, Any] = {
            "name": item.name,
            "parameters": item.entry.parameters,
            "gflop": item.flops / 1e9,
            "training": item.training / default.training,
            "prediction": item.prediction / default.prediction,
        }
        if options.data:
            row |= learn(item.name, options.data, options)
        rows.append(row)
        scores = [f"{row[name]:.3f}".removesuffix(".000") for name in figures]
        cells = [
            f"`{item.name}`",
            f"{item.entry.title}, {item.entry.source}",
            f"{item.entry.parameters:,}",
            " × ".join(map(str, item.entry.input)),
            f"{row['gflop']:.1f}",
            f"{row['training']:.2g}",
            f"{row['prediction']:.2g}",
            *scores,
        ]
        print("| " + " | ".join(cells) + " |", flush=True)
    seconds = {"training": default.training, "prediction": default.prediction}
    print(f"1 is {default.training:.3f} s a step, {default.prediction:.3f} s an image")
    if options.json:
        options.json.write_text(
            json.dumps({"rows": rows, "default": seconds}, indent=2)
        )


if __name__ == "__main__":
    main()
