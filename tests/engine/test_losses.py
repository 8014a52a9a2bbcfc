"""One harness for every loss of the catalog."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from unetloop import catalog

nuclei = pytest.mark.parametrize("name", list(catalog.LOSSES))
classes = pytest.mark.parametrize("name", list(catalog.CLASS_LOSSES))
outputs = pytest.mark.parametrize("count", [1, 2, 4])


def loss_of(name: str):  # type: ignore[no-untyped-def]
    entry = {**catalog.LOSSES, **catalog.CLASS_LOSSES}[name]
    function = catalog.load(entry.function)
    return lambda truth, logits: ops.convert_to_numpy(function(truth, logits))


def class_truth(count: int, seed: int = 0) -> np.ndarray:
    """Classes and weights, (2, 16, 12, 2)."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(max(count, 2), size=(2, 16, 12))
    weights = rng.uniform(0.5, 2, numbers.shape)
    return np.stack([numbers, weights], -1).astype(np.float32)


def class_logits(count: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 16, 12, count)).astype(np.float32)


def right(truth: np.ndarray, count: int) -> np.ndarray:
    """Logits that are sure of the truth."""
    if count == 1:
        return np.where(truth[..., :1] > 0, 20, -20).astype(np.float32)
    return np.where(truth[..., :1] == np.arange(count), 20, -20).astype(np.float32)


