"""How sharp an image is, and how unlike those that a model has learned from.

Both are cheap, and neither knows the truth: they say which images to look at
first. Focus is a power-law slope; unlikeness is the distance to the nearest
training images in a space of a few statistics of the image and of what the
network makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft, ndimage

from unetloop.preprocessing import equivalent_diameters
from unetloop.resizing import resize_pixels

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["STATISTICS", "Reference", "average", "focus", "region_statistics"]

STATISTICS: Mapping[str, str] = {
    "median": "median of the normalised intensities",
    "upper": "90th percentile of the normalised intensities",
    "fine": "standard deviation of detail finer than 1/16 of a nucleus",
    "coarse": "standard deviation of detail between 1/16 and 1/4 of a nucleus",
    "covered": "share of pixels with a foreground probability above 0.5",
    "doubtful": "pixels between 0.3 and 0.7, over pixels above 0.3",
    "rejected": "foreground that became no nucleus, over foreground",
    "certainty": "mean certainty of the nuclei, 0 where there are none",
    "depth": "mean of the distance map inside nuclei, 0 where there are none",
    "contrast": "mean normalised intensity inside nuclei less that outside",
    "spread": "spread of nucleus diameters, as a standard deviation of logarithms",
}
"""What `region_statistics` computes, in this order."""

_DIAMETER = 16.0  # of a nucleus in the picture that statistics are taken of
_MOST_SIDE = 512
_FOCUS_SIDE = 1024
_LEAST_FOCUS_SIDE = 16
_NEIGHBOURS = 3
_QUANTILE = 95.0
_FEWEST = 8
# No statistic is known better than this: else few and equal training images
# would make every other one infinitely far.
_LEAST_SCALE = 0.02


def focus(pixels: NDArray[np.floating]) -> float:
    """How sharp an image is: the slope of its power spectrum, log over log.

    Natural images have power that falls as a power of the frequency, and the
    faster the more they are blurred (power log-log slope, Bray et al. 2012, J.
    Biomol. Screen. 17, 266, doi:10.1177/1087057111420292). Compare images of one
    kind with each other: around -2 is usual, below -3 blurred, near 0 noise.

    Parameters
    ----------
    pixels : array of float
        (rows, columns); of a large image the middle 1024 × 1024 are taken.

    Returns
    -------
    float
        The slope; NaN where the image is constant or below 16 pixels wide.
    """
    rows, columns = (min(side, _FOCUS_SIDE) for side in pixels.shape)
    if min(rows, columns) < _LEAST_FOCUS_SIDE:
        return float("nan")
    top, left = (pixels.shape[0] - rows) // 2, (pixels.shape[1] - columns) // 2
    part = np.asarray(pixels[top : top + rows, left : left + columns], np.float32)
    part = part - part.mean()
    # Without a window the jump from one edge to the other would look sharp.
    window = np.outer(np.hanning(rows), np.hanning(columns)).astype(np.float32)
    power = np.abs(fft.rfft2(part * window)) ** 2
    radius = np.hypot(fft.fftfreq(rows)[:, None], fft.rfftfreq(columns)[None])
    side = min(rows, columns)
    ring = np.round(radius * side).astype(np.intp).ravel()
    inside = (ring > 0) & (ring <= side // 2)
    total = np.bincount(ring[inside], power.ravel()[inside], side // 2 + 1)[1:]
    count = np.bincount(ring[inside], minlength=side // 2 + 1)[1:]
    mean = total / np.maximum(count, 1)
    known = mean > mean.max(initial=0) * 1e-12
    if known.sum() < _FEWEST:
        return float("nan")
    frequency = np.log(np.arange(1, side // 2 + 1)[known])
    return float(np.polyfit(frequency, np.log(mean[known]), 1)[0])


def region_statistics(
    pixels: NDArray[np.float32],
    maps: NDArray[np.floating],
    labels: NDArray[np.integer[Any]],
    certainty: NDArray[np.float64],
    diameter: float,
) -> NDArray[np.float64]:
    """Describe a region of an image, and what a network makes of it, in few numbers.

    Parameters
    ----------
    pixels : array of float32
        (rows, columns, channels), normalised; the first channel is looked at.
    maps : array of float
        (rows, columns, 2): foreground and distance, 0..1.
    labels : array of int
        (rows, columns): nuclei.
    certainty : array of float64
        (highest label + 1,), from `instances.nucleus_certainty`.
    diameter : float
        Of a nucleus, in pixels.

    Returns
    -------
    array of float64
        One number for each of `STATISTICS`.
    """
    zoom = min(1.0, _DIAMETER / diameter, _MOST_SIDE / max(labels.shape))
    shape = (
        max(1, round(labels.shape[0] * zoom)),
        max(1, round(labels.shape[1] * zoom)),
    )
    small = resize_pixels(np.ascontiguousarray(pixels[..., :1]), shape)[..., 0]
    # Detail in units of a nucleus: the same whatever the magnification.
    nucleus = max(diameter * zoom, 1.0)
    fine = ndimage.gaussian_filter(small, nucleus / 16)
    coarse = ndimage.gaussian_filter(small, nucleus / 4)
    probability = np.asarray(maps[..., 0], np.float32)
    inside = labels > 0
    foreground = probability > 0.5
    some = max(int((probability > 0.3).sum()), 1)
    nuclei = certainty[np.unique(labels[inside])] if inside.any() else np.zeros(0)
    diameters = equivalent_diameters(labels)
    outside = ~inside
    bright = pixels[..., 0]
    contrast = (
        float(bright[inside].mean()) - float(bright[outside].mean())
        if inside.any() and outside.any()
        else 0.0
    )
    return np.array(
        [
            np.median(small),
            np.percentile(small, 90),
            (small - fine).std(),
            (fine - coarse).std(),
            foreground.mean(),
            ((probability > 0.3) & (probability < 0.7)).sum() / some,
            (foreground & outside).sum() / max(int(foreground.sum()), 1),
            nuclei.mean() if nuclei.size else 0.0,
            maps[..., 1][inside].mean() if inside.any() else 0.0,
            contrast,
            np.log(diameters).std() if diameters.size > 1 else 0.0,
        ],
        np.float64,
    )


def average(
    rows: Sequence[NDArray[np.float64]], weights: Sequence[float]
) -> NDArray[np.float64]:
    """Average the statistics of an image's regions, by their areas."""
    return np.asarray(np.average(np.stack(rows), axis=0, weights=np.asarray(weights)))


