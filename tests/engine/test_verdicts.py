"""What a person said of pixels, and what a prediction becomes by it."""

from __future__ import annotations

import numpy as np
import pytest

from unetloop import verdicts
from unetloop.classes import TissueClass
from unetloop.errors import EngineError
from unetloop.proposals import place_proposals
from unetloop.verdicts import (
    OUT,
    RIGHT,
    keep_reviewed,
    keep_reviewed_classes,
    to_verdicts,
)

KNOWN = (TissueClass("tumour", "#ff0000"), TissueClass("stroma", "#00ff00"))


def test_only_what_is_right_has_a_number_and_proposals_are_not_in_it() -> None:
    review = np.array([[0, 1, 1, 2]], np.uint8)
    labels = np.array([[7, 0, 2**31 - 1, 9]], np.int32)
    assert to_verdicts(review, labels).tolist() == [[0, RIGHT, RIGHT + 2**31 - 1, OUT]]
    assert to_verdicts(review).tolist() == [[0, RIGHT, RIGHT, OUT]]


def _scene(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw predicted nuclei, nuclei of a person, and what was reviewed, at random."""
    random = np.random.default_rng(seed)
    labels, mine = np.zeros((2, 60, 70), np.int32)
    review = np.zeros((60, 70), np.uint8)
    for number in range(1, 30):
        row, column = random.integers(0, 55, 2)
        box = (slice(row, row + 7), slice(column, column + 8))
        near = (slice(row + 2, row + 9), slice(column, column + 6))
        labels[box] = number
        if number % 3 == 0:
            mine[near] = 1000 - number
            review[near] = 1
        if number % 7 == 0:
            review[box] = random.integers(1, 3)
    return labels, mine, review


def _same_nuclei(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the same pixels are together, whatever the numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(pairs[0]) == len(np.unique(pairs[0])) == len(np.unique(pairs[1]))


@pytest.mark.parametrize("pixels", [1 << 22, 300])
@pytest.mark.parametrize("seed", range(5))
def test_a_plane_becomes_what_the_viewer_would_show(
    seed: int, pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "_STRIP_PIXELS", pixels)
    labels, mine, review = _scene(seed)
    # What is ignored is of no nucleus here, though the viewer goes on showing it.
    kept = np.where(review == 1, mine, 0)
    shown = place_proposals(kept, review, labels, (0, 0, *labels.shape), 5000)
    merged = labels.copy()
    sources = keep_reviewed(merged, to_verdicts(review, mine))
    assert _same_nuclei(merged, shown)
    assert (merged[review == 2] == 0).all()
    assert len(sources) == merged.max() + 1
    first = [int(np.flatnonzero(merged == n)[0]) for n in range(1, len(sources))]
    assert first == sorted(first)
    for number, source in enumerate(sources):
        here = merged == number
        if source:
            assert (labels[here] == source).all()
        elif number:
            assert (review[here] == 1).all()


def test_where_nobody_looked_nothing_changes() -> None:
    labels = np.array([[1, 1, 0], [0, 2, 2]], np.int32)
    merged = labels.copy()
    assert keep_reviewed(merged, np.zeros((2, 3), np.uint32)).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(merged, labels)


def test_painted_classes_stay_by_their_names_and_ignored_pixels_are_of_none() -> None:
    labels = np.ones((1, 5), np.int32)
    seen = np.array([[0, OUT, RIGHT, RIGHT + 1, RIGHT + 2]], np.uint32)
    keep_reviewed_classes(labels, seen, KNOWN[::-1], KNOWN)
    assert labels.tolist() == [[1, 0, 1, 2, 1]]
    more = (*KNOWN, TissueClass("necrosis", "#0000ff"))
    seen[0, 0] = RIGHT + 3
    with pytest.raises(EngineError, match="'necrosis' was painted"):
        keep_reviewed_classes(labels, seen, more, KNOWN)
    assert labels.tolist() == [[1, 0, 1, 2, 1]]
