"""How maps become nuclei, fitted to a network's own images held out."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from unetloop.instances import label_nuclei, nucleus_certainty
from unetloop.metrics import evaluate_pair
from unetloop.validation import score_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.config import InstanceConfig
    from unetloop.held_out import Window

__all__ = ["fit_instances"]

_THRESHOLDS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
_CERTAINTIES = (0.0, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95)
_FEW = 4


def fit_instances(
    windows: Sequence[Window],
    maps: Sequence[NDArray[np.floating]],
    default: InstanceConfig,
) -> tuple[InstanceConfig, float]:
    """Choose the threshold and the smallest certainty that surely score best.

    What counts is the gain over the default, less its standard error: a few
    images that gain by chance choose nothing. Fewer than four can't decide.

    Parameters
    ----------
    windows : sequence of Window
        Images held out, at least one.
    maps : sequence of array
        What the network predicts for each.
    default : InstanceConfig
        Kept where nothing is surely better; brings all that is not fitted.

    Returns
    -------
    config : InstanceConfig
        The setting chosen.
    score : float
        Its mean AP(0.5:0.95) by image, 0..1, on these same images.
    """
    # Classes know no thresholds.
    if windows[0].task.classes or len(windows) < _FEW:
        return default, score_windows(windows, maps, default)
    thresholds = sorted({*_THRESHOLDS, default.threshold})
    certainties = sorted({*_CERTAINTIES, default.min_certainty})
    settings = list(product(thresholds, certainties))
    scores = np.array(
        [
            _score(window, predicted, default, thresholds, certainties)
            for window, predicted in zip(windows, maps, strict=True)
        ]
    ).reshape(len(windows), len(settings))
    usual = scores[:, settings.index((default.threshold, default.min_certainty))]
    gains = scores - usual[:, None]
    sure = gains.mean(0) - gains.std(0, ddof=1) / np.sqrt(len(windows))
    best = int(sure.argmax())
    if sure[best] <= 0:
        return default, float(usual.mean())
    threshold, certainty = settings[best]
    config = replace(default, threshold=threshold, min_certainty=certainty)
    return config, float(scores[:, best].mean())


def _score(
    window: Window,
    maps: NDArray[np.floating],
    default: InstanceConfig,
    thresholds: Sequence[float],
    certainties: Sequence[float],
) -> list[list[float]]:
    """Score every setting on one window: a row for each threshold."""
    rows = []
    maps = window.on_labels(maps)
    for threshold in thresholds:
        every = replace(default, threshold=threshold, min_certainty=0.0)
        labels = label_nuclei(maps, every, window.diameter)
        certainty = nucleus_certainty(labels, maps)
        row: list[float] = []
        kept_before = None
        for least in certainties:
            kept = certainty >= least
            if kept_before is None or (kept != kept_before).any():
                found = np.where(kept[labels], labels, 0)
                score = evaluate_pair(window.labels, found, valid=window.reviewed)
            row.append(score.mean_ap)
            kept_before = kept
        rows.append(row)
    return rows
