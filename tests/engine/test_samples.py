"""The images that the project draws itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from unetloop.masks import read_labels
from unetloop.pairing import pair_by_stem
from unetloop.samples import LARGE, SMALL, SampleKind, draw_nuclei, write_samples

if TYPE_CHECKING:
    from pathlib import Path

KINDS = pytest.mark.parametrize("kind", [SMALL, LARGE], ids=lambda kind: kind.name)


@KINDS
def test_same_seed_gives_the_same_image(kind: SampleKind) -> None:
    first, again = draw_nuclei(kind, seed=4), draw_nuclei(kind, seed=4)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (draw_nuclei(kind, seed=5).image != first.image).mean() > 0.5


@KINDS
def test_labels_are_numbered_without_gaps_and_in_one_piece(kind: SampleKind) -> None:
    labels = draw_nuclei(kind, seed=1).labels
    numbers = np.unique(labels)
    np.testing.assert_array_equal(numbers, np.arange(numbers.size))
    for number in numbers[1:]:
        assert ndimage.label(labels == number)[1] == 1


@KINDS
def test_nuclei_have_the_size_that_was_asked_for(kind: SampleKind) -> None:
    labels = draw_nuclei(kind, seed=2, shape=(512, 512)).labels
    border = np.ones(labels.shape, bool)
    border[1:-1, 1:-1] = False
    areas = np.bincount(labels.ravel())
    areas[np.unique(labels[border])] = 0
    areas = areas[1:][areas[1:] > 0]
    diameter = np.median(np.sqrt(4 * areas / np.pi))
    assert 0.8 * kind.diameter < diameter < 1.2 * kind.diameter


@KINDS
def test_some_nuclei_touch(kind: SampleKind) -> None:
    labels = draw_nuclei(kind, seed=3).labels
    left, right = labels[:, :-1], labels[:, 1:]
    touching = (left != right) & (left > 0) & (right > 0)
    assert len(np.unique(left[touching])) >= 3
    # ... so that telling foreground from background is not enough.
    assert ndimage.label(labels > 0)[1] < 0.9 * labels.max()


@KINDS
def test_nuclei_are_brighter_than_their_surroundings(kind: SampleKind) -> None:
    sample = draw_nuclei(kind, seed=6)
    assert sample.image.dtype == np.uint16
    assert sample.image.max() < 65535, "the camera is saturated"
    inside = np.median(sample.image[sample.labels > 0])
    outside = np.median(sample.image[sample.labels == 0])
    assert inside > 1.5 * outside


def test_light_is_uneven_and_noisy() -> None:
    sample = draw_nuclei(SMALL, seed=0)
    background = np.where(sample.labels == 0, sample.image, 0).astype(float)
    blocks = background.reshape(4, 64, 4, 64).transpose(0, 2, 1, 3).reshape(16, -1)
    levels = [np.median(block[block > 0]) for block in blocks]
    assert max(levels) > 1.1 * min(levels)
    noise = np.diff(sample.image.astype(float), axis=1)[sample.labels[:, 1:] == 0]
    assert noise.std() > 10


def test_any_shape_is_drawn() -> None:
    sample = draw_nuclei(LARGE, seed=0, shape=(70, 130))
    assert sample.image.shape == sample.labels.shape == (70, 130)


def test_samples_are_written_in_pairs(tmp_path: Path) -> None:
    write_samples(tmp_path, count=4, seed=9)
    train = pair_by_stem(tmp_path / "train" / "images", tmp_path / "train" / "masks")
    test = pair_by_stem(tmp_path / "test" / "images", tmp_path / "test" / "masks")
    assert (len(train), len(test)) == (4, 2)
    first = train[0]
    labels = read_labels(first.mask)
    assert labels.shape == tifffile.imread(first.image).shape
    assert labels.max() > 5
    seen = {tifffile.imread(pair.image).tobytes() for pair in (*train, *test)}
    assert len(seen) == 6, "an image to test with was trained on"
