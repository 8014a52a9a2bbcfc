"""Values that no camera saw are told from intensities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import ndimage

from unetloop.config import NormalizationConfig
from unetloop.fills import find_fills
from unetloop.preprocessing import intensity_limits, normalize

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTHING = (None, None)


def photograph(side: int = 200) -> NDArray[np.uint16]:
    """Make nuclei above the offset of a camera, with its noise."""
    rows, columns = np.indices((side, side)) % 50 - 25
    nuclei = ndimage.gaussian_filter((np.hypot(rows, columns) < 9) * 900.0, 2)
    noise = np.random.default_rng(0).normal(0, 4, nuclei.shape)
    return np.round(nuclei + noise + 100).astype(np.uint16)


def fills(plane: NDArray[Any]) -> tuple[float | None, float | None]:
    """Look for fills; None where there is none."""
    low, high = find_fills(plane)
    return (None if np.isnan(low) else low), (None if np.isnan(high) else high)


def test_a_photograph_has_none() -> None:
    plane = photograph()
    assert fills(plane) == NOTHING
    assert fills(plane.max() - plane) == NOTHING
    assert fills((plane / 4000).astype(np.float32)) == NOTHING
    assert fills((plane - plane.min()).astype(np.uint8)) == NOTHING
    coarse = (plane // 60).astype(np.uint16)  # a few levels, also when spread
    assert fills(coarse) == fills(coarse * 4000) == NOTHING


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_a_margin_and_an_empty_tile_are_found(dtype: Any) -> None:
    plane = photograph().astype(dtype)
    assert fills(np.pad(plane, 80)) == (0, None)
    shares = (plane / 4000).astype(np.float32)
    assert fills(np.pad(shares, 80)) == (0, None)
    assert fills(np.pad(plane, 30, constant_values=65535)) == (None, 65535)
    mosaic = plane.copy()
    mosaic[:100, 100:] = 0
    assert fills(mosaic) == (0, None)


def test_a_scale_bar_and_stuck_pixels_are_found() -> None:
    bar = photograph()
    bar[180:190, 100:190] = 4095
    assert fills(bar) == (None, 4095)
    for turns in (0, 1):  # a thin one, lying and upright
        thin = photograph()
        thin[180:184, 40:190] = 4095
        assert fills(np.rot90(thin, turns)) == (None, 4095)
    stuck = photograph()
    stuck[np.random.default_rng(1).random(stuck.shape) < 0.004] = 65535
    stuck[:50, :50] = 0
    assert fills(stuck) == (0, 65535)


def test_a_background_that_was_set_to_zero_is_none() -> None:
    plane = photograph()
    assert fills(np.where(plane > 600, plane, 0)) == NOTHING
    narrow = np.where(plane > 600, 2000 + plane // 40, 0)
    assert fills(narrow) == NOTHING  # it lies between nuclei


def test_sharp_discs_of_one_value_are_none() -> None:
    rows, columns = np.indices((320, 320)) % 80 - 40
    noise = np.random.default_rng(0).normal(0, 2, rows.shape)
    discs = np.where(np.hypot(rows, columns) < 28, 255, np.round(noise + 20))
    assert fills(discs.astype(np.uint8)) == NOTHING
    assert fills((255 - discs).astype(np.uint8)) == NOTHING
    few = np.where(rows + columns > -1000, np.round(noise + 20), 0)
    few[40:60, 40:60][np.hypot(*np.indices((20, 20)) - 9.5) < 9] = 255
    assert fills(few.astype(np.uint8)) == NOTHING


def test_saturated_nuclei_are_none() -> None:
    assert fills(np.minimum(photograph(), 500)) == NOTHING
    few = photograph()
    few[50:] = np.minimum(few[50:], 130)
    bright = np.zeros(few.shape)
    bright[100:110, 100:112] = 60000
    saturated = np.minimum(few + ndimage.gaussian_filter(bright, 1), 4095)
    assert np.mean(saturated == 4095) > 0.002
    assert fills(saturated) == NOTHING
    assert fills(4095 - saturated) == NOTHING


@pytest.mark.parametrize(
    "plane",
    [
        np.zeros((3, 3)),
        np.ones((1, 1), np.uint8),
        np.full((4, 4), np.nan),
        np.full((4, 4), np.inf),
        np.eye(8) > 0,
        (np.eye(8) * 255).astype(np.uint8),
        np.where(np.eye(16) > 0, np.nan, -np.inf),
    ],
)
def test_planes_without_intensities_have_none(plane: NDArray[Any]) -> None:
    assert fills(plane) == NOTHING


def test_the_same_is_seen_with_and_without_a_margin() -> None:
    plane = photograph()[..., None]
    config = NormalizationConfig(nuclei="either")
    expected = normalize(plane, intensity_limits(plane, config))
    for value in (0, 65535):
        margins = ((60, 60), (60, 60), (0, 0))
        padded = np.pad(plane, margins, constant_values=value)
        found = normalize(padded, intensity_limits(padded, config))
        np.testing.assert_allclose(found[60:-60, 60:-60], expected, atol=1e-6)
        assert (found[:60] == 0).all()
