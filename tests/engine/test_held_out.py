from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop import held_out
from unetloop.classes import TissueClass
from unetloop.config import TrainingConfig
from unetloop.held_out import Window, cut_windows
from unetloop.tasks import task_of
from unetloop.training_image import TrainingImage

if TYPE_CHECKING:
    from pathlib import Path

DIAMETER = 32.0


def _window(folder: Path, labels: np.ndarray, seen_by: float | None = None) -> Window:
    """Cut the window of an image in which all is right."""
    noise = np.random.default_rng(0).normal(20 + 100 * (labels > 0), 3)
    tifffile.imwrite(folder / "image.tif", noise.clip(0, 255).astype(np.uint8))
    tifffile.imwrite(folder / "mask.tif", labels.astype(np.uint16))
    files = folder / "image.tif", folder / "mask.tif"
    image = TrainingImage(*files, diameter=seen_by)
    found: list[Window] = []
    list(cut_windows([image], DIAMETER, TrainingConfig(), found.append))
    return found[0]


def _discs(
    shape: tuple[int, int], *middles: tuple[int, int], diameter: float = DIAMETER
) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    for number, (row, column) in enumerate(middles, 1):
        labels[np.hypot(rows - row, columns - column) <= diameter / 2] = number
    return labels


@pytest.fixture
def first_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the window in the first corner, whatever it shows."""
    corner = slice(0, 256), slice(0, 256)
    monkeypatch.setattr(held_out, "_best_square", lambda _: corner)


@pytest.mark.parametrize("turns", range(4))
def test_in_an_image_all_reviewed_the_window_shows_its_nuclei(
    tmp_path: Path, turns: int
) -> None:
    labels = np.rot90(_discs((600, 700), (550, 640), (470, 600)), turns)
    window = _window(tmp_path, labels)
    assert set(np.unique(window.labels)) == {0, 1, 2}
    assert window.reviewed.all()


@pytest.mark.usefixtures("first_window")
def test_nuclei_that_a_window_cuts_are_not_scored(tmp_path: Path) -> None:
    labels = _discs((400, 400), (100, 100), (250, 60), (0, 150), (330, 330))
    window = _window(tmp_path, labels)
    top = window.labels == 3  # the image itself ends there
    assert not window.reviewed[window.labels == 2].any()
    for whole in (window.labels == 1, top, window.labels == 0):
        assert whole.any()
        assert window.reviewed[whole].all()
    assert (window.truth[..., -1] > 0).all()  # its loss knows all that is known


def test_nuclei_are_cut_by_any_side_of_a_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    square = slice(100, 356), slice(60, 316)
    monkeypatch.setattr(held_out, "_best_square", lambda _: square)
    sides = (100, 200), (356, 200), (200, 60), (200, 316)
    window = _window(tmp_path, _discs((400, 400), (200, 200), *sides))
    assert set(np.unique(window.labels)) == {0, 1, 2, 3, 4, 5}
    np.testing.assert_array_equal(window.reviewed, window.labels <= 1)


@pytest.mark.usefixtures("first_window")
def test_where_a_window_cuts_all_nuclei_they_are_scored(tmp_path: Path) -> None:
    window = _window(tmp_path, _discs((400, 400), (250, 60), (330, 330)))
    assert (window.labels > 0).any()
    assert window.reviewed.all()


@pytest.mark.parametrize("seen_by", [10.0, 29.3, DIAMETER, 50.7])
@pytest.mark.parametrize("shape", [(500, 420), (90, 130)])
def test_what_is_seen_lies_on_the_pixels_it_is_scored_on(
    tmp_path: Path, seen_by: float, shape: tuple[int, int]
) -> None:
    middles = (35, 40), (60, 100), (250, 260), (330, 170)
    labels = _discs(shape, *middles, diameter=seen_by)
    window = _window(tmp_path, labels, seen_by)
    assert window.diameter == pytest.approx(seen_by, rel=0.02)
    assert window.labels.shape == window.reviewed.shape
    truth = window.truth[..., :2]
    found = window.on_labels(truth)[..., 0] > 0.5
    assert (found != (window.labels > 0)).mean() < 0.01


def test_classes_are_scored_where_one_was_painted_at_the_models_scale(
    tmp_path: Path,
) -> None:
    labels = np.zeros((400, 300), np.uint16)
    labels[:100], labels[100:200] = 1, 2
    pixels = np.random.default_rng(0).integers(0, 255, labels.shape, np.uint8)
    half = {"resolution": (2.0, 2.0), "metadata": {"unit": "um"}}  # a micrometre
    tifffile.imwrite(tmp_path / "image.tif", pixels, imagej=True, **half)
    tifffile.imwrite(tmp_path / "mask.tif", labels)
    image = TrainingImage(tmp_path / "image.tif", tmp_path / "mask.tif")
    task = task_of([TissueClass("one", "#ff0000"), TissueClass("two", "#00ff00")])
    found: list[Window] = []
    list(cut_windows([image], DIAMETER, TrainingConfig(), found.append, task, 1.0))
    (window,) = found
    assert window.box == pytest.approx((0, 0, 200, 150))
    np.testing.assert_array_equal(window.labels, labels)
    np.testing.assert_array_equal(window.reviewed, labels > 0)


def test_wide_nuclei_are_scored_on_fewer_pixels(tmp_path: Path) -> None:
    labels = np.kron(_discs((400, 400), (100, 100), (250, 60)), np.ones((5, 5), int))
    window = _window(tmp_path, labels.astype(np.int32))
    assert window.labels.shape == (512, 512)
    assert window.diameter == pytest.approx(2 * DIAMETER, rel=0.02)
    found = window.on_labels(window.truth[..., :2])[..., 0] > 0.5
    assert (found != (window.labels > 0)).mean() < 0.01


def test_a_single_pixel_is_a_window(tmp_path: Path) -> None:
    window = _window(tmp_path, np.ones((1, 1), np.int32))
    assert window.labels.tolist() == [[1]]
    assert window.image.shape[:2] == (256, 256)
