"""What training and prediction cost over the bare network, in one run.

python benchmarks/throughput.py

Each row is measured in turn with the others and its minimum is taken, so that
a busy machine falsifies ratios less than seconds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tifffile
from scipy import ndimage

from unetloop.annotations import make_targets
from unetloop.catalog import SHIPPED
from unetloop.checkpoint import build_network, load_weights, open_model
from unetloop.config import (
    AugmentationConfig,
    InstanceConfig,
    ModelConfig,
    PredictionConfig,
    TrainingConfig,
)
from unetloop.instances import label_nuclei
from unetloop.model_card import ModelCard
from unetloop.model_saving import save_model
from unetloop.network import KerasNetwork, OnnxNetwork
from unetloop.onnx_graph import exchange_weights
from unetloop.patches import iterate_batches
from unetloop.prediction import predict_maps
from unetloop.samples import LARGE, SMALL, draw_nuclei
from unetloop.training_plane import make_plane
from unetloop.training_step import Learner

if TYPE_CHECKING:
    from collections.abc import Callable

_REPEATS = 5


def best(**jobs: Callable[[], object]) -> dict[str, float]:
    """Time jobs in turn; the least seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for round_number in range(_REPEATS + 1):
        for name, job in jobs.items():
            began = time.perf_counter()
            job()
            if round_number:  # the first compiles
                times[name].append(time.perf_counter() - began)
    return {name: min(values) for name, values in times.items()}


def convolution_flops(
    model: keras.Model, shape: tuple[int, ...]
) -> list[tuple[Any, ...]]:
    """(layer's input shape, filters, kernel, FLOP) of each convolution."""
    probe = keras.Model(
        model.input,
        [layer.input for layer in model.layers if "conv" in layer.name],
    )
    inputs = probe(np.zeros(shape, np.float32))
    layers = [layer for layer in model.layers if "conv" in layer.name]
    rows = []
    for layer, value in zip(layers, inputs, strict=True):
        kernel, filters = layer.kernel_size[0], layer.filters
        flop = 2 * np.prod(value.shape) * filters * kernel**2
        rows.append((tuple(value.shape), filters, kernel, float(flop)))
    return rows


def training() -> None:
    """Compare the training step with the same convolutions, bare."""
    import tensorflow as tf

    config = TrainingConfig()
    learner = Learner(ModelConfig(), config)
    shape = (config.batch_size, config.patch_size, config.patch_size, 1)
    rows = convolution_flops(learner.model, shape)
    labels = draw_nuclei(SMALL, 0).labels
    plane = make_plane((labels > 0)[..., None].astype(np.float32), make_targets(labels))
    batches = iterate_batches(
        [plane], config.batch_size, config.patch_size, AugmentationConfig(), 0
    )
    fixed = next(batches)
    bare = []
    for (size, filters, kernel, _), first in zip(
        rows, [True] + [False] * len(rows), strict=False
    ):
        value = tf.random.normal(size)
        weight = tf.random.normal((kernel, kernel, size[-1], filters))
        grad = tf.random.normal((*size[:-1], filters))

        @tf.function(jit_compile=False, reduce_retracing=True)
        def forward_and_back(value=value, weight=weight, grad=grad, first=first):  # type: ignore[no-untyped-def]
            # What training computes: the output, and both gradients of it.
            out = tf.nn.conv2d(value, weight, 1, "SAME")
            down = tf.raw_ops.Conv2DBackpropFilter(
                input=value,
                filter_sizes=tf.shape(weight),
                out_backprop=grad,
                strides=[1, 1, 1, 1],
                padding="SAME",
            )
            if first:  # the image needs no gradient
                return tf.reduce_sum(out), tf.reduce_sum(down)
            back = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(value),
                filter=weight,
                out_backprop=grad,
                strides=[1, 1, 1, 1],
                padding="SAME",
            )
            return tf.reduce_sum(out), tf.reduce_sum(down), tf.reduce_sum(back)

        bare.append(forward_and_back)
    steps = 10

    def loop() -> None:
        for patches, truth in islice(batches, steps):
            learner.train_step(patches, truth)

    seconds = best(
        bare=lambda: [float(job()[0]) for job in bare],
        step=lambda: [learner.train_step(*fixed) for _ in range(steps)],
        loop=loop,
    )
    flop = 3 * sum(row[3] for row in rows) - rows[0][3]
    for name, count in (("bare", 1), ("step", steps), ("loop", steps)):
        each = seconds[name] / count
        ratio = seconds["bare"] / each
        print(
            f"{name:6} {each * 1e3:8.1f} ms  {flop / each / 1e9:6.0f} GFLOP/s  "
            f"{ratio:.2f} of bare convolutions"
        )


