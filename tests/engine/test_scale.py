"""What a model says of itself, and what somebody chose in its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unetloop.classes import TissueClass
from unetloop.config import InstanceConfig, NormalizationConfig
from unetloop.errors import EngineError
from unetloop.scale import Scale
from unetloop.tasks import task_of

NUCLEI = Scale(32.0, NormalizationConfig(), InstanceConfig(threshold=0.6))
CLASSES = replace(
    NUCLEI,
    task=task_of([TissueClass("one", "#ff0000"), TissueClass("other", "#00ff00")]),
    pixel_size=0.5,
)


def test_what_is_chosen_is_a_change_of_the_models_own() -> None:
    assert NUCLEI.with_instances({}) is NUCLEI
    chosen = NUCLEI.with_instances({"threshold": 0.3})
    assert chosen.instances == InstanceConfig(threshold=0.3)
    assert chosen.as_learned() == NUCLEI.as_learned() == NUCLEI
    # Another choice is not one on top of it, and what the model has is none.
    other = chosen.with_instances({"min_size": 0.4})
    assert other.instances == InstanceConfig(threshold=0.6, min_size=0.4)
    assert other.as_learned() == NUCLEI
    assert chosen.with_instances({"threshold": 0.6}) == NUCLEI


@pytest.mark.parametrize("changes", [{"threshold": 1.5}, {"thresold": 0.5}])
def test_what_can_not_be_chosen_is_said(changes: dict[str, float]) -> None:
    with pytest.raises(EngineError, match="thres"):
        NUCLEI.with_instances(changes)


def test_a_model_of_classes_has_no_such_settings() -> None:
    assert CLASSES.with_instances({}) is CLASSES
    with pytest.raises(EngineError, match="classes finds no nuclei"):
        CLASSES.with_instances({"threshold": 0.3})


def test_results_depend_on_what_was_chosen_and_on_the_pixel_size_of_classes() -> None:
    plain = NUCLEI.describe()
    assert plain.keys() == {"diameter", "normalization", "instances"}
    assert NUCLEI.with_instances({"threshold": 0.3}).describe() != plain
    assert CLASSES.describe() != replace(CLASSES, pixel_size=0.25).describe()


def test_images_of_classes_are_resized_by_the_size_of_their_pixels() -> None:
    def zoom(pixel_size: tuple[float, float] | None) -> float:
        return CLASSES.diameter / CLASSES.class_diameter(pixel_size)

    assert zoom((1.0, 1.0)) == pytest.approx(2)
    assert zoom((0.5, 2.0)) == pytest.approx(2)  # the same area
    assert zoom((0.25, 0.25)) == pytest.approx(0.5)
    assert zoom(None) == zoom((0.5, 0.5)) == 1
