"""A trained network over planes of any size: tiles in, numbered nuclei out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import psutil

from unetloop.errors import EngineError
from unetloop.preprocessing import median_diameter
from unetloop.resizing import resize_pixels
from unetloop.tiles import Tiling

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from unetloop.boxes import Box
    from unetloop.config import PredictionConfig
    from unetloop.network import Network
    from unetloop.plane_view import PlaneView
    from unetloop.scale import Scale

__all__ = [
    "PredictedPlane",
    "estimate_diameter",
    "finish",
    "predict_maps",
    "predict_region",
]

_Result = TypeVar("_Result")

_FLIPS = ((1,), (2,), (1, 2))
_MAPS = 2  # of nuclei: foreground and distance
_ZOOMS = (0.1, 8.0)
_FIRST_LOOK = 512
_FIRST_ZOOMS = (1.0, 0.5, 2.0, 0.25, 4.0)
# One or two nuclei may be a cluster of small ones: a closer look tells.
_CLOSER = 2.0
# Two sizes that differ less give as good an estimate as a further look, which would
# cost as much as the prediction itself.
_AGREE = 0.2
_FEW_NUCLEI = 3
_MOST_TILES = 8
_BATCH_PIXELS = 1 << 20  # more at once is not faster, and takes memory
_SMALLEST_TILE = 256


@dataclass(frozen=True)
class PredictedPlane:
    """Labels (rows, columns) int32 and maps (rows, columns, maps) float32."""

    labels: NDArray[np.int32]
    maps: NDArray[np.float32]


def predict_maps(
    network: Network, image: NDArray[np.float32], config: PredictionConfig
) -> Generator[float, None, NDArray[np.float32]]:
    """Run a network over an image at the model's scale, tile by tile.

    Parameters
    ----------
    network : Network
        Called with batches of tiles of one shape.
    image : array of float32
        (rows, columns, channels), normalised.
    config : PredictionConfig
        Tiles, batch and flips.

    Yields
    ------
    float
        Share that is done, after each batch.

    Returns
    -------
    array of float32
        (rows, columns, maps): tiles blended so that no seam shows.
    """
    tiling, count = _tiles_that_fit(
        (image.shape[0], image.shape[1]), config, network.bytes_a_pixel
    )
    tiles = list(tiling)
    total: NDArray[np.float32] | None = None
    for start in range(0, len(tiles), count):
        group = tiles[start : start + count]
        batch = np.stack([tiling.cut(image, tile) for tile in group])
        maps = _run(network, batch, config.flips)
        if len(tiles) == 1:  # nothing to blend
            yield 1.0
            return maps[0, : image.shape[0], : image.shape[1]]
        if total is None:
            total = np.zeros((*image.shape[:2], maps.shape[-1]), np.float32)
        for tile, predicted in zip(group, maps, strict=True):
            tiling.add(total, tile, predicted)
        yield (start + len(group)) / len(tiles)
    assert total is not None
    return total


def predict_region(
    network: Network,
    view: PlaneView,
    box: Box,
    diameter: float,
    scale: Scale,
    config: PredictionConfig,
) -> Generator[float, None, PredictedPlane]:
    """Predict a rectangle of a plane, resized so that its nuclei fit the model.

    Parameters
    ----------
    network : Network
        The model's network.
    view : PlaneView
        The plane.
    box : tuple of int
        First row, first column, and the row and column behind the last.
    diameter : float
        Of the nuclei in the image, in pixels.
    scale : Scale
        The model's.
    config : PredictionConfig
        Tiles, batch and flips.

    Yields
    ------
    float
        Share that is done.

    Returns
    -------
    PredictedPlane
        At the image's own size. Where all pixels are 0 there is no nucleus.
    """
    pixels = view.read(box)
    if not (pixels.any() or scale.task.classes):
        # Background alone. What a network makes of it may be one nucleus as large.
        yield 1.0
        nothing = np.zeros((*pixels.shape[:2], _MAPS), np.float32)
        return PredictedPlane(np.zeros(pixels.shape[:2], np.int32), nothing)
    zoom = float(np.clip(scale.diameter / diameter, *_ZOOMS))
    shape = (
        max(1, round(pixels.shape[0] * zoom)),
        max(1, round(pixels.shape[1] * zoom)),
    )
    maps = yield from predict_maps(network, resize_pixels(pixels, shape), config)
    maps = resize_pixels(maps, (pixels.shape[0], pixels.shape[1]))
    maps = scale.task.complete(maps)
    return PredictedPlane(scale.task.label(maps, scale.instances, diameter), maps)


def estimate_diameter(
    network: Network, view: PlaneView, scale: Scale, config: PredictionConfig
) -> float | None:
    """Find how large the nuclei of a plane are, by a first pass over a part of it.

    The network is run at the image's own size; the nuclei that it finds say at
    which size to look again, until the two agree. Where nothing is found, other
    sizes are tried.

    Parameters
    ----------
    network : Network
        The model's network.
    view : PlaneView
        The plane; of a large one, the part with most contrast is taken.
    scale : Scale
        The model's.
    config : PredictionConfig
        Tiles and batch.

    Returns
    -------
    float or None
        Median diameter in pixels of the image; None where no nucleus is found. For
        a model of classes: `Scale.class_diameter`.
    """
    if scale.task.classes:
        return scale.class_diameter(view.image.info.pixel_size)
    plain = replace(config, flips=False)
    # The size of the nuclei does not depend on how many of them are wanted.
    scale = scale.as_learned()
    found: float | None = None
    sparse: float | None = None
    for first in _FIRST_ZOOMS:
        if sparse is not None and first != _CLOSER:
            continue
        zoom = first
        for _ in range(4):
            box = view.lively_box(round(_FIRST_LOOK / zoom))
            region = predict_region(
                network, view, box, scale.diameter / zoom, scale, plain
            )
            labels = finish(region).labels
            diameter = median_diameter(labels)
            if diameter is None:
                break
            found = diameter
            next_zoom = float(np.clip(scale.diameter / diameter, *_ZOOMS))
            agree = abs(np.log(next_zoom / zoom)) < _AGREE
            zoom = next_zoom
            if agree:
                if labels.max() >= _FEW_NUCLEI:
                    return diameter
                if first == _FIRST_ZOOMS[0]:
                    sparse = diameter
                break
    return sparse or found


def finish(work: Generator[Any, None, _Result]) -> _Result:
    """Run a generator to its end, whatever it yields, and give what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: _Result = stop.value
            return result


