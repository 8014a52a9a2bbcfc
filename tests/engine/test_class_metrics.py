from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from unetloop.class_metrics import compare_classes, pool_classes
from unetloop.errors import EngineError


def test_figures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=(30, 40))
    predicted = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(4))
    valid = rng.random(truth.shape) < 0.7
    score = compare_classes(truth, predicted, 4, valid)
    true, found = truth[valid], predicted[valid]
    np.testing.assert_array_equal(score.pixels, metrics.confusion_matrix(true, found))
    assert score.pixel_accuracy == pytest.approx(metrics.accuracy_score(true, found))
    iou = metrics.jaccard_score(true, found, average=None)
    np.testing.assert_allclose(score.iou, iou)
    assert score.mean_iou == pytest.approx(iou.mean())
    np.testing.assert_allclose(score.dice, metrics.f1_score(true, found, average=None))


def test_a_class_that_does_not_occur_has_no_figure() -> None:
    score = compare_classes(np.array([0, 0, 1]), np.array([0, 0, 1]), 3)
    assert score.iou[:2] == (1, 1)
    assert np.isnan(score.iou[2])
    assert score.mean_iou == score.mean_dice == 1
    assert np.isnan(compare_classes(np.zeros(0, int), np.zeros(0, int), 2).mean_iou)


def test_images_are_pooled_by_pixels() -> None:
    a = compare_classes(np.array([0, 1]), np.array([0, 0]), 2)
    b = compare_classes(np.array([1, 1, 1]), np.array([1, 1, 1]), 2)
    pooled = pool_classes([a, b])
    assert pooled.pixel_accuracy == pytest.approx(4 / 5)
    assert pooled.iou == (1 / 2, 3 / 4)
    names = pooled.figures(("background", "rim"))
    assert names["iou@rim"] == 3 / 4
    assert names["dice@background"] == pytest.approx(2 / 3)
    assert set(pooled.figures()) >= {"pixel_accuracy", "mean_iou", "iou@0", "dice@1"}


def test_what_can_not_be_compared_is_refused() -> None:
    with pytest.raises(EngineError, match="same size"):
        compare_classes(np.zeros(2, int), np.zeros(3, int), 2)
    with pytest.raises(EngineError, match="class number"):
        compare_classes(np.array([2]), np.array([0]), 2)
    with pytest.raises(EngineError, match="no image"):
        pool_classes([])
