"""One rectangle of a project's plane, predicted for whoever looks at it."""

from __future__ import annotations

import io
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from unetloop.atomic import replacing
from unetloop.boxes import clipped
from unetloop.diameters import Seen, note_diameter, read_diameters, same_size
from unetloop.errors import EngineError
from unetloop.events import Event, FieldPredicted, Progress
from unetloop.images import open_image, resolve_channels
from unetloop.plane_view import PlaneView
from unetloop.prediction import estimate_diameter, predict_region

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.boxes import Box
    from unetloop.config import NormalizationConfig, PredictionConfig
    from unetloop.network import Network
    from unetloop.preprocessing import Limits
    from unetloop.project import Project
    from unetloop.scale import Scale

__all__ = ["BESIDE_FOLDER", "FIELDS_FOLDER", "predict_field"]

FIELDS_FOLDER, BESIDE_FOLDER = "fields", "fields-beside"
"""Folders of a project's cache: of what is shown, and of what it is compared with."""

_KEPT = 32  # files, two a field


def predict_field(
    project: Project,
    image: str,
    plane: int,
    box: Any,
    network: Network,
    scale: Scale,
    config: PredictionConfig,
    channel: str | None,
    step: int,
    beside: bool = False,
    pixel_size: float | None = None,
    live: bool = False,
) -> Iterator[Event]:
    """Predict a rectangle and leave labels and maps in the project's cache.

    Parameters
    ----------
    project : Project
        An open project.
    image : str
        Id of the image.
    plane : int
        Which plane.
    box : sequence of int or None
        First row, first column, and the row and column behind the last; None:
        the whole plane.
    network, scale, config
        As for `prediction.predict_region`.
    channel : str or None
        Channel numbers or names.
    step : int
        Step of training that the network is from.
    beside : bool
        Whether labels and maps of the same rectangle by another model, asked for
        without this, are to be left as they are.
    pixel_size : float or None
        Side of a pixel in µm, whatever the image states.
    live : bool
        Whether the network is being trained. What it takes for the diameter is not
        noted (`diameters`).

    Yields
    ------
    Event
        `Progress`, then `FieldPredicted`.
    """
    began = time.monotonic()
    if scale.task.classes:  # they know no diameter
        config = replace(config, diameter=None)
    path = project.path_of(project.image(image))
    with open_image(path) as opened:
        opened.info = opened.info.sized(pixel_size)
        changed = path.stat().st_mtime_ns
        channels = _channels(path, changed, channel, network.channels)
        look = _Look(path, changed, plane, channels)
        limits = _limits(look, scale.normalization)
        view = PlaneView(opened, plane, channels, limits)
        area = _clip(box, view.shape)
        found = _DIAMETERS.setdefault(network, {})
        seen = look, step, pixel_size
        if config.diameter is None and seen not in found:
            estimate = estimate_diameter(network, view, scale, config)
            before = read_diameters(project).get(image, {}).get(plane)
            if before is not None and before.estimated:
                if estimate is None or same_size(estimate, before.diameter):
                    estimate = before.diameter  # what is right already stays as it is
            # As it is said: whoever asks with what was said gets the same pixels.
            found[seen] = round(float(estimate or scale.diameter), 2)
        diameter = config.diameter or found[seen]
        work = predict_region(network, view, area, diameter, scale, config)
        while True:
            try:
                share = next(work)
            except StopIteration as stop:
                result = stop.value
                break
            yield Progress(done=share, total=1, unit="field", what=image)
    if not (live or beside or scale.task.classes):
        noted = Seen(float(diameter), estimated=config.diameter is None)
        note_diameter(project, image, plane, noted)
    fields = project.cache_folder / (BESIDE_FOLDER if beside else FIELDS_FOLDER)
    folder = fields / image
    # Names of their own: a viewer may read one field while the next is predicted.
    name = "-".join(map(str, (plane, *area)))
    labels = _store(folder / f"{name}.labels.npy", result.labels)
    maps = _store(folder / f"{name}.maps.npy", result.maps.astype(np.float16))
    _drop_old(fields)
    yield FieldPredicted(
        image=image,
        plane=plane,
        box=area,
        labels=labels,
        maps=maps,
        nuclei=None if scale.task.classes else int(result.labels.max(initial=0)),
        diameter=float(diameter),
        model_step=step,
        seconds=time.monotonic() - began,
    )


@dataclass(frozen=True)
class _Look:
    """A plane as it is in a file at a time, through some channels."""

    path: Path
    changed: int
    plane: int
    channels: tuple[int, ...]


# Fields of one plane follow each other: its nuclei are measured once by a network
# (at each step, while it learns), its intensities once.
_Seen: TypeAlias = tuple[_Look, int, float | None]
_DIAMETERS: WeakKeyDictionary[Any, dict[_Seen, float]] = WeakKeyDictionary()


@lru_cache(maxsize=64)
def _channels(
    path: Path, changed: int, wanted: str | None, count: int
) -> tuple[int, ...]:
    with open_image(path) as image:
        return resolve_channels(image, wanted, count)


@lru_cache(maxsize=64)
def _limits(look: _Look, config: NormalizationConfig) -> Limits:
    with open_image(look.path) as image:
        return PlaneView.of(image, look.plane, look.channels, config).limits


def _clip(box: Any, shape: tuple[int, int]) -> Box:
    if box is None:
        return (0, 0, *shape)
    try:
        row0, column0, row1, column1 = (round(float(value)) for value in box)
    except (TypeError, ValueError) as error:
        raise EngineError("A box is four numbers.", box=box) from error
    inside = clipped((row0, column0, row1, column1), (0, 0, *shape))
    if inside is None:
        raise EngineError("The box does not lie on the image.", box=box, shape=shape)
    return inside


def _store(path: Path, array: NDArray[Any]) -> Path:
    content = io.BytesIO()
    np.save(content, array)  # into a file: numpy does not say that the disk is full
    with replacing(path, lasting=False) as fresh, fresh.open("wb") as stream:
        stream.write(content.getbuffer())
    return path


def _drop_old(fields: Path) -> None:
    """Leave the last fields: whoever asked for the others has read them."""
    written: list[tuple[int, Path]] = []
    for path in fields.rglob("*.npy"):
        with suppress(OSError):  # another thread may have dropped it
            written.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(written)[:-_KEPT]:
        with suppress(OSError):  # Windows keeps what is being read
            path.unlink()