def _run(
    network: Network, batch: NDArray[np.float32], flips: bool
) -> NDArray[np.float32]:
    """Run the network once, or over four mirror images and average."""
    maps = network(batch)
    if not flips:
        return maps
    for axes in _FLIPS:
        turned = network(np.ascontiguousarray(np.flip(batch, axes)))
        maps = maps + np.flip(turned, axes)
    return maps / np.float32(len(_FLIPS) + 1)


def _tiles_that_fit(
    shape: tuple[int, int], config: PredictionConfig, bytes_a_pixel: int
) -> tuple[Tiling, int]:
    """Choose tiles that the free memory holds, and how many at once.

    A batch may take a quarter of the free memory; if one tile takes more, the
    tiles are made smaller.
    """
    # With what the system would give up for it: caches fill all memory in time.
    free = psutil.virtual_memory().available
    side, overlap = config.tile, config.overlap
    while True:
        tiling = Tiling(shape, side, overlap)
        each = tiling.sides[0] * tiling.sides[1] * bytes_a_pixel
        if each <= free / 4 or side <= _SMALLEST_TILE:
            break
        side = max(side // 2 // 16 * 16, _SMALLEST_TILE)
        overlap = min(overlap, side // 2)
    if each > free:
        raise EngineError(
            "There is not enough free memory for one tile.",
            todo="Close other programs.",
            tile=tiling.sides,
        )
    pixels = tiling.sides[0] * tiling.sides[1]
    count = min(free / 4 / each, _BATCH_PIXELS / pixels, _MOST_TILES)
    return tiling, config.batch_size or max(int(count), 1)
