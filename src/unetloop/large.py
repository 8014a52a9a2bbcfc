"""Planes too large for memory: block by block, nuclei on the seams kept whole."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from unetloop.prediction import predict_region

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.config import PredictionConfig
    from unetloop.network import Network
    from unetloop.prediction import PlaneView, Scale

__all__ = ["is_large", "predict_blocks", "scratch_labels"]

_LARGE_PIXELS = 1 << 24
_BLOCK_PIXELS = 1 << 22
_CONTEXT = 96
_MARGIN_DIAMETERS = 2.0


def is_large(shape: tuple[int, int], zoom: float) -> bool:
    """Whether a plane is worked on block by block, at the larger of its two sizes."""
    return shape[0] * shape[1] * max(1.0, zoom**2) > _LARGE_PIXELS


@contextmanager
def scratch_labels(shape: tuple[int, ...], folder: Path) -> Iterator[NDArray[np.int32]]:
    """Lend an array of zeros that lives in a file of ``folder`` and goes with it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".labels") as file:
        array = np.memmap(file.name, np.int32, "w+", shape=shape)
        try:
            yield array
        finally:
            del array


def predict_blocks(
    network: Network,
    view: PlaneView,
    diameter: float,
    scale: Scale,
    config: PredictionConfig,
    output: NDArray[np.int32],
) -> Generator[float, None, int]:
    """Predict a plane block by block into an array that need not fit into memory.

    Each block is predicted with a margin of at least two nuclei. Of the nuclei
    that reach into the block, those are new of which less than half is there
    already; so a nucleus on a seam is written once, and whole.

    Parameters
    ----------
    network, view, diameter, scale, config
        As for `prediction.predict_region`.
    output : array of int32
        (rows, columns) of zeros; memory-mapped, for instance.

    Yields
    ------
    float
        Share that is done.

    Returns
    -------
    int
        Number of nuclei; they are numbered 1..N without gaps.
    """
    zoom = scale.diameter / diameter
    side = max(64, int(np.sqrt(_BLOCK_PIXELS) / max(1.0, zoom)))
    margin = int(np.ceil(max(_MARGIN_DIAMETERS * diameter, _CONTEXT / zoom)))
    rows, columns = view.shape
    corners = [
        (row, column)
        for row in range(0, rows, side)
        for column in range(0, columns, side)
    ]
    count = 0
    for index, (row, column) in enumerate(corners):
        box = (
            max(row - margin, 0),
            max(column - margin, 0),
            min(row + side + margin, rows),
            min(column + side + margin, columns),
        )
        region = predict_region(network, view, box, diameter, scale, config)
        while True:
            try:
                share = next(region)
            except StopIteration as stop:
                labels = stop.value.labels
                break
            yield (index + share) / len(corners)
        core = (
            slice(row - box[0], row - box[0] + side),
            slice(column - box[1], column - box[1] + side),
        )
        window = output[box[0] : box[2], box[1] : box[3]]
        count = _add_new(window, labels, core, count)
    return count


def _add_new(
    window: NDArray[np.int32],
    labels: NDArray[np.int32],
    core: tuple[slice, slice],
    count: int,
) -> int:
    """Write the nuclei that reach into the core and are not there yet."""
    areas = np.bincount(labels.ravel())
    there = np.bincount(labels[window > 0], minlength=len(areas))
    inside = np.zeros(len(areas), bool)
    inside[np.unique(labels[core])] = True
    inside[0] = False
    new = np.flatnonzero(inside & (there < areas / 2))
    if len(new) == 0:
        return count
    numbers = np.zeros(len(areas), np.int32)
    numbers[new] = np.arange(count + 1, count + 1 + len(new))
    for box, number in zip(ndimage.find_objects(labels), numbers[1:], strict=True):
        if number and box is not None:
            place = window[box]
            place[
                (labels[box] > 0) & (numbers[labels[box]] == number) & (place == 0)
            ] = number
    return count + len(new)
