"""Network maps -> numbered nuclei: a pure function, without the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.config import InstanceConfig

__all__ = ["label_nuclei", "nucleus_certainty"]

_LEVELS = 255
_LEVEL_STEP = 0.1
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
    foreground = maps[..., 0] > config.threshold
    distance = maps[..., 1]
    pieces, count = ndimage.label(foreground)
    if count == 0:
        return np.zeros(foreground.shape, np.int32)
    cores = _find_cores(foreground, distance, config)
    cores_in_piece = _cores_in_pieces(pieces, cores, count)
    labels = pieces.astype(np.int32)
    shared = (cores_in_piece > 1)[pieces]
    if shared.any():
        divided = _divide(distance, np.where(shared, cores, 0), shared)
        labels[shared] = divided[shared] + count
    labels = _fill_holes(labels)
    kept = nucleus_certainty(labels, maps) >= config.min_certainty
    smallest = config.min_size * np.pi / 4 * diameter**2
    kept &= np.bincount(labels.ravel()) >= max(smallest, 1)
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
    inside = np.flatnonzero(labels)
    label = labels.ravel()[inside]
    probability, distance = maps.reshape(-1, 2)[inside].T.astype(np.float32)
    distance = np.maximum(distance, _LEAST_WEIGHT)
    size = int(label.max(initial=0)) + 1
    weight = np.bincount(label, distance, size)
    certainty = np.bincount(label, distance * probability, size)
    return np.divide(certainty, weight, out=np.zeros(size), where=weight > 0)


def _find_cores(
    foreground: NDArray[np.bool_],
    distance: NDArray[np.floating],
    config: InstanceConfig,
) -> NDArray[np.int32]:
    """Find the cores: a level at a time, divide what has two prominent tops."""
    level = config.seed_threshold
    cores, count = ndimage.label(foreground & (distance > level))
    if config.prominence == 0:
        return np.asarray(cores, np.int32)
    while count and (level := level + _LEVEL_STEP) + config.prominence < 1:
        parts, part_count = ndimage.label(foreground & (distance > level))
        if part_count == 0:
            break
        inside = np.flatnonzero(parts)
        part = parts.ravel()[inside]
        tops = np.zeros(part_count + 1, distance.dtype)
        np.maximum.at(tops, part, distance.ravel()[inside])
        prominent = tops >= level + config.prominence
        prominent[0] = False
        core_of = np.zeros(part_count + 1, np.int64)
        core_of[part] = cores.ravel()[inside]
        divided = np.bincount(core_of[prominent], minlength=count + 1) > 1
        divided[0] = False
        new = prominent & divided[core_of]
        if not new.any():
            continue
        numbers = np.zeros(part_count + 1, np.int32)
        numbers[new] = np.arange(count + 1, count + 1 + np.count_nonzero(new))
        cores[divided[cores]] = 0
        cores += numbers[parts]
        count = int(numbers.max())
    return np.asarray(cores, np.int32)


def _divide(
    distance: NDArray[np.floating], cores: NDArray[np.int32], mask: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Divide a mask among its cores by a watershed of the distance map."""
    # Bytes keep the watershed's queue short, and so does leaving the inside of
    # the cores out of it: nothing is left to decide there.
    height = _LEVELS - np.clip(distance * _LEVELS, 0, _LEVELS).astype(np.uint8)
    inner = cores > 0
    middle = inner[1:-1, 1:-1]
    for rows, columns in (
        (slice(None, -2), slice(1, -1)),
        (slice(2, None), slice(1, -1)),
        (slice(1, -1), slice(None, -2)),
        (slice(1, -1), slice(2, None)),
    ):
        middle &= cores[1:-1, 1:-1] == cores[rows, columns]
    inner[[0, -1]] = False
    inner[:, [0, -1]] = False
    divided = watershed(height, np.where(inner, 0, cores), mask=mask & ~inner)
    return np.asarray(np.where(inner, cores, divided), np.int32)


def _cores_in_pieces(
    pieces: NDArray[np.int32], cores: NDArray[np.int32], count: int
) -> NDArray[np.int64]:
    """How many cores each piece of foreground holds; index 0 is the background."""
    inside = cores > 0
    piece_of_core = np.zeros(int(cores.max()) + 1, np.int64)
    piece_of_core[cores[inside]] = pieces[inside]
    cores_in_piece = np.bincount(piece_of_core, minlength=count + 1)
    cores_in_piece[0] = 0  # numbers of cores that were divided
    return cores_in_piece


def _fill_holes(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Fill background that one nucleus encloses."""
    holes, count = ndimage.label(labels == 0)
    if count <= 1:
        return labels
    # The largest part of the background is no hole; skip its pixels.
    sizes = np.bincount(holes.ravel())
    sizes[0] = 0
    outside = np.zeros(count + 1, bool)
    outside[int(sizes.argmax())] = True
    outside[0] = True
    for side in (holes[0], holes[-1], holes[:, 0], holes[:, -1]):
        outside[side] = True
    if outside.all():
        return labels
    result = labels.copy()
    for number, box in enumerate(ndimage.find_objects(holes), start=1):
        if outside[number] or box is None:
            continue
        rows, columns = box
        window = (
            slice(rows.start - 1, rows.stop + 1),
            slice(columns.start - 1, columns.stop + 1),
        )
        hole = holes[window] == number
        rim = ndimage.binary_dilation(hole) & ~hole
        around = np.unique(labels[window][rim])
        if len(around) == 1:
            result[window][hole] = around[0]
    return result


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
