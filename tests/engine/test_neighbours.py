"""Distances to the two nearest nuclei equal those of all nuclei, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from unetloop.neighbours import bounding_boxes, padded, two_nearest


def some_nuclei(numbers: list[int]) -> np.ndarray:
    """Rectangles of these numbers; some touch, some are at the edge."""
    labels = np.zeros((60, 80), np.int64)
    corners = [(0, 0), (0, 9), (20, 30), (20, 40), (50, 70)]
    for number, (row, column) in zip(numbers, corners, strict=True):
        labels[row : row + 10, column : column + 9] = number
    return labels


@pytest.mark.parametrize("numbers", [[1, 2, 3, 4, 5], [7, 10**9, 3, 2 * 10**9, 900]])
def test_distances_are_those_of_each_nucleus_alone(numbers: list[int]) -> None:
    labels = some_nuclei(numbers)
    nearest, second = two_nearest(labels, 200)
    alone = np.sort(
        [ndimage.distance_transform_edt(labels != number) for number in numbers], axis=0
    )
    np.testing.assert_allclose(nearest, alone[0], rtol=1e-6)
    np.testing.assert_allclose(second, alone[1], rtol=1e-6)


def test_within_reach_a_short_reach_changes_nothing() -> None:
    labels = some_nuclei([1, 2, 3, 4, 5])
    near, far = two_nearest(labels, 6), two_nearest(labels, 200)
    for short, long in zip(near, far, strict=True):
        close = long <= 6
        np.testing.assert_allclose(short[close], long[close])
        assert (short[~close] > 6).all()


def test_one_nucleus_has_no_second_and_none_has_no_first() -> None:
    labels = np.zeros((20, 20), np.int32)
    assert np.isinf(two_nearest(labels, 50)).all()
    labels[5, 5] = 3
    nearest, second = two_nearest(labels, 50)
    assert nearest[5, 5] == 0
    assert nearest[5, 8] == 3
    assert np.isinf(second).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64"])
def test_boxes_are_those_of_the_numbers_that_are_there(dtype: str) -> None:
    labels = np.zeros((9, 9), dtype)
    labels[1:3, 2:5], labels[8, 8] = 4, 200  # more than there are pixels
    assert bounding_boxes(labels) == [
        (4, (slice(1, 3), slice(2, 5))),
        (200, (slice(8, 9), slice(8, 9))),
    ]
    labels[8, 8] = 5
    assert [number for number, _ in bounding_boxes(labels)] == [4, 5]


@pytest.mark.parametrize("other", [200, 0, -3])
def test_sparse_numbers_need_no_background_and_may_have_less(other: int) -> None:
    labels = np.array([[900, 900, other]])
    boxes = dict(bounding_boxes(labels))
    assert boxes.pop(900) == (slice(0, 1), slice(0, 2))
    assert boxes == ({200: (slice(0, 1), slice(2, 3))} if other == 200 else {})


def test_nothing_has_no_boxes() -> None:
    assert bounding_boxes(np.zeros((0, 5), np.int32)) == []
    assert bounding_boxes(np.zeros((5, 5), np.int32)) == []
    assert bounding_boxes(np.full((5, 5), -3, np.int32)) == []


def test_a_margin_ends_at_the_edge() -> None:
    box = (slice(2, 5), slice(7, 9))
    assert padded(box, 3, (20, 10)) == (slice(0, 8), slice(4, 10))
