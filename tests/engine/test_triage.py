"""Which images come first."""

from __future__ import annotations

import pytest

from unetloop.triage import doubt, most_doubtful, most_unlike


def test_the_most_doubtful_come_first_and_only_those_that_are_done() -> None:
    rows = [
        {"image": "sure", "status": "done", "doubtful": 0.0, "certainty": 1.0},
        {"image": "unsure", "status": "done", "doubtful": 0.4, "certainty": 0.8},
        {"image": "empty", "status": "done", "doubtful": 0.35},
        {"image": "also unsure", "status": "done", "doubtful": 0.4, "certainty": 0.8},
        {"image": "broken", "status": "failed"},
    ]
    assert doubt(rows[1]) == pytest.approx(0.3)
    order = [row["image"] for row in most_doubtful(rows, 9)]
    assert order == ["empty", "also unsure", "unsure", "sure"]
    assert len(most_doubtful(rows, 2)) == 2


def test_only_what_is_above_one_is_unlike() -> None:
    rows = [
        {"image": name, "status": "done", "unlikeness": value}
        for name, value in [("a", 1.0), ("b", 1.01), ("c", 7.0), ("d", None)]
    ]
    assert [row["image"] for row in most_unlike(rows)] == ["c", "b"]
