"""Windows of images held out: what a network sees there, and what it is scored by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unetloop.events import Event, Progress
from unetloop.resizing import resize_labels, resize_pixels
from unetloop.tasks import NUCLEI, class_zoom
from unetloop.training_image import load_annotated, load_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from unetloop.config import TrainingConfig
    from unetloop.tasks import Task
    from unetloop.training_image import AnnotatedPlane, TrainingImage

__all__ = ["Window", "cut_windows"]

_SIZE = 256
# Where nuclei are more than twice as wide as at the model's scale, fewer pixels than
# the image has say as much, and take less time.
_FINEST = 2 * _SIZE


@dataclass(frozen=True)
class Window:
    """A square of an image at the model's scale, and the image's own pixels in it.

    A network sees the square. It is scored on the pixels: what somebody accepted as it
    was predicted is right then, and would not be where masks are resized.

    Parameters
    ----------
    image : array of float32
        (256, 256, channels), what the network sees.
    truth : array of float32
        (256, 256, 4 or 2), as from `patches.sample_patches`.
    box : tuple of float
        Where the pixels lie in the square: first row and column, and where the last
        ones end.
    labels : array of int32
        (rows, columns), the truth. Where nuclei are wide, not all pixels of the image.
    reviewed : array of bool
        (rows, columns), where it is known and scored: not in nuclei that the window
        cuts, as nobody can tell how large they are.
    diameter : float
        Of a nucleus, in these pixels.
    task : Task
        What the network is for.
    """

    image: NDArray[np.float32]
    truth: NDArray[np.float32]
    box: tuple[float, float, float, float]
    labels: NDArray[np.int32]
    reviewed: NDArray[np.bool_]
    diameter: float
    task: Task = NUCLEI

    def on_labels(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring what a network predicts for the square onto the pixels, complete.

        Parameters
        ----------
        maps : array of float32
            (256, 256, maps).

        Returns
        -------
        array of float32
            (rows, columns, heads).
        """
        rows, columns = self.labels.shape
        return self.task.complete(resize_pixels(maps, (rows, columns), self.box))


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
        As for `training_data.load_planes`.

    Yields
    ------
    Progress
    """
    for index, item in enumerate(images):
        plane = load_annotated(item) if task.classes else load_nuclei(item)
        if task.classes:
            zoom = class_zoom(plane.pixel_size, pixel_size)
        else:
            zoom = plane.zoom_to(diameter)
        window = _cut_window(plane, zoom, diameter, config, task)
        if window is not None:
            add(window)
        yield Progress(
            done=index + 1, total=len(images), unit="images", what="reading validation"
        )


def _cut_window(
    plane: AnnotatedPlane,
    zoom: float,
    diameter: float,
    config: TrainingConfig,
    task: Task,
) -> Window | None:
    """Cut one; None where nothing is known."""
    known = plane.known & (plane.labels > 0) if task.classes else plane.known
    image, labels, _ = plane.at_scale(zoom, config)
    seen = resize_labels(known, labels.shape) > 0
    square = _best_square(seen.astype(np.uint8) + (seen & (labels > 0)))
    part, box = _own_pixels(square, labels.shape, known.shape)
    if not known[part].any():
        return None
    scored = known[part]
    if not task.classes:
        scored = scored & ~_cut(plane.labels, part, known)
    finest = min(1.0, _FINEST / max(scored.shape))
    shape = (
        max(1, round(scored.shape[0] * finest)),
        max(1, round(scored.shape[1] * finest)),
    )
    image, labels, seen = image[square], labels[square], seen[square]
    missing = [(0, _SIZE - size) for size in labels.shape]
    return Window(
        image=np.pad(image, [*missing, (0, 0)], mode="symmetric"),
        truth=task.truth(np.pad(labels, missing), np.pad(seen, missing)),
        box=box,
        labels=resize_labels(plane.labels[part], shape),
        reviewed=resize_labels(scored, shape) > 0,
        diameter=diameter * shape[0] / (box[2] - box[0]),
        task=task,
    )


def _own_pixels(
    square: tuple[slice, slice], scaled: tuple[int, ...], whole: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[float, float, float, float]]:
    """Find an image's pixels that lie in a square as wholes, and where they lie there.

    ``scaled`` is the size of the resized image, ``whole`` that of the image.
    """
    parts, begins, ends = [], [], []
    for cut, new, old in zip(square, scaled, whole, strict=True):
        part = slice(-(-cut.start * old // new), min(cut.stop, new) * old // new)
        parts.append(part)
        begins.append(part.start * new / old - cut.start)
        ends.append(part.stop * new / old - cut.start)
    return (parts[0], parts[1]), (*begins, *ends)


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


def _best_square(weight: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Find where a square covers most, on a coarse grid."""
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
