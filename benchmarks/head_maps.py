"""What a network could predict to tell nuclei apart, and how nuclei are made of it.

Each `Head` says what is learned beside the foreground and how that is divided. All
but ``distance``, which is this program's, are stand-ins for published designs, with
this program's foreground, weights and network, so that only the head differs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops
from scipy import ndimage
from skimage.segmentation import relabel_sequential

from unetloop.config import InstanceConfig
from unetloop.instances import label_nuclei
from unetloop.losses import categorical_crossentropy, foreground_and_distance

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_RIM = 2.0  # pixels, of nuclei that are 32 wide
_VECTOR_SHARE, _SLOPE_SHARE = 3.0, 15.0
_FLOW_SCALE = 5.0
_KNOWN = 0.35


@dataclass(frozen=True)
class Around:
    """What is known of each pixel of a patch: all arrays (rows, columns).

    Parameters
    ----------
    labels : array of int
        Numbers of nuclei.
    distance : array of float32
        Distance to the own nucleus's edge over the largest in that nucleus.
    edge : array of float32
        The same in pixels of the plane.
    centre : array of float32
        (rows, columns, 2): the way to its centre, along the patch's axes, in pixels
        of the plane.
    radius : array of float32
        The longest such way in the same nucleus.
    """

    labels: NDArray[np.int32]
    distance: NDArray[np.float32]
    edge: NDArray[np.float32]
    centre: NDArray[np.float32]
    radius: NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """What is predicted, how it is learned, how it becomes nuclei.

    Parameters
    ----------
    title : str
        For the table.
    outputs : int
        Maps of the network.
    target : callable
        From `Around` to the maps beside the foreground, (rows, columns, any).
    loss : callable
        From truth (foreground, those maps, weight, known) and logits to (batch,).
    activate : callable
        From logits to maps.
    divide : callable
        From maps, settings and the nucleus diameter to labels.
    seeds : tuple of float
        Values of ``seed_threshold`` to choose from.
    """

    title: str
    outputs: int
    target: Callable[[Around], NDArray[np.float32]]
    loss: Callable[[Any, Any], Any]
    activate: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    divide: Callable[[NDArray[np.float32], InstanceConfig, float], NDArray[np.int32]]
    seeds: tuple[float, ...] = (0.3, 0.5, 0.7)


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def _own_edge(around: Around) -> NDArray[np.float32]:
    return around.distance[..., None]


def _closeness(around: Around) -> NDArray[np.float32]:
    """1 in the centre, 0 at the edge, along every line between."""
    way = np.hypot(*np.moveaxis(around.centre, -1, 0))
    close = around.edge / np.maximum(around.edge + way, 1e-3)
    return np.asarray(close * (around.labels > 0), np.float32)[..., None]


def _rim(around: Around) -> NDArray[np.float32]:
    """0 background, 1 inside, 2 rim."""
    rim = (around.labels > 0) & (around.edge <= _RIM)
    return ((around.labels > 0) + rim).astype(np.float32)[..., None]


def _rim_loss(truth: Any, logits: Any) -> Any:
    index, weight = truth[..., 1:2], truth[..., 2:3]
    return categorical_crossentropy(ops.concatenate([index, weight], -1), logits)


def _inside(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """From three classes to nucleus (inside and rim) and inside alone."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    powers /= powers.sum(-1, keepdims=True)
    return np.stack([1 - powers[..., 0], powers[..., 1]], axis=-1)


def _horizontal_vertical(around: Around) -> NDArray[np.float32]:
    """Where in the nucleus a pixel lies, -1..1 (Graham 2019, HoVer-Net)."""
    return np.asarray(around.centre / np.maximum(around.radius, 1)[..., None])


def _flow(around: Around) -> NDArray[np.float32]:
    """Give the direction of the centre, of length 1 (after Stringer 2021, Cellpose)."""
    way = np.linalg.norm(around.centre, axis=-1, keepdims=True)
    return np.asarray(around.centre / np.maximum(way, 1), np.float32)


def _mean(values: Any, weight: Any) -> Any:
    return ops.sum(values * weight) / ops.maximum(ops.sum(weight), 1.0)


def _entropy(truth: Any, logits: Any) -> Any:
    foreground, score = truth[..., 0], logits[..., 0]
    entropy = ops.softplus(score) - score * foreground
    return _mean(entropy, truth[..., 3])


def _position_loss(truth: Any, logits: Any) -> Any:
    """L1 of the two maps and of their slopes, as `foreground_and_distance` has it."""
    unsure = _entropy(truth, logits)
    known = ops.stop_gradient(ops.relu(1 - unsure / _KNOWN))
    weight, whole = truth[..., 3], truth[..., 4]
    error = ops.tanh(logits[..., 1:]) - truth[..., 1:3]
    size = ops.mean(ops.absolute(error), axis=-1)
    loss = unsure + _VECTOR_SHARE * _mean(size, whole * (known * weight + 1 - known))
    for axis in (1, 2):
        slope = ops.mean(ops.absolute(ops.diff(error, axis=axis)), axis=-1)
        both = (weight * whole)[:, 1:] if axis == 1 else (weight * whole)[:, :, 1:]
        loss = loss + known * _SLOPE_SHARE * _mean(slope, both)
    return ops.broadcast_to(loss, ops.shape(truth)[:1])


