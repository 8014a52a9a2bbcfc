"""Layers become files to work on: their own where that can be read, or new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel
from napari.layers._source import layer_source

from napari_unet._layer_file import store_layer
from napari_unet._users_layers import UsersLayers
from unetloop.errors import EngineError
from unetloop.images import open_image

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.image_planes import ImageInfo

PIXELS = np.arange(60 * 50, dtype=np.uint16).reshape(60, 50)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "napari_unet._layer_file.user_folder", lambda: tmp_path / "home"
    )


def stored(data: Any, path: Path | None = None, **options: Any) -> Path:
    """Add a layer to a viewer, select it, and have it stored."""
    viewer = ViewerModel()
    with layer_source(path=str(path) if path else None):
        viewer.layers.selection.active = viewer.add_image(data, **options)
    layer = UsersLayers(viewer, lambda layer: False).image()
    assert layer is not None
    return store_layer(layer)


def info_of(path: Path) -> ImageInfo:
    with open_image(path) as image:
        return image.info


def test_a_file_that_can_be_read_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS)
    assert stored(PIXELS, path) == path
    assert stored(PIXELS, tmp_path) == tmp_path  # a folder of images


def test_the_pixels_are_taken_where_the_file_can_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, PIXELS)
    found = stored(PIXELS, path)
    np.testing.assert_array_equal(tifffile.imread(found), PIXELS)


@pytest.mark.parametrize("data", [PIXELS[10:40, 5:45], PIXELS / 7.0])
def test_the_pixels_are_taken_where_they_are_others(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PIXELS)
    found = stored(data, path)
    assert found != path
    np.testing.assert_array_equal(tifffile.imread(found), data)


def test_an_ome_zarr_is_an_image_by_its_size(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]
    group.create_array("0", data=PIXELS)
    assert stored(PIXELS, tmp_path / "a.zarr") == tmp_path / "a.zarr"
    assert stored(PIXELS[1:], tmp_path / "a.zarr") != tmp_path / "a.zarr"


@pytest.mark.parametrize(
    ("shape", "labels", "axes"),
    [
        ((2, 3), None, "TZYX"),
        ((2, 3, 2), None, "TCZYX"),
        ((3,), ("c", "y", "x"), "CYX"),
        ((3,), ("time", "y", "x"), "TYX"),
        ((2, 3), ("channel", "z", "y", "x"), "CZYX"),
        ((2,), ("a", "y", "x"), "ZYX"),
        ((2,), ("y", "x", "z"), "ZYX"),  # planes lie behind: nothing to believe
    ],
)
def test_axes_are_what_their_labels_say(
    shape: tuple[int, ...], labels: tuple[str, ...] | None, axes: str
) -> None:
    data = np.zeros((*shape, 60, 50), np.uint8)
    assert info_of(stored(data, axis_labels=labels)).axes == axes


def test_more_axes_are_refused() -> None:
    with pytest.raises(EngineError, match="more axes than time"):
        stored(np.zeros((2, 2, 2, 2, 6, 5), np.uint8))


@pytest.mark.parametrize(
    ("scale", "unit", "size"),
    [
        ((0.5, 0.25), "um", (0.5, 0.25)),
        ((500, 250), "nm", (0.5, 0.25)),
        ((0.5, 0.25), "pixel", None),
    ],
)
def test_height_and_width_of_a_pixel_are_kept_in_any_unit(
    scale: tuple[float, float], unit: str, size: tuple[float, float] | None
) -> None:
    found = info_of(stored(PIXELS, scale=scale, units=(unit, unit))).pixel_size
    assert found == (None if size is None else pytest.approx(size))
