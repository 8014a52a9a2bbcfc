"""Glare: nuclei that few bright things outshine are seen all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from unetloop.config import NormalizationConfig
from unetloop.glare import find_glare, without_glare
from unetloop.preprocessing import intensity_limits, normalize
from unetloop.samples import LARGE, SMALL, SampleKind, draw_nuclei

CONFIG = NormalizationConfig()


def _photograph(kind: SampleKind = SMALL, size: int = 256) -> np.ndarray:
    image = draw_nuclei(kind, 2, (size, size)).image.astype(np.float32)
    return (image - image.min()) / np.ptp(image)


def _with_debris(image: np.ndarray, times: float, width: float = 3) -> np.ndarray:
    """Add four pieces, so many times as bright as the brightest nucleus."""
    pieces = np.zeros(image.shape)
    pieces[image.shape[0] // 4 :: image.shape[0] // 2, 30 :: image.shape[1] // 2] = 1
    pieces = ndimage.gaussian_filter(pieces, width)
    return np.maximum(image, times * pieces / pieces.max()).astype(np.float32)


@pytest.mark.parametrize("kind", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("times", [10, 40])
def test_nuclei_beside_bright_debris_are_lifted(kind: SampleKind, times: int) -> None:
    image = _photograph(kind)
    both = _with_debris(image, times)[..., None]
    limits = intensity_limits(both, CONFIG)
    assert limits.glare[0] > 0
    raw = (both - limits.zero) / (limits.one - limits.zero)
    seen = normalize(both, limits)
    nuclei = (image > 0.5) & (both[..., 0] == image)
    assert np.median(raw[nuclei]) < 0.15
    assert 0.15 < np.median(seen[nuclei]) < 0.7
    # Nothing changes places, and what was the brightest still is.
    order = np.argsort(raw.ravel())
    assert (np.diff(seen.ravel()[order]) >= -1e-6).all()
    assert seen.max() == pytest.approx(
        normalize(both, limits)[both == both.max()].max()
    )


def _halo(image: np.ndarray) -> np.ndarray:
    """Three bright nuclei, and the light around them, in the dark."""
    discs = np.zeros(image.shape)
    for row, column in ((60, 60), (60, 200), (190, 120)):
        rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
        discs[(rows - row) ** 2 + (columns - column) ** 2 < 100] = 1
    return discs + 0.4 * ndimage.gaussian_filter(discs, 16)


def _gradient(image: np.ndarray) -> np.ndarray:
    """The same in light that comes from one side."""
    slope = np.linspace(0, 0.3, image.shape[1])
    return (_halo(image) > 0.5) + slope * slope


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: 1 - _with_debris(image, 10) / 10,
        lambda image: _with_debris(image, 2),
        lambda image: _with_debris(0 * image, 10),
        _halo,
        _gradient,
        lambda image: _with_debris(np.random.default_rng(0).random(image.shape), 30),
    ],
    ids=[
        "nuclei",
        "dark",
        "not much brighter",
        "debris alone",
        "halo",
        "gradient",
        "noise",
    ],
)
def test_other_images_stay_as_they_are(change: Any) -> None:
    changed = np.asarray(change(_photograph()), np.float32)[..., None]
    assert not intensity_limits(changed, CONFIG).glare.any()


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (1, 40), (7, 7)])
@pytest.mark.parametrize("value", [0, 1])
def test_planes_without_anything_have_no_glare(
    shape: tuple[int, int], value: int
) -> None:
    assert find_glare(np.full(shape, value, np.float32), 0) == 0
    lonely = np.zeros(shape, np.float32)
    lonely.ravel()[:1] = 1
    assert find_glare(lonely, 0) == 0


def test_a_channel_without_glare_stays_as_it_is() -> None:
    image = _photograph()
    both = np.stack([image, _with_debris(image, 20)], axis=-1)
    limits = intensity_limits(both, CONFIG)
    assert limits.glare[0] == 0 < limits.glare[1]
    alone = image[..., None]
    np.testing.assert_array_equal(
        normalize(both, limits)[..., :1],
        normalize(alone, intensity_limits(alone, CONFIG)),
    )


def test_an_even_grid_of_a_large_plane_tells_the_same() -> None:
    small = _with_debris(_photograph(), 20)
    large = np.kron(small, np.ones((5, 5), np.float32))
    few, many = (
        intensity_limits(x[..., None], CONFIG).glare[0] for x in (small, large)
    )
    assert many == pytest.approx(few, rel=0.15)


def test_drawing_together_keeps_the_ends() -> None:
    values = np.linspace(0, 1, 50, dtype=np.float32)
    for level in (0.005, 0.05, 0.2):
        seen = without_glare(values, level)
        assert seen.dtype == np.float32
        assert seen[[0, -1]] == pytest.approx([0, 1])
        assert (np.diff(seen) > 0).all()
        assert (seen[1:-1] > values[1:-1]).all()
        np.testing.assert_allclose(without_glare(-values, level), -seen, atol=1e-6)
