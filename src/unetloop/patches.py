"""Annotated planes -> batches of varied patches, the same for the same seed."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from unetloop.appearance import vary_appearance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from unetloop.config import AugmentationConfig
    from unetloop.training_plane import TrainingPlane

__all__ = [
    "iterate_batches",
    "sample_patches",
]

_GRID = 3


def sample_patches(
    planes: list[TrainingPlane],
    count: int,
    size: int,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cut and vary patches where something is reviewed.

    Parameters
    ----------
    planes : list of TrainingPlane
        At least one with a reviewed pixel. Larger planes are drawn more often,
        by the square root of their reviewed area.
    count : int
        Patches.
    size : int
        Rows and columns of a patch.
    config : AugmentationConfig
        How they are varied.
    rng : numpy.random.Generator
        Source of all chance.

    Returns
    -------
    images : array of float32
        (count, size, size, channels), interpolated linearly; behind the
        border the plane is mirrored.
    truth : array of float32
        (count, size, size, 4) of the nearest pixel: foreground, distance, and
        the weight of each, 0 where it is unknown. Of classes (count, size, size,
        2): the class's index, and its weight.
    """
    areas = np.array([plane.reviewed for plane in planes])
    chances = np.sqrt(areas) / np.sqrt(areas).sum()
    images = np.empty((count, size, size, len(planes[0].image)), np.float32)
    truth = np.empty((count, size, size, 4), np.uint8)
    for index, choice in enumerate(rng.choice(len(planes), count, p=chances)):
        plane = planes[choice]
        points = _coordinates(_center(plane, size, rng), size, config, rng)
        image, truth[index] = _look_up(plane, *points)
        images[index] = vary_appearance(image, config, rng)
    return images, planes[0].decode(truth)


def iterate_batches(
    planes: list[TrainingPlane],
    count: int,
    size: int,
    config: AugmentationConfig,
    seed: int,
    first: int = 0,
    workers: int = 2,
    ahead: int = 6,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Produce batches in threads, ahead of whoever trains, without end.

    Batch ``i`` depends on ``seed`` and ``i`` alone, so that a resumed training
    sees what it would have seen.

    Parameters
    ----------
    planes, count, size, config
        As for `sample_patches`.
    seed : int
        Seed of all batches.
    first : int
        Number of the first batch.
    workers, ahead : int
        Threads, and batches made in advance.

    Yields
    ------
    images, truth : array of float32
        As from `sample_patches`.
    """

    def make(index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rng = np.random.default_rng([seed, index])
        return sample_patches(planes, count, size, config, rng)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="patches")
    waiting: deque[Future[tuple[NDArray[np.float32], NDArray[np.float32]]]] = deque()
    try:
        index = first
        while True:
            while len(waiting) < ahead:
                waiting.append(pool.submit(make, index))
                index += 1
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _center(
    plane: TrainingPlane, size: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Choose a reviewed pixel, of each kind by its chance, and stay near it."""
    limits = np.cumsum(plane.chances)
    kind = min(int(np.searchsorted(limits, rng.random())), len(limits) - 1)
    pixels = plane.centers[kind]
    pixel = divmod(int(pixels[rng.integers(len(pixels))]), plane.truth.shape[1])
    return np.asarray(pixel + rng.uniform(-size / 3, size / 3, 2))


def _coordinates(
    center: NDArray[np.float64],
    size: int,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Where in the plane each pixel of a patch comes from: (2, size, size)."""
    matrix = np.eye(2)
    if config.rotate:
        angle = rng.uniform(0, 2 * np.pi)
        matrix = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
    if config.flip and rng.random() < 0.5:
        matrix = matrix @ np.diag([1.0, -1.0])
    matrix = matrix * np.exp(rng.uniform(-1, 1) * np.log(config.scale))
    side = np.arange(size) - (size - 1) / 2
    # An affine map of a grid is a sum of what a row and what a column adds.
    points = matrix[:, :1, None] * side[:, None] + matrix[:, 1:, None] * side
    points += center[:, None, None]
    if config.elastic:
        # Ronneberger 2015: displacements on a coarse 3 x 3 grid, bicubic between.
        coarse = rng.normal(0, config.elastic, (2, _GRID, _GRID))
        smooth = _bicubic(size)
        points += smooth @ coarse @ smooth.T
    return np.asarray(points, np.float32)


@lru_cache(maxsize=8)
def _bicubic(size: int) -> NDArray[np.float64]:
    """(size, 3): from a coarse grid's side to a patch's, by cubic splines."""
    columns = [
        ndimage.zoom(unit, size / _GRID, order=3, mode="nearest", grid_mode=True)
        for unit in np.eye(_GRID)
    ]
    return np.stack(columns, axis=-1)


def _look_up(
    plane: TrainingPlane, rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Find the image (linear) and the truth (nearest pixel) at points.

    By hand, since all layers share their indices: 20 times as fast as
    `scipy.ndimage.map_coordinates` for each of them.
    """
    height, width = plane.truth.shape
    top, left = np.floor(rows), np.floor(columns)
    down, right = rows - top, columns - left
    upper, lower = _mirrored(top.astype(np.intp), height)
    first, second = _mirrored(left.astype(np.intp), width)
    upper, lower = upper * width, lower * width
    corners = upper + first, upper + second, lower + first, lower + second
    image = np.empty((*rows.shape, len(plane.image)), np.float32)
    for channel, pixels in enumerate(plane.image):
        flat = pixels.reshape(-1)
        a, b, c, d = (flat.take(corner) for corner in corners)
        a += (b - a) * right
        c += (d - c) * right
        image[..., channel] = a + (c - a) * down
    nearest = np.where(down < 0.5, upper, lower) + np.where(right < 0.5, first, second)
    layers = plane.truth.reshape(-1).take(nearest)
    return image, layers[..., None].view(np.uint8)


def _mirrored(
    indices: NDArray[np.intp], size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give each index and the next one, mirrored at 0 and at ``size - 1``."""
    following = indices + 1
    if indices.min() < 0 or following.max() >= size:
        period = max(2 * (size - 1), 1)
        indices, following = (
            (size - 1) - np.abs((size - 1) - values % period)
            for values in (indices, following)
        )
    return indices, following
