"""How much each class covers, and how sure the network is of it."""

from __future__ import annotations

import numpy as np

from unetloop.class_areas import ClassTally
from unetloop.classes import TissueClass

KNOWN = (TissueClass("tumour", "#ff0000"), TissueClass("stroma", "#00ff00"))


def test_reviewed_pixels_count_for_areas_and_not_for_certainty() -> None:
    tally = ClassTally(2)
    labels = np.array([[1, 1, 2, 0]], np.int32)
    maps = np.array([[[0.8, 0.2], [0.6, 0.4], [0.5, 0.5], [0.9, 0.1]]])
    tally.add(labels, maps, np.array([[True, False, False, False]]))
    table = tally.columns(KNOWN, None)
    assert table["area_px"].tolist() == [2, 1]
    assert table["share"].tolist() == [0.5, 0.25]
    assert table["certainty_mean"][0] == 0.8
    assert np.isnan(table["certainty_mean"][1])
    assert (tally.certainty, tally.doubtful) == (0.8, 0)


def test_where_all_was_looked_at_nothing_is_known_of_the_network() -> None:
    tally = ClassTally(2)
    labels, maps = np.ones((2, 2), np.int32), np.full((2, 2, 2), 0.5)
    tally.add(labels, maps, np.zeros((2, 2), bool))
    assert np.isnan(tally.certainty)
    assert tally.doubtful == 0
