"""What a network is for: to number nuclei, or to tell tissue classes apart.

All that differs between the two is here: the maps, what a mask means for training,
how images are brought to the model's scale, what maps become, and how good that is.
Training, prediction and the model folder ask a task and know no more of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unetloop import catalog
from unetloop.annotations import MAPS
from unetloop.tasks.classes import Classes, class_zoom, label_classes
from unetloop.tasks.nuclei import Foreground, Nuclei
from unetloop.tasks.task import TASKS, Scored, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unetloop.classes import TissueClass

__all__ = [
    "FOREGROUND",
    "NUCLEI",
    "TASKS",
    "Classes",
    "Foreground",
    "Nuclei",
    "Scored",
    "Task",
    "class_zoom",
    "label_classes",
    "nuclei_task",
    "task_of",
]

NUCLEI = Nuclei()
"""The task of models whose card names none."""

FOREGROUND = Foreground()
"""The task of networks that tell nuclei from background only."""


def task_of(classes: Sequence[TissueClass], maps: Sequence[str] = MAPS) -> Task:
    """Give the task: classes if there are any, else nuclei, by all maps or by one."""
    if classes:
        return Classes(tuple(classes))
    return FOREGROUND if tuple(maps) == FOREGROUND.maps else NUCLEI


def nuclei_task(loss: str) -> Task:
    """Give the way to find nuclei that a loss can learn."""
    return FOREGROUND if loss in catalog.CLASS_LOSSES else NUCLEI
