"""Planes too large for memory: block by block, nuclei on the seams kept whole."""

from __future__ import annotations

import errno
import math
import os
import tempfile
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from unetloop.boxes import box_slices
from unetloop.prediction import predict_region

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.boxes import Box
    from unetloop.config import PredictionConfig
    from unetloop.network import Network
    from unetloop.plane_view import PlaneView
    from unetloop.prediction import PredictedPlane
    from unetloop.scale import Scale

__all__ = [
    "Block",
    "BlockRunner",
    "is_large",
    "plan_blocks",
    "predict_blocks",
    "scratch_labels",
]

_LARGE_PIXELS = 1 << 24
_BLOCK_PIXELS = 1 << 22
_LABEL_BYTES = 4
_CONTEXT = 96
_MARGIN_DIAMETERS = 2.0
# While one block's nuclei are divided, the network runs over the next.
_AT_ONCE = 2
_WAIT_SECONDS = 0.25


def is_large(shape: tuple[int, int], zoom: float) -> bool:
    """Whether a plane is worked on block by block, at the larger of its two sizes."""
    return shape[0] * shape[1] * max(1.0, zoom**2) > _LARGE_PIXELS


@contextmanager
def scratch_labels(shape: tuple[int, ...], folder: Path) -> Iterator[NDArray[np.int32]]:
    """Lend an array of zeros that lives in a file of ``folder`` and goes with it.

    Raises
    ------
    OSError
        If the disk has no room for it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".labels") as file:
        # A mapped page that finds no room later would kill the process.
        _take_room(file.fileno(), math.prod(shape) * _LABEL_BYTES)
        # Not by its name: Windows opens a temporary file once.
        array = np.memmap(file, np.int32, "w+", shape=shape)
        try:
            yield array
        finally:
            del array


def _take_room(descriptor: int, size: int) -> None:
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # not every disk can
            raise


@dataclass(frozen=True)
class Block:
    """A part of a plane: what is predicted, and the part of that which counts.

    Parameters
    ----------
    box : tuple of int
        First row, first column, and the row and column behind the last.
    core : tuple of slice
        Rows and columns of the box without its margin.
    """

    box: Box
    core: tuple[slice, slice]


class BlockRunner(Protocol):
    """Predicts blocks of a plane elsewhere, so many at once."""

    at_once: int

    def submit(self, view: PlaneView, diameter: float, block: Block) -> Any:
        """Begin with a block; give a future of its `PredictedPlane`."""


def plan_blocks(shape: tuple[int, int], diameter: float, scale: Scale) -> list[Block]:
    """Divide a plane into blocks, row by row, with margins of at least two nuclei."""
    zoom = scale.diameter / diameter
    side = max(64, int(np.sqrt(_BLOCK_PIXELS) / max(1.0, zoom)))
    margin = int(np.ceil(max(_MARGIN_DIAMETERS * diameter, _CONTEXT / zoom)))
    rows, columns = shape
    blocks = []
    for row in range(0, rows, side):
        for column in range(0, columns, side):
            top, left = max(row - margin, 0), max(column - margin, 0)
            bottom = min(row + side + margin, rows)
            right = min(column + side + margin, columns)
            core = (
                slice(row - top, row - top + side),
                slice(column - left, column - left + side),
            )
            blocks.append(Block((top, left, bottom, right), core))
    return blocks


def predict_blocks(
    network: Network,
    view: PlaneView,
    diameter: float,
    scale: Scale,
    config: PredictionConfig,
    output: NDArray[np.int32],
    look: Callable[[Block, PredictedPlane, NDArray[np.int32]], None] | None = None,
    runner: BlockRunner | None = None,
) -> Generator[float, None, int]:
    """Predict a plane block by block into an array that need not fit into memory.

    Each block is predicted with a margin of at least two nuclei. Of the nuclei
    that reach into the block, those are new of which less than half is there
    already; so a nucleus on a seam is written once, and whole. Two blocks are
    worked on at once, so that the network need not wait; they are put together
    in order.

    Parameters
    ----------
    network, view, diameter, scale, config
        As for `prediction.predict_region`.
    output : array of int32
        (rows, columns) of zeros; memory-mapped, for instance.
    look : callable, optional
        Shown each block, what was predicted of it, and the number in ``output`` of
        each of its labels (0: not new).
    runner : BlockRunner, optional
        Predicts blocks elsewhere; ``network`` is not called then.

    Yields
    ------
    float
        Share that is done.

    Returns
    -------
    int
        Number of nuclei; they are numbered 1..N without gaps.
    """
    blocks = plan_blocks(view.shape, diameter, scale)
    shares = [0.0] * len(blocks)
    given_up, arrived = threading.Event(), threading.Event()

    def run(index: int) -> PredictedPlane | None:
        box = blocks[index].box
        work = predict_region(network, view, box, diameter, scale, config)
        while not given_up.is_set():
            try:
                shares[index] = next(work)
            except StopIteration as stop:
                result: PredictedPlane = stop.value
                return result
        return None

    count = 0
    waiting: deque[Any] = deque()
    at_once = _AT_ONCE if runner is None else runner.at_once
    with ThreadPoolExecutor(_AT_ONCE, "block") as pool:
        try:
            for index, block in enumerate(blocks):
                while len(waiting) < at_once and index + len(waiting) < len(blocks):
                    following = index + len(waiting)
                    future = (
                        pool.submit(run, following)
                        if runner is None
                        else runner.submit(view, diameter, blocks[following])
                    )
                    future.add_done_callback(lambda _: arrived.set())
                    waiting.append(future)
                # Not by its result, for some time: Dask breaks that off while it comes.
                while not waiting[0].done():
                    arrived.wait(_WAIT_SECONDS)
                    arrived.clear()
                    yield sum(shares) / len(blocks)
                region = waiting.popleft().result()
                if region is None:
                    return count
                shares[index] = 1.0
                window = output[box_slices(block.box)]
                numbers, count = _add_new(window, region.labels, block.core, count)
                if look is not None:
                    look(block, region, numbers)
                yield sum(shares) / len(blocks)
        finally:
            given_up.set()
            for future in waiting:
                future.cancel()
    return count


def _add_new(
    window: NDArray[np.int32],
    labels: NDArray[np.int32],
    core: tuple[slice, slice],
    count: int,
) -> tuple[NDArray[np.int32], int]:
    """Write the nuclei that reach into the core and are not there yet.

    Give the new number of each label (0: it is not new), and how many there are.
    """
    areas = np.bincount(labels.ravel())
    there = np.bincount(labels[window > 0], minlength=len(areas))
    inside = np.zeros(len(areas), bool)
    inside[np.unique(labels[core])] = True
    inside[0] = False
    new = np.flatnonzero(inside & (there < areas / 2))
    numbers = np.zeros(len(areas), np.int32)
    if len(new) == 0:
        return numbers, count
    numbers[new] = np.arange(count + 1, count + 1 + len(new))
    written = numbers[labels]
    np.copyto(window, written, where=(written > 0) & (window == 0))
    return numbers, count + len(new)
