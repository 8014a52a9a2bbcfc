"""How good a network is on the images held out, cheap enough for every epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unetloop.annotations import REVIEWED
from unetloop.events import Event, Progress
from unetloop.tasks import NUCLEI, class_zoom
from unetloop.training_image import load_annotated, load_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from unetloop.config import InstanceConfig, TrainingConfig
    from unetloop.network import Network
    from unetloop.tasks import Scored, Task
    from unetloop.training_image import TrainingImage

__all__ = [
    "Window",
    "count_nuclei",
    "cut_windows",
    "predict_windows",
    "score_windows",
    "window_scores",
]

_SIZE = 256
_BATCH = 4


@dataclass(frozen=True)
class Window:
    """A square of a held-out image at the model's scale.

    Parameters
    ----------
    image : array of float32
        (256, 256, channels).
    labels : array of int32
        (256, 256), the truth.
    reviewed : array of bool
        (256, 256), where it is known and scored: not in nuclei that the window cuts,
        as nobody can tell how large they are.
    truth : array of float32
        (256, 256, 4 or 2), as from `patches.sample_patches`.
    diameter : float
        Of a nucleus, in pixels.
    task : Task
        What the network is for.
    """

    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    reviewed: NDArray[np.bool_]
    truth: NDArray[np.float32]
    diameter: float
    task: Task = NUCLEI


def cut_windows(
    images: Sequence[TrainingImage],
    diameter: float,
    config: TrainingConfig,
    add: Callable[[Window], None],
    task: Task = NUCLEI,
    pixel_size: float | None = None,
) -> Iterator[Event]:
    """Take from each image the window with most reviewed pixels, those of nuclei twice.

    One shape for all, so that nothing is compiled twice; small images are
    mirrored up to it, and what was mirrored does not count.

    Parameters
    ----------
    images : sequence of TrainingImage
        The images held out.
    diameter : float
        Of a nucleus at the model's scale, in pixels.
    config : TrainingConfig
        Normalisation.
    add : callable
        Given each `Window`.
    task, pixel_size
        As for `load_planes`.

    Yields
    ------
    Progress
    """
    for index, item in enumerate(images):
        plane = load_annotated(item) if task.classes else load_nuclei(item)
        if task.classes:
            zoom = class_zoom(plane.pixel_size, pixel_size)
        else:
            zoom = diameter / (plane.diameter or diameter)
        image, labels, review = plane.at_scale(zoom, config)
        known = np.ones(labels.shape, bool) if review is None else review == REVIEWED
        if task.classes:
            known &= labels > 0
        window = _best_window(known.astype(np.uint8) + (known & (labels > 0)))
        scored = known[window].copy()
        if not task.classes:
            scored &= ~_cut(labels, window, known)
        image, labels, known = image[window], labels[window], known[window]
        missing = [(0, _SIZE - size) for size in labels.shape]
        image = np.pad(image, [*missing, (0, 0)], mode="symmetric")
        labels = np.pad(labels, missing)
        known, scored = np.pad(known, missing), np.pad(scored, missing)
        if known.any():
            add(
                Window(
                    image=image,
                    labels=labels,
                    reviewed=scored,
                    truth=task.truth(labels, known),
                    diameter=diameter,
                    task=task,
                )
            )
        yield Progress(
            done=index + 1, total=len(images), unit="images", what="reading validation"
        )


def predict_windows(
    network: Network, windows: Sequence[Window]
) -> list[NDArray[np.float32]]:
    """Predict the complete maps of each window, in batches of one shape."""
    maps: list[NDArray[np.float32]] = []
    for start in range(0, len(windows), _BATCH):
        group = list(windows[start : start + _BATCH])
        missing = _BATCH - len(group)
        batch = [window.image for window in group + [group[-1]] * missing]
        predicted = network(np.stack(batch))
        maps += [
            window.task.complete(found)
            for window, found in zip(group, predicted, strict=False)
        ]
    return maps


def count_nuclei(window: Window) -> int:
    """Count the nuclei that a window is scored by."""
    return len(set(window.labels[window.reviewed].tolist()) - {0})


def score_windows(
    windows: Sequence[Window],
    maps: Sequence[NDArray[np.float32]],
    config: InstanceConfig,
) -> float:
    """Score what a network predicts, by the measure of its task, 0..1."""
    return windows[0].task.score(_scored(windows, maps, config))


def window_scores(
    windows: Sequence[Window],
    maps: Sequence[NDArray[np.float32]],
    config: InstanceConfig,
) -> list[float]:
    """Score each window by itself, by the measure of its task, 0..1."""
    return windows[0].task.scores(_scored(windows, maps, config))


def _scored(
    windows: Sequence[Window],
    maps: Sequence[NDArray[np.float32]],
    config: InstanceConfig,
) -> list[Scored]:
    return [
        (
            window.labels,
            window.task.label(predicted, config, window.diameter),
            window.reviewed,
        )
        for window, predicted in zip(windows, maps, strict=True)
    ]


def _cut(
    labels: NDArray[np.int32], window: tuple[slice, slice], known: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Say which pixels of a window lie in nuclei that it cuts; if all do, none."""
    rows, columns = (slice(max(part.start - 1, 0), part.stop + 1) for part in window)
    around = labels[rows, columns].copy()
    inner = tuple(
        slice(part.start - outer.start, part.stop - outer.start)
        for part, outer in zip(window, (rows, columns), strict=True)
    )
    around[inner] = 0
    cut = np.isin(labels[window], np.unique(around)) & (labels[window] > 0)
    left = known[window] & (labels[window] > 0) & ~cut
    return cut if left.any() else np.zeros_like(cut)


def _best_window(weight: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Find where a window covers most, on a coarse grid."""
    rows, columns = weight.shape
    step = _SIZE // 4
    starts = [
        sorted({*range(0, max(size - _SIZE, 0) + 1, step), max(size - _SIZE, 0)})
        for size in (rows, columns)
    ]
    total = np.zeros((rows + 1, columns + 1), np.int64)
    total[1:, 1:] = weight.cumsum(0, dtype=np.int64).cumsum(1)
    best = max(
        ((row, column) for row in starts[0] for column in starts[1]),
        key=lambda corner: _count(total, *corner),
    )
    return slice(best[0], best[0] + _SIZE), slice(best[1], best[1] + _SIZE)


def _count(total: NDArray[np.int64], row: int, column: int) -> int:
    bottom = min(row + _SIZE, total.shape[0] - 1)
    right = min(column + _SIZE, total.shape[1] - 1)
    return int(
        total[bottom, right]
        - total[row, right]
        - total[bottom, column]
        + total[row, column]
    )