def prediction() -> None:
    """Compare predicting a 1024 × 1024 image with the bare network."""
    network = KerasNetwork(build_network(ModelConfig()))
    sample = draw_nuclei(LARGE, 0, (1024, 1024))  # about the model's diameter
    image = (sample.image[..., None] / sample.image.max()).astype(np.float32)
    # True maps, blurred as a network's are: every nucleus is there to be found.
    maps = ndimage.gaussian_filter(make_targets(sample.labels).maps, (1, 1, 0))
    config = PredictionConfig()

    def run() -> None:
        for _ in predict_maps(network, image, config):
            pass

    seconds = best(
        bare=lambda: network(image[None]),
        tiled=run,
        labels=lambda: label_nuclei(maps, InstanceConfig(), LARGE.diameter),
    )
    for name, value in seconds.items():
        print(f"{name:6} {value * 1e3:8.1f} ms  {value / seconds['bare']:.2f} of bare")


def graphs() -> None:
    """Compare what ONNX Runtime takes, and what it takes to write a graph for it."""
    network = load_weights(open_model(SHIPPED))
    keras_network = KerasNetwork(network)
    tile = np.random.default_rng(0).random((1, 1024, 1024, 1), np.float32)
    with tempfile.TemporaryDirectory() as name:
        plain, mended, other = (Path(name) / f"{word}.onnx" for word in "abc")
        keras_network(tile[:, :64, :64])
        writing = best(
            plain=lambda: keras_network.model.export(
                plain, format="onnx", verbose=False
            ),
            mended=lambda: keras_network.export(mended),
            exchanged=lambda: exchange_weights(mended, network, other),
        )
        as_exported, one_resize = OnnxNetwork(plain), OnnxNetwork(mended)
        seconds = best(
            keras=lambda: keras_network(tile),
            plain=lambda: as_exported(tile),
            mended=lambda: one_resize(tile),
        )
        differ = np.abs(as_exported(tile) - one_resize(tile)).max()
    for name, value in writing.items():
        print(f"write {name:9} {value * 1e3:8.1f} ms")
    for name, value in seconds.items():
        ratio = value / seconds["mended"]
        print(f"run {name:6} {value * 1e3:8.1f} ms  {ratio:.2f} of mended")
    print(f"plain and mended differ by {differ:.1g}")


def cold() -> None:
    """Time the whole process on one 512 × 512 image, and say which runtime."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        card = ModelCard(ModelConfig(), diameter=16.0)
        save_model(build_network(ModelConfig()), card, folder / "model", quick=True)
        tifffile.imwrite(folder / "a.tif", draw_nuclei(SMALL, 0, (512, 512)).image)
        for diameter in ("16", "auto"):
            command = [
                *(sys.executable, "-m", "unetloop", "predict", folder / "a.tif"),
                *("--model", folder / "model", "--out", folder / "out"),
                *("--overwrite", "--diameter", diameter),
            ]
            times = []
            for _ in range(3):
                began = time.perf_counter()
                done = subprocess.run(command, capture_output=True, text=True)
                times.append(time.perf_counter() - began)
            runtime = next(
                (line for line in done.stderr.splitlines() if "with" in line), "?"
            )
            print(f"diameter {diameter:5} {min(times):6.2f} s  {runtime}")


if __name__ == "__main__":
    print("Training, a step of 8 x 128 x 128 ('loop' makes its patches, too)")
    training()
    print("Prediction of 1024 x 1024, warm")
    prediction()
    print("ONNX Runtime, 1024 x 1024: as Keras exports, enlarging by one operation")
    graphs()
    print("Cold, the whole process on 512 x 512")
    cold()
