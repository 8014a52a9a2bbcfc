"""How well predicted nuclei match the true ones.

Definitions: AP at an IoU threshold is TP / (TP + FP + FN), as in the 2018 Data
Science Bowl (Caicedo et al., Nature Methods 2019, doi:10.1038/s41592-019-0612-7);
panoptic quality is Kirillov et al., CVPR 2019, arXiv:1801.00868; Dice and IoU
are those of all nucleus pixels against all background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["THRESHOLDS", "Score", "average", "evaluate_pair", "pool", "to_table"]

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""IoU thresholds 0.5, 0.55 … 0.95; a pair matches if its IoU is at least that."""


@dataclass(frozen=True)
class Score:
    """Counts of one or more images; every figure follows from them.

    Parameters
    ----------
    true_nuclei, predicted_nuclei : int
        Nuclei in the truth and in the prediction.
    matched : tuple of int
        Matched pairs (TP) at each of `THRESHOLDS`.
    matched_iou : tuple of float
        Sum of the IoU of those pairs.
    true_pixels, predicted_pixels, both_pixels, pixels : int
        Nucleus pixels of the truth, of the prediction, of both, and all.
    """

    true_nuclei: int
    predicted_nuclei: int
    matched: tuple[int, ...]
    matched_iou: tuple[float, ...]
    true_pixels: int
    predicted_pixels: int
    both_pixels: int
    pixels: int

    @property
    def ap(self) -> tuple[float, ...]:
        """AP at each threshold; 1 where there is no nucleus in either."""
        return tuple(
            _ratio(tp, self.true_nuclei + self.predicted_nuclei - tp)
            for tp in self.matched
        )

    @property
    def mean_ap(self) -> float:
        """Mean of AP over IoU 0.5 to 0.95."""
        return float(np.mean(self.ap))

    @property
    def f1(self) -> tuple[float, ...]:
        """F1 = 2 TP / (2 TP + FP + FN) at each threshold."""
        total = self.true_nuclei + self.predicted_nuclei
        return tuple(_ratio(2 * tp, total) for tp in self.matched)

    @property
    def precision(self) -> tuple[float, ...]:
        """Share of the predicted nuclei that are right, at each threshold."""
        return tuple(self._share(tp, self.predicted_nuclei) for tp in self.matched)

    @property
    def recall(self) -> tuple[float, ...]:
        """Share of the true nuclei that were found, at each threshold."""
        return tuple(self._share(tp, self.true_nuclei) for tp in self.matched)

    @property
    def panoptic_quality(self) -> float:
        """Sum of IoU over the pairs at 0.5, over TP + FP/2 + FN/2."""
        total = (self.true_nuclei + self.predicted_nuclei) / 2
        return _ratio(self.matched_iou[0], total)

    @property
    def dice(self) -> float:
        """2 |A and B| / (|A| + |B|) of the nucleus pixels."""
        return _ratio(2 * self.both_pixels, self.true_pixels + self.predicted_pixels)

    @property
    def iou(self) -> float:
        """|A and B| / |A or B| of the nucleus pixels."""
        either = self.true_pixels + self.predicted_pixels - self.both_pixels
        return _ratio(self.both_pixels, either)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels that are nucleus in both or background in both."""
        wrong = self.true_pixels + self.predicted_pixels - 2 * self.both_pixels
        return _ratio(self.pixels - wrong, self.pixels)

    def figures(self) -> dict[str, float]:
        """Give every figure by its name, AP at each threshold as ``ap@0.50``."""
        return {
            "mean_ap": self.mean_ap,
            **{
                f"ap@{threshold:.2f}": value
                for threshold, value in zip(THRESHOLDS, self.ap, strict=True)
            },
            "f1@0.50": self.f1[0],
            "precision@0.50": self.precision[0],
            "recall@0.50": self.recall[0],
            "panoptic_quality": self.panoptic_quality,
            "dice": self.dice,
            "iou": self.iou,
            "pixel_accuracy": self.pixel_accuracy,
        }

    def _share(self, count: float, total: float) -> float:
        if total:
            return count / total
        return 1.0 if self.true_nuclei == self.predicted_nuclei else 0.0


def evaluate_pair(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    valid: NDArray[np.bool_] | None = None,
) -> Score:
    """Match the nuclei of two label images one to one.

    Parameters
    ----------
    truth, predicted : array of int
        (rows, columns): 0 background, one number a nucleus, gaps allowed.
    valid : array of bool, optional
        (rows, columns): where the truth is known. Pixels elsewhere count for
        nothing; nuclei that lie mostly there are left out of both images.

    Returns
    -------
    Score

    Raises
    ------
    EngineError
        If the shapes differ.

    Notes
    -----
    Above IoU 0.5 at most one partner is possible. At exactly 0.5 two are, which halve
    their partner and so have no other; one of them is taken. Only overlapping pairs are
    held, so that tens of thousands of nuclei take no more than their pixels.

    Examples
    --------
    >>> truth = np.array([[1, 1, 0, 2]])
    >>> evaluate_pair(truth, np.array([[5, 5, 0, 0]])).ap[0]
    0.5
    """
    if truth.shape != predicted.shape:
        raise EngineError(
            "Truth and prediction must have the same size.",
            truth=truth.shape,
            predicted=predicted.shape,
        )
    truth, true_count = _dense(truth)
    predicted, predicted_count = _dense(predicted)
    if valid is not None:
        truth, true_count = _dense(np.where(_kept(truth, valid), truth, 0))
        predicted, predicted_count = _dense(
            np.where(_kept(predicted, valid), predicted, 0)
        )
    overlap = _overlaps(truth, predicted, true_count, predicted_count)
    true_areas = np.bincount(truth.ravel())
    predicted_areas = np.bincount(predicted.ravel())
    inside = (overlap.row > 0) & (overlap.col > 0)
    rows, columns = overlap.row[inside], overlap.col[inside]
    shared = overlap.data[inside]
    iou = shared / (true_areas[rows] + predicted_areas[columns] - shared)
    matched, matched_iou = [], []
    for threshold in THRESHOLDS:
        good = iou >= threshold - 1e-9
        pairs = _one_to_one(rows[good], columns[good], iou[good])
        matched.append(len(pairs))
        matched_iou.append(float(pairs.sum()))
    return Score(
        true_nuclei=true_count,
        predicted_nuclei=predicted_count,
        matched=tuple(matched),
        matched_iou=tuple(matched_iou),
        true_pixels=int(true_areas[1:].sum()),
        predicted_pixels=int(predicted_areas[1:].sum()),
        both_pixels=int(shared.sum()),
        pixels=int(truth.size if valid is None else np.count_nonzero(valid)),
    )


def pool(scores: Sequence[Score]) -> Score:
    """Add up the counts of several images, as if they were one."""
    _check_any(scores)
    return Score(
        true_nuclei=sum(score.true_nuclei for score in scores),
        predicted_nuclei=sum(score.predicted_nuclei for score in scores),
        matched=tuple(map(sum, zip(*(score.matched for score in scores), strict=True))),
        matched_iou=tuple(
            map(sum, zip(*(score.matched_iou for score in scores), strict=True))
        ),
        true_pixels=sum(score.true_pixels for score in scores),
        predicted_pixels=sum(score.predicted_pixels for score in scores),
        both_pixels=sum(score.both_pixels for score in scores),
        pixels=sum(score.pixels for score in scores),
    )


def average(scores: Sequence[Score]) -> dict[str, float]:
    """Mean of each figure by image, so that every image counts the same."""
    _check_any(scores)
    figures = [score.figures() for score in scores]
    return {
        name: float(np.mean([item[name] for item in figures])) for name in figures[0]
    }


def to_table(scores: Sequence[Score]) -> str:
    """Format the figures by image and pooled, as aligned text."""
    by_image, pooled = average(scores), pool(scores).figures()
    lines = [f"{'':18}{'by image':>10}{'pooled':>10}"]
    lines += [f"{name:18}{by_image[name]:10.3f}{pooled[name]:10.3f}" for name in pooled]
    return "\n".join(lines)


def _check_any(scores: Sequence[Score]) -> None:
    if not scores:
        raise EngineError("There is no image to score.")


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 1.0


def _dense(labels: NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    """Renumber to 0 (background), 1 … n."""
    if labels.size == 0:
        return labels.astype(np.int64), 0
    labels = np.maximum(labels, 0).astype(np.int64)
    largest = int(labels.max())
    if largest <= 4 * labels.size + 1024:
        present = np.bincount(labels.ravel()) > 0
        present[0] = False
        numbers = np.cumsum(present)
        return np.where(present, numbers, 0)[labels], int(numbers[-1])
    values, dense = np.unique(labels, return_inverse=True)
    dense = dense.reshape(labels.shape)
    if values[0] != 0:
        dense = dense + 1
    return dense, int(np.count_nonzero(values))


def _kept(labels: NDArray[np.int64], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels that count: valid ones of nuclei that are mostly valid."""
    areas = np.bincount(labels.ravel())
    known = np.bincount(labels.ravel(), weights=valid.ravel())
    mostly: NDArray[np.bool_] = (known > areas / 2)[labels] & valid
    return mostly


def _overlaps(
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    true_count: int,
    predicted_count: int,
) -> Any:
    """Count the pixels of each pair, overlapping pairs only (COO)."""
    shape = (true_count + 1, predicted_count + 1)
    ones = np.ones(truth.size, np.int32)
    pairs = sparse.coo_array((ones, (truth.ravel(), predicted.ravel())), shape=shape)
    return pairs.tocsr().tocoo()


def _one_to_one(
    rows: NDArray[np.int64], columns: NDArray[np.int64], iou: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Choose pairs so that each nucleus has at most one partner; give their IoU."""
    _, first = np.unique(rows, return_index=True)
    _, only = np.unique(columns[first], return_index=True)
    return iou[first][only]
