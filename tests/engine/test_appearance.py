from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import fft

from unetloop.appearance import vary_appearance
from unetloop.config import AugmentationConfig
from unetloop.samples import SMALL, draw_nuclei

if TYPE_CHECKING:
    from numpy.typing import NDArray

STILL = AugmentationConfig(intensity=0, noise=0, blur=0)


def _vary(image: NDArray[Any], count: int, **strengths: float) -> NDArray[np.float32]:
    """The same image, varied so many times."""
    config, rng = replace(STILL, **strengths), np.random.default_rng(0)
    return np.stack([vary_appearance(image, config, rng) for _ in range(count)])


def _even(level: float, channels: int = 1) -> NDArray[np.float32]:
    return np.full((32, 32, channels), level, np.float32)


def test_what_is_switched_off_takes_no_chance() -> None:
    rng = np.random.default_rng(0)
    image = _even(0.5)
    assert vary_appearance(image, STILL, rng) is image
    assert rng.random() == np.random.default_rng(0).random()


def test_texture_varies_no_more_than_it_may_and_shifts_nothing() -> None:
    images = _vary(_even(0.5, channels=2), 64, texture=0.2)
    deviations = images.std((1, 2))
    assert deviations.max() <= 0.2 + 1e-3
    assert np.ptp(deviations) > 0.1
    np.testing.assert_allclose(images.mean((1, 2)), 0.5, atol=1e-3)
    varied = [image for image in images if image.std() > 0.01]
    alike = [np.corrcoef(image.reshape(-1, 2).T)[0, 1] for image in varied]
    assert abs(np.mean(alike)) < 0.2


@pytest.mark.parametrize("level", [0.25, 1.0])
def test_noise_varies_no_more_than_it_may_and_shifts_nothing(level: float) -> None:
    images = _vary(_even(level), 128, noise=0.2)
    deviations = images.std((1, 2))
    assert 0.12 < deviations.max() < 0.23  # of few, coarse grains it is not exact
    assert (deviations == 0).mean() == pytest.approx(0.5, abs=0.15)
    np.testing.assert_allclose(images.mean((1, 2)), level, atol=0.06)


def test_noise_is_of_one_grain_or_coarser() -> None:
    images = _vary(_even(0.25), 128, noise=0.2)
    noisy = [image[..., 0] - 0.25 for image in images if image.std() > 0.01]
    alike = np.array([np.corrcoef(n[1:].ravel(), n[:-1].ravel())[0, 1] for n in noisy])
    assert (np.abs(alike) < 0.1).mean() == pytest.approx(0.65, abs=0.2)
    assert alike.max() > 0.8


def test_stripes_lie_along_rows_or_columns_and_are_rare() -> None:
    images = _vary(_even(0.5), 200, stripes=0.1)[..., 0] - 0.5
    striped = images[images.std((1, 2)) > 0.001]
    assert len(striped) / len(images) == pytest.approx(0.15, abs=0.08)
    along_rows = striped.std(2).max(1) < 1e-6
    along_columns = striped.std(1).max(1) < 1e-6
    assert (along_rows ^ along_columns).all()
    assert along_rows.mean() == pytest.approx(0.5, abs=0.25)
    assert 0.08 < striped.std((1, 2)).max() < 0.15  # part of a long wave may be more


def test_compression_rounds_blocks_and_keeps_nuclei() -> None:
    drawn = draw_nuclei(SMALL, seed=1)
    image = (drawn.labels > 0).astype(np.float32)[:96, :96, None]
    images = _vary(image, 100, compression=4.0)
    errors = np.abs(images - image).mean((1, 2, 3))
    assert (errors > 1e-4).mean() == pytest.approx(0.15, abs=0.1)
    assert errors.max() < 0.1
    assert np.corrcoef(images[errors.argmax()].ravel(), image.ravel())[0, 1] > 0.9


def test_what_is_compressed_has_lost_what_changes_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("unetloop.appearance._RARELY", 1.0)
    monkeypatch.setattr("unetloop.appearance._BLOCKS", (8, 9))
    noise = np.random.default_rng(1).normal(0.5, 0.05, (64, 64, 1)).astype(np.float32)
    for image in _vary(noise, 10, compression=4.0):
        blocks = image.reshape(8, 8, 8, 8)
        waves = fft.dctn(blocks, axes=(1, 3), norm="ortho")
        fastest = waves[:, 6:, :, 6:]
        was = fft.dctn(noise.reshape(8, 8, 8, 8), axes=(1, 3), norm="ortho")
        assert np.abs(fastest).mean() < 0.5 * np.abs(was[:, 6:, :, 6:]).mean()
        assert image.mean() == pytest.approx(noise.mean(), abs=0.02)
