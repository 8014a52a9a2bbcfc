"""The picture of the most doubtful place shows that place, whatever the size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from unetloop.thumbnails import doubtful_window, draw_outlines, to_jpeg

OUTLINE = (255, 200, 0)


def maps_with_doubt(
    shape: tuple[int, int], place: tuple[int, int], side: int
) -> np.ndarray:
    """Sure background with a square of doubt."""
    maps = np.zeros((*shape, 2), np.float32)
    row, column = place
    maps[row : row + side, column : column + side, 0] = 0.5
    return maps


@pytest.mark.parametrize(
    "place", [(0, 0), (0, 960), (660, 0), (660, 960), (300, 500), (317, 111)]
)
def test_the_window_holds_the_doubt_and_lies_in_the_image(
    place: tuple[int, int],
) -> None:
    maps = maps_with_doubt((700, 1000), place, 40)
    doubt, (rows, columns) = doubtful_window(maps, 10.0)
    assert 0 <= rows.start < rows.stop <= 700
    assert 0 <= columns.start < columns.stop <= 1000
    assert rows.stop - rows.start == columns.stop - columns.start == 120
    assert rows.start <= place[0]
    assert place[0] + 40 <= rows.stop
    assert columns.start <= place[1]
    assert place[1] + 40 <= columns.stop
    assert doubt == pytest.approx(0.25 * 40**2 / 120**2, rel=0.25)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (50, 2000), (64, 64)])
def test_a_small_image_is_the_window(shape: tuple[int, int]) -> None:
    doubt, window = doubtful_window(np.full((*shape, 2), 0.5, np.float32), 200.0)
    assert window[0] == slice(0, shape[0])
    assert window[1].stop - window[1].start == min(shape[1], 2400)
    assert 0 < doubt <= 0.25


@pytest.mark.parametrize(
    ("shape", "drawn"), [((64, 32), (256, 128)), ((1, 1000), (1, 256))]
)
def test_pictures_keep_their_proportions(
    shape: tuple[int, int], drawn: tuple[int, int]
) -> None:
    picture = draw_outlines(
        np.zeros((*shape, 1), np.float32), np.zeros(shape, np.int32)
    )
    assert picture.shape == (*drawn, 3)
    assert not picture.any()


def test_outlines_lie_between_nuclei_that_touch_and_nowhere_else() -> None:
    labels = np.zeros((64, 64), np.int32)
    labels[16:48, 16:32], labels[16:48, 32:48] = 1, 2
    pixels = np.full((64, 64, 1), 0.5, np.float32)
    picture = draw_outlines(pixels, labels, 64)
    outline = (picture == OUTLINE).all(-1)
    assert outline[30, 31]  # between the two
    assert outline[30, 15]
    assert outline[47, 40]
    assert not outline[18:46, 18:30].any()
    assert not outline[:14].any()
    assert (picture[~outline] == 127).all()


def test_intensities_beyond_white_and_black_are_cut() -> None:
    pixels = np.array([[-1.0, 0.0], [1.0, 4.0]], np.float32)[..., None]
    picture = draw_outlines(pixels, np.zeros((2, 2), np.int32), 2)
    assert picture[..., 0].tolist() == [[0, 0], [255, 255]]


def test_a_jpeg_is_what_it_shows() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = 200
    with Image.open(io.BytesIO(to_jpeg(picture))) as image:
        assert image.format == "JPEG"
        found = np.asarray(image)
    assert found.shape == picture.shape
    assert np.abs(found[:, 5:25].astype(int)).max() < 10
    assert np.abs(found[:, 35:55].astype(int) - 200).max() < 10
