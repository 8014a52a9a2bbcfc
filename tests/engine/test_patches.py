from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from scipy import ndimage

from unetloop.annotations import make_targets
from unetloop.config import AugmentationConfig
from unetloop.patches import _look_up, iterate_batches, sample_patches
from unetloop.samples import SMALL, draw_nuclei
from unetloop.training_plane import make_plane

STILL = AugmentationConfig(intensity=0, noise=0, blur=0)


def _plane(review: np.ndarray | None = None, value: float = 1.0):  # type: ignore[no-untyped-def]
    labels = draw_nuclei(SMALL, seed=1).labels
    image = (labels > 0).astype(np.float32)[..., None] * value
    return make_plane(image, make_targets(labels, review))


def test_image_and_truth_move_together() -> None:
    images, truth = sample_patches([_plane()], 8, 64, STILL, np.random.default_rng(0))
    assert images.shape == (8, 64, 64, 1)
    assert truth.shape == (8, 64, 64, 4)
    # Linear and nearest: the nearest pixel has at least a quarter of the weight.
    difference = np.abs(images[..., 0] - truth[..., 0])
    assert difference.max() <= 0.7501
    assert difference.mean() < 0.05
    assert truth[..., 2].min() >= 1
    assert 0 <= truth[..., 1].min() < truth[..., 1].max() <= 1


def test_the_same_seed_gives_the_same_batches() -> None:
    def batches(seed: int, first: int = 0) -> list[np.ndarray]:
        config = AugmentationConfig()
        made = iterate_batches([_plane()], 2, 32, config, seed, first)
        return [images for images, _ in islice(made, 4)]

    one, same, later, other = batches(1), batches(1), batches(1, first=2), batches(2)
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(one[2:], later[:2])
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])


def test_what_nobody_reviewed_weighs_nothing() -> None:
    review = np.zeros((256, 256), np.uint8)
    review[60:140, 60:140] = 1
    known = make_plane(
        review.astype(np.float32)[..., None],
        make_targets(draw_nuclei(SMALL, seed=1).labels, review),
    )
    images, truth = sample_patches([known], 12, 64, STILL, np.random.default_rng(0))
    outside = images[..., 0] < 0.2
    assert outside.any()
    assert truth[outside][:, 2:].max() == 0
    assert all((patch[..., 2] > 0).any() for patch in truth)


def test_patches_are_what_scipy_interpolates() -> None:
    rng = np.random.default_rng(3)
    image = rng.random((30, 41, 2), np.float32)
    plane = make_plane(image, make_targets(np.ones((30, 41), np.int32)))
    points = rng.uniform(-60, 80, (2, 50, 50)).astype(np.float32)
    found, _ = _look_up(plane, *points)
    for channel in range(2):
        expected = ndimage.map_coordinates(
            image[..., channel], points, order=1, mode="mirror"
        )
        np.testing.assert_allclose(found[..., channel], expected, atol=1e-4)


def test_planes_with_nuclei_only_or_background_only_are_sampled() -> None:
    labels = np.zeros((40, 40), np.int32)
    for label in (labels, labels + 1):
        plane = make_plane(np.zeros((40, 40, 1), np.float32), make_targets(label))
        images, _ = sample_patches([plane], 4, 32, STILL, np.random.default_rng(0))
        assert np.isfinite(images).all()


VARIATIONS = ("intensity", "noise", "blur", "texture", "stripes", "compression")


@pytest.mark.parametrize("name", VARIATIONS)
def test_each_variation_changes_the_image_and_not_the_truth(name: str) -> None:
    values = {**dict.fromkeys(VARIATIONS, 0.0), name: 1.0}
    varied, truth = sample_patches(
        [_plane()], 8, 32, AugmentationConfig(**values), np.random.default_rng(0)
    )
    assert not np.allclose(varied[..., 0], truth[..., 0], atol=1e-3)
    assert truth[..., 0].max() <= 1
