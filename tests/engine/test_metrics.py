from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unetloop.errors import EngineError
from unetloop.metrics import THRESHOLDS, average, evaluate_pair, pool, to_table

LABELS = arrays(np.int32, (7, 8), elements=st.integers(0, 4))


def _square(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    labels = np.zeros((20, 20), np.int32)
    for number, (row0, row1, column0, column1) in enumerate(boxes, start=1):
        labels[row0:row1, column0:column1] = number
    return labels


def test_hand_made_case() -> None:
    truth = _square((0, 10, 0, 10), (12, 16, 12, 16))
    # The first at IoU 0.8, the second missed, one invented.
    found = _square((0, 8, 0, 10), (0, 2, 14, 18))
    score = evaluate_pair(truth, found)
    assert score.matched == (1,) * 7 + (0,) * 3
    assert score.ap == (1 / 3,) * 7 + (0,) * 3
    assert score.mean_ap == pytest.approx(7 / 30)
    assert score.f1[0] == score.precision[0] == score.recall[0] == 0.5
    assert score.panoptic_quality == pytest.approx(0.8 / 2)
    assert score.dice == pytest.approx(2 * 80 / (116 + 88))
    assert score.iou == pytest.approx(80 / 124)
    assert score.pixel_accuracy == pytest.approx((400 - 36 - 8) / 400)


def test_figures_are_named_after_their_thresholds() -> None:
    truth = _square((0, 10, 0, 10), (12, 16, 12, 16))
    figures = evaluate_pair(truth, _square((0, 8, 0, 10))).figures()
    assert [name for name in figures if name.startswith("ap@")] == [
        f"ap@0.{hundredths}" for hundredths in range(50, 100, 5)
    ]
    assert (figures["ap@0.80"], figures["ap@0.85"]) == (0.5, 0)
    assert figures["precision@0.50"] == 1
    assert figures["recall@0.50"] == 0.5
    assert figures["f1@0.50"] == pytest.approx(2 / 3)


def test_at_exactly_one_half_each_nucleus_has_one_partner() -> None:
    truth = _square((0, 2, 0, 10), (10, 15, 10, 15))
    halves = _square((0, 1, 0, 10), (1, 2, 0, 10), (10, 15, 10, 15))
    for score in (evaluate_pair(truth, halves), evaluate_pair(halves, truth)):
        assert score.matched[:2] == (2, 1)
        assert score.matched_iou[0] == 1.5


def test_two_empty_images_agree() -> None:
    empty, one = _square(), _square((0, 3, 0, 3))
    assert set(evaluate_pair(empty, empty).figures().values()) == {1.0}
    for pair in ((empty, one), (one, empty)):
        score = evaluate_pair(*pair)
        assert score.mean_ap == score.dice == score.f1[0] == 0


def test_only_what_is_known_counts() -> None:
    truth = _square((0, 5, 0, 5))
    found = _square((0, 5, 0, 5), (10, 15, 10, 15))
    known = np.zeros((20, 20), bool)
    known[:8, :8] = True
    score = evaluate_pair(truth, found, valid=known)
    assert (score.mean_ap, score.true_nuclei, score.pixels) == (1, 1, 64)
    assert evaluate_pair(truth, found).mean_ap == 0.5


def test_nuclei_that_lie_mostly_where_nothing_is_known_are_left_out() -> None:
    known = np.zeros((20, 20), bool)
    known[:, :10] = True
    nuclei = _square((0, 4, 7, 12), (10, 14, 8, 13))  # 3 and 2 of 5 columns are known
    score = evaluate_pair(nuclei, nuclei, valid=known)
    assert (score.true_nuclei, score.predicted_nuclei) == (1, 1)
    assert (score.true_pixels, score.matched[-1]) == (12, 1)


def test_pooled_and_by_image_differ() -> None:
    many = _square(*((row, row + 2, 0, 2) for row in range(0, 20, 4)))
    scores = [
        evaluate_pair(many, many),
        evaluate_pair(_square((0, 3, 0, 3)), _square()),
    ]
    assert average(scores)["mean_ap"] == 0.5
    assert pool(scores).mean_ap == pytest.approx(5 / 6)
    heading, first, *_ = to_table(scores).splitlines()
    assert heading.split() == ["by", "image", "pooled"]
    assert first.split() == ["mean_ap", "0.500", "0.833"]
    assert average(scores[:1]) == scores[0].figures()
    for summarise in (pool, average):
        with pytest.raises(EngineError, match="no image"):
            summarise([])
    with pytest.raises(EngineError, match="same size"):
        evaluate_pair(many, many[1:])


@settings(deadline=None, max_examples=150)
@given(LABELS, LABELS, st.permutations(range(1, 5)))
def test_it_equals_a_plain_count(
    truth: np.ndarray, found: np.ndarray, order: list[int]
) -> None:
    score = evaluate_pair(truth, found)
    renumbered = np.array([0, *order])[found] * 10**6  # gaps and large numbers
    again = evaluate_pair(truth, renumbered)
    # Added up in another order, sums differ in the last digit.
    assert again.matched_iou == pytest.approx(score.matched_iou)
    assert replace(again, matched_iou=score.matched_iou) == score
    mirrored = evaluate_pair(found, truth)
    assert mirrored.matched == score.matched
    for threshold, matched in list(zip(THRESHOLDS, score.matched, strict=True))[1:]:
        count = 0  # above one half, any pair that fits is the only one
        for one in np.unique(truth[truth > 0]):
            for other in np.unique(found[found > 0]):
                both = np.sum((truth == one) & (found == other))
                either = np.sum((truth == one) | (found == other))
                count += both / either >= threshold - 1e-9
        assert matched == count


def test_thousands_of_nuclei_need_no_dense_matrix() -> None:
    labels = np.arange(1, 400 * 400 // 4 + 1).reshape(200, 200)
    labels = labels.repeat(2, 0).repeat(2, 1)
    score = evaluate_pair(labels, np.roll(labels, 1, axis=1))
    assert score.true_nuclei == 40_000
    assert score.ap[0] == 0
