from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop.checkpoint import Model, load_weights, open_model
from unetloop.events import Event, Examined
from unetloop.exams import examine
from unetloop.model_saving import save_model
from unetloop.samples import LARGE, draw_nuclei
from unetloop.training_image import TrainingImage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("quick_networks")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingImage]:
    folder = tmp_path_factory.mktemp("images")
    result = []
    for seed in range(5):
        sample = draw_nuclei(LARGE, seed)
        image, mask = (folder / f"{seed}_{kind}.tif" for kind in ("image", "mask"))
        tifffile.imwrite(image, sample.image)
        tifffile.imwrite(mask, sample.labels)
        result.append(TrainingImage(image, mask))
    return result


@pytest.fixture(scope="module")
def good() -> Model:
    return open_model("nuclei")


@pytest.fixture(scope="module")
def bad(
    good: Model, images: list[TrainingImage], tmp_path_factory: pytest.TempPathFactory
) -> Model:
    """The same network, which now sees nuclei nowhere; it knows the first image."""
    folder = tmp_path_factory.mktemp("models") / "round-1"
    network = load_weights(good)
    network.set_weights([value * 0 - 1 for value in network.get_weights()])
    known = {"images": [images[0].describe()]}
    save_model(network, replace(good.card, training=known), folder, quick=True)
    return open_model(folder)


def _examine(
    model: Model, root: Model, images: Sequence[TrainingImage], path: Path
) -> tuple[list[Event], bool]:
    events, work = [], examine(model, root, images, path)
    while True:
        try:
            events.append(next(work))
        except StopIteration as stop:
            return events, stop.value


def _verdict(events: Sequence[Event]) -> Examined:
    (told,) = [event for event in events if isinstance(event, Examined)]
    return told


def test_a_model_that_got_worse_is_found_on_images_that_it_does_not_know(
    good: Model, bad: Model, images: list[TrainingImage], tmp_path: Path
) -> None:
    path = tmp_path / "exams.json"
    events, harm = _examine(bad, good, images, path)
    assert harm
    told = _verdict(events)
    assert (told.model, told.images, told.harm) == ("round-1", len(images) - 1, True)
    assert told.gain < -0.3
    (exams,) = json.loads(path.read_text()).values()
    assert len(exams) == len(images) - 1


def test_one_that_got_better_goes_on(
    good: Model, bad: Model, images: list[TrainingImage], tmp_path: Path
) -> None:
    better = replace(good, card=replace(good.card, training={}))
    events, harm = _examine(better, bad, images, tmp_path / "exams.json")
    assert not harm
    assert _verdict(events).gain > 0.3


def test_what_was_learned_from_is_no_exam(
    good: Model, bad: Model, images: list[TrainingImage], tmp_path: Path
) -> None:
    assert _examine(bad, good, images[:1], tmp_path / "exams.json") == ([], False)


def test_few_exams_can_not_tell_and_they_add_up(
    good: Model, bad: Model, images: list[TrainingImage], tmp_path: Path
) -> None:
    path = tmp_path / "exams.json"
    path.write_text("{damaged", encoding="utf-8")
    events, harm = _examine(bad, good, images[:3], path)
    assert not harm
    assert (_verdict(events).images, _verdict(events).harm) == (2, False)
    assert _examine(bad, good, images[3:], path)[1]


def test_no_exam_is_taken_twice(
    good: Model,
    bad: Model,
    images: list[TrainingImage],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "exams.json"
    first, _ = _examine(bad, good, images[:2], path)
    monkeypatch.setattr(Model, "network", lambda *_: pytest.fail("it was run again"))
    again, _ = _examine(bad, good, images[:2], path)
    assert _verdict(again) == _verdict(first)


def test_nothing_is_compared_where_nobody_looked(
    good: Model, bad: Model, images: list[TrainingImage], tmp_path: Path
) -> None:
    review = tmp_path / "review.tif"
    tifffile.imwrite(review, np.zeros(tifffile.imread(images[1].mask).shape, np.uint8))
    unseen = replace(images[1], review=review)
    events, harm = _examine(bad, good, [unseen], tmp_path / "exams.json")
    assert not harm
    assert not any(isinstance(event, Examined) for event in events)
