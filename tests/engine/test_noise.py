"""Noise: how much there is, and what is done about it before a network sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from unetloop import plane_view
from unetloop.config import NormalizationConfig
from unetloop.images import open_image
from unetloop.noise import find_noise, left_of_noise, smoothing_width
from unetloop.plane_view import PlaneView
from unetloop.preprocessing import intensity_limits, normalize
from unetloop.samples import LARGE, SMALL, SampleKind, draw_nuclei

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = NormalizationConfig()


def _photograph(
    strength: float, kind: SampleKind = LARGE, size: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Give an image of nuclei from 0 to 1, and the same with noise."""
    image = draw_nuclei(kind, 2, (size, size)).image[..., None].astype(float)
    image = (image - image.min()) / np.ptp(image)
    noise = np.random.default_rng(1).standard_normal(image.shape)
    return image, image + strength * noise


@pytest.mark.parametrize("kind", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("strength", [0.1, 0.3])
def test_noise_is_told_from_nuclei(kind: SampleKind, strength: float) -> None:
    image, noisy = _photograph(strength, kind)
    assert find_noise(image[..., 0]) < 0.05
    assert find_noise(noisy[..., 0]) == pytest.approx(strength, rel=0.15)


def test_noise_on_a_slope_is_its_standard_deviation() -> None:
    noise = np.random.default_rng(0).normal(100, 5, (300, 300))
    assert find_noise(noise + np.arange(300)) == pytest.approx(5, rel=0.03)


@pytest.mark.parametrize("shape", [(1, 1), (2, 50), (50, 2), (3, 3)])
def test_tiny_planes_have_no_noise(shape: tuple[int, int]) -> None:
    assert find_noise(np.ones(shape, np.float32)) == 0
    limits = intensity_limits(np.ones((*shape, 1), np.uint8), CONFIG)
    assert not limits.smoothing.any()


def test_what_is_left_of_noise_is_little() -> None:
    noise = np.random.default_rng(0).standard_normal((400, 400))
    width = smoothing_width(0.15)
    left = ndimage.gaussian_filter(noise, width).std()
    assert left_of_noise(width) == pytest.approx(left, rel=0.05)
    assert 0.025 < 0.15 * left < 0.035  # no further than that takes
    assert smoothing_width(0.04) == smoothing_width(np.nan) == 0
    assert smoothing_width(9.0) == smoothing_width(1.0) < 3  # nuclei would be lost
    assert left_of_noise(0.0) == 1


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, size: rng.normal(1000, 100, size),
        lambda rng, size: rng.exponential(50, size),
        lambda rng, size: rng.poisson(5, size),
        lambda rng, size: rng.random(size),
        lambda rng, size: 400 + 30 * rng.standard_t(3, size),
    ],
    ids=["normal", "exponential", "poisson", "uniform", "t"],
)
def test_noise_alone_stays_as_it_is(draw: Any) -> None:
    """Smoothed, and stretched to the range of an image, it would look like nuclei."""
    noise = draw(np.random.default_rng(0), (300, 300, 1))
    assert not intensity_limits(noise, CONFIG).smoothing.any()


@pytest.mark.parametrize("dark", [False, True])
def test_a_noisy_plane_is_seen_nearly_as_without_noise(dark: bool) -> None:
    image, noisy = _photograph(0.15)
    if dark:
        image, noisy = 1 - image, 1 - noisy
    clean = normalize(image, intensity_limits(image, CONFIG))
    limits = intensity_limits(noisy, CONFIG)
    seen = normalize(noisy, limits)
    raw = (noisy - limits.zero) / (limits.one - limits.zero)
    assert np.abs(seen - clean).mean() < 0.5 * np.abs(raw - clean).mean()
    assert np.corrcoef(seen.ravel(), clean.ravel())[0, 1] > 0.9


def test_a_channel_without_noise_stays_as_it_is() -> None:
    image, noisy = _photograph(0.15)
    both = np.concatenate([image, noisy], axis=-1)
    limits = intensity_limits(both, CONFIG)
    assert limits.smoothing[0] == 0 < limits.smoothing[1]
    alone = normalize(image, intensity_limits(image, CONFIG))
    np.testing.assert_array_equal(normalize(both, limits)[..., 0], alone[..., 0])


def test_a_part_of_a_noisy_plane_is_seen_as_in_the_whole(tmp_path: Path) -> None:
    noisy = (_photograph(0.15)[1][..., 0] * 1000 + 2000).astype(np.uint16)
    tifffile.imwrite(tmp_path / "noisy.tif", noisy)
    with open_image(tmp_path / "noisy.tif") as image:
        view = PlaneView.of(image, 0, (0,), CONFIG)
        assert view.limits.smoothing.any()
        whole = view.read((0, 0, *view.shape))
        for box in ((0, 0, 40, 50), (100, 90, 101, 140), (200, 216, 256, 256)):
            part = view.read(box)
            np.testing.assert_allclose(
                part, whole[box[0] : box[2], box[1] : box[3]], atol=1e-6
            )


@pytest.mark.parametrize("strength", [0.0, 0.15])
def test_of_a_large_plane_neighbours_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strength: float
) -> None:
    """Every third pixel of small nuclei looks like noise."""
    monkeypatch.setattr(plane_view, "_LIMITS_PIXELS", 10_000)
    noisy = _photograph(strength, SMALL, 300)[1][..., 0]
    tifffile.imwrite(tmp_path / "large.tif", (noisy * 1000 + 2000).astype(np.uint16))
    with open_image(tmp_path / "large.tif") as image:
        view = PlaneView.of(image, 0, (0,), CONFIG)
    assert view.limits.smoothing.any() == bool(strength)
