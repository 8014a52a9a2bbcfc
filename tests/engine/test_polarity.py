"""Whether nuclei are bright or dark."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.segmentation import find_boundaries

from unetloop.config import NormalizationConfig
from unetloop.polarity import has_dark_blobs, is_doubtful, median_level
from unetloop.preprocessing import intensity_limits

EITHER = NormalizationConfig(nuclei="either")


def crowd(side: int, spacing: int) -> np.ndarray:
    """Draw bright nuclei so dense that only clefts between them are dark."""
    rng = np.random.default_rng(0)
    at = np.arange(spacing // 2, side, spacing)
    centres = np.stack(np.meshgrid(at, at, indexing="ij"), -1).reshape(-1, 2)
    moved = centres + rng.integers(-spacing // 4, spacing // 4 + 1, centres.shape)
    rows, columns = np.clip(moved, 0, side - 1).T
    free = np.ones((side, side), bool)
    free[rows, columns] = False
    nearest = ndimage.distance_transform_edt(
        free, return_distances=False, return_indices=True
    )
    cleft = find_boundaries(nearest[0] * side + nearest[1])
    depth = ndimage.distance_transform_edt(~cleft) / (spacing / 6)
    noise = rng.normal(0, 0.02, cleft.shape)
    return (np.minimum(depth, 1) + noise).astype(np.float32)


@pytest.mark.parametrize("offset", [0, 1000])
def test_a_level_is_the_same_wherever_black_is(offset: float) -> None:
    spread = np.random.default_rng(0).exponential(100, 5000)
    assert median_level(offset + spread) == pytest.approx(0.14, abs=0.02)
    assert median_level(offset - spread) == pytest.approx(0.86, abs=0.02)


def test_where_all_is_alike_or_nothing_a_level_is_dark() -> None:
    assert median_level(np.full(9, 7)) == 0
    assert median_level(np.zeros(0)) == 0


def test_only_levels_in_the_middle_are_doubtful() -> None:
    levels = np.array([0.0, 0.2, 0.4, 0.6, 0.85, 1.0])
    np.testing.assert_array_equal(is_doubtful(levels), [0, 0, 1, 1, 0, 0])


@pytest.mark.parametrize("spacing", [10, 24, 60])
def test_nuclei_that_cover_most_of_a_plane_are_told_from_what_is_between_them(
    spacing: int,
) -> None:
    plane = crowd(240, spacing)
    assert median_level(plane) > 0.5  # most of it is nuclei
    assert not has_dark_blobs(plane)
    assert has_dark_blobs(1 - plane)


def test_a_large_plane_is_looked_at_at_a_smaller_size() -> None:
    plane = crowd(900, 40)
    assert not has_dark_blobs(plane)
    assert has_dark_blobs(1 - plane)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (2, 3), (300, 2)])
def test_a_plane_without_blobs_has_none_that_are_dark(shape: tuple[int, int]) -> None:
    assert not has_dark_blobs(np.ones(shape, np.float32))


@pytest.mark.parametrize("dark", [False, True])
def test_crowded_nuclei_are_normalised_to_be_bright(dark: bool) -> None:
    plane = crowd(240, 10)[..., None] * 200
    pixels = 220 - plane if dark else plane + 20
    limits = intensity_limits(pixels.astype(np.uint8), EITHER)
    assert (limits.zero > limits.one).item() == dark


def test_each_channel_has_its_own() -> None:
    plane = crowd(240, 10) * 200
    sparse = np.zeros_like(plane)
    sparse[50:60, 50:60] = 99
    pixels = np.stack([220 - plane, sparse, plane], -1)
    limits = intensity_limits(pixels, EITHER)
    np.testing.assert_array_equal(limits.zero > limits.one, [True, False, False])
