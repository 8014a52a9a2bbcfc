"""A trained network over planes of any size: tiles in, numbered nuclei out."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.config import InstanceConfig, from_dict, to_dict
from unetloop.errors import EngineError
from unetloop.preprocessing import (
    intensity_limits,
    median_diameter,
    normalize,
    resize_pixels,
)
from unetloop.tasks import NUCLEI, class_zoom
from unetloop.tiles import Tiling

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from numpy.typing import NDArray

    from unetloop.checkpoint import Model
    from unetloop.config import NormalizationConfig, PredictionConfig
    from unetloop.images import Image
    from unetloop.network import Network
    from unetloop.tasks import Task

__all__ = [
    "PlaneView",
    "PredictedPlane",
    "Scale",
    "estimate_diameter",
    "predict_maps",
    "predict_region",
]

_FLIPS = ((1,), (2,), (1, 2))
_ZOOMS = (0.1, 8.0)
_FIRST_LOOK = 512
_FIRST_ZOOMS = (1.0, 0.5, 2.0, 0.25, 4.0)
_FEW_NUCLEI = 3
_LIMITS_PIXELS = 1 << 22
_MOST_TILES = 8
_BATCH_PIXELS = 1 << 20  # more at once is not faster, and takes memory
_SMALLEST_TILE = 256


@dataclass(frozen=True)
class Scale:
    """What a model needs to know of itself to look at an image.

    Parameters
    ----------
    diameter : float
        Nucleus diameter at the model's scale, in pixels.
    normalization : NormalizationConfig
        How intensities are normalised.
    instances : InstanceConfig
        How maps become nuclei.
    task : Task
        What the model is for. One of classes knows no nuclei: its diameter says
        nothing, and `estimate_diameter` gives what resizes by the pixel size.
    pixel_size : float or None
        Side of a pixel at the scale of a model of classes, in µm.
    own : InstanceConfig or None
        How the model itself makes nuclei, where ``instances`` is what somebody
        chose instead; see `with_instances`.
    """

    diameter: float
    normalization: NormalizationConfig
    instances: InstanceConfig
    task: Task = NUCLEI
    pixel_size: float | None = None
    own: InstanceConfig | None = None

    @classmethod
    def of(cls, model: Model) -> Scale:
        """Take them from an opened model."""
        return cls(
            model.diameter,
            model.normalization,
            model.instances,
            model.task,
            model.card.pixel_size,
        )

    def describe(self) -> dict[str, Any]:
        """Give what results depend on, as plain values."""
        known = to_dict(self)
        if not self.task.classes:  # as before there were classes
            del known["task"], known["pixel_size"]
        if self.own is None:  # as before they could be chosen
            del known["own"]
        return known

    def with_instances(self, changes: Mapping[str, Any]) -> Scale:
        """Make nuclei in another way than the model's.

        Parameters
        ----------
        changes : mapping
            Fields of `InstanceConfig` and their values; those that are missing
            stay.

        Returns
        -------
        Scale
            This one, where nothing differs.

        Raises
        ------
        EngineError
            If a name is unknown, a value out of range, or the model is of classes.
        """
        if not changes:
            return self
        if self.task.classes:
            raise EngineError(
                "A model of classes finds no nuclei: it has no such settings.",
                todo="Leave them out.",
                settings=", ".join(sorted(changes)),
            )
        own = self.own or self.instances
        chosen = from_dict(InstanceConfig, {**to_dict(own), **changes})
        return replace(self, instances=chosen, own=None if chosen == own else own)

    def as_learned(self) -> Scale:
        """Make nuclei as the model says, whatever was chosen."""
        return replace(self, instances=self.own or self.instances, own=None)

    def class_diameter(self, pixel_size: tuple[float, float] | None) -> float:
        """Say for a model of classes which diameter resizes an image rightly.

        Parameters
        ----------
        pixel_size : tuple of float or None
            Height and width of the image's pixels in µm.
        """
        side = None if pixel_size is None else float(np.sqrt(np.prod(pixel_size)))
        return self.diameter / class_zoom(side, self.pixel_size)


@dataclass(frozen=True)
class PlaneView:
    """One plane of an open image, seen through the channels of a network.

    Parameters
    ----------
    image : Image
        An open image.
    plane : int
        Which plane.
    channels : tuple of int
        Which channels.
    limits : array of float32
        (2, channels): intensities that become 0 and 1, of the whole plane.
    """

    image: Image
    plane: int
    channels: tuple[int, ...]
    limits: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        image: Image,
        plane: int,
        channels: tuple[int, ...],
        config: NormalizationConfig,
    ) -> PlaneView:
        """Look over the whole plane, strip by strip, for its intensity limits."""
        height, width = image.info.height, image.info.width
        step = max(1, int(np.ceil(np.sqrt(height * width / _LIMITS_PIXELS))))
        rows = max(1, (1 << 24) // max(width, 1) // step) * step
        strips = [
            image.read_plane(
                plane, channels, (start, 0, min(start + rows, height), width)
            )[::step, ::step]
            for start in range(0, height, rows)
        ]
        return cls(
            image, plane, channels, intensity_limits(np.concatenate(strips), config)
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.image.info.height, self.image.info.width

    def read(self, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
        """Read a rectangle, normalised: (rows, columns, channels)."""
        return normalize(
            self.image.read_plane(self.plane, self.channels, box), self.limits
        )


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
    box: tuple[int, int, int, int],
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
        At the image's own size.
    """
    pixels = view.read(box)
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
    plain = _without_flips(config)
    # The size of the nuclei does not depend on how many of them are wanted.
    scale = scale.as_learned()
    found: float | None = None
    for first in _FIRST_ZOOMS:
        zoom = first
        for _ in range(4):
            box = _lively_box(view, round(_FIRST_LOOK / zoom))
            region = predict_region(
                network, view, box, scale.diameter / zoom, scale, plain
            )
            labels = _result(region).labels
            diameter = median_diameter(labels)
            if diameter is None:
                break
            found = diameter
            next_zoom = float(np.clip(scale.diameter / diameter, *_ZOOMS))
            agree = abs(np.log(next_zoom / zoom)) < 0.1
            zoom = next_zoom
            if agree:
                if labels.max() >= _FEW_NUCLEI or first == _FIRST_ZOOMS[0]:
                    return diameter
                break
    return found


def _result(generator: Generator[float, None, Any]) -> Any:
    """Run a generator to its end and give what it returns."""
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            return stop.value


def _without_flips(config: PredictionConfig) -> PredictionConfig:
    return replace(config, flips=False)


def _lively_box(view: PlaneView, size: int) -> tuple[int, int, int, int]:
    """Of nine windows of a plane, find the one with most contrast."""
    rows, columns = view.shape
    starts = [
        sorted({round((total - side) * part) for part in (0.0, 0.5, 1.0)})
        for total, side in ((rows, min(size, rows)), (columns, min(size, columns)))
    ]
    boxes = [
        (row, column, min(row + size, rows), min(column + size, columns))
        for row in starts[0]
        for column in starts[1]
    ]
    if len(boxes) == 1:
        return boxes[0]
    return max(boxes, key=lambda box: float(view.read(box).std()))


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
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        free = 2 << 30
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
