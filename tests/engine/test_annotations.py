from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from unetloop.annotations import distance_to_edge, make_targets, touching_weight
from unetloop.errors import EngineError


def _pair() -> np.ndarray:
    """Two squares that touch, and one cut by the border."""
    labels = np.zeros((30, 40), np.int32)
    labels[5:14, 5:14] = 3
    labels[5:14, 14:23] = 9
    labels[22:30, 10:20] = 4
    return labels


def test_touching_nuclei_have_edges_of_their_own() -> None:
    distance, extent = distance_to_edge(_pair())
    assert distance[9, 13] == distance[9, 14] == 1
    assert distance[9, 9] == distance[9, 18] == extent[6, 6] == 5
    assert distance[0, 0] == 0
    # The image's border is no edge: deep inside at the last row.
    assert distance[29, 15] == extent[25, 15] == 5


def test_complete_masks_are_all_known() -> None:
    targets = make_targets(_pair())
    assert targets.valid.min() == 1
    np.testing.assert_array_equal(targets.maps[..., 0] > 0, _pair() > 0)
    assert targets.maps[9, 9, 1] == 1
    # What divides touching nuclei counts many times as much as a far background.
    assert targets.emphasis[9, 13] > 10
    assert targets.emphasis[0, 39] == 1


def test_only_reviewed_pixels_count() -> None:
    review = np.zeros((30, 40), np.uint8)
    review[:20, :14] = 1  # the first nucleus whole, and none of the second
    review[18:20, :5] = 2
    targets = make_targets(_pair(), review)
    np.testing.assert_array_equal(targets.valid[..., 0], review == 1)
    assert targets.valid[9, 9, 1] == 1
    review[5, 5] = 0  # now a part of it is only a proposal
    targets = make_targets(_pair(), review)
    assert targets.valid[9, 9, 0] == 1
    assert targets.valid[9, 9, 1] == 0
    assert targets.valid[2, 2, 1] == 1  # the background's distance is known


def test_weight_between_nuclei_is_equation_2() -> None:
    labels = _pair()
    found = touching_weight(labels, 10, 3)
    far = [ndimage.distance_transform_edt(labels != number) for number in (3, 9, 4)]
    nearest = np.sort(far, axis=0)
    expected = 10 * np.exp(-((nearest[0] + nearest[1]) ** 2) / (2 * 3**2))
    near = nearest[1] < 9  # beyond three sigma it is left at zero
    np.testing.assert_allclose(found[near], expected[near], rtol=1e-5)
    assert found[~near].max() < 0.2


def test_sparse_and_huge_numbers_and_nothing_at_all() -> None:
    labels = _pair()
    huge = np.where(labels > 0, labels * 10**8, 0)
    np.testing.assert_array_equal(distance_to_edge(huge), distance_to_edge(labels))
    empty = make_targets(np.zeros((4, 4), int))
    assert empty.maps.max() == 0
    assert empty.emphasis.max() == 1
    full = make_targets(np.ones((4, 4), int))
    assert np.isfinite(full.maps).all()
    assert full.maps.min() > 0


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(EngineError, match="same size"):
        make_targets(_pair(), np.ones((3, 3), np.uint8))
    with pytest.raises(EngineError, match="two axes"):
        make_targets(np.zeros((2, 3, 3), int))
