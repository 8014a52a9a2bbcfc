"""Rectangles of pixels."""

from __future__ import annotations

import numpy as np
import pytest

from unetloop.boxes import Box, box_slices, clipped, middle_box


@pytest.mark.parametrize(
    ("box", "common"),
    [
        ((1, 2, 5, 7), (1, 2, 5, 7)),
        ((0, 0, 3, 4), (1, 2, 3, 4)),
        ((4, 6, 9, 9), (4, 6, 5, 7)),
        ((5, 2, 9, 7), None),  # they touch, and share no pixel
        ((1, 7, 5, 9), None),
        ((3, 3, 3, 5), None),
    ],
)
def test_boxes_share_what_both_hold(box: Box, common: Box | None) -> None:
    assert clipped((1, 2, 5, 7), box) == common
    assert clipped(box, (1, 2, 5, 7)) == common


def test_a_box_indexes_its_rows_and_columns() -> None:
    plane = np.arange(20).reshape(4, 5)
    assert plane[box_slices((1, 2, 3, 5))].tolist() == [[7, 8, 9], [12, 13, 14]]


@pytest.mark.parametrize(
    ("shape", "middle"),
    [((10, 10), (3, 3, 7, 7)), ((3, 11), (0, 3, 3, 7)), ((4, 2), (0, 0, 4, 2))],
)
def test_the_middle_of_a_plane_is_no_larger_than_the_plane(
    shape: tuple[int, int], middle: Box
) -> None:
    assert middle_box(shape, 4) == middle
