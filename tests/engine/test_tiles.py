from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unetloop.config import PredictionConfig
from unetloop.errors import EngineError
from unetloop.tiles import Tiling, tile_side


@settings(deadline=None, max_examples=80)
@given(
    shape=st.tuples(st.integers(1, 700), st.integers(1, 700)),
    tile=st.sampled_from([64, 128, 256]),
    overlap=st.integers(0, 32),
)
def test_cut_and_added_again_it_is_the_same_image(
    shape: tuple[int, int], tile: int, overlap: int
) -> None:
    tiling = Tiling(shape, tile, overlap)
    image = np.random.default_rng(0).random((*shape, 2), np.float32)
    total = np.zeros_like(image)
    tiles = list(tiling)
    assert len(tiles) == len(tiling)
    for item in tiles:
        part = tiling.cut(image, item)
        assert part.shape == (*tiling.sides, 2)
        tiling.add(total, item, part)
    np.testing.assert_allclose(total, image, atol=1e-5)


@pytest.mark.parametrize("size", [1100, 1600, 2500, 5000])
def test_what_a_tile_says_beside_its_own_border_weighs_nothing(size: int) -> None:
    """A network sees some 96 pixels far, and behind the border nothing."""
    default = PredictionConfig()
    tiles = list(Tiling((16, size), default.tile, default.overlap))
    assert len(tiles) > 1
    for left, right in pairwise(tiles):
        shared = left.column + len(left.column_weights) - right.column
        assert shared >= default.overlap
        rising, falling = right.column_weights[:shared], left.column_weights[-shared:]
        assert not rising[:96].any()
        assert not falling[-96:].any()
        np.testing.assert_allclose(rising, falling[::-1], atol=1e-6)
        assert (np.diff(rising) >= 0).all()
    assert tiles[0].column_weights[0] == 1  # the image's border is nobody else's
    assert tiles[-1].column_weights[-1] == 1


def test_few_sides_all_multiples_of_16() -> None:
    found = {tile_side(size, 1024, 128) for size in range(1, 9000)}
    sides = {side for _, side in found}
    assert len(sides) <= 48
    assert all(side % 16 == 0 for side in sides)
    assert tile_side(1024, 1024, 128) == (1, 1024)
    assert tile_side(1030, 1024, 128) == (2, 608)
    assert max(sides) == 1024


@pytest.mark.parametrize("size", [1024, 1100, 2048, 3000, 20_000])
def test_little_is_computed_twice(size: int) -> None:
    count, side = tile_side(size, 1024, 128)
    assert count * side < 1.25 * size


def test_nonsense_is_refused() -> None:
    with pytest.raises(EngineError, match="without pixels"):
        Tiling((0, 5), 64, 0)
    with pytest.raises(EngineError, match="less than a tile"):
        Tiling((5, 5), 64, 64)
