"""Numbers that are free, and numbers that fit."""

from __future__ import annotations

import numpy as np
import pytest

from unetloop.numbering import fit_numbers, free_number

LARGEST = int(np.iinfo(np.int32).max)


def test_numbers_that_fit_stay_as_they_are() -> None:
    labels = np.array([[0, 5], [2**31 - 1, 5]], np.int32)
    assert fit_numbers(labels) is labels
    assert fit_numbers(labels.astype(np.uint64)).tolist() == labels.tolist()
    assert fit_numbers(labels > 0).tolist() == [[0, 1], [1, 1]]


def test_numbers_that_do_not_fit_become_others_that_were_free() -> None:
    labels = np.array([[0, -3, -3], [1, 2**40, 2**31], [2**31 - 1, 2, 0]])
    found = fit_numbers(labels)
    assert found.dtype == np.int32
    same = (labels >= 0) & (labels < 2**31)
    assert (found[same] == labels[same]).all()
    assert (found[~same] > 0).all()
    assert len(np.unique(found)) == len(np.unique(labels))
    assert found[0, 1] == found[0, 2]


@pytest.mark.parametrize("labels", [[-3, 0, 2, 2], [2**40, 0, 2, 2]])
def test_numbers_too_low_or_too_high_alone_are_others_too(labels: list[int]) -> None:
    first, *rest = fit_numbers(np.array([labels])).tolist()[0]
    assert rest == [0, 2, 2]
    assert first not in (0, 2)
    assert 0 < first <= LARGEST


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([0], 1), ([7, 0, 2], 8), ([2**24], 2**24 + 1), ([5, LARGEST], 6), ([], 1)],
)
def test_a_free_number_is_above_all_or_in_the_widest_gap(
    numbers: list[int], expected: int
) -> None:
    assert free_number(np.array([numbers], np.int32)) == expected
