"""What a training learns from, and what it is scored on, at the model's scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unetloop.events import Event, Notice
from unetloop.held_out import cut_windows
from unetloop.training_data import load_planes

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from unetloop.config import ModelConfig, TrainingConfig
    from unetloop.held_out import Window
    from unetloop.tasks import Task
    from unetloop.training_image import TrainingImage
    from unetloop.training_plane import TrainingPlane

__all__ = ["TrainingSets", "read_sets"]

_SHOWN = 4


@dataclass(frozen=True)
class TrainingSets:
    """What was read.

    Parameters
    ----------
    planes : list of TrainingPlane
        What is learned from.
    held_out : list of Window
        Of the images held out, one each; may be none.
    learned : list of Window
        Where none is held out: of some images that are learned from, by which is
        shown how well they are known by now.
    """

    planes: list[TrainingPlane]
    held_out: list[Window]
    learned: list[Window]


def read_sets(
    images: Sequence[TrainingImage],
    held_out: Sequence[TrainingImage],
    model: ModelConfig,
    diameter: float,
    config: TrainingConfig,
    task: Task,
    pixel_size: float | None,
) -> Generator[Event, None, TrainingSets]:
    """Read all images of a training.

    Parameters
    ----------
    images, held_out : sequence of TrainingImage
        What to learn from, and what to score on.
    model, diameter, config, task, pixel_size
        As for `training_data.load_planes`.

    Yields
    ------
    Event
        As from `training_data.load_planes`, and a `Notice` where none is held out.

    Returns
    -------
    TrainingSets

    Raises
    ------
    EngineError
        If nothing is reviewed, or an image can't be read or does not fit.
    """
    planes: list[TrainingPlane] = []
    windows: list[Window] = []
    learned: list[Window] = []
    how, look = (diameter, config), (task, pixel_size)
    yield from load_planes(images, model, *how, planes.append, *look)
    yield from cut_windows(held_out, *how, windows.append, *look)
    if not windows:
        yield Notice(text="No image is held out: the last model is kept.")
        some = images[:: -(-len(images) // _SHOWN)]
        yield from cut_windows(some, *how, learned.append, *look)
    return TrainingSets(task.balance(planes, config.class_balance), windows, learned)
