"""What is kept of a plane: statistics of all its regions, and one picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unetloop.config import InstanceConfig, NormalizationConfig
from unetloop.plane_result import PlaneResult, with_one_picture
from unetloop.prediction import PredictedPlane
from unetloop.quality import STATISTICS
from unetloop.scale import Scale

SCALE = Scale(32.0, NormalizationConfig(), InstanceConfig())


def a_region(probability: float) -> tuple[np.ndarray, PredictedPlane]:
    """A square nucleus of this probability on sure background, and its pixels."""
    labels = np.zeros((96, 96), np.int32)
    labels[32:64, 32:64] = 1
    inside = (labels > 0).astype(np.float32)
    maps = np.stack([probability * inside, inside], -1)
    return inside[..., None], PredictedPlane(labels, maps)


def looked(*probabilities: float, scale: Scale = SCALE) -> PlaneResult:
    """What is known of a plane once regions of these probabilities were seen."""
    result = PlaneResult(np.zeros(1), 32.0)
    for probability in probabilities:
        pixels, region = a_region(probability)
        result.look(pixels, region, np.array([0.0, probability]), 32.0, scale)
    return result


def test_the_picture_is_of_the_most_doubtful_region() -> None:
    alone, among = looked(0.6), looked(0.9, 0.6, 0.99)
    assert among.doubt == alone.doubt > looked(0.9).doubt
    assert alone.picture is not None
    assert among.picture is not None
    np.testing.assert_array_equal(among.picture, alone.picture)
    assert len(among.statistics) == 3
    assert among.weights == [96 * 96] * 3


def test_a_sure_plane_has_a_picture_too() -> None:
    result = looked(1.0)
    assert result.doubt == pytest.approx(0, abs=1e-6)
    assert result.picture is not None
    assert result.picture.shape[2] == 3


def test_statistics_do_not_follow_what_somebody_chose() -> None:
    certainty = list(STATISTICS).index("certainty")
    own = InstanceConfig(threshold=0.5, min_certainty=0.5)
    strict = replace(SCALE, instances=InstanceConfig(min_certainty=0.9))
    pixels, region = a_region(0.7)
    nothing = PredictedPlane(np.zeros_like(region.labels), region.maps)
    kept = []
    for scale in (strict, replace(strict, own=own)):
        result = PlaneResult(np.zeros(1), 32.0)
        result.look(pixels, nothing, np.zeros(1), 32.0, scale)
        kept.append(result.statistics[0][certainty])
    # What was chosen finds nothing; the model itself would have found the nucleus.
    assert kept == [0, pytest.approx(0.7, abs=0.01)]


def test_classes_are_doubtful_where_no_class_is_probable() -> None:
    sure, torn = np.zeros((96, 96, 3), np.float32), np.zeros((96, 96, 3), np.float32)
    sure[..., 0], torn[..., :2] = 1, 0.5
    labels = np.ones((96, 96), np.int32)
    result = PlaneResult(np.zeros(1), 1.0)
    pixels = np.zeros((96, 96, 1), np.float32)
    result.look_at_classes(pixels, PredictedPlane(labels, sure))
    assert result.doubt == pytest.approx(0, abs=1e-6)
    result.look_at_classes(pixels, PredictedPlane(labels, torn))
    assert result.doubt == pytest.approx(0.25, abs=1e-6)
    assert result.statistics == []


@pytest.mark.parametrize("doubts", [[0.1], [0.1, 0.3, 0.2], [0.2, 0.2], [3, 2, 1]])
def test_of_many_planes_one_picture_is_kept(doubts: list[float]) -> None:
    planes = [
        PlaneResult(np.zeros(1), 32.0, doubt=doubt, picture=np.zeros((2, 2, 3)))
        for doubt in doubts
    ]
    found = list(with_one_picture(planes))
    assert [plane.doubt for plane in found] == doubts
    pictured = [plane for plane in found if plane.picture is not None]
    assert pictured == [max(found, key=lambda plane: plane.doubt)]


def test_pictures_are_dropped_on_the_way_not_at_the_end() -> None:
    seen: list[PlaneResult] = []

    def planes() -> object:
        for doubt in (0.1, 0.2, 0.15):
            plane = PlaneResult(
                np.zeros(1), 32.0, doubt=doubt, picture=np.zeros((2, 2, 3))
            )
            assert sum(one.picture is not None for one in seen) <= 1
            seen.append(plane)
            yield plane

    assert len(list(with_one_picture(planes()))) == 3  # type: ignore[arg-type]
