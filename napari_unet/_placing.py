"""What a predicted field becomes among its neighbours and reviews.

`label_field` and `place` run in a process of their own (`_worker`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet._marks import HALO
from unetloop.boxes import box_slices
from unetloop.pieces import grown, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet._current import Truth
    from napari_unet._fields import Field
    from napari_unet._task import Task
    from unetloop.config import InstanceConfig
    from unetloop.pieces import Window

__all__ = ["Labelled", "Placed", "Question", "cut", "label_field", "place"]


@dataclass(frozen=True)
class Labelled:
    """A field's proposals, before they are put among the others."""

    image: str
    plane: int
    field: Field
    labels: NDArray[np.int32]


@dataclass(frozen=True)
class Question:
    """All that `place` must know.

    Parameters
    ----------
    plane : int
        Which plane.
    field : Field
        Of the proposals.
    labels : array of int32
        The proposals, (rows, columns) of the field's box.
    wide, seen : tuple of slice
        Rows and columns: as far round the field as its marks reach, and what must
        be known to draw them.
    segmentation, review : array
        Of ``seen``, as it is.
    before : int
        Highest number of a nucleus of the plane.
    task : Task
        What the numbers mean.
    width : int
        How wide outlines are drawn.
    """

    plane: int
    field: Field
    labels: NDArray[np.int32]
    wide: Window
    seen: Window
    segmentation: NDArray[np.int32]
    review: NDArray[np.uint8]
    before: int
    task: Task
    width: int


@dataclass(frozen=True)
class Placed:
    """A rectangle as it shall be.

    Parameters
    ----------
    plane : int
        Which plane.
    window : tuple of slice
        Rows and columns: the field, and as far round it as its marks reach.
    segmentation, marks : array
        Of the rectangle.
    before, after : int
        Highest number of a nucleus of the plane before and afterwards.
    width : int
        How wide the outlines in ``marks`` are.
    """

    plane: int
    window: Window
    segmentation: NDArray[np.int32]
    marks: NDArray[np.uint8]
    before: int
    after: int
    width: int


def label_field(
    task: Task, maps: NDArray[np.float16], instances: InstanceConfig, diameter: float
) -> NDArray[np.int32]:
    """Make a segmentation of a field's maps, as `Task.label` does."""
    return task.label(maps.astype(np.float32), instances, diameter)


def cut(truth: Truth, new: Labelled) -> Question:
    """Cut out of the truth what `place` must know; it is only read."""
    plane, review = truth.segmentation[new.plane], truth.review[new.plane]
    wide = grown(box_slices(new.field.box), HALO, plane.shape)
    seen = grown(wide, HALO, plane.shape)
    return Question(
        new.plane,
        new.field,
        new.labels,
        wide,
        seen,
        plane[seen].copy(),
        review[seen].copy(),
        int(plane.max(initial=0)),
        truth.task,
        truth.width(new.plane),
    )


def place(question: Question) -> Placed:
    """Put a field's proposals where nobody has looked."""
    asked, seen, field = question, question.seen, question.field
    around, review = asked.segmentation.copy(), asked.review
    inner = within(box_slices(field.box), seen)
    around[inner] = asked.task.place(
        around[inner], review[inner], asked.labels, field.core_in_box, asked.before
    )
    corner = seen[0].start, seen[1].start
    marks = asked.task.draw_marks(around, review, corner, asked.width)
    shown = within(asked.wide, seen)
    after = max(asked.before, int(around.max(initial=0)))
    return Placed(
        asked.plane,
        asked.wide,
        around[shown],
        marks[shown],
        asked.before,
        after,
        asked.width,
    )
