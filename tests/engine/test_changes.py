from __future__ import annotations

import numpy as np

from unetloop.changes import fit_numbers


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
