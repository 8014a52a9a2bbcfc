"""Counting nuclei cell by cell."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from napari_unet import _census
from napari_unet._census import CELL, Census, Count, cells_of
from napari_unet._current import Truth

if TYPE_CHECKING:
    import pytest

SHAPE = (600, 700)


def _count(census: Census, truth: Truth) -> Count:
    return census.count(truth.segmentation, truth.review, truth.take_changed())


def _window(top: int, left: int, size: int = 20) -> tuple[slice, slice]:
    return slice(top, top + size), slice(left, left + size)


def test_a_nucleus_on_the_border_of_cells_counts_once() -> None:
    truth, census = Truth.of(1, SHAPE), Census()
    truth.segmentation[0][_window(CELL - 10, CELL - 10)] = 7
    truth.segmentation[0][_window(500, 600)] = 2_000_000_000
    truth.set_loaded(0)
    assert _count(census, truth) == Count(2, 0, looked=False, done=False)


def test_only_what_changed_is_looked_at_again() -> None:
    truth, census = Truth.of(2, SHAPE), Census()
    for plane in (0, 1):
        truth.segmentation[plane][_window(10, 10)] = 1
        truth.segmentation[plane][_window(300, 300)] = 2
        truth.set_loaded(plane)
    assert _count(census, truth).nuclei == 4
    window = _window(300, 300)
    truth.write("segmentation", 1, window, np.zeros((20, 20), np.int32))
    truth.write("review", 0, window, np.ones((20, 20), np.uint8))
    assert truth.changed == {(0, 1, 1), (1, 1, 1)}
    assert _count(census, truth) == Count(3, 1, looked=True, done=False)
    assert not truth.changed
    truth.write("review", 0, _window(10, 10), np.full((20, 20), 2, np.uint8))
    truth.write("review", 1, _window(0, 0, 100), np.ones((100, 100), np.uint8))
    assert _count(census, truth) == Count(3, 2, looked=True, done=True)


def test_numbers_far_apart_are_counted() -> None:
    truth, census = Truth.of(1, SHAPE), Census()
    for number, value in enumerate((1, 2_000_000, 2_000_000_000)):
        truth.segmentation[0][_window(30 * number, 10)] = value
    truth.set_loaded(0)
    assert _count(census, truth).nuclei == 3


def test_cells_are_those_that_a_rectangle_touches() -> None:
    assert cells_of(3, (slice(0, CELL), slice(0, 1))) == {(3, 0, 0)}
    assert len(cells_of(0, (slice(CELL - 1, CELL + 1), slice(0, 3 * CELL)))) == 6


def test_an_image_is_whole_when_every_pixel_was_looked_at() -> None:
    truth, census = Truth.of(1, SHAPE), Census()
    truth.set_loaded(0)
    assert not _count(census, truth).whole
    rows, columns = SHAPE
    whole = slice(0, rows), slice(0, columns)
    truth.write("review", 0, whole, np.ones(SHAPE, np.uint8))
    assert _count(census, truth).whole
    truth.write("review", 0, _window(0, 0), np.zeros((20, 20), np.uint8))
    assert not _count(census, truth).whole


def test_planes_that_did_not_change_are_not_added_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth, census = Truth.of(50, (20, 20)), Census()
    for plane in range(50):
        truth.set_loaded(plane)
    _count(census, truth)
    looked: list[int] = []
    add = _census._different
    monkeypatch.setattr(
        _census, "_different", lambda many: looked.append(len(many)) or add(many)
    )
    truth.write("segmentation", 7, _window(0, 0), np.ones((20, 20), np.int32))
    assert _count(census, truth).nuclei == 1
    assert len(looked) <= 2


def test_who_asks_for_a_plane_need_not_wait_for_another_to_be_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth, census = Truth.of(2, SHAPE), Census()
    truth.set_loaded(0)
    _count(census, truth)
    truth.set_loaded(1)
    looking, asked, look = threading.Event(), threading.Event(), _census._look

    def slow(*pixels: np.ndarray) -> object:
        looking.set()
        assert asked.wait(20)
        return look(*pixels)

    monkeypatch.setattr(_census, "_look", slow)
    with ThreadPoolExecutor(2) as threads:
        counting = threads.submit(_count, census, truth)
        assert looking.wait(20)
        assert set(threads.submit(census.planes).result(10)) == {0}
        asked.set()
        counting.result(20)
    assert set(census.planes()) == {0, 1}
