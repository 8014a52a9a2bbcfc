from __future__ import annotations

import numpy as np
import pytest

from unetloop.annotations import distance_to_edge, make_targets
from unetloop.config import InstanceConfig
from unetloop.errors import EngineError
from unetloop.instances import label_nuclei, nucleus_certainty
from unetloop.metrics import evaluate_pair
from unetloop.samples import LARGE, SMALL, SampleKind, draw_nuclei

CONFIG = InstanceConfig()


@pytest.mark.parametrize("kind", [SMALL, LARGE])
def test_perfect_maps_give_nearly_all_touching_nuclei(kind: SampleKind) -> None:
    truth = draw_nuclei(kind, seed=2).labels
    found = label_nuclei(make_targets(truth).maps, CONFIG, kind.diameter)
    score = evaluate_pair(truth, found)
    assert score.ap[0] > 0.85
    merged = label_nuclei(
        np.stack([truth > 0] * 2, -1).astype(float), CONFIG, kind.diameter
    )
    assert evaluate_pair(truth, merged).ap[0] < score.ap[0] - 0.1


def _maps(labels: np.ndarray) -> np.ndarray:
    distance, extent = distance_to_edge(labels)
    return np.stack([labels > 0, distance / extent], -1).astype(np.float32)


def test_numbers_have_no_gaps_and_follow_the_first_pixel() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[20:30, 2:12] = 1
    labels[2:12, 20:30] = 2
    labels[2:12, 5:15] = 3
    labels[35:37, 35:37] = 4  # too small
    found = label_nuclei(_maps(labels), CONFIG, 10)
    assert (found[5, 10], found[5, 25], found[25, 5], found[36, 36]) == (1, 2, 3, 0)
    every = label_nuclei(_maps(labels), InstanceConfig(min_size=0), 10)
    assert every.max() == 4


def test_holes_are_filled_but_not_what_several_enclose() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[5:20, 5:20] = 1
    maps = _maps(labels)
    maps[11:13, 11:13] = 0
    found = label_nuclei(maps, InstanceConfig(seed_threshold=0.05), 15)
    assert found.max() == 1
    assert (found[5:20, 5:20] == 1).all()


@pytest.mark.parametrize("turns", range(4))
def test_background_that_reaches_the_border_is_no_hole(turns: int) -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[4:16, 8:] = 1
    labels[8:12, 14:] = 0
    labels = np.rot90(labels, turns)
    found = label_nuclei(_maps(labels), CONFIG, 10)
    np.testing.assert_array_equal(found > 0, labels > 0)


def test_a_piece_without_a_core_is_a_nucleus() -> None:
    maps = np.zeros((20, 20, 2), np.float16)
    maps[5:10, 5:10] = (0.95, 0.1)
    assert label_nuclei(maps, CONFIG, 5).max() == 1
    strict = InstanceConfig(threshold=0.97)
    assert label_nuclei(maps, strict, 5).max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (30, 2)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_tiny_and_uniform_maps(shape: tuple[int, int], value: float) -> None:
    found = label_nuclei(np.full((*shape, 2), value), InstanceConfig(min_size=0), 5)
    assert found.shape == shape
    assert found.max() == value


def test_other_maps_are_refused() -> None:
    with pytest.raises(EngineError, match="two channels"):
        label_nuclei(np.zeros((5, 5)), CONFIG, 5)


def test_two_tops_with_a_dip_between_are_two_nuclei() -> None:
    columns = np.arange(60)
    top = np.where(np.abs(columns % 30 - 15) < 5, 0.9, 0.4)
    maps = np.zeros((30, 60, 2), np.float32)
    maps[5:25, :, 0] = 0.95
    maps[5:25, :, 1] = top
    both = label_nuclei(maps, CONFIG, 20)
    assert (both[15, 15], both[15, 45]) == (1, 2)
    assert both[:5].max() == both[25:].max() == 0
    once = label_nuclei(maps, InstanceConfig(prominence=0), 20)
    assert once[15, 15] == once[15, 45] == 1


def test_doubtful_nuclei_can_be_left_out() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:15] = 1
    labels[5:15, 25:35] = 2
    maps = _maps(labels)
    maps[..., 0] *= np.where(labels == 2, 0.7, 0.99)
    certainty = nucleus_certainty(labels, maps)
    np.testing.assert_allclose(certainty, [0, 0.99, 0.7], atol=1e-6)
    found = label_nuclei(maps, InstanceConfig(min_certainty=0.8), 10)
    np.testing.assert_array_equal(found, labels == 1)
    every = label_nuclei(maps, InstanceConfig(min_certainty=0), 10)
    np.testing.assert_array_equal(every, labels)


def test_a_dim_edge_makes_no_nucleus_doubtful() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[5:25, 5:25] = 1
    maps = _maps(labels)
    edge = (maps[..., 1] > 0) & (maps[..., 1] < 0.2)
    maps[edge, 0] = 0.6
    assert nucleus_certainty(labels, maps)[1] > 0.95
