"""Annotated planes -> batches of varied patches, the same for the same seed."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from unetloop.annotations import Targets
    from unetloop.config import AugmentationConfig

__all__ = ["TrainingPlane", "iterate_batches", "make_plane", "sample_patches"]

_NUCLEUS_SHARE = 0.75
_GRID = 3


@dataclass(frozen=True)
class TrainingPlane:
    """One annotated plane at the model's scale, ready to be cut.

    Parameters
    ----------
    stack : tuple of array of float32
        (rows, columns) each: the image's channels, then foreground, distance,
        where each of them is known, and the emphasis.
    channels : int
        How many of them are the image.
    nuclei, background : array of int
        (n, 2): rows and columns of reviewed pixels of either kind.
    """

    stack: tuple[NDArray[np.float32], ...]
    channels: int
    nuclei: NDArray[np.int32]
    background: NDArray[np.int32]


def make_plane(image: NDArray[np.float32], targets: Targets) -> TrainingPlane:
    """Put an image and its targets into the form that patches are cut from.

    Parameters
    ----------
    image : array of float32
        (rows, columns, channels), normalised.
    targets : Targets
        Of the same rows and columns.

    Returns
    -------
    TrainingPlane
    """
    known = targets.valid[..., 0] > 0
    inside = targets.maps[..., 0] > 0
    layers = [image, targets.maps, targets.valid, targets.emphasis[..., None]]
    stack = np.concatenate(layers, axis=-1)
    return TrainingPlane(
        stack=tuple(
            np.ascontiguousarray(stack[..., index]) for index in range(stack.shape[-1])
        ),
        channels=image.shape[-1],
        nuclei=np.argwhere(known & inside).astype(np.int32),
        background=np.argwhere(known & ~inside).astype(np.int32),
    )


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
        (count, size, size, channels).
    truth : array of float32
        (count, size, size, 4): foreground, distance, and the weight of each;
        a weight is 0 where a pixel or one it was interpolated from is unknown.
    """
    areas = np.array([len(plane.nuclei) + len(plane.background) for plane in planes])
    chances = np.sqrt(areas) / np.sqrt(areas).sum()
    channels = planes[0].channels
    images = np.empty((count, size, size, channels), np.float32)
    truth = np.empty((count, size, size, 4), np.float32)
    for index, choice in enumerate(rng.choice(len(planes), count, p=chances)):
        plane = planes[choice]
        points = _coordinates(_center(plane, size, rng), size, config, rng)
        # Linear interpolation; behind the border the plane is mirrored.
        cut = [
            ndimage.map_coordinates(layer, points, order=1, mode="mirror")
            for layer in plane.stack
        ]
        image = np.stack(cut[:channels], axis=-1)
        images[index] = _vary_intensity(image, config, rng)
        foreground, distance, known, whole, emphasis = cut[channels:]
        truth[index, ..., 0] = foreground
        truth[index, ..., 1] = distance
        truth[index, ..., 2] = (known > 0.999) * emphasis
        truth[index, ..., 3] = whole > 0.999
    return images, truth


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
    """Choose a reviewed pixel, of a nucleus more often, and stay near it."""
    kinds = [plane.nuclei, plane.background]
    if rng.random() > _NUCLEUS_SHARE:
        kinds.reverse()
    pixels = kinds[0] if len(kinds[0]) else kinds[1]
    pixel = pixels[rng.integers(len(pixels))]
    return np.asarray(pixel + rng.uniform(-size / 3, size / 3, 2))


def _coordinates(
    center: NDArray[np.float64],
    size: int,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
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
    grid = np.stack(np.meshgrid(side, side, indexing="ij"))
    if config.elastic:
        # Ronneberger 2015: displacements on a coarse 3 x 3 grid, bicubic between.
        coarse = rng.normal(0, config.elastic, (2, _GRID, _GRID))
        grid += [_smooth(axis, size) for axis in coarse]
    return np.asarray(np.einsum("ij,jyx->iyx", matrix, grid) + center[:, None, None])


def _smooth(coarse: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """Interpolate a coarse grid to a patch, bicubic."""
    factor = size / len(coarse)
    fine = ndimage.zoom(coarse, factor, order=3, mode="nearest", grid_mode=True)
    return np.asarray(fine, np.float32)


def _vary_intensity(
    image: NDArray[np.float32], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Vary gamma, contrast, brightness, blur and noise as microscopes do."""
    strength = config.intensity
    if strength:
        gamma = np.exp(rng.uniform(-0.5, 0.5) * strength)
        contrast = np.exp(rng.uniform(-0.4, 0.4) * strength)
        shift = rng.uniform(-0.1, 0.1) * strength
        image = np.sign(image) * np.abs(image) ** np.float32(gamma)
        image = image * np.float32(contrast) + np.float32(shift)
    if config.blur and rng.random() < 0.3:
        sigma = rng.uniform(0, config.blur)
        image = ndimage.gaussian_filter(image, (sigma, sigma, 0))
    if config.noise and rng.random() < 0.5:
        deviation = np.float32(rng.uniform(0, config.noise))
        image = image + deviation * rng.standard_normal(image.shape, np.float32)
    return image
