"""Planes of another size."""

from __future__ import annotations

import numpy as np

from unetloop.resizing import resize_labels, resize_pixels


def test_resizing() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None].repeat(32, 0)
    half = resize_pixels(ramp, (16, 32))
    assert half.shape == (16, 32, 1)
    np.testing.assert_allclose(
        half[4, 4:-4, 0], ramp[0, 8:-8, 0].reshape(-1, 2).mean(1), rtol=1e-5
    )
    labels = np.array([[0, 7], [9, 2]])
    np.testing.assert_array_equal(
        resize_labels(labels, (4, 6)), labels.repeat(2, 0).repeat(3, 1)
    )
    np.testing.assert_array_equal(
        resize_labels(resize_labels(labels, (6, 6)), (2, 2)), labels
    )
