"""What a run is about: the images that it learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop.classes import name_classes
from unetloop.config import ModelConfig, TrainingConfig
from unetloop.errors import EngineError
from unetloop.events import Notice
from unetloop.tasks import NUCLEI, Classes
from unetloop.training_data import fingerprint, load_planes
from unetloop.training_image import TrainingImage, load_annotated
from unetloop.zarr_labels import write_zarr_labels

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.training_plane import TrainingPlane


@pytest.fixture
def image(tmp_path: Path) -> TrainingImage:
    labels = np.zeros((20, 30), np.int32)
    labels[2:8, 2:8], labels[12:18, 20:28] = 1, 2
    review = np.zeros(labels.shape, np.uint8)
    review[:10, :10] = 1
    for name, values in (("image", labels), ("mask", labels), ("review", review)):
        tifffile.imwrite(tmp_path / f"{name}.tif", values)
    names = ("image.tif", "mask.tif", "review.tif")
    return TrainingImage(*(tmp_path / name for name in names))


def _rewrite(path: Path, window: tuple[slice, slice], value: int) -> None:
    values = tifffile.imread(path)
    values[window] = value
    tifffile.imwrite(path, values)


def test_proposals_that_come_and_go_make_no_other_run(image: TrainingImage) -> None:
    before = fingerprint([image], {"epochs": 2}, None)
    _rewrite(image.mask, (slice(12, 20), slice(12, 30)), 9)
    assert fingerprint([image], {"epochs": 2}, None) == before
    assert fingerprint([image], {"epochs": 3}, None) != before


def test_folders_are_known_again_as_files_are(tmp_path: Path) -> None:
    """Masks that are OME-Zarr ended a training; all such images were one exam."""
    for name, value in (("a", 1), ("b", 22)):
        labels = np.full((9, 9), value, np.int32)
        write_zarr_labels(tmp_path / f"{name}.zarr", labels)
    first, second = (
        TrainingImage(tmp_path / f"{name}.zarr", tmp_path / f"{name}.zarr")
        for name in "ab"
    )
    assert first.describe()["image_sha256"] == first.describe()["mask_sha256"]
    assert first.describe()["image_sha256"] != second.describe()["image_sha256"]
    assert fingerprint([first], {}, None) != fingerprint([second], {}, None)


def test_a_file_that_went_away_does_not_end_a_training(image: TrainingImage) -> None:
    image.image.unlink()
    assert image.describe()["image_sha256"] is None


@pytest.mark.parametrize("name", ["image", "mask", "review"])
def test_what_is_learned_from_makes_another_run(
    image: TrainingImage, name: str
) -> None:
    before = fingerprint([image], {}, None)
    path = getattr(image, name)
    assert path is not None
    _rewrite(path, (slice(3, 5), slice(3, 5)), 0)
    assert fingerprint([image], {}, None) != before


def test_a_review_holds_its_three_numbers_and_no_others(image: TrainingImage) -> None:
    assert image.review is not None
    _rewrite(image.review, (slice(3, 5), slice(3, 5)), 255)
    with pytest.raises(EngineError, match=r"0 .*1 .*2 .*highest=255"):
        load_annotated(image)


def test_a_mask_that_says_the_same_of_all_nuclei_is_numbered_and_named(
    tmp_path: Path,
) -> None:
    mask = np.zeros((64, 64), np.uint8)
    for row in range(4, 64, 16):
        for column in range(4, 64, 16):
            mask[row : row + 8, column : column + 8] = 255
    tifffile.imwrite(tmp_path / "a.tif", mask)
    tifffile.imwrite(tmp_path / "b.tif", 2 - mask // 255)
    images = [TrainingImage(tmp_path / "a.tif", tmp_path / "a.tif")]
    planes: list[TrainingPlane] = []
    looks = ModelConfig(), 32.0, TrainingConfig(), planes.append
    (warning, *_) = load_planes(images, *looks, NUCLEI)
    assert isinstance(warning, Notice)
    assert "1 of 1 masks all nuclei have the same number (a.tif)" in warning.text
    # A nucleus of 9 px becomes one of 32: not the sum of all of them.
    assert planes[0].truth.shape[0] > 200
    classes = Classes(name_classes(["tissue", "background"]))
    scribbles = [TrainingImage(tmp_path / "a.tif", tmp_path / "b.tif")]
    assert not any(
        isinstance(event, Notice) for event in load_planes(scribbles, *looks, classes)
    )


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_an_image_in_which_nothing_is_to_be_seen_is_named(
    image: TrainingImage, value: float
) -> None:
    looks = ModelConfig(), 32.0, TrainingConfig(), lambda plane: None
    assert not any(isinstance(event, Notice) for event in load_planes([image], *looks))
    tifffile.imwrite(image.image, np.full((20, 30), value, np.float32))
    (warning, *_) = load_planes([image], *looks)
    assert isinstance(warning, Notice)
    assert warning.level == "warning"
    assert "1 of 1 images all pixels have the same value (image.tif)" in warning.text
