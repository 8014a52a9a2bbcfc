"""How two models differ on a field, in numbers and in marks to be shown.

`compare` runs in a process of its own (`_worker`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet._difference_marks import (
    draw_class_difference,
    draw_difference,
    middles,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_unet._task import Task
    from unetloop.boxes import Box

__all__ = [
    "Difference",
    "Question",
    "compare",
]

_SAME = 0.5


@dataclass(frozen=True)
class Question:
    """All that `compare` must know of a field.

    Parameters
    ----------
    task : Task
        What the labels mean.
    before, now : array of int32
        What the two models make of it, (rows, columns): nuclei, or classes.
    truth : array of int32
        What is recorded there, (rows, columns).
    review : array of uint8
        The same size.
    seen : Box
        What of it is in view.
    width : int
        Of thin lines, in pixels: 1, 2 or 4, by how far it is zoomed out.
    """

    task: Task
    before: NDArray[np.int32]
    now: NDArray[np.int32]
    truth: NDArray[np.int32]
    review: NDArray[np.uint8]
    seen: Box
    width: int = 1


@dataclass(frozen=True)
class Difference:
    """How two models differ on what is in view of a field.

    Parameters
    ----------
    marks : array of uint8
        (rows, columns) of the field: keys of `_difference_marks.DIFFERENCE_COLORS`.
    before, now : int
        Nuclei that each finds.
    only_before, only_now : int
        Those of them that the other does not find: none overlaps by more than half
        (intersection over union).
    differing : float
        Share of the pixels on which the two do not agree.
    score_before, score_now : float, optional
        On what is reviewed: mean AP(0.5:0.95) of nuclei, mean IoU of classes. None:
        nothing is.
    """

    marks: NDArray[np.uint8]
    before: int
    now: int
    only_before: int
    only_now: int
    differing: float
    score_before: float | None
    score_now: float | None

    def in_words(self, before: str, now: str, sized: bool, whole: bool = True) -> str:
        """Say what is seen, with numbers.

        Parameters
        ----------
        before, now : str
            What the models are called.
        sized : bool
            Whether nuclei are told apart, not classes.
        whole : bool
            Whether all that is in view was compared, not its middle alone.
        """
        view = "view" if whole else "the middle of the view"
        if sized:
            nuclei = "nucleus" if self.before == 1 else "nuclei"
            what = f"The model {before} finds {self.before} {nuclei} in {view}, "
            if self.only_before or self.only_now:
                what += (
                    f"{self.only_before} of them alone; {now} finds {self.now}, "
                    f"{self.only_now} alone."
                )
            else:
                same = {0: "none either", 1: "the same one"}
                what += f"{now} {same.get(self.now, 'the same ones')}."
        else:
            share = _percent(self.differing)
            shown = "the view" if whole else view
            what = f"The model {before} and {now} differ on {share} of {shown}."
        if self.score_before is None or self.score_now is None:
            return f"{what} Nothing there is reviewed, so there is no score."
        scores = f"{self.score_before:.2f} → {self.score_now:.2f}"
        return f"{what} Score on what you reviewed here: {scores}."


def compare(question: Question) -> Difference:
    """Find out how two models differ on what is in view of a field.

    A nucleus is in view if its middle is. Where both find one, the middle of the
    present model's counts.
    """
    asked, task = question, question.task
    before, now = asked.before, asked.now
    top, left, bottom, right = asked.seen
    seen = np.s_[top:bottom, left:right]
    scores = _scores(asked, before[seen], now[seen])
    if task.classes:
        marks = draw_class_difference(before, now, asked.width)
        share = float((before != now)[seen].mean())
        return Difference(marks, 0, 0, 0, 0, share, *scores)
    partner = _partners(before, now)
    seen_before, seen_now = _in_view(before, asked.seen), _in_view(now, asked.seen)
    alone_before = np.ones(len(seen_before), bool)
    alone_before[partner[partner > 0]] = False
    alone_now = partner == 0
    alone_before[0] = alone_now[0] = False
    both = int(np.count_nonzero(seen_now & ~alone_now))
    only_before = int(np.count_nonzero(seen_before & alone_before))
    only_now = int(np.count_nonzero(seen_now & alone_now))
    return Difference(
        draw_difference(before, now, alone_before, alone_now, asked.width),
        both + only_before,
        both + only_now,
        only_before,
        only_now,
        float(((before > 0) != (now > 0))[seen].mean()),
        *scores,
    )


def _scores(
    asked: Question, before: NDArray[np.int32], now: NDArray[np.int32]
) -> tuple[float | None, float | None]:
    """Score both on what is reviewed of what is in view."""
    top, left, bottom, right = asked.seen
    seen = np.s_[top:bottom, left:right]
    known, truth = asked.review[seen] == 1, asked.truth[seen]
    if asked.task.classes:
        known &= truth > 0
    if not known.any():
        return None, None
    from unetloop.tasks import task_of  # heavy, and seldom needed

    task = task_of(asked.task.classes)
    first, second = task.scores([(truth, before, known), (truth, now, known)])
    return first, second


def _partners(before: NDArray[np.int32], now: NDArray[np.int32]) -> NDArray[np.int64]:
    """Give, by number of a present nucleus, that of the same one before; 0: none.

    Above an IoU of one half there can't be two.
    """
    count = int(now.max(initial=0)) + 1
    partner = np.zeros(count, np.int64)
    both = (before > 0) & (now > 0)
    codes = before[both].astype(np.int64) * count + now[both]
    pairs, shared = np.unique(codes, return_counts=True)
    first, second = pairs // count, pairs % count
    union = _areas(before)[first] + _areas(now)[second] - shared
    same = shared > _SAME * union
    partner[second[same]] = first[same]
    return partner


def _areas(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.bincount(labels.ravel())


def _in_view(labels: NDArray[np.int32], seen: Box) -> NDArray[np.bool_]:
    """Say, by number, whether the middle of a nucleus is in view."""
    row, column, areas = middles(labels)
    top, left, bottom, right = seen
    inside = (row >= top) & (row < bottom) & (column >= left) & (column < right)
    inside &= areas > 0
    inside[0] = False
    return inside


def _percent(share: float) -> str:
    if 0 < share < 0.01:
        return "less than 1 %"
    return f"{round(100 * share)} %"
