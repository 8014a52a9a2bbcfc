"""Network maps -> numbered nuclei: a pure function, without the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import label as label_components
from skimage.segmentation import watershed

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.config import InstanceConfig

__all__ = ["label_nuclei", "nucleus_certainty"]

_LEVELS = 255
_STEP = 0.1
_LEAST_STEP = 0.02
_ROUNDING = np.float32(1e-4)
_LEAST_WEIGHT = 1e-3


def label_nuclei(
    maps: NDArray[np.floating], config: InstanceConfig, diameter: float
) -> NDArray[np.int32]:
    """Give each nucleus a number.

    Cores are the connected parts where the distance map is high, divided further
    where it has two tops with a dip between them (their dynamics, Grimaud 1992,
    on a few levels). A connected piece of foreground with one core, or none, is
    one nucleus; one with more is divided among its cores by a watershed of the
    distance map (Beucher and Meyer 1993).

    Parameters
    ----------
    maps : array of float
        (rows, columns, 2): foreground probability and distance to the edge
        over its maximum, both 0..1.
    config : InstanceConfig
        Thresholds; may be changed at will without running the network again.
    diameter : float
        Of a typical nucleus, in pixels of these maps; sets the smallest size.

    Returns
    -------
    array of int32
        (rows, columns): 0 background, 1..N without gaps, by first pixel.

    Raises
    ------
    EngineError
        If the maps have another shape.
    """
    if maps.ndim != 3 or maps.shape[2] != 2:
        raise EngineError(
            "Maps must have rows, columns and two channels.", shape=maps.shape
        )
    zones = _Zones.of(maps, config)
    numbers = zones.divide()
    labels = numbers[zones.image]
    _flood(labels, maps[..., 1], numbers < 0, zones)
    zones.fill_holes(labels)
    areas, certainty = _areas_and_certainty(labels, maps)
    smallest = config.min_size * np.pi / 4 * diameter**2
    kept = (certainty >= config.min_certainty) & (areas >= max(smallest, 1))
    return _keep(labels, kept)


def nucleus_certainty(
    labels: NDArray[np.int32], maps: NDArray[np.floating]
) -> NDArray[np.float64]:
    """How sure the network is of each nucleus.

    The mean foreground probability of its pixels, weighted by the distance map:
    at its edge every nucleus is doubtful, whatever its size, in its middle only
    what may be none.

    Parameters
    ----------
    labels : array of int
        (rows, columns), 0 background.
    maps : array of float
        (rows, columns, 2), as for `label_nuclei`.

    Returns
    -------
    array of float64
        (highest label + 1,), 0..1; 0 for the background and missing numbers.
    """
    return _areas_and_certainty(labels, maps)[1]


def _areas_and_certainty(
    labels: NDArray[np.int32], maps: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    flat = labels.ravel()
    inside = np.flatnonzero(flat)
    label = flat[inside].astype(np.intp)
    probability, distance = maps.reshape(-1, 2).take(inside, axis=0).T
    distance = np.maximum(distance, _LEAST_WEIGHT)
    size = int(label.max(initial=0)) + 1
    areas = np.bincount(label, minlength=size)
    weight = np.bincount(label, distance, size)
    certainty = np.bincount(label, distance * probability, size)
    return areas, certainty / np.where(weight > 0, weight, 1)


@dataclass(frozen=True)
class _Zones:
    """Connected areas of one level each, and which of them touch.

    Level 0 is background, 1 and more foreground, by the distance map. What is
    found on the few zones need not be looked for on the many pixels.

    Parameters
    ----------
    image : array of int32
        (rows, columns): the zone of each pixel.
    levels : array of uint8
        (zones,): the level of each.
    seed : int
        Lowest level of a core.
    rise : int
        Levels by which a part of a core must rise to be a core of its own.
    borders : array of int64
        (2, borders): flat indices of neighbouring pixels of two zones.
    edges : array of int32
        (2, edges): zones that touch, the lower one first.
    """

    image: NDArray[np.int32]
    levels: NDArray[np.uint8]
    seed: int
    rise: int
    borders: NDArray[np.int64]
    edges: NDArray[np.int32]

    @classmethod
    def of(cls, maps: NDArray[np.floating], config: InstanceConfig) -> _Zones:
        """Cut maps into zones, in steps of half the prominence."""
        height = max(config.prominence / 2, _LEAST_STEP) if config.prominence else _STEP
        seed = 1 + int(np.ceil(config.seed_threshold / height))
        depth = (maps[..., 1] - np.float32(config.seed_threshold)) / np.float32(height)
        image = np.clip(depth + (seed + _ROUNDING), 1, 255).astype(np.uint8)
        image[maps[..., 0] <= config.threshold] = 0
        zones = label_components(image, background=-1, connectivity=1)
        zones = np.subtract(zones, 1, dtype=np.int32, casting="unsafe")
        flat, columns = zones.ravel(), zones.shape[1]
        right = np.flatnonzero(flat[:-1] != flat[1:])
        right = right[right % columns != columns - 1]
        below = np.flatnonzero(flat[:-columns] != flat[columns:])
        first = np.concatenate([right, below])
        second = np.concatenate([right + 1, below + columns])
        one, other = flat[first], flat[second]
        # Every zone has a pixel at a border, unless there is one zone only.
        levels = np.full(int(zones.max()) + 1, image.flat[0], np.uint8)
        levels[one] = image.ravel()[first]
        levels[other] = image.ravel()[second]
        upwards = levels[one] < levels[other]
        lower, higher = np.where(upwards, one, other), np.where(upwards, other, one)
        once = _graph(lower, higher, len(levels)).tocsr().tocoo()
        edges = np.stack(once.coords)
        rise = 2 if config.prominence else 256
        return cls(zones, levels, seed, rise, np.stack([first, second]), edges)

    def components(self, level: int) -> NDArray[np.int32]:
        """Give the connected parts of a level and higher numbers; 0: below it."""
        inside = self.levels >= level
        lower, higher = self.edges[:, inside[self.edges[0]]]
        graph = _graph(lower, higher, len(self.levels))
        part = connected_components(graph, directed=False)[1]
        numbers = np.zeros(len(self.levels), np.int32)
        numbers[part[inside]] = 1
        return np.where(inside, numbers.cumsum(dtype=np.int32)[part], 0)

    def cores(self) -> NDArray[np.int32]:
        """Find the core of each zone, 0 outside; divide those with two tops.

        A level at a time: a core of which two parts rise further is two cores.
        """
        cores = self.components(self.seed)
        for level in range(self.seed + 1, int(self.levels.max()) + 1 - self.rise):
            parts = self.components(level)
            tops = np.zeros(int(parts.max()) + 1, np.uint8)
            np.maximum.at(tops, parts, self.levels)
            prominent = tops >= level + self.rise
            prominent[0] = False
            core_of = np.zeros(len(tops), np.int64)
            core_of[parts] = cores
            divided = np.bincount(core_of[prominent], minlength=cores.max() + 1) > 1
            new = prominent & divided[core_of]
            numbers = np.where(new, cores.max() + new.cumsum(), 0)
            cores[divided[cores]] = 0
            cores += numbers[parts].astype(np.int32)
        return cores

    def divide(self) -> NDArray[np.int32]:
        """Give the zones of each nucleus a number; 0 background, -1 undecided.

        A piece of foreground with at most one core is one nucleus. In others a
        zone belongs to the core of the higher zones that it touches; where these
        are of several cores, its pixels must decide one by one.
        """
        pieces, cores = self.components(1), self.cores()
        piece_of_core = np.zeros(int(cores.max()) + 1, np.int64)
        piece_of_core[cores] = pieces
        cores_in_piece = np.bincount(piece_of_core[1:], minlength=pieces.max() + 1)
        shared = (cores_in_piece > 1)[pieces] & (pieces > 0)
        numbers = np.where(shared, -1, pieces).astype(np.int32)
        owned = shared & (cores > 0)
        numbers[owned] = cores[owned] + pieces.max()
        lower, higher = self.edges[:, shared[self.edges[0]]]
        least = np.full(len(numbers), np.iinfo(np.int32).max, np.int32)
        most = np.full(len(numbers), -1, np.int32)
        for level in range(int(self.levels.max()) - 1, 0, -1):
            here = self.levels[lower] == level
            zone, above = lower[here], numbers[higher[here]]
            np.minimum.at(least, zone, above)
            np.maximum.at(most, zone, above)
            clear = zone[(least[zone] == most[zone]) & (numbers[zone] < 0)]
            numbers[clear] = most[clear]
        return numbers

    def fill_holes(self, labels: NDArray[np.int32]) -> None:
        """Give background that a single nucleus encloses its label, in place."""
        hole = self.levels == 0
        for side in (self.image[0], self.image[-1], *self.image[:, [0, -1]].T):
            hole[side] = False
        if not hole.any():
            return
        flat, zones = labels.ravel(), self.image.ravel()
        lowest = np.full(len(hole), np.iinfo(np.int32).max, np.int32)
        highest = np.zeros(len(hole), np.int32)
        for inner, outer in (self.borders, self.borders[::-1]):
            around = hole[zones[inner]]
            np.minimum.at(lowest, zones[inner[around]], flat[outer[around]])
            np.maximum.at(highest, zones[inner[around]], flat[outer[around]])
        filled = hole & (lowest == highest)
        if filled.any():
            inside = filled[self.image]
            labels[inside] = highest[self.image[inside]]


def _graph(one: NDArray[np.int32], other: NDArray[np.int32], size: int) -> coo_array:
    return coo_array((np.ones(len(one), bool), (one, other)), (size, size))


def _flood(
    labels: NDArray[np.int32],
    distance: NDArray[np.floating],
    undecided: NDArray[np.bool_],
    zones: _Zones,
) -> None:
    """Divide undecided zones by a watershed of the distance map, in place."""
    if not undecided.any():
        return
    # Only the pixels that border on undecided ones matter as markers.
    flat = labels.ravel()
    markers = np.zeros_like(labels)
    for inner, outer in (zones.borders, zones.borders[::-1]):
        pixels = outer[(flat[inner] < 0) & (flat[outer] > 0)]
        markers.ravel()[pixels] = flat[pixels]
    mask = labels < 0
    # Bytes keep the watershed's queue short.
    height = _LEVELS - np.clip(distance * _LEVELS, 0, _LEVELS).astype(np.uint8)
    divided = watershed(height, markers, mask=mask | (markers > 0))
    labels[mask] = divided[mask]


def _keep(labels: NDArray[np.int32], kept: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Keep some of the labels, numbered 1..N by their first pixel."""
    flat = labels.ravel()
    kept = kept.copy()
    kept[0] = False
    first = np.full(len(kept), flat.size, np.int64)
    # Where runs of a label begin; the earliest of them is its first pixel.
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    np.minimum.at(first, flat[starts], starts)
    order = np.flatnonzero(kept)
    order = order[np.argsort(first[order], kind="stable")]
    numbers = np.zeros(len(kept), np.int32)
    numbers[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    result: NDArray[np.int32] = numbers[labels]
    return result
