from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from unetloop.annotations import make_targets
from unetloop.config import InstanceConfig
from unetloop.fitting import fit_instances
from unetloop.held_out import Window
from unetloop.samples import SMALL, draw_nuclei

DEFAULT = InstanceConfig()


def _windows(count: int) -> list[Window]:
    windows = []
    for seed in range(count):
        labels = draw_nuclei(SMALL, seed=seed).labels[:128, :128]
        targets = make_targets(labels)
        windows.append(
            Window(
                image=np.zeros((128, 128, 1), np.float32),
                box=(0, 0, 128, 128),
                labels=labels,
                reviewed=np.ones(labels.shape, bool),
                truth=np.concatenate([targets.maps, targets.maps], -1),
                diameter=SMALL.diameter,
            )
        )
    return windows


def _swollen(window: Window, rim: float) -> np.ndarray:
    """Predict a rim around each nucleus that is none."""
    maps = window.truth[..., :2].copy()
    grown = ndimage.binary_dilation(window.labels > 0, iterations=2)
    maps[..., 0] = np.where(window.labels > 0, 0.98, np.where(grown, rim, 0.02))
    return maps


def _with_debris(window: Window, probability: float) -> np.ndarray:
    """Predict nuclei of a low probability where there are none."""
    maps = _swollen(window, 0.02)
    far = ndimage.distance_transform_edt(window.labels == 0) > 4
    pieces, count = ndimage.label(ndimage.binary_opening(far, iterations=4))
    assert count > 0
    maps[pieces > 0] = (probability, 0.6)
    return maps


def test_the_threshold_is_raised_above_a_false_rim() -> None:
    windows = _windows(4)
    maps = [_swollen(window, 0.63) for window in windows]
    config, score = fit_instances(windows, maps, DEFAULT)
    assert config.threshold > 0.63
    assert score > 0.8
    low = fit_instances(windows, maps, InstanceConfig(threshold=0.7))
    assert low[0].threshold == 0.7


def test_doubtful_nuclei_are_left_out_if_they_are_wrong() -> None:
    windows = _windows(4)
    show_all = InstanceConfig(min_certainty=0)
    wrong = [_with_debris(window, 0.75) for window in windows]
    assert fit_instances(windows, wrong, show_all)[0].min_certainty > 0.75


@pytest.mark.parametrize("count", [1, 4])
def test_one_image_or_no_gain_changes_nothing(count: int) -> None:
    windows = _windows(count)
    rim = 0.63 if count == 1 else 0.02
    maps = [_swollen(window, rim) for window in windows]
    assert fit_instances(windows, maps, DEFAULT)[0] == DEFAULT


def test_unreviewed_pixels_decide_nothing() -> None:
    windows = _windows(4)
    maps = [_with_debris(window, 0.75) for window in windows]
    hidden = [
        Window(
            image=window.image,
            box=window.box,
            labels=window.labels,
            reviewed=ndimage.binary_dilation(window.labels > 0, iterations=2),
            truth=window.truth,
            diameter=window.diameter,
        )
        for window in windows
    ]
    show_all = InstanceConfig(min_certainty=0)
    assert fit_instances(hidden, maps, show_all)[0] == show_all
