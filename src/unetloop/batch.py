"""Many images -> masks, as a job that a bad file does not stop."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.events import (
    Event,
    ImageFailed,
    ImagePredicted,
    Notice,
    PredictionDone,
    Progress,
)
from unetloop.files import write_labels
from unetloop.images import open_image, resolve_channels
from unetloop.large import is_large, predict_blocks, scratch_labels
from unetloop.prediction import PlaneView, Scale, estimate_diameter, predict_region

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.checkpoint import Model
    from unetloop.config import PredictionConfig
    from unetloop.files import FoundImage
    from unetloop.images import Image
    from unetloop.network import Network

__all__ = ["predict_images"]


class _Cancelled(Exception):
    """The user asked to stop between two batches."""


def predict_images(
    images: Sequence[FoundImage],
    out: Path,
    model: Model,
    config: PredictionConfig,
    *,
    channel: str | None = None,
    overwrite: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Write ``OUT/labels/<relative path>/<stem>.tif`` for each image.

    Parameters
    ----------
    images : sequence of FoundImage
        What to predict.
    out : Path
        Folder to write into.
    model : Model
        An opened model.
    config : PredictionConfig
        Tiles, flips, and the nucleus diameter if it is known.
    channel : str, optional
        Channel numbers or names.
    overwrite : bool
        Predict images whose masks are there already, too.
    cancelled : callable
        Asked between batches; when true, the job ends with what is done.

    Yields
    ------
    Event
        `Progress`, `ImagePredicted`, `ImageFailed`, `Notice`, `PredictionDone`.

    Raises
    ------
    EngineError
        Before any work, if two images would write the same file, or ``out``
        can't be written.
    """
    targets = _targets(images, out)
    todo = [
        (image, target)
        for image, target in zip(images, targets, strict=True)
        if overwrite or not target.exists()
    ]
    skipped = len(images) - len(todo)
    if skipped:
        yield Notice(text=f"{skipped} images have masks already and are left alone.")
    began = time.monotonic()
    predicted = failed = 0
    network: Network | None = None
    for index, (found, target) in enumerate(todo):
        try:
            if network is None:
                network = model.network(_pixels(todo))
                yield Notice(text=f"Predicting with {network.backend}.")
            yield from _predict_image(
                found,
                target,
                model,
                network,
                config,
                channel,
                cancelled,
                _Clock(began, index, len(todo)),
            )
            predicted += 1
        except _Cancelled:
            yield Notice(text="Cancelled; what is done is kept.", level="warning")
            break
        except EngineError as error:
            failed += 1
            yield ImageFailed(image=found.path, reason=str(error))
        except (OSError, MemoryError) as error:
            failed += 1
            yield ImageFailed(
                image=found.path, reason=f"{type(error).__name__}: {error}"
            )
    yield PredictionDone(
        predicted=predicted,
        failed=failed,
        skipped=skipped,
        seconds=time.monotonic() - began,
    )


class _Clock:
    """Says how much of the job is done and how long the rest will take."""

    def __init__(self, began: float, index: int, total: int) -> None:
        self._began, self._index, self._total = began, index, total

    def progress(self, share: float, name: str) -> Progress:
        done = self._index + share
        seconds = time.monotonic() - self._began
        left = seconds * (self._total - done) / done if done > 0 else None
        return Progress(
            done=done, total=self._total, unit="images", seconds_left=left, what=name
        )


def _targets(images: Sequence[FoundImage], out: Path) -> list[Path]:
    targets = [
        out / "labels" / image.stem.with_name(f"{image.stem.name}.tif")
        for image in images
    ]
    seen: dict[Path, Path] = {}
    clashes = []
    for image, target in zip(images, targets, strict=True):
        if target in seen:
            clashes.append(f"{seen[target]} and {image.path}")
        seen[target] = image.path
    if clashes:
        raise EngineError(
            f"These images would write the same masks: {'; '.join(clashes)}.",
            todo="Rename them or predict them into different folders.",
        )
    try:
        (out / "labels").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(
            f"The output folder can't be written ({error.strerror}).", out=str(out)
        ) from error
    return targets


def _pixels(todo: Sequence[tuple[FoundImage, Path]]) -> float | None:
    """Roughly how many pixels a job has; None: many."""
    if len(todo) > 200:
        return None
    sizes = [found.path.stat().st_size for found, _ in todo if found.path.is_file()]
    return float(sum(sizes)) * 2 if len(sizes) == len(todo) else None


def _predict_image(
    found: FoundImage,
    target: Path,
    model: Model,
    network: Network,
    config: PredictionConfig,
    channel: str | None,
    cancelled: Callable[[], bool],
    clock: _Clock,
) -> Iterator[Event]:
    began = time.monotonic()
    scale = Scale.of(model)
    with open_image(found.path) as image:
        info = image.info
        channels = resolve_channels(info, channel, model.channels)
        axes = "".join(axis for axis in info.axes if axis in "TZYX")
        outer = tuple(info.size(axis) for axis in axes if axis in "TZ")
        shape = (*outer, info.height, info.width)
        diameters: list[float] = []
        nuclei = 0
        with scratch_for(shape, scale, target.parent) as labels:
            planes = labels.reshape(-1, info.height, info.width)
            for plane in range(info.planes):
                if cancelled():
                    raise _Cancelled
                work = _predict_plane(
                    image, plane, channels, network, scale, config, planes[plane]
                )
                while True:
                    try:
                        share = next(work)
                    except StopIteration as stop:
                        count, diameter = stop.value
                        break
                    yield clock.progress((plane + share) / info.planes, found.path.name)
                    if cancelled():
                        raise _Cancelled
                nuclei += count
                diameters.append(diameter)
            write_labels(target, labels, info.pixel_size, f"{axes[:-2]}YX")
    yield ImagePredicted(
        image=found.path,
        output=target,
        nuclei=nuclei,
        diameter=round(float(np.median(diameters)), 2),
        seconds=time.monotonic() - began,
    )


def scratch_for(shape: tuple[int, ...], scale: Scale, folder: Path) -> Any:
    """Give zeros in memory, or in a file where they would not fit well."""
    if is_large((int(np.prod(shape[:-1])), shape[-1]), 1.0):
        _check_space(int(np.prod(shape)) * 4, folder)
        return scratch_labels(shape, folder)
    from contextlib import nullcontext

    return nullcontext(np.zeros(shape, np.int32))


def _check_space(needed: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise EngineError(
            f"The disk has {free / 1e9:.1f} GB left, and {needed / 1e9:.1f} GB are "
            "needed.",
            todo="Free some space or choose another folder.",
            path=str(folder),
        )


def _predict_plane(
    image: Image,
    plane: int,
    channels: tuple[int, ...],
    network: Network,
    scale: Scale,
    config: PredictionConfig,
    output: NDArray[np.int32],
) -> Generator[float, None, tuple[int, float]]:
    """Fill ``output`` with one plane's labels; give their number and diameter."""
    view = PlaneView.of(image, plane, channels, scale.normalization)
    diameter = config.diameter or estimate_diameter(network, view, scale, config)
    if diameter is None:
        return 0, scale.diameter
    if is_large(view.shape, scale.diameter / diameter):
        count = yield from predict_blocks(
            network, view, diameter, scale, config, output
        )
        return count, diameter
    box = (0, 0, *view.shape)
    result = yield from predict_region(network, view, box, diameter, scale, config)
    output[:] = result.labels
    return int(result.labels.max(initial=0)), diameter
