from __future__ import annotations

import numpy as np
import pytest

from unetloop.config import NormalizationConfig
from unetloop.preprocessing import intensity_limits, median_diameter, normalize

CONFIG = NormalizationConfig(low=0, high=100)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
def test_limits_become_0_and_1(dtype: str) -> None:
    pixels = np.array([[[10, 5], [20, 5]], [[30, 5], [110, 6]]]).astype(dtype)
    limits = intensity_limits(pixels, CONFIG)
    np.testing.assert_array_equal([limits.zero, limits.one], [[10, 5], [110, 6]])
    assert np.isnan(limits.fills).all()
    result = normalize(pixels, limits)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[..., 0], [[0, 0.1], [0.2, 1]], atol=1e-6)


def test_dark_nuclei_become_bright() -> None:
    pixels = np.full((40, 40, 2), 200, np.uint8)
    pixels[:10, :20] = 50
    pixels[..., 1] = 250 - pixels[..., 1]
    either = NormalizationConfig(nuclei="either")
    result = normalize(pixels, intensity_limits(pixels, either))
    for channel in (0, 1):  # dark on bright, and bright on dark
        np.testing.assert_allclose(result[:10, :20, channel], 1, atol=1e-6)
        np.testing.assert_allclose(result[10:, :, channel], 0, atol=1e-6)
    dark = intensity_limits(pixels, NormalizationConfig(nuclei="dark"))
    np.testing.assert_array_equal([dark.zero, dark.one], [[200, 200], [50, 50]])


@pytest.mark.parametrize(
    ("dtype", "factor", "offset"),
    [
        ("float64", 1e300, 0),
        ("float64", 1, 1e9),
        ("float64", 1e306, -1e308),
        ("uint32", 100, 2**31),
        ("int64", 1000, 2**50),
    ],
)
def test_numbers_that_32_bits_do_not_hold(
    dtype: str, factor: float, offset: float
) -> None:
    pixels = np.random.default_rng(0).gamma(2, 10, (32, 32, 1))
    wide = (pixels * factor + offset).astype(dtype)
    config = NormalizationConfig()
    result = normalize(wide, intensity_limits(wide, config))
    expected = normalize(pixels, intensity_limits(pixels, config))
    np.testing.assert_allclose(result, expected, atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 1e30, -1e30])
def test_a_constant_plane_of_any_size_is_finite(value: float) -> None:
    pixels = np.full((8, 8, 1), value)
    limits = intensity_limits(pixels, NormalizationConfig(nuclei="either"))
    assert (normalize(pixels, limits) == 0).all()


def test_nan_and_infinity_harm_nothing() -> None:
    pixels = np.array([[0, 1, np.nan, np.inf, -np.inf]])[..., None]
    result = normalize(pixels, intensity_limits(pixels, CONFIG))
    np.testing.assert_array_equal(result[0, :, 0], [0, 1, 0, 4, -1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_plane_without_a_finite_number_becomes_zero(dtype: type) -> None:
    for value in (np.nan, np.inf, -np.inf):
        nothing = np.full((3, 3, 1), value, dtype)
        nothing[0, 0] = np.inf
        assert (normalize(nothing, intensity_limits(nothing, CONFIG)) == 0).all()


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_plane_becomes_zero(value: int) -> None:
    for dtype in (np.uint8, bool, np.float64):
        pixels = np.full((4, 4, 1), value).astype(dtype)
        result = normalize(pixels, intensity_limits(pixels, NormalizationConfig()))
        assert (result == 0).all()


def test_sparse_bright_spots_do_not_vanish() -> None:
    pixels = np.zeros((100, 100, 1), np.uint16)
    pixels[5, 5] = 900
    limits = intensity_limits(pixels, NormalizationConfig())
    assert normalize(pixels, limits).max() == 1


def test_diameter_is_that_of_a_disc_of_the_same_area() -> None:
    rows, columns = np.mgrid[:50, :50]
    disc = np.hypot(rows - 25, columns - 25) <= 10
    assert median_diameter(disc * 1) == pytest.approx(20, rel=0.03)
    assert median_diameter(disc * 10**9) == median_diameter(disc * 1)
    assert median_diameter(np.zeros((5, 5), int)) is None
