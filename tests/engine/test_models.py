"""One harness for every architecture of the catalog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np
import pytest

from unetloop import catalog
from unetloop.checkpoint import build_network, load_weights, open_model
from unetloop.config import ModelConfig, PredictionConfig
from unetloop.errors import EngineError
from unetloop.model_card import ModelCard
from unetloop.model_saving import save_model
from unetloop.models.geometry import Geometry, geometry_of
from unetloop.models.supervision import heads, supervised
from unetloop.network import KerasNetwork, OnnxNetwork
from unetloop.prediction import finish, predict_maps

if TYPE_CHECKING:
    from pathlib import Path

# Three levels and few filters, where the published size does not matter.
LEVELS = (4, 8, 16)
SMALL: dict[str, dict[str, Any]] = {
    "unet": {"filters": LEVELS},
    "unet2015": {"filters": LEVELS},
    "unet_course": {"filters": LEVELS, "dropout": (0.0, 0.5, 0.5)},
    "unet_small": {"filters": LEVELS, "dropout": (0.05, 0.05, 0.05)},
    "unet_dsb2018": {"filters": LEVELS, "dropout": (0.1, 0.2, 0.3)},
    "unet_xception": {"filters": LEVELS},
    "attention_unet": {"filters": LEVELS},
    "unet_plus_plus": {"filters": LEVELS},
    "dense_unet": {"blocks": (2, 1, 2), "growth": 4, "first": 8},
    "residual_unet": {"filters": LEVELS},
}
architectures = pytest.mark.parametrize("name", list(catalog.ARCHITECTURES))
OTHERS = [
    name for name in ("tensorflow", "jax", "torch") if name != keras.backend.backend()
]


# To learn, two levels and the way between them do.
SMALLEST: dict[str, dict[str, Any]] = {
    **{name: {"filters": LEVELS[:2]} for name in SMALL},
    "dense_unet": {"blocks": (1, 1), "growth": 4, "first": 8},
    # Nodes between the way down and the way up are there from three levels on.
    "unet_plus_plus": SMALL["unet_plus_plus"],
}
for _name in ("unet_course", "unet_small", "unet_dsb2018"):
    SMALLEST[_name]["dropout"] = (0.1, 0.1)


def small(name: str, channels: int = 1, outputs: int = 2) -> Any:
    return build_network(ModelConfig(name, channels, SMALL[name]), outputs)


def untraced(
    model: Any, activation: Literal["sigmoid", "softmax"] = "sigmoid"
) -> KerasNetwork:
    """Give the network of a model that is run layer by layer: it is called once or so.

    To make one function of all layers takes a hundred times as long as to run them.
    """
    network = KerasNetwork(model, activation)
    network.model.run_eagerly = True
    return network


def image(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


@architectures
def test_it_is_what_the_catalog_says(name: str) -> None:
    entry = catalog.ARCHITECTURES[name]
    model = build_network(ModelConfig(name, entry.input[-1]), entry.outputs)
    assert model.count_params() == entry.parameters
    geometry = geometry_of(model)
    assert (geometry.border, geometry.step) == (entry.border, entry.step)
    for side in entry.input[:2]:
        assert geometry.input_size(side - 2 * entry.border) == side
    assert entry.title
    assert "https://" in entry.source
    assert "\n" not in entry.help


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("unet_xception", 2_058_979), ("unet2015", 31_030_658), ("unet", 1_224_818)],
)
def test_published_sizes_are_kept(name: str, parameters: int) -> None:
    assert catalog.ARCHITECTURES[name].parameters == parameters


@architectures
@pytest.mark.parametrize(("channels", "outputs"), [(1, 2), (3, 1), (5, 7)])
def test_it_maps_any_size_channels_and_classes(
    name: str, channels: int, outputs: int
) -> None:
    model = small(name, channels, outputs)
    assert model.output.dtype == "float32"
    network = untraced(model, "softmax")
    assert network.channels == channels
    for shape in ((1, 16, 64), (2, 48, 32)):
        maps = network(image(*shape, channels))
        assert maps.shape == (*shape, outputs)
        assert maps.dtype == np.float32
        assert 0 <= maps.min() < maps.max() <= 1
        if outputs > 1:
            np.testing.assert_allclose(maps.sum(-1), 1, atol=1e-5)


@architectures
def test_it_predicts_images_of_odd_sizes(name: str) -> None:
    network = untraced(small(name))
    config = PredictionConfig(tile=64, overlap=16)
    maps = finish(predict_maps(network, image(75, 33, 1), config))
    assert maps.shape == (75, 33, 2)
    assert np.isfinite(maps).all()


@architectures
@pytest.mark.usefixtures("fsync_of_windows")
def test_it_is_the_same_after_saving_and_in_onnx(name: str, tmp_path: Path) -> None:
    model = small(name)
    # Statistics of batch normalisation must be saved, too.
    model.set_weights([weight + 0.01 for weight in model.get_weights()])
    expected = untraced(model)(image(2, 48, 80, 1))
    card = ModelCard(ModelConfig(name, 1, SMALL[name]), diameter=32)
    save_model(model, card, tmp_path / "model", quick=True)
    opened = open_model(tmp_path / "model")
    again = untraced(load_weights(opened))
    np.testing.assert_allclose(again(image(2, 48, 80, 1)), expected, atol=1e-6)
    if keras.backend.backend() != "tensorflow":
        return  # Keras needs exporters of their own for the others
    quick = OnnxNetwork(opened.path / "model.onnx")
    assert quick.channels == 1
    np.testing.assert_allclose(quick(image(2, 48, 80, 1)), expected, atol=5e-5)
    assert quick(image(1, 16, 32, 1)).shape == (1, 16, 32, 2)


@architectures
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_it_computes_in_half_precision(name: str, policy: str) -> None:
    exact = small(name)
    geometry = geometry_of(exact)
    pixels = image(1, *[geometry.input_size(16)] * 2, 1)
    keras.config.set_dtype_policy(policy)
    try:
        half = small(name)
    finally:
        keras.config.set_dtype_policy("float32")
    assert half.output.dtype == "float32"
    assert any(layer.compute_dtype == policy[6:] for layer in half.layers)
    half.set_weights(exact.get_weights())
    logits = keras.ops.convert_to_numpy(half(pixels))
    assert logits.dtype == np.float32
    expected = keras.ops.convert_to_numpy(exact(pixels))
    # bfloat16 keeps 8 bits, and errors add up over the layers.
    assert np.abs(logits - expected).max() < 0.1 * np.abs(expected).max()


@architectures
def test_it_learns_what_it_is_shown(name: str) -> None:
    keras.utils.set_random_seed(0)
    model = build_network(ModelConfig(name, options=SMALLEST[name]), 3)
    trained = supervised(model)
    geometry = geometry_of(model)
    side = geometry.input_size(16)
    pixels = image(2, side, side, 1)
    truth = np.ones((2, side, side, 2), np.float32)
    truth[:, : side // 2, :, 0] = 2
    pixels[:, : side // 2] += 1
    loss = catalog.load(catalog.CLASS_LOSSES["categorical_crossentropy"].function)
    trained.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    before = model.get_weights()[0]
    losses = []
    for _ in range(20):
        trained.reset_metrics()
        losses.append(float(trained.train_on_batch(pixels, truth)))
    assert np.mean(losses[-3:]) < 0.8 * losses[0]
    assert not np.allclose(model.get_weights()[0], before)  # they share weights


def _run_on(
    backend: str, script: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, where this backend is installed."""
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("backend", OTHERS)
def test_every_architecture_runs_on_every_other_backend(backend: str) -> None:
    script = (
        "import json, sys, numpy as np\n"
        "from unetloop.checkpoint import build_network\n"
        "from unetloop.config import ModelConfig\n"
        "from unetloop.network import KerasNetwork, start_keras\n"
        "start_keras()\n"
        "for name, options in json.loads(sys.argv[1]).items():\n"
        "    network = KerasNetwork(build_network(ModelConfig(name, 2, options), 3))\n"
        "    maps = network(np.ones((1, 16, 32, 2), np.float32))\n"
        "    assert maps.shape == (1, 16, 32, 3), (name, maps.shape)\n"
        "    print(name, network.backend)\n"
    )
    done = _run_on(backend, script, json.dumps(SMALL))
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count(backend) == len(SMALL)


