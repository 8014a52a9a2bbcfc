"""Colours of our layers."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.colormaps import CyclicLabelColormap

from napari_unet._palette import fill_colours, mark_colours


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.uint8])
def test_the_fast_way_gives_the_colours_that_napari_gives(
    dtype: type[np.integer],
) -> None:
    ours = fill_colours()
    theirs = CyclicLabelColormap(colors=ours.colors)
    highest = min(np.iinfo(dtype).max, 2**31 - 1)
    values = np.r_[np.arange(100), np.linspace(101, highest, 99)].astype(dtype)
    texture = ours._data_to_texture(values)
    np.testing.assert_array_equal(texture, theirs._data_to_texture(values))
    assert texture.dtype == theirs._data_to_texture(values).dtype


def test_large_and_turned_planes_are_coloured_in_pieces() -> None:
    ours = fill_colours()
    theirs = CyclicLabelColormap(colors=ours.colors)
    values = (np.arange(700 * 900, dtype=np.int32) % 5000).reshape(700, 900).T
    np.testing.assert_array_equal(
        ours._data_to_texture(values), theirs._data_to_texture(values)
    )


def test_one_nucleus_alone_is_shown_as_napari_shows_it() -> None:
    ours = fill_colours()
    ours.use_selection, ours.selection = True, 11
    theirs = CyclicLabelColormap(colors=ours.colors, use_selection=True, selection=11)
    values = np.arange(40, dtype=np.int32)
    np.testing.assert_array_equal(
        ours._data_to_texture(values), theirs._data_to_texture(values)
    )


def test_marks_on_bright_images_are_dark() -> None:
    dark, bright = (mark_colours(bright).color_dict[1][:3] for bright in (False, True))
    assert dark.sum() > bright.sum()


def test_a_texture_that_was_made_before_is_taken_once_and_for_its_plane_alone() -> None:
    colours = fill_colours()
    planes = np.arange(2 * 30 * 40, dtype=np.int32).reshape(2, 30, 40)
    made = fill_colours().texture(planes[1])
    colours.expect(planes[1], len(colours.colors), made)
    assert colours._data_to_texture(planes[0]) is not made
    assert colours._data_to_texture(planes[1][:]) is made
    assert colours._data_to_texture(planes[1]) is not made
    colours.expect(planes[1], 3, made)  # of other colours
    assert colours._data_to_texture(planes[1]) is not made
    colours.expect(planes[1], len(colours.colors), made)
    colours.expect_no_more()
    assert colours._data_to_texture(planes[1]) is not made
