from __future__ import annotations

import numpy as np
import pytest

from unetloop.errors import EngineError
from unetloop.pixel_weights import balance_classes, border_weights
from unetloop.samples import SMALL, draw_nuclei


def formula(labels: np.ndarray, w0: float, sigma: float) -> np.ndarray:
    """Equation 2 of the paper, from the distance of every pixel to every cell."""
    grid = np.argwhere(np.ones(labels.shape, bool)).astype(float)
    distances = []
    for number in np.unique(labels[labels > 0]):
        cell = np.argwhere(labels == number)
        gaps = np.linalg.norm(grid[:, None] - cell[None], axis=-1)
        distances.append(gaps.min(1).reshape(labels.shape))
    nearest = np.sort(np.stack(distances), axis=0)
    extra = w0 * np.exp(-((nearest[0] + nearest[1]) ** 2) / (2 * sigma**2))
    share = np.mean(labels > 0)
    return np.where(labels > 0, 0.5 / share, 0.5 / (1 - share)) + extra


@pytest.mark.parametrize(("w0", "sigma"), [(10.0, 5.0), (3.0, 1.5)])
def test_border_weights_are_those_of_equation_2(w0: float, sigma: float) -> None:
    labels = draw_nuclei(SMALL, 3, (48, 56)).labels
    labels[labels == 2] = 900  # gaps in the numbers change nothing
    expected = formula(labels, w0, sigma)
    np.testing.assert_allclose(
        border_weights(labels, w0, sigma), expected, atol=1e-4 * w0
    )


def test_the_gap_between_two_cells_weighs_most() -> None:
    labels = np.zeros((20, 31), np.int32)
    labels[5:15, 3:15], labels[5:15, 16:28] = 1, 2
    weights = border_weights(labels)
    assert np.argmax(np.where(labels == 0, weights, 0)[10]) == 15
    # One pixel to each cell: w0 exp(-4 / 50), and the background's own weight.
    background = 0.5 / np.mean(labels == 0)
    assert weights[10, 15] == pytest.approx(background + 10 * np.exp(-4 / 50), rel=1e-4)
    assert weights[0, 0] == pytest.approx(background, abs=0.2)


@pytest.mark.parametrize("labels", [np.zeros((4, 5), int), np.full((4, 5), 7)])
def test_without_two_cells_only_classes_are_balanced(labels: np.ndarray) -> None:
    np.testing.assert_array_equal(border_weights(labels), np.ones((4, 5)))
    np.testing.assert_array_equal(border_weights(labels, class_weights=(2, 2)), 2)


def test_balanced_classes_weigh_the_same_in_all() -> None:
    classes = np.array([0] * 90 + [1] * 9 + [3])
    weights = balance_classes(classes, 5)
    pixels = np.bincount(classes, minlength=5)
    assert weights[classes].mean() == pytest.approx(1)
    np.testing.assert_allclose(
        weights * pixels, [100 / 3, 100 / 3, 0, 100 / 3, 0], 1e-5
    )
    known = np.arange(100) >= 89
    assert balance_classes(classes, 5, known)[0] == pytest.approx(11 / 3)
    assert not balance_classes(classes[:0], 2).any()


def test_what_can_not_be_weighed_is_refused() -> None:
    with pytest.raises(EngineError, match="class number"):
        balance_classes(np.array([0, 2]), 2)
    with pytest.raises(EngineError, match="two axes"):
        border_weights(np.zeros((2, 2, 2), int))
    with pytest.raises(EngineError, match="sigma"):
        border_weights(np.zeros((2, 2), int), sigma=0)
