"""What the tools make of segmentation and review, on planes drawn by hand."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_planes import after, blank, discs, distance_to, draw, pieces
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from unetloop import corrections
from unetloop.corrections import (
    Change,
    accept,
    accept_box,
    delete,
    ignore,
    join,
    split,
)
from unetloop.strokes import touched

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = int(np.iinfo(np.int32).max)


def test_accept_reviews_a_nucleus_and_three_pixels_round_it() -> None:
    segmentation = discs((40, 40, 15))
    change = accept(segmentation, blank(segmentation), (40.4, 39.6))
    now, review = after(change, segmentation, blank(segmentation))
    assert (now == segmentation).all()
    assert ((review == 1) == (distance_to(segmentation == 1) <= 3)).all()
    assert change is not None
    assert (change.action, change.number) == ("accept", 1)


def test_the_ring_takes_background_only_and_spares_what_is_ignored() -> None:
    segmentation = draw("""
        11.22
        11.22
        11..3
    """)
    review = draw("""
        ...1.
        ..2..
        .....
    """).astype(np.uint8)
    _, now = after(accept(segmentation, review, (0, 0)), segmentation, review)
    expected = """
        1111.
        112..
        1111.
    """
    assert (now == draw(expected)).all()


def test_accepting_twice_changes_nothing() -> None:
    segmentation = draw(".1.")
    review = np.ones((1, 3), np.uint8)
    assert accept(segmentation, review, (0, 1)) is None


def test_delete_reviews_what_the_nucleus_covered_and_nothing_else() -> None:
    segmentation = draw("""
        .11.
        .112
        ...2
    """)
    change = delete(segmentation, blank(segmentation), (1, 1))
    now, review = after(change, segmentation, blank(segmentation))
    assert (now == np.where(segmentation == 1, 0, segmentation)).all()
    assert (review == (segmentation == 1)).all()
    assert change is not None
    assert (change.action, change.number) == ("delete", 0)


def test_ignore_marks_a_nucleus_and_keeps_it() -> None:
    segmentation = draw(".112")
    review = draw("1111").astype(np.uint8)
    change = ignore(segmentation, review, (0, 1))
    now, marks = after(change, segmentation, review)
    assert (now == segmentation).all()
    assert (marks == draw("1221")).all()
    assert change is not None
    assert (change.action, change.number) == ("ignore", 1)


def test_ignoring_again_makes_it_a_proposal_and_accepting_makes_it_right() -> None:
    segmentation = draw(".112")
    review = draw("..22").astype(np.uint8)
    marked = review.copy()
    marked[0, 1:3] = 2
    _, back = after(ignore(segmentation, marked, (0, 2)), segmentation, marked)
    assert (back == draw("...2")).all()
    _, right = after(accept(segmentation, marked, (0, 2)), segmentation, marked)
    assert (right == draw("1112")).all()


def test_a_nucleus_that_is_ignored_in_part_becomes_ignored_as_a_whole() -> None:
    segmentation = draw(".111")
    review = draw("..21").astype(np.uint8)
    _, now = after(ignore(segmentation, review, (0, 3)), segmentation, review)
    assert (now == draw(".222")).all()


def test_far_pieces_of_the_same_number_are_left_alone() -> None:
    segmentation = np.zeros((3, 200), np.int32)
    segmentation[1, [5, 6, 190]] = 7
    segmentation[2, 7] = 7  # hangs on by a corner
    now, _ = after(
        delete(segmentation, blank(segmentation), (1, 5)),
        segmentation,
        blank(segmentation),
    )
    assert np.argwhere(now).tolist() == [[1, 190]]


def test_a_nucleus_larger_than_the_first_look_is_found_as_a_whole() -> None:
    segmentation = np.zeros((300, 900), np.int32)
    segmentation[20:280, 100] = 5
    segmentation[279, 100:800] = 5
    now, _ = after(
        delete(segmentation, blank(segmentation), (20, 100)),
        segmentation,
        blank(segmentation),
    )
    assert not now.any()


@pytest.mark.parametrize("shape", [(4, 4), (1, 1), (1, 40), (200, 3)])
def test_a_nucleus_that_fills_the_plane_has_no_ring(shape: tuple[int, int]) -> None:
    segmentation = np.full(shape, 2**24 + 3, np.int32)
    review = blank(segmentation)
    for tool in (accept, delete, ignore):
        change = tool(segmentation, review, (0, 0))
        assert change is not None
        assert change.segmentation.shape == shape
    assert split(segmentation, review, [(0, 0)]) is None
    assert join(segmentation, review, [(0, 0), (9, 9)]) is None


@pytest.mark.parametrize(
    "point",
    [(-1, 2), (0, -0.6), (1.6, 0), (0, 4), (np.nan, 1), (1, np.inf), (1e300, 0)],
)
def test_nothing_is_corrected_outside_the_plane(point: tuple[float, float]) -> None:
    segmentation = np.ones((2, 4), np.int32)
    review = blank(segmentation)
    for tool in (accept, delete, ignore):
        assert tool(segmentation, review, point) is None
    assert split(segmentation, review, [point]) is None
    assert join(segmentation, review, [point, point]) is None


def test_nothing_is_corrected_on_the_background() -> None:
    segmentation = draw("1.2")
    review = blank(segmentation)
    for tool in (accept, delete, ignore):
        assert tool(segmentation, review, (0, 1)) is None
    assert split(segmentation, review, [(0, 1), (0, 1)]) is None
    assert join(segmentation, review, []) is None


def test_split_cuts_without_a_gap_and_reviews_both_parts() -> None:
    segmentation = discs((40, 40, 15), (10, 10, 5))
    review = blank(segmentation)
    change = split(segmentation, review, [(20, 43), (60, 43)])
    now, marks = after(change, segmentation, review)
    assert ((now > 0) == (segmentation > 0)).all()
    rows, columns = np.nonzero(segmentation == 1)
    large, small = columns < 43, columns > 43
    assert (now[rows[large], columns[large]] == 1).all()
    assert (now[rows[small], columns[small]] == 3).all()
    assert ((marks == 1) == (distance_to(segmentation == 1) <= 3)).all()
    assert change is not None
    assert (change.action, change.number) == ("split", 1)


@pytest.mark.parametrize(
    "line",
    [
        [(38, 41), (42, 41)],  # both ends inside
        [(38.2, 40.8), (80, 41)],  # one end inside, the other outside the plane
        [(np.nan, 0), (38, 41), (np.nan, np.nan), (43, 41)],
        [(38, 41), (38, 41), (40, 41)],
        [(36, 36), (44, 44)],  # diagonal: nothing slips through
        [(40, 30), (41, 47)],
    ],
)
def test_a_line_that_stops_inside_is_lengthened(
    line: list[tuple[float, float]],
) -> None:
    segmentation = discs((40, 40, 15))
    now, _ = after(
        split(segmentation, blank(segmentation), line),
        segmentation,
        blank(segmentation),
    )
    sizes = np.bincount(now[now > 0])
    assert len(sizes) == 3
    assert sizes[1] >= sizes[2] > 0.35 * sizes.sum()
    assert pieces(now == 1) == pieces(now == 2) == 1


def test_a_line_is_lengthened_to_the_nearest_edge_only() -> None:
    segmentation = draw("""
        111111111
        111111111
        11.....11
        11.....11
        11.....11
    """)
    change = split(segmentation, blank(segmentation), [(3, 0), (3, 1)])
    assert change is not None
    assert len(np.unique(change.segmentation)) == 3
    assert (
        change.segmentation[:, 7:] == draw("11 11 11 11 11".replace(" ", "\n"))
    ).all()


def test_the_nucleus_in_which_most_of_the_line_lies_is_split() -> None:
    segmentation = draw("""
        1122222
        1122222
        1122222
    """)
    now, _ = after(
        split(segmentation, blank(segmentation), [(1, 0), (1, 6)], free=9),
        segmentation,
        blank(segmentation),
    )
    assert set(np.unique(now)) == {1, 2, 9}
    assert (now[:, :2] == 1).all()


def test_other_parts_get_free_numbers_by_size() -> None:
    segmentation = np.zeros((12, 30), np.int32)
    segmentation[3:9, 2:28] = 4
    line = [(0, 8), (11, 8), (11, 20), (0, 20)]  # parts 6, 12 and 8 wide, or so
    now, _ = after(
        split(segmentation, blank(segmentation), line, free=2**24 + 1),
        segmentation,
        blank(segmentation),
    )
    assert [now[5, column] for column in (14, 25, 3)] == [4, 2**24 + 1, 2**24 + 2]


def test_a_line_along_the_edge_divides_nothing() -> None:
    segmentation = discs((40, 40, 15))
    review = blank(segmentation)
    assert split(segmentation, review, [(40, 55), (41, 55)]) is None
    assert split(segmentation, review, [(40, 40)]) is None
    assert split(segmentation, review, [(40, 40), (40.2, 40.3)]) is None
    assert split(draw("111"), blank(draw("111")), [(0, 1)]) is None
    assert split(draw("111"), blank(draw("111")), [(0, 0), (0, 2)]) is None


def test_crumbs_beside_the_cut_are_no_nuclei() -> None:
    segmentation = discs((40, 40, 15))
    loop = [(41, 40), (41, 43), (38, 43), (38, 40)]  # encloses four pixels
    now, _ = after(
        split(segmentation, blank(segmentation), [(20, 40), *loop, (60, 40)]),
        segmentation,
        blank(segmentation),
    )
    assert set(np.unique(now)) == {0, 1, 2}
    assert pieces(now == 1) == pieces(now == 2) == 1


def test_a_pixel_of_the_cut_that_hangs_on_by_a_corner_goes_to_a_part_too() -> None:
    segmentation = draw("""
        11111.
        11111.
        .....1
    """)
    line = [(-1, 2), (3, 2), (3, 4), (2, 5)]
    now, _ = after(
        split(segmentation, blank(segmentation), line),
        segmentation,
        blank(segmentation),
    )
    assert ((now > 0) == (segmentation > 0)).all()
    assert now[2, 5] == now[1, 4] != now[1, 0]


def test_an_ignored_nucleus_that_is_split_is_reviewed() -> None:
    segmentation = np.ones((2, 6), np.int32)
    review = np.full((2, 6), 2, np.uint8)
    _, now = after(split(segmentation, review, [(-1, 2), (2, 2)]), segmentation, review)
    assert (now == 1).all()


def test_join_bridges_the_gap_and_nothing_else() -> None:
    segmentation = discs((40, 25, 12), (40, 52, 12), (10, 10, 4))
    review = blank(segmentation)
    change = join(segmentation, review, [(40, 75), (41, 2)])
    now, marks = after(change, segmentation, review)
    assert change is not None
    assert (change.action, change.number) == ("join", 2)
    assert set(np.unique(now)) == {0, 2, 3}
    joined = now == 2
    assert pieces(joined) == 1
    assert (joined >= np.isin(segmentation, (1, 2))).all()
    added = np.argwhere(joined & (segmentation == 0))
    assert (abs(added - (40, 38.5)) <= (7, 5)).all()
    assert (added[:, 1] == 38).sum() > 5  # the notch is filled, too
    assert ((marks == 1) == (distance_to(joined) <= 3)).all()


def test_join_takes_all_that_the_line_crosses() -> None:
    segmentation = draw("""
        .11.22.33.4
        .11.22.33.4
        .11.22.33.4
    """)
    now, _ = after(
        join(segmentation, blank(segmentation), [(1, 0), (1, 7)]),
        segmentation,
        blank(segmentation),
    )
    expected = """
        .11111111.4
        .11111111.4
        .11111111.4
    """
    assert (now == draw(expected)).all()


def test_join_fills_enclosed_background_but_takes_no_other_nucleus() -> None:
    segmentation = np.zeros((30, 30), np.int32)
    segmentation[5:25, 5:15] = 1
    segmentation[5:25, 15:25] = 2
    segmentation[8:22, 8:22] = 0
    segmentation[:8, 14:16] = 0  # the ring is open at the top
    segmentation[14:16, 14:16] = 5
    now, _ = after(
        join(segmentation, blank(segmentation), [(6, 6), (6, 24)]),
        segmentation,
        blank(segmentation),
    )
    assert (now[5:25, 5:25] == np.where(segmentation == 5, 5, 1)[5:25, 5:25]).all()


def test_join_follows_a_line_wherever_it_leads() -> None:
    segmentation = np.zeros((40, 20), np.int32)
    segmentation[2:6, 2:6], segmentation[2:6, 14:18] = 1, 2
    line = [(4, 4), (30, 10), (4, 16)]
    now, _ = after(
        join(segmentation, blank(segmentation), line), segmentation, blank(segmentation)
    )
    assert now[29:31, 10].tolist() == [1, 1]
    assert pieces(now == 1) == 1


def test_two_pieces_of_one_number_can_be_joined() -> None:
    segmentation = draw("11...11")
    now, _ = after(
        join(segmentation, blank(segmentation), [(0, 0), (0, 6)]),
        segmentation,
        blank(segmentation),
    )
    assert (now == 1).all()


def test_fewer_than_two_nuclei_are_not_joined() -> None:
    segmentation = draw("11..22")
    assert join(segmentation, blank(segmentation), [(0, 0), (0, 3)]) is None


def test_a_box_reviews_what_lies_in_it_but_what_is_ignored() -> None:
    segmentation = draw("""
        ......
        .11.2.
        ......
    """)
    review = draw("""
        ......
        ....22
        ......
    """).astype(np.uint8)
    change = accept_box(segmentation, review, (0, 0, 2, 5))
    now, marks = after(change, segmentation, review)
    assert (now == segmentation).all()
    expected = """
        11111.
        111122
        ......
    """
    assert (marks == draw(expected)).all()
    assert change is not None
    assert change.action == "box"
    assert accept_box(segmentation, marks, (0, 0, 2, 5)) is None


def test_nuclei_at_the_edge_of_a_box_are_reviewed_whole_or_not_at_all() -> None:
    segmentation = draw("""
        ......
        .1111.
        ......
        ...222
        ......
    """)
    review = blank(segmentation)
    _, marks = after(
        accept_box(segmentation, review, (0, 0, 5, 4)), segmentation, review
    )
    expected = """
        1111..
        11111.
        1111..
        111...
        1111..
    """
    assert (marks == draw(expected)).all()


@pytest.mark.parametrize("inside", [2, 4])
def test_nuclei_are_whole_at_all_sides_of_a_box(inside: int) -> None:
    segmentation = np.zeros((30, 22), np.int32)
    top, left, bottom, right = 12, 5, 22, 15
    first, last = slice(inside - 6, inside), slice(-inside, 6 - inside)
    for number, (side, part) in enumerate(((top, first), (bottom, last)), 1):
        segmentation[side + part.start : side + part.stop, 9:11] = number
    for number, (side, part) in enumerate(((left, first), (right, last)), 3):
        segmentation[16:18, side + part.start : side + part.stop] = number
    expected = np.zeros(segmentation.shape, np.uint8)
    expected[top:bottom, left:right] = 1
    expected[segmentation > 0] = inside > 3
    review = blank(segmentation)
    box = (top, left, bottom, right)
    _, marks = after(accept_box(segmentation, review, box), segmentation, review)
    np.testing.assert_array_equal(marks, expected)


def test_half_a_nucleus_is_not_enough_and_its_review_is_kept() -> None:
    segmentation = draw("..1111")
    review = draw("...1..").astype(np.uint8)
    _, marks = after(
        accept_box(segmentation, review, (0, 0, 1, 4)), segmentation, review
    )
    assert (marks == draw("11.1..")).all()


@pytest.mark.parametrize(
    ("box", "reviewed"),
    [
        ((-5, -5, 99, 99), 12),
        ((2, 3, 0, 0), 6),  # drawn from the lower right to the upper left
        ((0.4, -0.4, 1.6, 2.6), 6),
        ((-np.inf, 0, np.inf, 1), 3),
        ((3, 0, 9, 9), None),
        ((1, 1, 1, 3), None),
        ((np.nan, 0, 1, 1), None),
    ],
)
def test_a_box_is_clipped_to_the_plane(
    box: tuple[float, ...], reviewed: int | None
) -> None:
    segmentation = np.zeros((3, 4), np.int32)
    change = accept_box(segmentation, blank(segmentation), box)
    if reviewed is None:
        assert change is None
    else:
        _, marks = after(change, segmentation, blank(segmentation))
        assert marks.sum() == reviewed


def test_parts_get_numbers_even_if_the_largest_is_taken() -> None:
    segmentation = np.zeros((3, 9), np.int32)
    segmentation[:, :] = LARGEST
    segmentation[0, 8] = 3
    now, _ = after(
        split(segmentation, blank(segmentation), [(0, 4), (2, 4)]),
        segmentation,
        blank(segmentation),
    )
    assert len(np.unique(now)) == 3
    assert now.min() > 0


ends = st.tuples(st.floats(-10, 90), st.floats(-10, 90))


@given(
    centre=st.tuples(st.integers(20, 60), st.integers(20, 60)),
    radii=st.tuples(st.integers(4, 18), st.integers(4, 18)),
    through=st.tuples(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4)),
    angle=st.floats(0, 7),
    reach=st.tuples(st.floats(1, 60), st.floats(1, 60)),
)
@example((20, 20), (4, 4), (0.375, -0.25), 0.47265625, (57.0, 33.0))
@settings(max_examples=100, deadline=None)
def test_split_and_join_take_each_other_back(
    centre: tuple[int, int],
    radii: tuple[int, int],
    through: tuple[float, float],
    angle: float,
    reach: tuple[float, float],
) -> None:
    rows, columns = np.ogrid[:80, :80]
    inside = np.hypot((rows - centre[0]) / radii[0], (columns - centre[1]) / radii[1])
    segmentation = np.where(inside <= 1, 2**24 + 1, 0).astype(np.int32)
    review = blank(segmentation)
    point = np.add(centre, np.multiply(radii, through))
    direction = np.array([np.sin(angle), np.cos(angle)])
    line = [point - reach[0] * direction, point + reach[1] * direction]
    change = split(segmentation, review, line)
    now, review = after(change, segmentation, review)
    assert ((now > 0) == (segmentation > 0)).all()
    numbers = np.unique(now[now > 0])
    assert len(numbers) == 2
    assert all(pieces(now == number) == 1 for number in numbers)
    middles = [np.argwhere(now == number) for number in numbers]
    across = [points[len(points) // 2] for points in middles]
    again, _ = after(join(now, review, across), now, review)
    assert ((again > 0) == (segmentation > 0)).all()
    assert len(np.unique(again[again > 0])) == 1


planes = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@given(planes, st.lists(ends, min_size=2, max_size=5))
@settings(max_examples=100, deadline=None)
def test_no_correction_changes_its_inputs_or_what_is_round_it(
    chance: np.random.Generator, line: list[tuple[float, float]]
) -> None:
    segmentation = ndimage.zoom(chance.integers(0, 4, (16, 16)), 5, order=0)
    segmentation = segmentation.astype(np.int32)
    review = chance.integers(0, 3, segmentation.shape).astype(np.uint8)
    stored = segmentation.copy(), review.copy()
    before = ndimage.shift(segmentation[:40, :40], (1, 2), order=0)
    stored_before = before.copy()
    for array in (segmentation, review, before):
        array.flags.writeable = False
    calls: dict[str, Callable[[], Change | None]] = {
        "accept": lambda: accept(segmentation, review, line[0]),
        "delete": lambda: delete(segmentation, review, line[0]),
        "ignore": lambda: ignore(segmentation, review, line[0]),
        "split": lambda: split(segmentation, review, line),
        "join": lambda: join(segmentation, review, line),
        "accept_box": lambda: accept_box(segmentation, review, line[:2]),
        "touched": lambda: touched(before, segmentation, review, (30, 20)),
    }
    tools = [
        name
        for name in corrections.__all__
        if inspect.isfunction(getattr(corrections, name))
    ]
    assert calls.keys() == {*tools, "touched"}
    for name, call in calls.items():
        change = call()
        if change is None:
            continue
        shared = np.shares_memory(change.segmentation, segmentation)
        assert not shared or not change.segmentation.flags.writeable, name
        assert not np.shares_memory(change.review, review), name
        now, marks = after(change, segmentation, review)
        if name in ("accept", "ignore", "accept_box"):
            assert (now == segmentation).all(), name
        if name != "ignore":
            assert (marks[review == 1] == 1).all(), name
        assert (now != segmentation)[marks != 1].sum() == 0, name
    assert (stored[0] == segmentation).all()
    assert (stored[1] == review).all()
    assert (stored_before == before).all()
