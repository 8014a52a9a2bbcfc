"""One harness for every architecture and loss of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
import pytest

from unetloop import catalog
from unetloop.checkpoint import build_network
from unetloop.config import ModelConfig
from unetloop.errors import EngineError
from unetloop.network import KerasNetwork, OnnxNetwork

if TYPE_CHECKING:
    from pathlib import Path

architectures = pytest.mark.parametrize("name", list(catalog.ARCHITECTURES))
losses = pytest.mark.parametrize("name", list(catalog.LOSSES))


@architectures
@pytest.mark.parametrize("channels", [1, 3])
def test_it_maps_any_size_and_number_of_channels(name: str, channels: int) -> None:
    network = KerasNetwork(build_network(ModelConfig(name, channels)))
    assert network.channels == channels
    for shape in ((1, 16, 64), (2, 48, 32)):
        maps = network(np.random.default_rng(0).random((*shape, channels), np.float32))
        assert maps.shape == (*shape, 2)
        assert maps.dtype == np.float32
        assert 0 <= maps.min() < maps.max() <= 1


@architectures
def test_it_is_the_same_after_saving_and_in_onnx(name: str, tmp_path: Path) -> None:
    model = build_network(ModelConfig(name))
    network = KerasNetwork(model)
    image = np.random.default_rng(0).random((2, 64, 96, 1), np.float32)
    expected = network(image)
    model.save(tmp_path / "model.keras")
    again = KerasNetwork(keras.saving.load_model(tmp_path / "model.keras"))
    np.testing.assert_allclose(again(image), expected, atol=1e-6)
    network.export(tmp_path / "model.onnx")
    quick = OnnxNetwork(tmp_path / "model.onnx")
    assert quick.channels == 1
    np.testing.assert_allclose(quick(image), expected, atol=2e-5)


@losses
def test_what_weighs_nothing_changes_nothing(name: str) -> None:
    loss = catalog.load(catalog.LOSSES[name].function)
    rng = np.random.default_rng(0)
    truth = rng.random((2, 16, 16, 4), np.float32)
    logits = rng.normal(size=(2, 16, 16, 2)).astype(np.float32)
    truth[:, :8, :, 2:] = 0
    before = np.asarray(loss(truth, logits))
    truth[:, :8, :, :2] = rng.random((2, 8, 16, 2))
    logits[:, :8] += 100
    np.testing.assert_allclose(np.asarray(loss(truth, logits)), before, rtol=1e-6)
    truth[:, 8:, :, 0] = 1 - truth[:, 8:, :, 0]
    assert not np.allclose(np.asarray(loss(truth, logits)), before)


@losses
def test_the_truth_has_the_least_loss(name: str) -> None:
    loss = catalog.load(catalog.LOSSES[name].function)
    truth = np.ones((1, 8, 8, 4), np.float32)
    truth[0, :4, :, :2] = 0
    right = np.where(truth[..., :2] > 0, 12.0, -12.0).astype(np.float32)
    best = float(np.mean(loss(truth, right)))
    assert 0 <= best < 1e-3
    assert float(np.mean(loss(truth, -right))) > 5
    assert np.isfinite(np.asarray(loss(truth * 0, right * 100))).all()


def test_a_lost_dip_costs_more_than_the_same_error_spread_out() -> None:
    truth = np.ones((1, 16, 16, 4), np.float32)
    truth[..., 1] = 0.8
    truth[:, :, 8, 1] = 0.2  # between two nuclei that touch
    lost, spread = truth[..., 1].copy(), truth[..., 1].copy()
    lost[:, :, 8] += 0.6
    spread += 0.6 / 16
    loss = catalog.load(catalog.LOSSES["default"].function)
    foreground = np.full_like(lost, 9.0)
    losses = [
        float(np.mean(loss(truth, np.stack([foreground, np.log(d / (1 - d))], -1))))
        for d in (lost, spread)
    ]
    assert losses[0] > 2 * losses[1]


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(EngineError, match="choose from unet"):
        build_network(ModelConfig("nonesuch"))
    with pytest.raises(EngineError, match="it has filters"):
        build_network(ModelConfig(options={"filtres": [1]}))
