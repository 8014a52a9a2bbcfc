"""One rectangle of a project's plane, predicted for whoever looks at it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.events import Event, FieldPredicted, Progress
from unetloop.files import replacing
from unetloop.images import open_image, resolve_channels
from unetloop.prediction import PlaneView, estimate_diameter, predict_region

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.config import PredictionConfig
    from unetloop.network import Network
    from unetloop.prediction import Scale
    from unetloop.project import Project

__all__ = ["predict_field"]


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

    Yields
    ------
    Event
        `Progress`, then `FieldPredicted`.
    """
    began = time.monotonic()
    entry = project.image(image)
    with open_image(project.path_of(entry)) as opened:
        channels = resolve_channels(opened.info, channel, network.channels)
        view = PlaneView.of(opened, plane, channels, scale.normalization)
        area = _clip(box, view.shape)
        diameter = config.diameter or estimate_diameter(network, view, scale, config)
        diameter = diameter or scale.diameter
        work = predict_region(network, view, area, diameter, scale, config)
        while True:
            try:
                share = next(work)
            except StopIteration as stop:
                result = stop.value
                break
            yield Progress(done=share, total=1, unit="field", what=image)
    folder = project.cache_folder / "fields" / image
    labels = _store(folder / f"{plane}.labels.npy", result.labels)
    maps = _store(folder / f"{plane}.maps.npy", result.maps.astype(np.float16))
    yield FieldPredicted(
        image=image,
        plane=plane,
        box=area,
        labels=labels,
        maps=maps,
        nuclei=int(result.labels.max(initial=0)),
        diameter=round(float(diameter), 2),
        model_step=step,
        seconds=time.monotonic() - began,
    )


def _clip(box: Any, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    if box is None:
        return (0, 0, *shape)
    try:
        row0, column0, row1, column1 = (round(float(value)) for value in box)
    except (TypeError, ValueError) as error:
        raise EngineError("A box is four numbers.", box=box) from error
    row0, row1 = max(row0, 0), min(row1, shape[0])
    column0, column1 = max(column0, 0), min(column1, shape[1])
    if row0 >= row1 or column0 >= column1:
        raise EngineError("The box does not lie on the image.", box=box, shape=shape)
    return row0, column0, row1, column1


def _store(path: Path, array: NDArray[Any]) -> Path:
    with replacing(path) as fresh, open(os.fspath(fresh), "wb") as stream:
        np.save(stream, array)
    return path
