"""What a person said of each pixel of a plane, put over a prediction.

A plane's segmentation and review become one array of *verdicts*: 0 nobody looked, 1
ignored, 2 right and background, 2 + n right and nucleus (or class) n. Proposals are not
in it, so that it changes with corrections alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.annotations import IGNORED, REVIEWED
from unetloop.errors import EngineError
from unetloop.proposals import has_room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.classes import TissueClass

__all__ = [
    "OUT",
    "RIGHT",
    "UNSEEN",
    "keep_reviewed",
    "keep_reviewed_classes",
    "row_strips",
    "to_verdicts",
]

UNSEEN, OUT, RIGHT = 0, 1, 2
"""Verdicts: nobody looked, ignored, right; nucleus n is ``RIGHT + n``."""

_STRIP_PIXELS = 1 << 22


def row_strips(shape: tuple[int, ...]) -> list[slice]:
    """Divide the rows of a plane, so that a strip of it is no burden to memory."""
    rows = max(1, _STRIP_PIXELS // max(shape[1], 1))
    return [slice(row, min(row + rows, shape[0])) for row in range(0, shape[0], rows)]


def to_verdicts(
    review: NDArray[Any], labels: NDArray[np.int32] | None = None
) -> NDArray[np.uint32]:
    """Make verdicts of review marks and label numbers.

    Parameters
    ----------
    review : array
        (rows, columns): 0 nobody has looked, 1 right, 2 ignore.
    labels : array of int32, optional
        The same size; None: all is background.
    """
    verdicts = np.zeros(review.shape, np.uint32)
    verdicts[review == IGNORED] = OUT
    right = review == REVIEWED
    verdicts[right] = RIGHT
    if labels is not None:
        verdicts[right] += labels[right].astype(np.uint32)
    return verdicts


def keep_reviewed(
    labels: NDArray[np.int32], verdicts: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """Put the nuclei that are right among the predicted ones, as the viewer does.

    The outcome is that of `proposals.place_proposals` for a field that is the whole
    plane, but for two things: no proposal of before is left, and what is ignored
    becomes background. It works in strips.

    Parameters
    ----------
    labels : array of int32
        (rows, columns): 0 background, 1..N predicted nuclei; changed in place, to 1..M
        in the order of their first pixels. May be memory-mapped.
    verdicts : array of uint32
        The same size, see the module.

    Returns
    -------
    array of int64
        (M + 1,): the number that each nucleus had as a prediction; 0: it was reviewed.
    """
    strips = row_strips(labels.shape)
    most = max((int(labels[strip].max(initial=0)) for strip in strips), default=0)
    areas, room = np.zeros(most + 1, np.int64), np.zeros(most + 1, np.int64)
    numbers = np.zeros(0, np.uint32)
    for strip in strips:
        found, seen = labels[strip], verdicts[strip]
        areas += np.bincount(found.ravel(), minlength=most + 1)
        room += np.bincount(found[seen == UNSEEN], minlength=most + 1)
        numbers = np.union1d(numbers, seen[seen > RIGHT])
    shown = has_room(areas, room)
    order = np.zeros(most + len(numbers) + 1, np.int32)
    sources, count = [0], 0
    for strip in strips:
        found, seen = np.asarray(labels[strip]), np.asarray(verdicts[strip])
        merged = np.where((seen == UNSEEN) & shown[found], found, 0)
        own = seen > RIGHT
        merged[own] = most + 1 + np.searchsorted(numbers, seen[own])
        here, first = np.unique(merged, return_index=True)
        fresh = (order[here] == 0) & (here > 0)
        new = here[fresh][np.argsort(first[fresh])]
        order[new] = np.arange(count + 1, count + 1 + len(new))
        count += len(new)
        sources += [int(number) if number <= most else 0 for number in new]
        labels[strip] = order[merged]
    return np.array(sources, np.int64)


def keep_reviewed_classes(
    labels: NDArray[np.int32],
    verdicts: NDArray[np.uint32],
    painted: Sequence[TissueClass],
    known: Sequence[TissueClass],
) -> None:
    """Put the classes that are right over predicted ones; 0 where it is ignored.

    Parameters
    ----------
    labels : array of int32
        (rows, columns): predicted classes, from 1; changed in place.
    verdicts : array of uint32
        The same size, see the module. Where it is right that there is no class, the
        predicted one stays: every pixel has one.
    painted, known : sequence of TissueClass
        Classes of the project and of the model, known again by their names.

    Raises
    ------
    EngineError
        If a class was painted that the model does not know; nothing is changed then.
    """
    names = [tissue.name for tissue in known]
    numbers = {OUT: 0}
    for value in np.unique(verdicts[verdicts > RIGHT]).tolist():
        number = value - RIGHT
        name = painted[number - 1].name if number <= len(painted) else str(number)
        if name not in names:
            raise EngineError(
                f"{name!r} was painted in this image, a class that the model does not "
                "know.",
                todo="Learn from the project again, or leave the project out.",
                classes=", ".join(names),
            )
        numbers[value] = names.index(name) + 1
    for value, number in numbers.items():
        labels[verdicts == value] = number
