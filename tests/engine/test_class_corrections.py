"""What tools make of tissue classes."""

from __future__ import annotations

import numpy as np
import pytest

from unetloop.class_corrections import (
    NOTHING,
    accept_box,
    ignore_box,
    paint,
    painted_class,
)

SHAPE = (6, 8)


@pytest.fixture
def plane() -> tuple[np.ndarray, np.ndarray]:
    """Class 1 is proposed on the left, class 2 on the right."""
    segmentation = np.ones(SHAPE, np.int32)
    segmentation[:, 4:] = 2
    return segmentation, np.zeros(SHAPE, np.uint8)


def _stroke(number: int, *, size: tuple[int, int] = (2, 4)) -> np.ndarray:
    stroke = np.full(size, NOTHING, np.int32)
    stroke[0] = number
    return stroke


def test_what_is_painted_is_truth_and_nothing_beside_it(plane: tuple) -> None:
    segmentation, review = plane
    change = paint(segmentation, review, _stroke(2), (1, 2), count=2)
    assert change is not None
    assert (change.action, change.row, change.column) == ("class 2", 1, 2)
    np.testing.assert_array_equal(change.segmentation, [[2, 2, 2, 2], [1, 1, 2, 2]])
    np.testing.assert_array_equal(change.review, [[1, 1, 1, 1], [0, 0, 0, 0]])
    assert not review.any()


def test_painting_what_was_proposed_makes_it_truth(plane: tuple) -> None:
    segmentation, review = plane
    change = paint(segmentation, review, _stroke(1, size=(1, 3)), (0, 0), count=2)
    assert change is not None
    assert (change.review == 1).all()
    review[0, :3] = 1
    assert paint(segmentation, review, _stroke(1, size=(1, 3)), (0, 0), 2) is None


def test_erasing_takes_truth_away(plane: tuple) -> None:
    segmentation, review = plane
    review[:] = 1
    change = paint(segmentation, review, _stroke(0), (0, 0), count=2)
    assert change is not None
    assert change.action == "erase"
    np.testing.assert_array_equal(change.segmentation, [[0] * 4, [1] * 4])
    np.testing.assert_array_equal(change.review, [[0] * 4, [1] * 4])


def test_a_number_that_is_no_class_is_not_painted(plane: tuple) -> None:
    segmentation, review = plane
    assert paint(segmentation, review, _stroke(3), (0, 0), count=2) is None


def test_a_box_is_right_but_for_what_is_ignored_or_has_no_class(plane: tuple) -> None:
    segmentation, review = plane
    segmentation[0, 0], review[1, 1] = 0, 2
    change = accept_box(segmentation, review, (-1, -1, 2, 3))
    assert change is not None
    np.testing.assert_array_equal(change.review, [[0, 1, 1], [1, 2, 1]])
    review[:2, :3] = change.review
    assert accept_box(segmentation, review, (0, 0, 2, 3)) is None
    assert accept_box(segmentation, review, (7, 0, 9, 3)) is None


def test_an_ignored_box_comes_back_as_a_proposal(plane: tuple) -> None:
    segmentation, review = plane
    review[0, 0] = 1
    change = ignore_box(segmentation, review, (0, 0, 2, 2))
    assert change is not None
    assert (change.review == 2).all()
    np.testing.assert_array_equal(change.segmentation, segmentation[:2, :2])
    review[:2, :2] = 2
    again = ignore_box(segmentation, review, (0, 0, 2, 2))
    assert again is not None
    assert not again.review.any()
    assert ignore_box(segmentation, review, (0, 9, 2, 12)) is None


@pytest.mark.parametrize(
    ("action", "number"),
    [("class 12", 12), ("class", 0), ("class x", 0), ("erase", 0), ("3", 0)],
)
def test_actions_say_which_class_was_painted(action: str, number: int) -> None:
    assert painted_class(action) == number
