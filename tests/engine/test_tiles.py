from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
