"""How a plane too large for memory is divided; test_prediction.py predicts such."""

from __future__ import annotations

import numpy as np
import pytest

from unetloop.boxes import box_slices
from unetloop.config import InstanceConfig, NormalizationConfig
from unetloop.large import is_large, plan_blocks
from unetloop.scale import Scale

SCALE = Scale(32.0, NormalizationConfig(), InstanceConfig())


@pytest.mark.parametrize("diameter", [8.0, 32.0, 150.0])
def test_blocks_share_the_plane_and_have_wide_margins(diameter: float) -> None:
    zoom = SCALE.diameter / diameter
    shape = 4500, 3000
    covered = np.zeros(shape, np.uint8)
    blocks = plan_blocks(shape, diameter, SCALE)
    for block in blocks:
        covered[box_slices(block.box)][block.core] += 1
        for axis, core in enumerate(block.core):
            first, last = block.box[axis], block.box[axis + 2]
            before, behind = core.start, last - first - core.stop
            for margin, ends in ((before, first == 0), (behind, last == shape[axis])):
                assert ends or margin >= max(2 * diameter, 96 / zoom)
    assert (covered == 1).all()
    # About four million pixels each, at the larger of the two sizes.
    whole = shape[0] * shape[1] * max(1, zoom**2)
    assert whole / (1 << 22) <= len(blocks) < 3 * whole / (1 << 22) + 1


def test_a_plane_is_large_at_the_larger_of_its_two_sizes() -> None:
    assert not is_large((4096, 4096), 1.0)
    assert is_large((4097, 4096), 1.0)
    assert is_large((4097, 4096), 0.1)
    assert is_large((2000, 2100), 2.0)
    assert not is_large((2000, 2000), 2.0)