def log_p(truth: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Log-probability of the true class at each pixel, by definition."""
    logits = logits.astype(float)
    if logits.shape[-1] == 1:
        logits = np.concatenate([0 * logits, logits], -1)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    index = truth[..., :1].astype(int)
    return np.log(np.take_along_axis(p, index, -1)[..., 0])


@classes
@outputs
def test_what_weighs_nothing_contributes_exactly_nothing(name: str, count: int) -> None:
    loss, truth, logits = loss_of(name), class_truth(count), class_logits(count)
    truth[:, :8, :, 1] = 0
    before = loss(truth, logits)
    assert before.shape == (2,)
    truth[:, :8, :, 0] = 255  # no class at all: nobody has looked
    logits[:, :8] = np.random.default_rng(2).normal(size=logits[:, :8].shape) * 50
    np.testing.assert_array_equal(loss(truth, logits), before)
    logits[:, 8:] = -logits[:, 8:]
    assert not np.allclose(loss(truth, logits), before)


@classes
@outputs
def test_the_truth_has_the_least_loss_of_classes(name: str, count: int) -> None:
    loss, truth = loss_of(name), class_truth(count)
    best = loss(truth, right(truth, count)).mean()
    assert 0 <= best < 1e-3
    assert loss(truth, -right(truth, count)).mean() > 0.4
    assert best <= loss(truth, class_logits(count)).mean()


@classes
@outputs
def test_nothing_reviewed_is_no_loss_and_no_trouble(name: str, count: int) -> None:
    truth, logits = class_truth(count), 1000 * class_logits(count)
    truth[..., 1] = 0
    np.testing.assert_allclose(loss_of(name)(truth, logits), 0, atol=1e-6)


@classes
def test_larger_weights_pull_harder(name: str) -> None:
    truth, logits = class_truth(3), right(class_truth(3), 3)
    logits[:, :4] = -logits[:, :4]  # wrong here
    before = loss_of(name)(truth, logits).mean()
    truth[:, :4, :, 1] *= 5
    assert loss_of(name)(truth, logits).mean() > before


@classes
def test_smaller_logits_belong_to_the_middle_of_the_truth(name: str) -> None:
    truth, logits = class_truth(3), class_logits(3)
    np.testing.assert_array_equal(
        loss_of(name)(truth, logits[:, 4:12, 3:9]),
        loss_of(name)(truth[:, 4:12, 3:9], logits[:, 4:12, 3:9]),
    )


@classes
def test_several_heads_give_their_mean(name: str) -> None:
    truth = class_truth(3)
    several = np.stack([class_logits(3, seed) for seed in (1, 2, 3)], axis=1)
    each = [loss_of(name)(truth, several[:, index]) for index in range(3)]
    np.testing.assert_allclose(loss_of(name)(truth, several), np.mean(each, 0), 1e-5)


@outputs
def test_cross_entropies_are_those_of_the_books(count: int) -> None:
    truth, logits = class_truth(count), class_logits(count)
    weight, entropy = truth[..., 1], -log_p(truth, logits)
    expected = (weight * entropy).sum() / weight.sum()
    close = {"rtol": 1e-5}
    value = loss_of("categorical_crossentropy")(truth, logits)
    np.testing.assert_allclose(value, expected, **close)
    value = loss_of("weighted_crossentropy")(truth, logits)
    np.testing.assert_allclose(value, (weight * entropy).mean(), **close)
    focused = (1 - np.exp(-entropy)) ** 2 * entropy
    value = loss_of("focal")(truth, logits)
    np.testing.assert_allclose(value, (weight * focused).sum() / weight.sum(), **close)
    if count == 1:  # then the sigmoid's is the softmax's
        value = loss_of("binary_crossentropy")(truth, logits)
        np.testing.assert_allclose(value, expected, **close)


def test_dice_and_tversky_of_half_the_pixels_are_what_they_should_be() -> None:
    truth = np.ones((1, 100, 100, 2), np.float32)
    truth[:, :50, :, 0] = 0  # lower half is class 1
    logits = np.full((1, 100, 100, 1), 30, np.float32)  # all is found
    # 5000 right, 5000 too much.
    dice = loss_of("dice")(truth, logits).mean()
    assert dice == pytest.approx(1 - 2 * 5000 / (10000 + 5000), abs=1e-3)
    assert loss_of("tversky")(truth, logits).mean() == pytest.approx(
        1 - 5000 / (5000 + 0.3 * 5000), abs=1e-3
    )
    logits[:, :75] = -30  # half of it is missed
    assert loss_of("tversky")(truth, logits).mean() == pytest.approx(
        1 - 2500 / (2500 + 0.7 * 2500), abs=1e-3
    )
    both = loss_of("dice_and_crossentropy")(truth, logits)
    entropy = loss_of("categorical_crossentropy")(truth, logits)
    np.testing.assert_allclose(both, loss_of("dice")(truth, logits) + entropy, 1e-5)


@pytest.mark.parametrize("entry", catalog.CLASS_LOSSES.values())
def test_pixel_weights_of_a_loss_can_be_loaded(entry: catalog.Loss) -> None:
    assert entry.activation in ("sigmoid", "softmax")
    if entry.weights:
        weights = catalog.load(entry.weights)(np.eye(5, dtype=np.int32))
        assert weights.shape == (5, 5)


@nuclei
def test_what_weighs_nothing_changes_nothing(name: str) -> None:
    loss = loss_of(name)
    rng = np.random.default_rng(0)
    truth = rng.random((2, 16, 16, 4), np.float32)
    logits = rng.normal(size=(2, 16, 16, 2)).astype(np.float32)
    truth[:, :8, :, 2:] = 0
    before = loss(truth, logits)
    truth[:, :8, :, :2] = rng.random((2, 8, 16, 2))
    logits[:, :8] += 100
    np.testing.assert_allclose(loss(truth, logits), before, rtol=1e-6)
    truth[:, 8:, :, 0] = 1 - truth[:, 8:, :, 0]
    assert not np.allclose(loss(truth, logits), before)


@nuclei
def test_the_truth_has_the_least_loss(name: str) -> None:
    loss = loss_of(name)
    truth = np.ones((1, 8, 8, 4), np.float32)
    truth[0, :4, :, :2] = 0
    sure = np.where(truth[..., :2] > 0, 12.0, -12.0).astype(np.float32)
    best = loss(truth, sure).mean()
    assert 0 <= best < 1e-3
    assert loss(truth, -sure).mean() > 5
    assert np.isfinite(loss(truth * 0, sure * 100)).all()


@nuclei
def test_losses_of_nuclei_take_smaller_logits_and_several_heads(name: str) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((2, 16, 16, 4), np.float32)
    logits = rng.normal(size=(2, 3, 8, 8, 2)).astype(np.float32)
    each = [loss_of(name)(truth[:, 4:12, 4:12], logits[:, index]) for index in range(3)]
    np.testing.assert_allclose(loss_of(name)(truth, logits), np.mean(each, 0), 1e-5)


def test_a_lost_dip_costs_more_than_the_same_error_spread_out() -> None:
    truth = np.ones((1, 16, 16, 4), np.float32)
    truth[..., 1] = 0.8
    truth[:, :, 8, 1] = 0.2  # between two nuclei that touch
    lost, spread = truth[..., 1].copy(), truth[..., 1].copy()
    lost[:, :, 8] += 0.6
    spread += 0.6 / 16
    foreground = np.full_like(lost, 9.0)
    losses = [
        loss_of("default")(
            truth, np.stack([foreground, np.log(d / (1 - d))], -1)
        ).mean()
        for d in (lost, spread)
    ]
    assert losses[0] > 2 * losses[1]