@dataclass(frozen=True)
class Reference:
    """The statistics of the images that a model learned from.

    Parameters
    ----------
    rows : array of float64
        (images, statistics).
    images : tuple of str
        By what each image is known again, empty where it is not; or nothing at all.
    """

    rows: NDArray[np.float64]
    images: tuple[str, ...] = ()

    def unlikeness(self, statistics: NDArray[np.float64]) -> float:
        """How far an image is from the training images, in units of their own.

        Each statistic is divided by its spread over the training images. The
        distance is that to the third nearest of them, over the distance which
        95 % of the training images keep to each other so: above 1, an image is
        more unlike the others than 19 of 20 that the model has learned from.
        Nearest neighbours need no single cluster: a model may know several kinds
        of image (Sun et al. 2022, ICML, "Out-of-distribution detection with deep
        nearest neighbors").

        Parameters
        ----------
        statistics : array of float64
            As from `region_statistics`.

        Returns
        -------
        float
            From 0; above 1 unlike.
        """
        far = np.sort(np.linalg.norm((self.rows - statistics) / self._scale, axis=1))
        return float(far[self._nearest - 1]) / self._usual

    @property
    def _nearest(self) -> int:
        """Which neighbour counts, from 1."""
        return min(_NEIGHBOURS, len(self.rows) - 1) or 1

    @cached_property
    def _scale(self) -> NDArray[np.float64]:
        """Spread of each statistic over the training images."""
        low, high = np.percentile(self.rows, (16, 84), axis=0)
        return np.asarray(np.maximum((high - low) / 2, _LEAST_SCALE))

    @cached_property
    def _usual(self) -> float:
        """Distance that most training images keep to each other; not for each image."""
        scaled = self.rows / self._scale
        among = np.linalg.norm(scaled[:, None] - scaled[None], axis=-1)
        among.sort(axis=1)  # the first is the image itself
        among = among[:, min(self._nearest, len(scaled) - 1)]
        return max(float(np.percentile(among, _QUANTILE)), _LEAST_SCALE)

    @classmethod
    def of(
        cls, rows: Sequence[NDArray[np.float64]], images: Sequence[str] = ()
    ) -> Reference | None:
        """Keep the statistics of images; None where they are too few."""
        return cls(np.stack(rows), tuple(images)) if len(rows) >= _FEWEST else None

    def without(self, images: Collection[str]) -> list[tuple[str, NDArray[np.float64]]]:
        """List what each image is known by, and its statistics, but for some of them.

        Parameters
        ----------
        images : collection of str
            Those to leave out.
        """
        names = self.images or ("",) * len(self.rows)
        return [
            (name, row)
            for name, row in zip(names, self.rows, strict=True)
            if not name or name not in images
        ]

    def to_json(self) -> dict[str, Any]:
        """Write it as plain values, for ``model.json``."""
        return {
            "statistics": list(STATISTICS),
            "rows": [[round(float(value), 4) for value in row] for row in self.rows],
            "images": list(self.images),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Reference | None:
        """Read it; None where a model has none, or one that is damaged or of others."""
        if list(values.get("statistics", ())) != list(STATISTICS):
            return None
        try:
            rows = np.asarray(values.get("rows", ()), np.float64)
        except (TypeError, ValueError):
            return None
        if rows.ndim != 2 or rows.shape[1] != len(STATISTICS) or len(rows) < _FEWEST:
            return None
        images = tuple(str(name) for name in values.get("images", ()))
        if len(images) != len(rows):  # of models that did not say
            images = ()
        return cls(rows, images) if np.isfinite(rows).all() else None