def _flow_loss(truth: Any, logits: Any) -> Any:
    """Cellpose's: half of the squared error of five times the flow."""
    error = _FLOW_SCALE * (ops.tanh(logits[..., 1:]) - truth[..., 1:3])
    loss = _entropy(truth, logits) + 0.5 * _mean(
        ops.mean(ops.square(error), axis=-1), truth[..., 4]
    )
    return ops.broadcast_to(loss, ops.shape(truth)[:1])


def _vectors(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    vectors = np.tanh(logits[..., 1:])
    return np.concatenate([_sigmoid(logits[..., :1]), vectors], axis=-1)


def _divide_positions(
    maps: NDArray[np.float32], config: InstanceConfig, diameter: float
) -> NDArray[np.int32]:
    """Where positions rise along their axis is inside; where they fall, an edge."""
    rise = sum(
        ndimage.gaussian_filter1d(maps[..., 1 + axis], diameter / 24, axis, order=1)
        for axis in (0, 1)
    )
    # The way to the centre falls by 1 / radius a pixel along both axes.
    inside = np.clip(np.asarray(-rise) * diameter / 4, 0, 1)
    return label_nuclei(np.stack([maps[..., 0], inside], -1), config, diameter)


def _divide_flows(
    maps: NDArray[np.float32], config: InstanceConfig, diameter: float
) -> NDArray[np.int32]:
    """Let every pixel follow the flow; those that come together are a nucleus."""
    inside = np.argwhere(maps[..., 0] > config.threshold)
    labels = np.zeros(maps.shape[:2], np.int32)
    if not len(inside):
        return labels
    points = inside.T.astype(np.float32)
    flow = np.moveaxis(maps[..., 1:], -1, 0)
    limit = np.array(labels.shape, np.float32)[:, None] - 1
    for _ in range(round(diameter)):
        way = [ndimage.map_coordinates(part, points, order=1) for part in flow]
        points = np.clip(points + np.stack(way), 0, limit)
    ends = np.rint(points).astype(int)
    density = np.zeros(labels.shape, np.float32)
    np.add.at(density, tuple(ends), 1)
    crowd = ndimage.gaussian_filter(density, max(diameter / 16, 0.7))
    least = config.seed_threshold * crowd.max() / 10
    places, _ = ndimage.label(crowd > least, np.ones((3, 3)))
    labels[tuple(inside.T)] = places[tuple(ends)]
    # Those that come to rest elsewhere belong to the nearest nucleus.
    strays = (labels == 0) & (maps[..., 0] > config.threshold)
    if labels.any():
        nearest = ndimage.distance_transform_edt(
            labels == 0, return_distances=False, return_indices=True
        )
        labels[strays] = labels[tuple(nearest[:, strays])]
    labels = _fill(labels)
    areas = np.bincount(labels.ravel())
    sure = ndimage.mean(maps[..., 0], labels, np.arange(len(areas)))
    smallest = max(config.min_size * np.pi / 4 * diameter**2, 1)
    # The mean over a whole nucleus is lower than that of its middle.
    kept = (areas >= smallest) & (np.asarray(sure) >= config.min_certainty - 0.1)
    kept[0] = False
    labels[~kept[labels]] = 0
    return np.asarray(relabel_sequential(labels)[0], np.int32)


def _fill(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box is not None:
            part = labels[box]
            filled = ndimage.binary_fill_holes(part == number)
            part[filled & (part == 0)] = number
    return labels


HEADS = {
    "distance": Head(
        "distance to the own edge (this program's)",
        *(2, _own_edge, foreground_and_distance, _sigmoid, label_nuclei),
    ),
    "centre": Head(
        "closeness to the centre",
        *(2, _closeness, foreground_and_distance, _sigmoid, label_nuclei),
    ),
    "rim": Head(
        "three classes: background, inside, rim",
        *(3, _rim, _rim_loss, _inside, label_nuclei),
    ),
    "position": Head(
        "horizontal and vertical position (HoVer-Net)",
        *(3, _horizontal_vertical, _position_loss, _vectors, _divide_positions),
    ),
    "flow": Head(
        "flow to the centre (Cellpose)",
        *(3, _flow, _flow_loss, _vectors, _divide_flows, (0.1, 0.3, 1.0)),
    ),
}
"""What may be compared, by name."""


def settings(head: Head) -> list[InstanceConfig]:
    """List the thresholds that a head may choose from, the same number for all."""
    return [
        replace(
            InstanceConfig(),
            threshold=threshold,
            seed_threshold=min(seed, 0.99),
            min_certainty=certainty,
        )
        for threshold in (0.45, 0.55, 0.65)
        for seed in head.seeds
        for certainty in (0.7, 0.85)
    ]
