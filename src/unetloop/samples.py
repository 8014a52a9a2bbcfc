"""Realistic images of nuclei that the project draws itself, with their truth.

Real fluorescence images are too large to ship, so these stand in for them in
the demo, in File > Open Sample and in tests: textured nuclei of varied
brightness that touch and overlap, debris, uneven light, blur, and the noise of
photons and camera.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from unetloop.masks import write_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LARGE", "SMALL", "Sample", "SampleKind", "draw_nuclei", "write_samples"]

_PHOTONS = 90.0
_CAMERA_OFFSET = 100.0
_CAMERA_NOISE = 3.0
_GAIN = 12.0


@dataclass(frozen=True)
class SampleKind:
    """What an image of nuclei looks like.

    Parameters
    ----------
    name : str
        For file names.
    diameter : float
        Typical nucleus, in pixels.
    nuclei : int
        How many are drawn; some fall on others and vanish.
    clustering : float
        Share of the nuclei that are put right beside another one.
    debris : int
        Number of small bright specks that are no nuclei.
    blur : float
        Standard deviation of the microscope's point spread, in pixels.
    """

    name: str
    diameter: float
    nuclei: int
    clustering: float
    debris: int
    blur: float


SMALL = SampleKind("small", 15.0, 90, 0.45, 14, 0.9)
LARGE = SampleKind("large", 38.0, 26, 0.55, 10, 1.6)


@dataclass(frozen=True)
class Sample:
    """An image with its truth.

    Parameters
    ----------
    image : array of uint16
        (rows, columns), as a 12 to 16 bit camera gives.
    labels : array of int32
        (rows, columns): 0 background, 1..N nuclei.
    kind : SampleKind
        What was drawn.
    """

    image: NDArray[np.uint16]
    labels: NDArray[np.int32]
    kind: SampleKind


def draw_nuclei(
    kind: SampleKind = SMALL, seed: int = 0, shape: tuple[int, int] = (256, 256)
) -> Sample:
    """Draw an image of nuclei.

    Parameters
    ----------
    kind : SampleKind
        Size and number of nuclei.
    seed : int
        The same seed gives the same image.
    shape : tuple of int
        Rows and columns.

    Returns
    -------
    Sample

    Examples
    --------
    >>> sample = draw_nuclei(SMALL, seed=3)
    >>> sample.image.shape, bool(sample.labels.max() > 20)
    ((256, 256), True)
    """
    rng = np.random.default_rng([seed, round(kind.diameter * 10)])
    labels = np.zeros(shape, np.int32)
    light = np.zeros(shape, np.float64)
    count = round(kind.nuclei * shape[0] * shape[1] / 256**2)
    centers: list[NDArray[np.float64]] = []
    for number in range(1, count + 1):
        center = _place(centers, kind, shape, rng)
        centers.append(center)
        _draw_nucleus(labels, light, number, center, kind.diameter, rng)
    _add_debris(light, kind, rng)
    image = _photograph(light, kind, rng)
    return Sample(image, _without_slivers(labels, kind.diameter), kind)


def write_samples(folder: Path, count: int = 12, seed: int = 0) -> None:
    """Write images and masks of both kinds, to train on and to test with.

    Parameters
    ----------
    folder : Path
        Gets ``train`` and ``test``, each with ``images`` and ``masks``.
    count : int
        Images to train on; a third as many to test with.
    seed : int
        Of the first image.
    """
    import tifffile

    for split, number, offset in (
        ("train", count, 0),
        ("test", max(2, count // 3), 1000),
    ):
        for index in range(number):
            kind = (SMALL, LARGE)[index % 2]
            sample = draw_nuclei(kind, seed + offset + index)
            name = f"{kind.name}_{index:02d}.tif"
            images = folder / split / "images"
            images.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(images / name, sample.image, compression="zlib")
            write_labels(folder / split / "masks" / name, sample.labels)


def _place(
    centers: list[NDArray[np.float64]],
    kind: SampleKind,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    taken = np.array(centers).reshape(-1, 2)
    if centers and rng.random() < kind.clustering:
        neighbour = taken[rng.integers(len(taken))]
        # Touching and overlapping, but not heaped up out of sight.
        for angle in rng.uniform(0, 2 * np.pi, 8):
            reach = kind.diameter * rng.uniform(0.75, 1.05)
            spot = neighbour + reach * np.array([np.sin(angle), np.cos(angle)])
            if np.linalg.norm(taken - spot, axis=1).min() > 0.7 * kind.diameter:
                return np.asarray(spot)
    # Elsewhere they keep apart, as far as there is room.
    spots = rng.uniform(0, 1, (12, 2)) * shape
    if not centers:
        return np.asarray(spots[0])
    gaps = np.linalg.norm(spots[:, None] - taken[None], axis=2).min(axis=1)
    return np.asarray(spots[int(gaps.argmax())])


def _draw_nucleus(
    labels: NDArray[np.int32],
    light: NDArray[np.float64],
    number: int,
    center: NDArray[np.float64],
    diameter: float,
    rng: np.random.Generator,
) -> None:
    """Add one blob: an ellipse with a wavy outline and a mottled inside."""
    radius = diameter / 2 * np.exp(rng.normal(0, 0.15))
    stretch = np.exp(rng.normal(0, 0.15))
    reach = int(radius * 2) + 2
    row, column = np.round(center).astype(int)
    rows = slice(max(row - reach, 0), min(row + reach, labels.shape[0]))
    columns = slice(max(column - reach, 0), min(column + reach, labels.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    y, x = np.mgrid[rows, columns]
    dy, dx = y - center[0], x - center[1]
    tilt = rng.uniform(0, np.pi)
    along = (dy * np.cos(tilt) + dx * np.sin(tilt)) * stretch
    across = (dx * np.cos(tilt) - dy * np.sin(tilt)) / stretch
    angle = np.arctan2(along, across)
    wave = sum(
        rng.normal(0, 0.08 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        for order in (2, 3, 4)
    )
    depth = 1 - np.hypot(along, across) / (radius * (1 + wave))
    inside = depth > 0
    mottle = ndimage.gaussian_filter(rng.normal(size=inside.shape), diameter / 12)
    mottle /= mottle.std() + 1e-9
    brightness = np.exp(rng.normal(0, 0.35))
    body = brightness * (0.75 + 0.25 * np.sqrt(np.clip(depth, 0, 1)))
    body *= np.clip(1 + 0.18 * mottle, 0.2, None)
    # Where nuclei overlap, the light of both adds up and the upper one is labelled.
    light[rows, columns][inside] += body[inside] * np.where(
        labels[rows, columns][inside] > 0, 0.55, 1.0
    )
    labels[rows, columns][inside] = number


def _add_debris(
    light: NDArray[np.float64], kind: SampleKind, rng: np.random.Generator
) -> None:
    specks = np.zeros_like(light)
    for row, column in rng.uniform(0, 1, (kind.debris, 2)) * light.shape:
        specks[int(row), int(column)] += rng.uniform(3, 9)
    light += ndimage.gaussian_filter(specks, 1.1)


def _photograph(
    light: NDArray[np.float64], kind: SampleKind, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Pass the light through a microscope and a camera."""
    haze = ndimage.gaussian_filter(light, kind.diameter)
    sharp = ndimage.gaussian_filter(light, kind.blur)
    rows, columns = np.mgrid[-1 : 1 : light.shape[0] * 1j, -1 : 1 : light.shape[1] * 1j]
    middle = rng.uniform(-0.5, 0.5, 2)
    vignette = np.exp(-((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2) / 3)
    photons = _PHOTONS * vignette * (sharp + 0.25 * haze + 0.06)
    electrons = rng.poisson(photons) + rng.normal(0, _CAMERA_NOISE, light.shape)
    counts = np.clip(_CAMERA_OFFSET + _GAIN * electrons, 0, 65535)
    return np.asarray(counts, np.uint16)


def _without_slivers(labels: NDArray[np.int32], diameter: float) -> NDArray[np.int32]:
    """Keep the largest visible piece of each nucleus, and none that is hidden."""
    result = np.zeros_like(labels)
    count = 0
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        pieces, found = ndimage.label(labels[box] == number)
        sizes = np.bincount(pieces.ravel())[1:]
        if found == 0 or sizes.max() < 0.15 * diameter**2:
            continue
        count += 1
        result[box][pieces == sizes.argmax() + 1] = count
    return result


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
