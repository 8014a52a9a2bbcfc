"""What differs where tissue classes are told apart: marks, colours, when to learn."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from napari_unet._class_marks import (
    class_mark_colours,
    class_summary,
    draw_class_marks,
    rgb,
)
from napari_unet._marks import IGNORED, LINE
from napari_unet._nuclei import NUCLEI
from napari_unet._palette import fill_colours, mark_colours, probability_colours
from napari_unet._tissue import Tissue, task_of
from unetloop.class_corrections import NOTHING
from unetloop.classes import name_classes, number_classes

CLASSES = name_classes(["background", "stroma", "tumour"])
TASK = Tissue(CLASSES)


def _plane() -> tuple[np.ndarray, np.ndarray]:
    segmentation = np.ones((20, 20), np.int32)
    segmentation[:, 10:] = 2
    return segmentation, np.zeros((20, 20), np.uint8)


def test_proposals_have_edges_and_what_was_painted_is_filled_with_a_line_round_it() -> (
    None
):
    segmentation, review = _plane()
    review[5:9, 2:6] = 1
    review[14:18, 12:18] = 2
    marks = draw_class_marks(segmentation, review)
    assert marks[0, 0] == 0
    first, second = marks[0, 9], marks[0, 10]
    assert first not in (0, second)
    inside = marks[6, 3]
    assert (marks[5:9, 2:6] == inside).all()
    assert (marks[4, 2:6] == LINE).all()
    assert (marks[5:9, 6] == LINE).all()
    assert (marks == IGNORED).any()
    colours = class_mark_colours(CLASSES, bright=False)
    assert colours[int(first)][:3] == colours[int(inside)][:3] == rgb(CLASSES[0].color)
    assert set(np.unique(marks)) <= set(colours)
    assert len(np.unique(class_summary(segmentation, review))) == 2


def test_the_marks_of_a_rectangle_are_those_of_the_plane() -> None:
    rng = np.random.default_rng(0)
    segmentation = rng.integers(0, 4, (30, 30), np.int32)
    review = rng.integers(0, 3, (30, 30)).astype(np.uint8)
    whole = draw_class_marks(segmentation, review)
    part = np.s_[7:20, 9:25]
    marks = draw_class_marks(segmentation[part], review[part], (7, 9))
    np.testing.assert_array_equal(marks[1:-1, 1:-1], whole[part][1:-1, 1:-1])


def test_there_is_no_limit_to_classes() -> None:
    many = number_classes(300)
    segmentation = np.arange(1, 301, dtype=np.int32)[None]
    marks = draw_class_marks(segmentation, np.ones_like(segmentation, np.uint8))
    colours = mark_colours(bright=True, classes=many)
    assert {int(mark) for mark in np.unique(marks)} <= set(colours.color_dict)
    shown = fill_colours(many).map(segmentation)[0, :, :3]
    expected = np.array([rgb(tissue.color) for tissue in many])
    np.testing.assert_allclose(shown, expected, atol=1 / 255)


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_each_class_has_its_own_colour(count: int) -> None:
    classes = number_classes(count)
    labels = np.arange(count + 1, dtype=np.int32)
    shown = fill_colours(classes).map(labels)
    assert shown[0, 3] == 0
    expected = [rgb(tissue.color) for tissue in classes]
    np.testing.assert_allclose(shown[1:, :3], expected, atol=1e-6)


def test_a_probability_is_the_more_opaque_the_higher() -> None:
    colours = probability_colours(CLASSES[1]).map(np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(colours[:, 3], [0, 0.5, 1], atol=0.01)
    np.testing.assert_allclose(colours[:, :3], [rgb(CLASSES[1].color)] * 3, atol=1e-6)


def test_learning_waits_for_all_classes_and_needs_two() -> None:
    assert "two classes" in TASK.progress({}).hindrance
    assert "two classes" in TASK.progress({"class 1": 9, "erase": 2}).hindrance
    two = TASK.progress({"class 1": 1, "class 3": 2})
    assert (two.count, two.hindrance) == (3, "")
    assert "as stroma yet" in two.missing
    assert not TASK.progress({"class 1": 1, "class 2": 1, "class 3": 1}).missing
    box = TASK.progress({"box": 1})  # of proposals of all of them
    assert (box.hindrance, box.missing) == ("", "")


def test_classes_have_letters_as_long_as_there_are_any() -> None:
    keys = Tissue(number_classes(20)).keys
    assert [keys[f"class {number}"] for number in (1, 2, 3)] == ["A", "S", "D"]
    assert "class 20" not in keys
    letters = [key for key in keys.values() if len(key) == 1]
    assert len(letters) == len(set(letters))
    assert not set(letters) & set("EPFLZMXBV1234567")  # napari's own
    assert keys["ignore"] == NUCLEI.keys["ignore"]


def test_data_that_another_plugin_gave_count_where_they_differ() -> None:
    segmentation, review = _plane()
    shown = segmentation.copy()
    shown[3, 3] = 3
    window = slice(0, 20), slice(0, 20)
    change = TASK.painted(segmentation, review, shown, window, None)
    assert change is not None
    assert change.action == "class 3"
    assert change.review.sum() == 1
    nothing = np.full((20, 20), NOTHING, np.int32)
    assert TASK.painted(segmentation, review, shown, window, nothing) is None


def test_a_class_map_is_what_is_most_probable() -> None:
    maps = np.array([[[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]], np.float32)
    assert TASK.label(maps, None, 0.0).tolist() == [[2, 1]]  # type: ignore[arg-type]


def test_a_model_of_more_classes_proposes_only_those_that_there_are() -> None:
    segmentation, review = _plane()
    labels = np.full((20, 20), 4, np.int32)
    labels[:, :5] = 3
    placed = TASK.place(segmentation, review, labels, (0, 0, 20, 20), 0)
    assert set(np.unique(placed)) == {0, 3}


def test_a_task_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(TASK)) == TASK
    assert task_of(()) is NUCLEI
    assert task_of(CLASSES) == TASK
