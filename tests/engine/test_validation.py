from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop import validation
from unetloop.config import TrainingConfig
from unetloop.training_image import TrainingImage
from unetloop.validation import Window, cut_windows

if TYPE_CHECKING:
    from pathlib import Path

DIAMETER = 32.0


def _window(folder: Path, labels: np.ndarray) -> Window:
    """Cut the window of an image in which all is right."""
    noise = np.random.default_rng(0).normal(20 + 100 * (labels > 0), 3)
    tifffile.imwrite(folder / "image.tif", noise.clip(0, 255).astype(np.uint8))
    tifffile.imwrite(folder / "mask.tif", labels.astype(np.uint16))
    image = TrainingImage(folder / "image.tif", folder / "mask.tif")
    found: list[Window] = []
    list(cut_windows([image], DIAMETER, TrainingConfig(), found.append))
    return found[0]


def _discs(shape: tuple[int, int], *middles: tuple[int, int]) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    for number, (row, column) in enumerate(middles, 1):
        labels[np.hypot(rows - row, columns - column) <= DIAMETER / 2] = number
    return labels


@pytest.fixture
def first_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the window in the first corner, whatever it shows."""
    corner = slice(0, 256), slice(0, 256)
    monkeypatch.setattr(validation, "_best_window", lambda _: corner)


def test_in_an_image_all_reviewed_the_window_shows_its_nuclei(tmp_path: Path) -> None:
    labels = _discs((500, 500), (400, 420), (450, 380))
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


@pytest.mark.usefixtures("first_window")
def test_where_a_window_cuts_all_nuclei_they_are_scored(tmp_path: Path) -> None:
    window = _window(tmp_path, _discs((400, 400), (250, 60), (330, 330)))
    assert (window.labels > 0).any()
    assert window.reviewed.all()
