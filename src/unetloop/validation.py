"""How good a network is on the images held out, cheap enough for every epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.config import InstanceConfig
    from unetloop.held_out import Window
    from unetloop.network import Network
    from unetloop.tasks import Scored

__all__ = ["count_nuclei", "predict_windows", "score_windows", "window_scores"]

_BATCH = 4


def predict_windows(
    network: Network, windows: Sequence[Window]
) -> list[NDArray[np.float32]]:
    """Predict the maps of each window, in batches of one shape.

    Returns
    -------
    list of array of float32
        (256, 256, maps) each, at the model's scale; see `Window.on_labels`.
    """
    maps: list[NDArray[np.float32]] = []
    for start in range(0, len(windows), _BATCH):
        group = list(windows[start : start + _BATCH])
        missing = _BATCH - len(group)
        batch = [window.image for window in group + [group[-1]] * missing]
        maps += list(network(np.stack(batch))[: len(group)])
    return maps


def count_nuclei(window: Window) -> int:
    """Count the nuclei that a window is scored by."""
    return len(set(window.labels[window.reviewed].tolist()) - {0})


def score_windows(
    windows: Sequence[Window],
    maps: Sequence[NDArray[np.float32]],
    config: InstanceConfig,
) -> float:
    """Score what a network predicts, by the measure of its task, 0..1."""
    return windows[0].task.score(_scored(windows, maps, config))


def window_scores(
    windows: Sequence[Window],
    maps: Sequence[NDArray[np.float32]],
    config: InstanceConfig,
) -> list[float]:
    """Score each window by itself, by the measure of its task, 0..1."""
    return windows[0].task.scores(_scored(windows, maps, config))


def _scored(
    windows: Sequence[Window],
    maps: Sequence[NDArray[np.float32]],
    config: InstanceConfig,
) -> list[Scored]:
    return [
        (
            window.labels,
            window.task.label(window.on_labels(predicted), config, window.diameter),
            window.reviewed,
        )
        for window, predicted in zip(windows, maps, strict=True)
    ]