@pytest.mark.parametrize("backend", OTHERS)
def test_other_backends_learn_without_a_word(backend: str) -> None:
    script = (
        "import numpy as np\n"
        "from unetloop.config import ModelConfig, TrainingConfig\n"
        "from unetloop.network import start_keras\n"
        "start_keras()\n"
        "from unetloop.training_step import Learner\n"
        "model = ModelConfig(options={'filters': [4, 8, 8]})\n"
        "learner = Learner(model, TrainingConfig(patch_size=32))\n"
        "patches = np.random.rand(2, 32, 32, 1).astype(np.float32)\n"
        "truth = np.ones((2, 32, 32, 4), np.float32)\n"
        "before = learner.loss(truth, learner.network(patches))\n"
        "for _ in range(20):\n"
        "    learner.train_step(patches, truth)\n"
        "assert learner.loss(truth, learner.network(patches)) < before\n"
    )
    done = _run_on(backend, script)
    assert (done.returncode, done.stderr) == (0, "")


def test_images_of_many_shapes_are_predicted_without_a_word() -> None:
    """TensorFlow warned of each "retracing", between the lines of the progress."""
    script = (
        "import numpy as np\n"
        "from unetloop.checkpoint import build_network\n"
        "from unetloop.config import ModelConfig\n"
        "from unetloop.network import KerasNetwork, start_keras\n"
        "start_keras()\n"
        "config = ModelConfig(options={'filters': [4, 8, 8]})\n"
        "for side in range(16, 160, 16):\n"
        "    network = KerasNetwork(build_network(config))\n"
        "    network(np.ones((1, side, 16, 1), np.float32))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_original_maps_572_to_388() -> None:
    entry = catalog.ARCHITECTURES["unet2015"]
    model = build_network(ModelConfig("unet2015"))
    shape = model.compute_output_shape((1, 572, 572, 1))
    assert tuple(shape) == (1, 388, 388, 2)
    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
    # 23 with trainable weights: 18 of 3 x 3, 4 up-convolutions, and the last one.
    layers = [layer for layer in model.layers if isinstance(layer, kinds)]
    assert len(layers) == 23
    assert [layer.filters for layer in layers[:10]] == [
        filters for filters in (64, 128, 256, 512, 1024) for _ in (1, 2)
    ]
    crops = {
        layer.name: layer.cropping[0][0]
        for layer in model.layers
        if "crop" in layer.name
    }
    assert crops == {"up3_crop": 4, "up2_crop": 16, "up1_crop": 40, "up0_crop": 88}
    assert [layer.rate for layer in model.layers if "drop" in layer.name] == [0.5, 0.5]
    geometry = geometry_of(model)
    assert geometry == Geometry(border=entry.border, step=16, rest=12)
    assert geometry.input_size(388) == 572


def test_sizes_that_a_network_takes_are_those_that_its_geometry_allows() -> None:
    model = small("unet2015")
    geometry = geometry_of(model)
    allowed = []
    for side in range(2 * geometry.border + 1, 2 * geometry.border + 20):
        try:
            size = model(image(1, side, side, 1)).shape[1]
        except Exception:  # noqa: BLE001 - each backend has an error of its own
            continue
        if size == side - 2 * geometry.border:
            allowed.append(side)
    assert len(allowed) > 2
    for side in allowed:
        assert geometry.input_size(side - 2 * geometry.border) == side
    assert geometry.input_size(allowed[0] + 1 - 2 * geometry.border) == allowed[1]


def test_overlapping_tiles_with_mirrored_borders_equal_the_whole_image() -> None:
    model = small("unet2015")
    geometry = geometry_of(model)
    network = KerasNetwork(model)
    pixels = image(1, 96, 112, 1)
    maps = network(pixels)
    rows, columns = (
        geometry.input_size(size) - geometry.border - size for size in (96, 112)
    )
    around = ((0, 0), (geometry.border, rows), (geometry.border, columns), (0, 0))
    logits = model(np.pad(pixels, around, mode="symmetric"))
    expected = keras.ops.convert_to_numpy(keras.ops.sigmoid(logits))[:, :96, :112]
    np.testing.assert_allclose(maps, expected, atol=1e-5)
    # A tile from the middle, with its true surroundings, is the same.
    side = geometry.input_size(16)
    top = 32 - geometry.border
    tile = model(pixels[:, top : top + side, top : top + side])
    inner = keras.ops.convert_to_numpy(keras.ops.sigmoid(tile))[:, :16, :16]
    assert maps[:, 32:48, 32:48].shape == inner.shape
    np.testing.assert_allclose(inner, maps[:, 32:48, 32:48], atol=1e-5)


def test_a_deeply_supervised_network_gives_its_depths_and_their_mean() -> None:
    model = small("unet_plus_plus", outputs=3)
    assert len(heads(model)) == len(LEVELS) - 1
    pixels = image(2, 16, 16, 1)
    several = keras.ops.convert_to_numpy(supervised(model)(pixels))
    assert several.shape == (2, 2, 16, 16, 3)
    mean = keras.ops.convert_to_numpy(model(pixels))
    np.testing.assert_allclose(several.mean(1), mean, atol=1e-5)
    plain = small("unet")
    assert supervised(plain) is plain
    options = {**SMALL["unet_plus_plus"], "deep_supervision": False}
    assert not heads(build_network(ModelConfig("unet_plus_plus", 1, options)))


def test_a_network_that_needs_no_mirroring_is_run_as_it_is() -> None:
    network = KerasNetwork(small("unet"))
    assert not any("mirror" in layer.name for layer in network.model.layers)


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(EngineError, match="choose from unet"):
        build_network(ModelConfig("nonesuch"))
    with pytest.raises(EngineError, match="it has filters"):
        build_network(ModelConfig(options={"filtres": [1]}))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("unet", {"filters": (16,)}),
        ("unet2015", {"dropout": 1}),
        ("unet_course", {"filters": (4, 8)}),
        ("unet_course", {"upsampling": "magic"}),
        ("unet_small", {"activation": "softmax"}),
        ("unet_small", {"kernel": 1}),
        ("unet_xception", {"filters": (0, 1)}),
        ("dense_unet", {"blocks": (1,)}),
        ("dense_unet", {"growth": 0}),
    ],
)
def test_options_that_make_no_network_are_refused(
    name: str, options: dict[str, Any]
) -> None:
    with pytest.raises(EngineError):
        build_network(ModelConfig(name, options=options))
