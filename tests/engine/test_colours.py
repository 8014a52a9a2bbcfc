"""Which colours of an RGB image show its nuclei."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from unetloop.colours import nuclear_colour
from unetloop.images import open_image
from unetloop.mixtures import ALL_COLOURS, HAEMATOXYLIN

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

BLUE = 2


def nuclei(side: int = 200) -> NDArray[np.float64]:
    """Draw bright discs on black, 0..1."""
    rows, columns = np.indices((side, side)) % 50 - 25
    return ndimage.gaussian_filter((np.hypot(rows, columns) < 9).astype(float), 1)


def fibres(side: int = 200) -> NDArray[np.float64]:
    """Draw something that lies elsewhere, 0..1."""
    noise = np.random.default_rng(0).standard_normal((side, side))
    smooth = np.clip(ndimage.gaussian_filter(noise, (9, 1)), 0, None)
    return smooth / smooth.max()


def colour_of(path: Path, *colours: Any, dtype: Any = np.uint8) -> int:
    """Save red, green and blue, 0..1, and look at them."""
    pixels = np.stack(np.broadcast_arrays(*colours), axis=-1)
    if np.dtype(dtype).kind == "u":
        pixels = pixels * np.iinfo(dtype).max
    tifffile.imwrite(path / "a.tif", pixels.astype(dtype), photometric="rgb")
    with open_image(path / "a.tif") as image:
        return nuclear_colour(image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_nuclei_of_an_overlay_are_blue(tmp_path: Path, dtype: Any) -> None:
    overlay = (0.0, fibres(), nuclei())
    assert colour_of(tmp_path, *overlay, dtype=dtype) == BLUE


def test_magenta_and_white_nuclei_are_seen_in_blue(tmp_path: Path) -> None:
    assert colour_of(tmp_path, nuclei(), fibres(), nuclei()) == BLUE
    both = np.maximum(fibres(), nuclei())
    assert colour_of(tmp_path, nuclei(), both, nuclei()) == BLUE


def test_one_stain_in_whatever_colour_is_seen_in_all(tmp_path: Path) -> None:
    grey = nuclei()
    assert colour_of(tmp_path, grey, grey, grey) == ALL_COLOURS
    assert colour_of(tmp_path, 0.0, 0.0, grey) == ALL_COLOURS
    assert colour_of(tmp_path, 0.1 * grey, 0.5 * grey, grey) == ALL_COLOURS


def test_a_colour_table_is_no_overlay(tmp_path: Path) -> None:
    grey = np.clip(nuclei() + 0.3 * fibres(), 0, 1)
    at = (0.0, 0.25, 0.5, 0.75, 1.0)  # as "fire": blue rises, falls and rises
    fire = (
        np.interp(grey, at, (0.0, 0.4, 0.9, 1.0, 1.0)),
        np.interp(grey, at, (0.0, 0.0, 0.3, 0.8, 1.0)),
        np.interp(grey, at, (0.0, 0.7, 0.2, 0.0, 1.0)),
    )
    assert colour_of(tmp_path, *fire) == ALL_COLOURS


def test_an_overlay_without_blue_is_seen_in_all(tmp_path: Path) -> None:
    assert colour_of(tmp_path, nuclei(), fibres(), 0.0) == ALL_COLOURS
    assert colour_of(tmp_path, nuclei(), fibres(), 0.05 * nuclei()) == ALL_COLOURS


def test_stained_tissue_is_seen_in_all(tmp_path: Path) -> None:
    pink = 0.3 * fibres()
    stain = (0.9 - 0.6 * nuclei(), 0.85 - 0.5 * nuclei() - pink, 0.9 - 0.2 * nuclei())
    assert colour_of(tmp_path, *stain) == ALL_COLOURS


def test_fluorescence_over_a_grey_photograph_is_seen_in_all(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).standard_normal((200, 200))
    grey = np.clip(0.45 + ndimage.gaussian_filter(noise, 2), 0, 1)
    green = np.clip(grey + nuclei(), 0, 1)
    assert colour_of(tmp_path, grey, green, grey) == ALL_COLOURS


def test_empty_tiny_and_unreal_images_are_seen_in_all(tmp_path: Path) -> None:
    nothing = np.zeros((5, 5))
    assert colour_of(tmp_path, nothing, nothing, nothing) == ALL_COLOURS
    assert colour_of(tmp_path, [[0.0]], [[0.5]], [[1.0]]) == ALL_COLOURS
    nan = np.full((5, 5), np.nan)
    assert colour_of(tmp_path, nan, nan, nan, dtype=np.float32) == ALL_COLOURS


def test_of_a_large_image_strips_are_read(tmp_path: Path) -> None:
    tall = np.tile(nuclei(), (40, 2)), np.tile(fibres(), (40, 2))
    assert colour_of(tmp_path, 0.0, tall[1], tall[0]) == BLUE
    with open_image(tmp_path / "a.tif") as image:
        boxes: list[tuple[int, ...]] = []
        read = image.read_plane

        def watched(plane: int, channels: Any, box: Any, level: int) -> Any:
            boxes.append(box)
            return read(plane, channels, box, level)

        image.read_plane = watched  # type: ignore[method-assign]
        nuclear_colour(image)
    assert len(boxes) > 1
    assert sum((box[2] - box[0]) * 400 for box in boxes) < 8000 * 400 / 2


def test_nuclei_beside_a_brown_stain_are_seen_by_their_haematoxylin(
    tmp_path: Path,
) -> None:
    blue, brown = 1.2 * nuclei(), 1.5 * np.roll(nuclei(), 25, axis=0)
    light = [
        np.exp(-(of_blue * blue + of_brown * brown))
        for of_blue, of_brown in ((0.65, 0.27), (0.70, 0.57), (0.29, 0.78))
    ]
    assert colour_of(tmp_path, *light) == HAEMATOXYLIN
    # Each as bright as it is stained, whatever lies beside it.
    with open_image(tmp_path / "a.tif") as image:
        seen = image.read_plane(0, (HAEMATOXYLIN,))[..., 0]
    assert np.corrcoef(seen.ravel(), blue.ravel())[0, 1] > 0.99
