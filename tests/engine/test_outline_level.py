from __future__ import annotations

import numpy as np
import pytest

from unetloop.config import InstanceConfig
from unetloop.held_out import Window
from unetloop.outline_level import fit_outlines, outline_levels

SIZE, DIAMETER = 256, 32.0
DEFAULT = InstanceConfig()
CENTRES = [(row, column) for row in range(32, 256, 64) for column in range(32, 256, 64)]


def _away() -> np.ndarray:
    """Give the distance from each of 16 nuclei, (16, rows, columns)."""
    rows, columns = np.indices((SIZE, SIZE))
    return np.stack([np.hypot(rows - row, columns - col) for row, col in CENTRES])


def _discs(radius: float) -> np.ndarray:
    labels = np.zeros((SIZE, SIZE), np.int32)
    for number, away in enumerate(_away(), start=1):
        labels[away < radius] = number
    return labels


def _maps() -> np.ndarray:
    """Give a foreground that falls from 1 to 0 between 8 and 18 pixels."""
    away = _away().min(0)
    foreground = np.clip((18 - away) / 10, 0.01, 0.99)
    return np.stack([foreground, np.clip(1 - away / 16, 0, 1)], -1).astype(np.float32)


def _window(labels: np.ndarray, reviewed: np.ndarray | None = None) -> Window:
    return Window(
        image=np.zeros((SIZE, SIZE, 1), np.float32),
        box=(0, 0, SIZE, SIZE),
        labels=labels,
        reviewed=np.ones(labels.shape, bool) if reviewed is None else reviewed,
        truth=np.zeros((SIZE, SIZE, 4), np.float32),
        diameter=DIAMETER,
    )


@pytest.mark.parametrize(("radius", "level"), [(10, 0.8), (13, 0.5), (15, 0.3)])
def test_a_nucleus_tells_where_its_outline_lies(radius: float, level: float) -> None:
    labels = _discs(radius)
    known = np.ones(labels.shape, bool)
    levels = outline_levels(labels, known, _maps(), DEFAULT, DIAMETER)
    assert levels == pytest.approx([level] * 16, abs=0.05)


def test_tight_outlines_raise_the_threshold_and_wide_ones_lower_it() -> None:
    tight = fit_outlines([_window(_discs(10))], [_maps()], DEFAULT)
    assert DEFAULT.threshold < tight.threshold < 0.8
    wide = fit_outlines([_window(_discs(15))], [_maps()], DEFAULT)
    assert 0.3 < wide.threshold < DEFAULT.threshold
    assert tight.min_size == DEFAULT.min_size


def test_more_nuclei_are_followed_further() -> None:
    few = np.where(_discs(10) <= 2, _discs(10), 0)
    one = fit_outlines([_window(few)], [_maps()], DEFAULT)
    many = fit_outlines([_window(_discs(10))] * 4, [_maps()] * 4, DEFAULT)
    assert DEFAULT.threshold < one.threshold < many.threshold


def test_outlines_that_were_accepted_change_nothing() -> None:
    own = _discs(18 - 10 * DEFAULT.threshold)
    assert fit_outlines([_window(own)], [_maps()], DEFAULT).threshold == pytest.approx(
        DEFAULT.threshold, abs=0.02
    )


def test_what_is_known_in_part_or_was_not_found_tells_nothing() -> None:
    labels, maps = _discs(10), _maps()
    half = np.zeros(labels.shape, bool)
    half[:, : CENTRES[0][1]] = True
    assert not outline_levels(labels, half, maps, DEFAULT, DIAMETER).size
    alone = labels > 0  # nothing is known of what lies round it
    assert not outline_levels(labels, alone, maps, DEFAULT, DIAMETER).size
    maps[..., 0] = 0.01
    assert fit_outlines([_window(labels)], [maps], DEFAULT) == DEFAULT


def test_nuclei_that_disagree_change_nothing() -> None:
    both = np.where(_discs(15) % 2, _discs(15), _discs(11))
    assert fit_outlines([_window(both)], [_maps()], DEFAULT) == DEFAULT


def test_a_threshold_beyond_the_usual_is_not_moved_further() -> None:
    high = InstanceConfig(threshold=0.95)
    assert fit_outlines([_window(_discs(9))], [_maps()], high).threshold <= 0.95


def test_nothing_reviewed_leaves_the_threshold() -> None:
    empty = _window(np.zeros((SIZE, SIZE), np.int32))
    assert fit_outlines([empty], [_maps()], DEFAULT) == DEFAULT
    assert fit_outlines([], [], DEFAULT) == DEFAULT
