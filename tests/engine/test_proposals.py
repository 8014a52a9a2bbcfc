from __future__ import annotations

import numpy as np
import pytest

from unetloop.proposals import (
    has_room,
    place_classes,
    place_proposals,
    where_most_is_left,
)

CORE = (0, 0, 20, 20)


def _plane(*nuclei: tuple[int, slice, slice]) -> np.ndarray:
    plane = np.zeros((20, 30), np.int32)
    for number, rows, columns in nuclei:
        plane[rows, columns] = number
    return plane


def _nobody() -> np.ndarray:
    return np.zeros((20, 30), np.uint8)


def test_a_nucleus_on_the_seam_is_written_whole_by_one_field_only() -> None:
    left = _plane((1, slice(2, 8), slice(15, 24)))  # 5 of 9 columns in the core
    right = _plane((1, slice(12, 18), slice(19, 27)))  # 1 of 8
    both = left + 2 * (right > 0)
    result = place_proposals(_plane(), _nobody(), both, CORE, 10)
    np.testing.assert_array_equal(result > 0, left > 0)
    assert result.max() == 11


def test_the_fields_beside_it_keep_theirs_and_old_proposals_go() -> None:
    before = _plane(
        (3, slice(0, 4), slice(0, 4)),  # in the core: replaced
        (4, slice(0, 8), slice(18, 28)),  # the neighbour's
    )
    labels = _plane((1, slice(10, 14), slice(2, 6)), (2, slice(0, 8), slice(12, 19)))
    result = place_proposals(before, _nobody(), labels, CORE, 4)
    assert set(np.unique(result)) == {0, 4, 5, 6}
    assert np.array_equal(result == 4, before == 4)
    assert (result == 6).sum() == 8 * 6  # clipped at the neighbour's


@pytest.mark.parametrize("mark", [1, 2])
def test_what_was_looked_at_stays_and_casts_no_second_nucleus_round_it(
    mark: int,
) -> None:
    before = _plane((7, slice(4, 10), slice(4, 10)))
    review = _nobody()
    review[3:11, 3:11] = mark
    review[12:18, 3:9] = 1  # deleted: reviewed background
    labels = _plane((1, slice(2, 12), slice(3, 11)), (2, slice(12, 18), slice(3, 10)))
    result = place_proposals(before, review, labels, CORE, 7)
    np.testing.assert_array_equal(result, before)


def test_a_nucleus_of_which_half_is_free_is_shown() -> None:
    shown = has_room(np.array([50, 10, 10, 7]), np.array([50, 5, 4, 3]))
    assert shown.tolist() == [False, True, False, False]


@pytest.mark.parametrize("high", [50, 2**30])
def test_old_numbers_may_be_as_high_as_they_like(high: int) -> None:
    before = _plane((1, slice(0, 3), slice(0, 3)), (high, slice(5, 8), slice(22, 28)))
    result = place_proposals(before, _nobody(), _plane(), CORE, high)
    assert set(np.unique(result)) == {0, high}


def test_a_field_without_background_is_no_problem() -> None:
    before = np.full((20, 30), 5, np.int32)
    labels = np.ones((20, 30), np.int32)
    result = place_proposals(before, _nobody(), labels, (0, 0, 20, 30), 5)
    assert np.all(result == 6)


def test_classes_are_placed_in_the_core_where_nobody_has_looked() -> None:
    before, review = _plane((1, slice(0, 20), slice(0, 30))), _nobody()
    review[3:5, 3:5] = 1
    review[8:10, 3:5] = 2
    core = (2, 1, 12, 25)
    result = place_classes(before, review, np.full((20, 30), 3, np.int32), core)
    expected = np.ones_like(before)
    expected[2:12, 1:25] = np.where(review[2:12, 1:25] > 0, 1, 3)
    np.testing.assert_array_equal(result, expected)
    assert (before == 1).all()


def test_a_nucleus_where_four_fields_meet_is_lost_by_none_of_them() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[16:25, 12:27] = 1  # no core holds half of it
    plane = np.zeros_like(labels)
    nobody = np.zeros(labels.shape, np.uint8)
    for top, left in ((0, 0), (0, 20), (20, 0), (20, 20)):
        core = (top, left, top + 20, left + 20)
        plane = place_proposals(plane, nobody, labels, core, int(plane.max()))
    np.testing.assert_array_equal(plane > 0, labels > 0)
    assert len(np.unique(plane)) == 2


def test_a_nucleus_of_which_each_field_says_that_it_is_the_others_is_not_lost() -> None:
    left, right = _plane((1, slice(4, 10), slice(15, 26))), _plane()
    right[4:10, 14:25] = 1
    plane = place_proposals(_plane(), _nobody(), left, CORE, 0)
    plane = place_proposals(plane, _nobody(), right, (0, 20, 20, 30), 1)
    np.testing.assert_array_equal(plane > 0, right > 0)
    assert plane.max() == 2


def test_enter_goes_where_most_is_left() -> None:
    plane, review = np.zeros((60, 100), np.int32), np.zeros((60, 100), np.uint8)
    view = 20, 25, 40, 50  # views of 20 by 25 pixels
    assert where_most_is_left(plane, review, view) is None
    plane[:20, :25], review[:20, :25] = 1, 1  # most of all, and done
    plane[2:5, 25:50] = 2
    plane[50:54, 80:99] = 3
    assert where_most_is_left(plane, review, view) == (50, 87.5)
    review[50:54, 80:99] = 2
    assert where_most_is_left(plane, review, view) == (10, 37.5)
    assert where_most_is_left(plane, np.ones_like(review), view) is None


def test_of_a_large_plane_a_grid_tells_where_most_is_left() -> None:
    plane = np.zeros((40, 8192), np.int32)
    plane[:, 6000:6100] = 1
    where = where_most_is_left(plane, np.zeros(plane.shape, np.uint8), (0, 0, 40, 400))
    assert where == (20, 6200)


def test_the_next_view_is_in_the_plane_though_it_holds_no_whole_number() -> None:
    plane = np.zeros((20, 60), np.int32)
    plane[:, 52:] = 1
    where = where_most_is_left(plane, np.zeros(plane.shape, np.uint8), (0, 0, 20, 25))
    assert where == (10, 59)
