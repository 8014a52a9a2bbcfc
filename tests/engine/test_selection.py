from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from scipy import ndimage
from skimage.segmentation import find_boundaries

from unetloop.annotations import make_targets
from unetloop.catalog import SHIPPED
from unetloop.checkpoint import open_model
from unetloop.config import InstanceConfig, TrainingConfig
from unetloop.held_out import Window, cut_windows
from unetloop.instances import label_nuclei
from unetloop.prediction import finish
from unetloop.samples import LARGE, SMALL, draw_nuclei
from unetloop.selection import (
    choose_bounds,
    choose_share,
    independent_nuclei,
    is_strange,
    usual_share,
    usual_trainable,
)
from unetloop.training_data import load_planes
from unetloop.training_image import TrainingImage
from unetloop.validation import predict_windows, score_windows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.network import Network
    from unetloop.training_plane import TrainingPlane


class _Tells:
    """A network that finds the truth, put out of place by some pixels."""

    backend, channels = "a test", 1

    def __init__(self, windows: list[Window], shift: int) -> None:
        self._truth = {
            window.image.tobytes(): np.roll(window.truth[..., :2], shift, 0)
            for window in windows
        }

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([self._truth[image.tobytes()] for image in batch])


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    result = []
    for seed in range(4):
        sample = draw_nuclei(SMALL, seed)
        targets = make_targets(sample.labels)
        result.append(
            Window(
                image=sample.image[..., None].astype(np.float32),
                box=(0, 0, *sample.labels.shape),
                labels=sample.labels,
                reviewed=np.ones(sample.labels.shape, bool),
                truth=np.concatenate([targets.maps, targets.valid], axis=-1),
                diameter=SMALL.diameter,
            )
        )
    return result


def _best_at(windows: list[Window], best: float) -> Callable[[float], Network]:
    return lambda share: _Tells(windows, round(12 * abs(share - best)))


@pytest.mark.parametrize("best", [0.0, 0.25, 1.0])
def test_images_held_out_say_how_far(windows: list[Window], best: float) -> None:
    share = choose_share(_best_at(windows, best), 0.9, windows, InstanceConfig())
    assert share == best


def test_three_images_are_too_few_to_say(windows: list[Window]) -> None:
    network_at = _best_at(windows, 0.0)
    assert choose_share(network_at, 0.9, windows[:3], InstanceConfig()) == 0.9


def test_where_nothing_is_better_the_usual_share_stays(windows: list[Window]) -> None:
    share = choose_share(lambda _: _Tells(windows, 2), 0.9, windows, InstanceConfig())
    assert share == 0.9


def test_more_nuclei_are_followed_further() -> None:
    shares = [usual_share(count) for count in (0, 0.5, 3, 10, 100)]
    assert shares == sorted(set(shares))
    assert shares[0] == 0
    assert usual_share(independent_nuclei([40] * 400)) > 0.99


def test_nuclei_of_several_images_teach_more_than_of_one() -> None:
    assert independent_nuclei([10] * 6) > independent_nuclei([60])
    assert independent_nuclei([1] * 6) == 6


def test_all_weights_learn_from_many_nuclei_only() -> None:
    assert usual_trainable(independent_nuclei([40])) == "biases"
    assert usual_trainable(independent_nuclei([44] * 400)) == "all"


def test_a_kind_is_strange_where_next_to_nothing_is_found() -> None:
    assert is_strange(0.0)
    assert is_strange(0.03)  # nuclei by their envelopes, to a model of filled ones
    assert not is_strange(0.24)  # stained tissue, to a model of fluorescence


def test_a_kind_is_strange_where_images_are_unlike_whatever_is_scored() -> None:
    assert is_strange(0.41, 5.4)  # envelopes again, some of what was found accepted
    assert not is_strange(0.24, 1.3)  # stained tissue
    assert not is_strange(0.24, None)  # a model that can't tell
    assert not is_strange(0.7, 5.4)  # one that learned from few, and is right


@pytest.mark.parametrize("hollow", [False, True])
def test_accepted_outlines_do_not_hide_that_a_kind_is_strange(
    tmp_path: Path, hollow: bool
) -> None:
    start = open_model(SHIPPED)
    sample = draw_nuclei(LARGE, 1)
    image = sample.image
    if hollow:  # of each nucleus only the envelope is stained
        away = ndimage.distance_transform_edt(~find_boundaries(sample.labels))
        noise = np.random.default_rng(1).standard_normal(image.shape)
        drawn = 100 * np.exp(-((away / 3) ** 2)) + 20 * (sample.labels == 0)
        image = (60 + drawn + 8 * noise).astype(np.uint16)
    tifffile.imwrite(tmp_path / "image.tif", image)
    tifffile.imwrite(tmp_path / "mask.tif", sample.labels)
    work = TrainingImage(tmp_path / "image.tif", tmp_path / "mask.tif")
    config = TrainingConfig(normalization=start.normalization)
    windows: list[Window] = []
    list(cut_windows([work], start.diameter, config, windows.append))
    maps = predict_windows(start.network(), windows)
    accepted = []
    for window, each in zip(windows, maps, strict=True):
        found = window.on_labels(each)
        labels = label_nuclei(found, start.instances, window.diameter)
        half = len(labels) // 2
        drawn_anew = window.labels[half:] + labels.max()
        labels[half:] = np.where(window.labels[half:], drawn_anew, 0)
        accepted.append(replace(window, labels=labels))
    score = score_windows(accepted, maps, start.instances)
    assert score > 0.2
    planes: list[TrainingPlane] = []
    model = start.card.model
    list(load_planes([work], model, start.diameter, config, planes.append))
    trainable, share = finish(choose_bounds(start, planes, accepted))
    assert (trainable, share == 1) == (("anew", True) if hollow else ("biases", False))
