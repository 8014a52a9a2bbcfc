"""From what to what a plane is shown: its nuclei are seen, whatever else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as PillowImage

from unetloop.contrast import contrast_of, is_bright
from unetloop.export.image import ExportedImage
from unetloop.export.overlay import write as write_overlay
from unetloop.samples import SMALL, draw_nuclei

if TYPE_CHECKING:
    from pathlib import Path


def _nuclei() -> np.ndarray:
    image = draw_nuclei(SMALL, 2, (256, 256)).image.astype(np.float32)
    return (image - image.min()) / np.ptp(image)


def _beside(image: np.ndarray, shape: str) -> np.ndarray:
    """Add dead cells, or bars that were burnt in, 30 times as bright as nuclei."""
    image = image.copy()
    rows, columns = np.ogrid[:256, :256]
    for row, column in ((60, 60), (180, 190)):
        away = np.abs([rows - row + 0 * columns, columns - column + 0 * rows])
        if shape == "round":
            image = np.maximum(image, 30 * np.exp(-np.square(away).sum(axis=0) / 30))
        else:
            image[away.max(axis=0) < 6] = 30
    return image


@pytest.mark.parametrize("shape", ["round", "square"])
def test_what_few_things_outshine_is_shown(tmp_path: Path, shape: str) -> None:
    nuclei = _nuclei()
    plain, image = contrast_of(nuclei[..., None])[0], _beside(nuclei, shape)
    contrast, limits = contrast_of(image[..., None])
    assert contrast[0] == pytest.approx(plain[0], abs=0.02)
    assert 0.5 < contrast[1] / plain[1] < 2
    assert limits[1] > 25  # whoever wants to see the rest can
    about = ExportedImage("a", read=lambda plane, box: image)
    write_overlay(tmp_path / "a.png", np.zeros((1, 256, 256), np.int32), about)
    picture = np.asarray(PillowImage.open(tmp_path / "a.png"))[::4, ::4, 0]
    assert picture.shape == image.shape
    assert np.median(picture[nuclei > 0.4]) > 100


def test_a_flat_plane_and_one_without_numbers_have_a_contrast() -> None:
    (low, high), limits = contrast_of(np.full((20, 30, 1), 7, np.uint16))
    assert (low, high) == (7, 8)
    assert limits == (7, 8)
    assert contrast_of(np.full((5, 5, 1), np.nan)) == ((0, 1), (0, 1))
    assert contrast_of(np.zeros((0, 5, 1))) == ((0, 1), (0, 1))


def test_colours_are_shown_by_all_of_their_values() -> None:
    colours = np.zeros((60, 60, 3), np.uint16)
    colours[:30] = (4000, 3000, 2000)
    colours[0, 0] = 60000
    (low, high), limits = contrast_of(colours)
    assert (low, high) == (0, 4000)
    assert limits == (0, 60000)


def test_tissue_in_transmitted_light_is_bright() -> None:
    nuclei = _nuclei()[..., None]
    assert not is_bright(nuclei, contrast_of(nuclei)[0])
    assert is_bright(1 - nuclei, contrast_of(1 - nuclei)[0])
