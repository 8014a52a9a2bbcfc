from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unetloop.checkpoint import Model, load_weights, open_model, save_model
from unetloop.events import Event, Examined
from unetloop.exams import choose_start, examine
from unetloop.training_data import TrainingImage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture(scope="module")
def images(samples: Path) -> list[TrainingImage]:
    return [
        TrainingImage(path, samples / "train/masks" / path.name)
        for path in sorted((samples / "train/images").iterdir())[:2]
    ]


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
) -> tuple[list[Event], float | None]:
    events, work = [], examine(model, root, images, path)
    while True:
        try:
            events.append(next(work))
        except StopIteration as stop:
            return events, stop.value


def test_a_model_that_got_worse_is_found_on_an_image_that_it_does_not_know(
    good: Model, bad: Model, images: list[TrainingImage], tmp_path: Path
) -> None:
    path = tmp_path / "exams.json"
    events, gain = _examine(bad, good, images, path)
    assert gain is not None
    assert gain < -0.3
    (told,) = [event for event in events if isinstance(event, Examined)]
    assert (told.model, told.images, told.harm) == ("round-1", 1, True)
    assert told.gain == pytest.approx(gain)
    (exams,) = json.loads(path.read_text()).values()
    assert len(exams) == 1
    assert choose_start(bad, bad, good, gain) is good


def test_one_that_got_better_goes_on(
    good: Model, bad: Model, images: list[TrainingImage], tmp_path: Path
) -> None:
    better = replace(good, card=replace(good.card, training={}))
    _, gain = _examine(better, bad, images, tmp_path / "exams.json")
    assert gain is not None
    assert gain > 0.3
    assert choose_start(bad, better, bad, gain) is better


def test_what_was_learned_from_is_no_exam(
    good: Model, bad: Model, images: list[TrainingImage], tmp_path: Path
) -> None:
    events, gain = _examine(bad, good, images[:1], tmp_path / "exams.json")
    assert gain is None
    assert not events
    assert choose_start(bad, bad, good, gain) is bad


def test_exams_add_up_and_none_is_taken_twice(
    good: Model,
    bad: Model,
    images: list[TrainingImage],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "exams.json"
    path.write_text("{damaged", encoding="utf-8")
    _, first = _examine(bad, good, images, path)
    monkeypatch.setattr(Model, "network", lambda *_: pytest.fail("it was run again"))
    events, again = _examine(bad, good, images, path)
    assert again == first
    assert [event.images for event in events if isinstance(event, Examined)] == [1]


def test_nothing_is_compared_where_nobody_looked(
    good: Model, bad: Model, images: list[TrainingImage], tmp_path: Path
) -> None:
    import tifffile

    review = tmp_path / "review.tif"
    shape = tifffile.imread(images[1].mask).shape
    tifffile.imwrite(review, np.zeros(shape, np.uint8))
    unseen = replace(images[1], review=review)
    assert _examine(bad, good, [unseen], tmp_path / "exams.json")[1] is None
