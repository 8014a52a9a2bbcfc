"""Networks with all that they were published with, a few steps each."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import keras
import numpy as np
import pytest

from unetloop import catalog
from unetloop.catalog import ARCHITECTURES, RECIPES
from unetloop.checkpoint import Model, build_network, load_weights, open_model
from unetloop.classes import name_classes
from unetloop.cli import _parser, main
from unetloop.cli_train import _settings
from unetloop.config import InstanceConfig, ModelConfig, TrainingConfig, from_dict
from unetloop.depth import add_distance
from unetloop.errors import EngineError
from unetloop.events import Notice, TrainingDone
from unetloop.masks import read_labels
from unetloop.metrics import evaluate_pair
from unetloop.models.geometry import geometry_of
from unetloop.models.memory import bytes_a_pixel
from unetloop.models.trainable import encoder_layers
from unetloop.precision import lower_precision
from unetloop.schedule import Schedule
from unetloop.tasks import FOREGROUND, NUCLEI, Classes, nuclei_task
from unetloop.training import Training, train
from unetloop.training_image import TrainingImage
from unetloop.training_step import Learner
from unetloop.transfer import take_over

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("hasty_end")

TINY = {"filters": [4, 8, 8]}
SMALL = ModelConfig(options={"filters": [4, 8]})
QUICK = {"epochs": 1, "steps_per_epoch": 2, "batch_size": 1, "patch_size": 32}


@pytest.fixture(scope="module")
def images(samples: Path) -> list[TrainingImage]:
    return [
        TrainingImage(path, samples / "train/masks" / path.name)
        for path in sorted((samples / "train/images").iterdir())
    ]


@pytest.fixture(scope="module")
def trained(
    images: list[TrainingImage], tmp_path_factory: pytest.TempPathFactory
) -> Model:
    """A model of nuclei that learned next to nothing."""
    folder = tmp_path_factory.mktemp("trained") / "a"
    list(train(images, folder, from_dict(TrainingConfig, QUICK), model=SMALL))
    return open_model(folder)


def _small(name: str) -> ModelConfig:
    """Give a network with few filters."""
    options: dict[str, object] = {**TINY}
    if name == "dense_unet":
        options = {"blocks": [2, 1, 2], "growth": 4, "first": 8}
    if "dropout" in ARCHITECTURES[name].options:
        options["dropout"] = [0.1, 0.1, 0.1]
    return ModelConfig(name, options=options)


@pytest.mark.parametrize("name", [n for n, r in RECIPES.items() if not r.classes])
def test_a_recipe_learns_and_its_model_finds_nuclei(
    name: str, images: list[TrainingImage], tmp_path: Path
) -> None:
    settings = {**RECIPES[name].settings, **QUICK}
    config = from_dict(TrainingConfig, settings)
    events = list(
        train(images, tmp_path / "m", config, model=_small(RECIPES[name].architecture))
    )
    assert isinstance(events[-1], TrainingDone)
    model = open_model(tmp_path / "m")
    assert model.card.maps == ("foreground",)
    assert model.task == FOREGROUND
    assert model.card.training["settings"]["optimizer"] == config.optimizer
    maps = model.network()(np.zeros((1, 64, 64, 1), np.float32))
    assert maps.shape == (1, 64, 64, 1)


@pytest.mark.parametrize("name", RECIPES)
def test_settings_of_a_recipe_are_such_of_this_program(name: str) -> None:
    recipe = RECIPES[name]
    config = from_dict(TrainingConfig, dict(recipe.settings))
    assert config.loss in catalog.CLASS_LOSSES
    assert config.minutes is None
    Schedule(config)
    assert recipe.architecture in ARCHITECTURES
    assert recipe.classes in (0, ARCHITECTURES[recipe.architecture].outputs)


_FIVE_LEVELS = {"filters": [2, 2, 2, 2, 2]}


def test_the_original_learns_from_tiles_of_572_pixels() -> None:
    config = from_dict(TrainingConfig, dict(RECIPES["unet2015"].settings))
    geometry = geometry_of(build_network(ModelConfig("unet2015", options=_FIVE_LEVELS)))
    size = geometry.input_size(config.patch_size)
    assert (size, size - 2 * geometry.border) == (572, 388)
    assert (config.batch_size, config.optimizer) == (1, "sgd")


@pytest.mark.usefixtures("short_epochs")
def test_recipes_on_the_command_line(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = samples / "train"
    words = ["--images", data / "images", "--masks", data / "masks"]
    words += ["--recipe", "dsb2018", "--out", tmp_path / "m", "--epochs", 1]
    words += ["--batch-size", 2, "--patch-size", 32]
    assert main(["train", *map(str, words)]) == 0
    card = open_model(tmp_path / "m").card
    settings = card.training["settings"]
    assert card.model.architecture == "unet_dsb2018"
    assert card.model.channels == 1  # the images are grey
    assert (settings["optimizer"], settings["patience"]) == ("adam", 2)
    assert (settings["batch_size"], settings["epochs"]) == (2, 1)
    capsys.readouterr()
    assert main(["models", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["recipes"]
    assert set(listed) == set(RECIPES)
    assert listed["unet2015"]["settings"]["learning_rate"] > 0


def test_minutes_go_before_a_recipes_epochs() -> None:
    words = ["train", "--recipe", "dsb2018", "--out", "m", "--minutes", "2"]
    settings = _settings(_parser().parse_args(words))
    assert (settings.minutes, settings.epochs) == (2, None)


def test_touching_nuclei_are_divided_by_the_shape_of_their_foreground() -> None:
    rows, columns = np.mgrid[:96, :96]
    truth = np.zeros((96, 96), np.int32)
    truth[np.hypot(rows - 48, columns - 28) < 16] = 1
    truth[np.hypot(rows - 48, columns - 57) < 14] = 2
    maps = add_distance((truth > 0)[..., None].astype(np.float32))
    assert maps.shape == (96, 96, 2)
    assert maps[..., 1].max() == 1
    found = FOREGROUND.label(maps, InstanceConfig(), 32)
    assert evaluate_pair(truth, found).mean_ap > 0.9


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_foreground_without_an_edge_has_a_distance(value: float) -> None:
    maps = add_distance(np.full((8, 8, 1), value, np.float32))
    assert np.isfinite(maps).all()
    assert (maps[..., 0] == value).all()


def test_a_model_of_one_map_predicts_masks_and_goes_on(
    images: list[TrainingImage], samples: Path, tmp_path: Path
) -> None:
    config = from_dict(TrainingConfig, {**QUICK, "loss": "binary_crossentropy"})
    list(train(images, tmp_path / "a", config, model=SMALL))
    again = from_dict(TrainingConfig, QUICK)  # the loss is the one of its maps
    list(train(images, tmp_path / "b", again, start=open_model(tmp_path / "a")))
    model = open_model(tmp_path / "b")
    assert model.task == FOREGROUND
    image = next((samples / "test/images").iterdir())
    words = [image, "--model", tmp_path / "b", "--out", tmp_path / "out"]
    assert main(["predict", *map(str, words)]) == 0
    labels = read_labels(tmp_path / "out/labels" / f"{image.stem}.tif")
    assert labels.shape == (256, 256)


def test_the_loss_of_one_map_is_that_of_its_probabilities() -> None:
    config = from_dict(TrainingConfig, {**QUICK, "loss": "categorical_crossentropy"})
    learner = Learner(SMALL, config, task=FOREGROUND)
    maps = np.full((1, 8, 8, 1), 0.8, np.float32)
    truth = np.ones((1, 8, 8, 2), np.float32)
    complete = np.stack([FOREGROUND.complete(maps[0])])
    assert learner.loss(truth, complete) == pytest.approx(-np.log(0.8), rel=1e-4)


def test_the_loss_says_which_maps_find_nuclei() -> None:
    assert nuclei_task("default") == NUCLEI
    assert nuclei_task("dice").maps == ("foreground",)
    with pytest.raises(EngineError, match="no loss of a foreground"):
        FOREGROUND.loss("nonesuch")


# --- every network, as the training loop meets it


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_encoder_is_known_by_its_names(name: str) -> None:
    model = build_network(_small(name))
    encoder = {layer.name for layer in encoder_layers(model)}
    others = {layer.name for layer in model.layers if layer.weights} - encoder
    assert len(encoder) >= 5
    assert all(other.startswith(("up", "head", "logits", "x")) for other in others)
    assert not any(layer.startswith(("up", "head", "logits")) for layer in encoder)


def test_a_frozen_encoder_stays_and_the_rest_learns() -> None:
    config = from_dict(TrainingConfig, {**QUICK, "trainable": "decoder"})
    model = ModelConfig("unet_small", options={"filters": [4, 8, 8], "dropout": []})
    learner = Learner(model, config)
    frozen = {layer.name for layer in encoder_layers(learner.model)}
    before = _by_layer(learner.averaged)
    _learn(learner, 20)
    for name, weights in _by_layer(learner.averaged).items():
        same = all(map(np.array_equal, weights, before[name]))
        assert same == (name in frozen), name


@pytest.mark.parametrize("name", ["unet", "unet_dsb2018", "unet_xception"])
def test_biases_alone_can_learn(name: str) -> None:
    config = from_dict(TrainingConfig, {**QUICK, "trainable": "biases"})
    learner = Learner(_small(name), config)
    before = [variable.numpy() for variable in learner.model.variables]
    _learn(learner, 3)
    moved = [
        len(variable.shape)
        for variable, value in zip(learner.model.variables, before, strict=True)
        if not np.array_equal(variable.numpy(), value)
    ]
    assert moved
    assert set(moved) == {1}


def test_what_was_frozen_once_is_not_frozen_for_ever(
    images: list[TrainingImage], tmp_path: Path
) -> None:
    frozen = from_dict(TrainingConfig, {**QUICK, "trainable": "decoder"})
    list(train(images, tmp_path / "m", frozen, model=SMALL))
    start = load_weights(open_model(tmp_path / "m"))
    learner = Learner(SMALL, from_dict(TrainingConfig, QUICK), start)
    assert len(learner.model.trainable_weights) == len(learner.model.weights)


def test_statistics_are_those_of_the_averaged_weights() -> None:
    model = ModelConfig("unet_small", options={"filters": [4, 8, 8], "dropout": []})
    learner = Learner(model, from_dict(TrainingConfig, QUICK))
    patches = _learn(learner, 30)
    norm = learner.averaged.get_layer("down0_conv1_norm")
    part = keras.Model(learner.averaged.input, norm.input)
    seen = np.asarray(part(patches))
    known = np.asarray(norm.moving_mean)
    np.testing.assert_allclose(known, seen.mean((0, 1, 2)), atol=0.1)
    # The average is carried out on weights alone.
    states = [v for v in learner.averaged.variables if v.dtype != "float32"]
    assert all("seed" in state.path for state in states)


def test_all_heads_of_a_network_learn() -> None:
    model = ModelConfig("unet_plus_plus", options={"filters": [4, 8, 8]})
    learner = Learner(model, from_dict(TrainingConfig, QUICK))
    before = _by_layer(learner.model)
    _learn(learner, 2)
    for name, weights in _by_layer(learner.model).items():
        if name.startswith("head"):
            assert not np.array_equal(weights[0], before[name][0]), name


def test_an_unpadded_network_gets_patches_as_large_as_it_needs() -> None:
    config = from_dict(TrainingConfig, QUICK)
    learner = Learner(ModelConfig("unet2015", options=TINY), config)
    geometry = geometry_of(learner.model)
    assert learner.patch_size > config.patch_size
    assert learner.patch_size - 2 * geometry.border >= config.patch_size


def test_large_networks_are_known_to_take_more_memory() -> None:
    measured = {"unet2015": 1941, "unet_plus_plus": 2083, "residual_unet": 2698}
    for name, least in measured.items():
        counted = bytes_a_pixel(build_network(ModelConfig(name)))
        assert least <= counted < 2 * least
    assert bytes_a_pixel(build_network(ModelConfig())) < 1500


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_another_optimiser_learns(name: str) -> None:
    config = from_dict(
        TrainingConfig, {**QUICK, "optimizer": name, "learning_rate": 1e-3}
    )
    learner = Learner(SMALL, config)
    before = _by_layer(learner.model)["logits"]
    _learn(learner, 2)
    assert not np.array_equal(_by_layer(learner.model)["logits"][0], before[0])


def test_mixed_precision_computes_in_half_and_keeps_logits_whole() -> None:
    model = build_network(SMALL)
    picture = np.random.default_rng(0).random((1, 32, 32, 1), np.float32)
    exact = np.asarray(model(picture))
    lower_precision(model, "mixed_bfloat16")
    assert model.get_layer("down0_conv1").compute_dtype == "bfloat16"
    rounded = model(picture)
    assert keras.backend.standardize_dtype(rounded.dtype) == "float32"
    assert all(weight.dtype == "float32" for weight in model.weights)
    assert not np.array_equal(exact, rounded)
    np.testing.assert_allclose(exact, rounded, atol=0.05 * np.abs(exact).max())


def test_where_half_precision_gains_nothing_it_is_said(
    images: list[TrainingImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unetloop.starting.half_precision", lambda: None)
    monkeypatch.setattr("unetloop.training_step.half_precision", lambda: None)
    config = from_dict(TrainingConfig, {**QUICK, "precision": "mixed"})
    texts = _notices(train(images, tmp_path / "m", config, model=SMALL))
    assert any("slower without a GPU" in text for text in texts)


# --- transfer


def test_a_new_network_takes_over_what_fits(
    images: list[TrainingImage], trained: Model, tmp_path: Path
) -> None:
    config = from_dict(TrainingConfig, {**QUICK, "learning_rate": 1e-9})
    wider = replace(SMALL, channels=2)
    two = [TrainingImage(i.image, i.mask, channels=(0, 0)) for i in images]
    run = Training(two, tmp_path / "b", config, model=wider, start=trained)
    (said,) = [text for text in _notices(run) if "taken from a" in text]
    assert said.startswith("6 of 7 layers")
    assert said.endswith("learned anew: down0_conv1.")
    old, new = _by_layer(load_weights(trained)), _by_layer(run._learner.averaged)
    for name, weights in new.items():
        if name != "down0_conv1":
            np.testing.assert_allclose(weights[0], old[name][0], atol=1e-5)
    card = open_model(tmp_path / "b").card
    assert card.started_from == trained.weights_hash
    assert card.training["share"] == 1


def test_a_loss_of_classes_makes_another_last_layer(
    images: list[TrainingImage], trained: Model, tmp_path: Path
) -> None:
    dice = from_dict(TrainingConfig, {**QUICK, "loss": "dice"})
    texts = _notices(train(images, tmp_path / "b", dice, start=trained))
    assert any("learned anew: logits." in text for text in texts)
    assert open_model(tmp_path / "b").task == FOREGROUND


def test_other_classes_are_another_task() -> None:
    three = Classes(name_classes(["a", "b", "c"]))
    network = build_network(SMALL, len(three.maps))
    taken = take_over(network, build_network(SMALL))
    assert taken.anew == ("logits",)
    assert taken.share > 0.9


@pytest.mark.parametrize(
    ("config", "zeros"),
    [
        (SMALL, {"logits"}),
        # Its "head" lies behind the features, with a ReLU: zeros would never change.
        (ModelConfig("unet_course", options={**TINY, "dropout": []}), {"logits"}),
        (ModelConfig("unet_plus_plus", options=TINY), {"head"}),
    ],
)
def test_a_last_layer_that_is_another_begins_undecided(
    config: ModelConfig, zeros: set[str]
) -> None:
    """Random sums of large features left Dice losses with no way back."""
    network = build_network(config, 3)
    taken = take_over(network, build_network(config, 2))
    weights = _by_layer(network)
    blank = {name for name, w in weights.items() if not any(map(np.any, w))}
    assert {name.rstrip("0123456789") for name in blank} == zeros
    assert blank <= set(taken.anew)
    assert not network(np.ones((1, 64, 64, 1), np.float32)).numpy().any()
    among_classes = build_network(config, 3)
    take_over(among_classes, build_network(config, 2), undecided=False)
    assert all(any(map(np.any, w)) for w in _by_layer(among_classes).values())


def test_where_nothing_fits_it_says_so() -> None:
    with pytest.raises(EngineError, match="No layer"):
        take_over(build_network(SMALL), build_network(ModelConfig("unet_plus_plus")))


def _by_layer(model: keras.Model) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def _learn(learner: Learner, steps: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    size = learner.patch_size
    patches = rng.random((2, size, size, 1), np.float32)
    truth = rng.random((2, size, size, 4), np.float32)
    for _ in range(steps):
        learner.train_step(patches, truth)
    return patches


def _notices(events: object) -> list[str]:
    return [e.text for e in events if isinstance(e, Notice)]  # type: ignore[attr-defined]
