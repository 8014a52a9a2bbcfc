from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unetloop.samples import write_samples

if TYPE_CHECKING:
    from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four drawn images to train on and two to test with."""
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder, count=4, seed=5)
    return folder


class DiscNetwork:
    """A stand-in for a trained network: bright is nucleus, deep is the core.

    It sees 16 pixels far, so that tiles must be blended right to hide seams.
    """

    backend = "a test"
    channels = 1
    bytes_a_pixel = 1500

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        from scipy import ndimage

        self.calls.append(batch.shape)
        smooth = ndimage.gaussian_filter(batch[..., 0], (0, 1, 1), truncate=4)
        foreground = 1 / (1 + np.exp(-20 * (smooth - 0.5)))
        distance = np.stack(
            [ndimage.distance_transform_edt(plane > 0.5) for plane in foreground]
        )
        # At the model's scale (32 px) a nucleus's core is 16 px deep.
        return np.stack([foreground, np.clip(distance / 16, 0, 1)], -1).astype("f4")


@pytest.fixture
def disc_network() -> DiscNetwork:
    return DiscNetwork()
