"""What a stroke of the brush reviews, and which numbers it leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawn_planes import after, blank, discs, distance_to, draw, pieces

from unetloop.errors import EngineError
from unetloop.strokes import touched


def stroke(
    before: np.ndarray, now: np.ndarray, review: np.ndarray, **values: Any
) -> tuple[np.ndarray, np.ndarray]:
    return after(touched(before, now, review, **values), now, review)


def test_painting_reviews_the_whole_nucleus_with_its_ring() -> None:
    before = draw("""
        11........2
        11........2
    """)
    now = before.copy()
    now[0, 2] = 1
    segmentation, review = stroke(before, now, blank(now))
    assert (segmentation == now).all()
    expected = """
        111111.....
        11111......
    """
    assert (review == draw(expected)).all()


def test_what_a_stroke_takes_from_another_nucleus_reviews_that_too() -> None:
    before = draw("111222")
    now = draw("112222")
    review = draw("2....2").astype(np.uint8)
    _, marks = stroke(before, now, review)
    assert (marks == 1).all()


def test_what_is_erased_is_reviewed_background() -> None:
    before = draw("111...333.....2")
    now = draw("111...........2")
    review = blank(now)
    review[0, 7] = 2
    segmentation, marks = stroke(before, now, review)
    assert (segmentation == now).all()
    assert (marks == draw("......111......")).all()


def test_a_nucleus_that_was_cut_gets_numbers_for_its_smaller_pieces() -> None:
    before = draw("""
        1111111111
        1111111111
    """)
    now = before.copy()
    now[:, [3, 8]] = 0
    change = touched(before, now, blank(now), free=30)
    segmentation, review = after(change, now, blank(now))
    assert set(segmentation[:, 4:8].flat) == {1}
    assert sorted({segmentation[0, 0], segmentation[0, 9]}) == [30, 31]
    assert (review == 1).all()
    assert change is not None
    assert (change.action, change.number) == ("paint", 0)
    without, _ = stroke(before, now, blank(now))
    assert set(np.unique(without)) == {0, 1, 2, 3}


def test_one_stroke_may_cut_several_nuclei() -> None:
    before = discs((20, 30, 9), (40, 30, 9), (60, 30, 9))
    before[before == 2] = 2**24 + 5
    now = before.copy()
    now[:, 28] = 0
    now[0:20, 28] = 9  # painting through a nucleus cuts it too
    segmentation, review = stroke(before, now, blank(now))
    assert {int(n) - 2**24 for n in np.unique(segmentation)} >= {5, 6, 7, 8}
    for row in (20, 40, 60):
        left, right = segmentation[row, 25], segmentation[row, 32]
        assert left > right == before[row, 32]
        assert pieces(segmentation == left) == pieces(segmentation == right) == 1
    assert ((review == 1) >= (distance_to(before > 0) <= 3)).all()


def test_a_cut_is_seen_where_it_leaves_the_pieces_bounding_boxes() -> None:
    before = draw("""
        1...1
        1...1
        11111
    """)
    now = before.copy()
    now[2] = 0
    segmentation, _ = stroke(before, now, blank(now))
    assert sorted({segmentation[0, 0], segmentation[0, 4]}) == [1, 2]


def test_pieces_that_were_apart_before_keep_their_number() -> None:
    before = draw("111...111")
    now = draw("11.....11")
    segmentation, review = stroke(before, now, blank(now))
    assert (segmentation == now).all()
    assert review.all()


def test_what_is_painted_apart_keeps_the_number_it_was_painted_with() -> None:
    before = draw("111..........")
    now = draw("11...111..111")
    segmentation, review = stroke(before, now, blank(now))
    assert (segmentation == now).all()
    assert review.all()


def test_a_crumb_that_is_cut_off_is_no_nucleus() -> None:
    before = discs((40, 40, 15))
    now = before.copy()
    now[26, 35:46] = 0  # leaves the topmost pixel alone
    segmentation, _ = stroke(before, now, blank(now))
    assert pieces(now == 1) == 2
    assert (segmentation == now).all()


def test_a_small_window_says_the_same_as_the_whole_plane() -> None:
    before = discs((30, 30, 9), (30, 50, 9), (60, 60, 9))
    now = before.copy()
    now[28:33, 15:46] = 0
    now[55, 55:75] = 2
    review = blank(now)
    small = touched(before[20:70, 10:79], now, review, (20, 10))
    large = touched(before, now, review)
    for mine, yours in zip(
        after(small, now, review), after(large, now, review), strict=True
    ):
        assert (mine == yours).all()
    assert small is not None
    changed = np.argwhere(before != now)
    assert (changed >= (small.row, small.column)).all()
    assert (changed < [side.stop for side in small.window]).all()


def test_a_stroke_that_changed_nothing_is_no_correction() -> None:
    plane = draw("11.2")
    assert touched(plane.copy(), plane, blank(plane)) is None


def test_a_window_beyond_the_plane_is_refused() -> None:
    plane = draw("11.2")
    with pytest.raises(EngineError, match="within the plane"):
        touched(np.zeros((2, 2), np.int32), plane, blank(plane), (0, 1))


@pytest.mark.parametrize(("count", "action"), [(9, "paint"), (10, "labels")])
def test_many_nuclei_at_once_are_labels_that_somebody_had(
    count: int, action: str
) -> None:
    now = np.zeros((9, 60), np.int32)
    now[2:7, 2 : 2 + 5 * count] = np.repeat(np.arange(1, count + 1), 5)
    change = touched(np.zeros_like(now), now, blank(now))
    assert change is not None
    assert change.action == action
