from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from unetloop.catalog import SHIPPED
from unetloop.checkpoint import build_network, load_weights, open_model
from unetloop.config import ModelConfig
from unetloop.model_card import ModelCard
from unetloop.model_saving import save_model
from unetloop.network import KerasNetwork, OnnxNetwork
from unetloop.onnx_graph import exchange_weights

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = ModelConfig(options={"filters": [4, 8, 8]})


def _network(seed: int, config: ModelConfig = CONFIG) -> Any:
    """A network none of whose weights are equal."""
    network, chance = build_network(config), np.random.default_rng(seed)
    network.set_weights(
        [chance.normal(0, 0.2, weight.shape) for weight in network.weights]
    )
    return network


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "graph.onnx"
    KerasNetwork(_network(1)).export(path)
    return path


@pytest.fixture
def tiles() -> np.ndarray:
    return np.random.default_rng(0).random((2, 48, 64, 1), np.float32)


def test_enlarging_is_one_operation_a_level(graph: Path, tiles: np.ndarray) -> None:
    kinds = [node.op_type for node in onnx.load(graph).graph.node]
    assert kinds.count("Resize") == 2
    assert "Tile" not in kinds
    assert kinds.count("Transpose") < 2
    expected = KerasNetwork(_network(1))(tiles)
    np.testing.assert_allclose(OnnxNetwork(graph)(tiles), expected, atol=2e-6)


def test_a_graph_takes_the_weights_of_another_network(
    graph: Path, tmp_path: Path, tiles: np.ndarray
) -> None:
    other, path = _network(2), tmp_path / "other.onnx"
    assert exchange_weights(graph, other, path)
    expected = KerasNetwork(other)(tiles)
    np.testing.assert_allclose(OnnxNetwork(path)(tiles), expected, atol=2e-6)
    assert np.abs(OnnxNetwork(graph)(tiles) - expected).max() > 0.01


@pytest.mark.parametrize("what", ["other", "damaged", "missing", "untrained"])
def test_a_graph_that_does_not_fit_is_left_alone(
    graph: Path, tmp_path: Path, what: str
) -> None:
    network = _network(3)
    if what == "other":
        network = _network(3, ModelConfig(options={"filters": [4, 8, 16]}))
    elif what == "damaged":
        graph.write_bytes(graph.read_bytes()[:500])
    elif what == "missing":
        graph.unlink()
    else:  # all biases are 0: nobody knows which is which
        KerasNetwork(build_network(CONFIG)).export(graph)
    assert not exchange_weights(graph, network, tmp_path / "other.onnx")
    assert not (tmp_path / "other.onnx").exists()


def test_a_model_is_saved_with_the_graph_of_one_like_it(
    tmp_path: Path, tiles: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(self: KerasNetwork, path: Path) -> None:
        raise AssertionError

    first = save_model(_network(1), ModelCard(CONFIG, 32.0), tmp_path / "a", quick=True)
    monkeypatch.setattr(KerasNetwork, "export", slow)
    learned = _network(2)
    card = ModelCard(CONFIG, 32.0)
    saved = save_model(learned, card, tmp_path / "b", quick=True, like=first)
    found = OnnxNetwork(saved.path / "model.onnx")(tiles)
    np.testing.assert_allclose(found, KerasNetwork(learned)(tiles), atol=2e-6)
    classes = ModelCard(CONFIG, 32.0, activation="softmax")
    save_model(learned, classes, tmp_path / "c", quick=True, like=first)
    assert not (tmp_path / "c/model.onnx").exists()  # it would have been of a sigmoid


def test_what_learns_from_the_model_that_ships_takes_its_graph(tmp_path: Path) -> None:
    shipped = open_model(SHIPPED)
    network = load_weights(shipped)
    source = shipped.path / "model.onnx"
    assert exchange_weights(source, network, tmp_path / "same.onnx")
    kinds = [node.op_type for node in onnx.load(source).graph.node]
    assert "Tile" not in kinds
