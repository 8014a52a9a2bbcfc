"""The plugin's parts that need no window."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_unet import _pixels
from napari_unet._board import Board
from napari_unet._contrast import make_thumbnail
from napari_unet._fields import Field, Fields, StoredMaps
from napari_unet._marks import COLORS, draw_line, draw_marks, line_width
from napari_unet._models import SHIPPED, Models, classes_of
from napari_unet._pixels import read_pixels
from napari_unet._pyramid import make_pyramid
from napari_unet._strokes import apply_stroke, changed_windows
from napari_unet._view import View
from unetloop.classes import classes_to_json, name_classes
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (3000, 2000)


def _predict_all(fields: Fields, visible: tuple[int, int, int, int]) -> list[Field]:
    asked: list[Field] = []
    while (wanted := fields.next("a", 0, SHAPE, visible, 30.0)) is not None:
        assert len(asked) < 100
        asked.append(wanted)
        maps = np.zeros((1, 1, 2), np.float16)
        fields.add("a", 0, SHAPE, StoredMaps(wanted, maps, 30.0))
    return asked


def test_fields_cover_what_is_in_view_once_and_begin_in_its_middle() -> None:
    fields = Fields()
    visible = (100, 100, 2900, 1900)
    asked = _predict_all(fields, visible)
    seen = np.zeros(SHAPE, int)
    for field in asked:
        top, left, bottom, right = field.core
        seen[top:bottom, left:right] += 1
        assert (bottom - top) * (right - left) <= 1024**2
        assert field.box[0] <= top
        assert field.box[2] >= bottom
    assert (seen[100:2900, 100:1900] >= 1).all()
    assert (seen[100:2900, 100:1900] > 1).mean() < 0.3
    first = asked[0].core
    assert first[0] < 1500 < first[2]
    assert first[1] < 1000 < first[3]
    assert fields.next("a", 0, SHAPE, (200, 200, 900, 900), None) is None
    assert fields.next("a", 1, SHAPE, (200, 200, 900, 900), None) is not None
    fields.forget_plane("a", 0)
    assert fields.next("a", 0, SHAPE, visible, None) is not None


def test_what_the_engine_runs_on_is_said_as_soon_as_it_predicts() -> None:
    board = Board()
    assert board.state.device == ""
    board.hear({"event": "Notice", "text": "loading"})
    assert board.state.device == ""
    board.hear({"event": "Notice", "text": "ready"})
    assert board.state.device.startswith("CPU; learning gets ready")
    board.hear({"event": "DeviceFound", "device": "GPU, 8 GB"})
    board.hear({"event": "Notice", "text": "ready"})  # it was started again
    assert board.state.device == "GPU, 8 GB"


def test_panning_a_little_asks_for_nothing_or_for_little() -> None:
    fields = Fields()
    _predict_all(fields, (0, 0, 500, 500))
    assert fields.next("a", 0, SHAPE, (5, 5, 505, 505), None) is None
    assert fields.next("a", 0, SHAPE, (20, 20, 520, 520), None) is not None


def test_the_maps_of_a_field_are_replaced_by_newer_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields = Fields()
    field = Field((0, 0, 256, 256), (0, 0, 300, 300))
    for value in (1, 2):
        maps = np.full((2, 2, 2), value, np.float16)
        fields.add("a", 0, SHAPE, StoredMaps(field, maps, 30.0))
    assert [item.maps[0, 0, 0] for item in fields.maps("a", 0)] == [2]
    monkeypatch.setattr("napari_unet._fields._MAP_BYTES", 20)
    fields.add("b", 0, SHAPE, StoredMaps(field, maps, 30.0))
    assert fields.maps("a", 0) == []
    assert len(fields.maps("b", 0)) == 1


def test_maps_of_a_field_are_joined_from_those_of_others() -> None:
    fields = Fields()
    rows, columns = np.indices(SHAPE, np.float16)
    truth = np.stack([rows, columns], axis=-1)
    visible = (0, 0, 1500, 1200)
    while (wanted := fields.next("a", 0, SHAPE, visible, 30.0)) is not None:
        top, left, bottom, right = wanted.box
        maps = truth[top:bottom, left:right].copy()
        fields.add("a", 0, SHAPE, StoredMaps(wanted, maps, 30.0))
    assert len(fields.maps("a", 0)) > 1
    for view in ((0, 0, 1400, 1100), (300, 300, 700, 700), (1100, 600, 1490, 1190)):
        field = fields.view(SHAPE, view, 30.0, 8)
        joined = fields.joined("a", 0, field)
        assert joined is not None
        top, left, bottom, right = field.box
        np.testing.assert_array_equal(joined.maps, truth[top:bottom, left:right])
    beyond = fields.view(SHAPE, (1000, 1000, 1900, 1900), 30.0, 8)
    assert fields.joined("a", 0, beyond) is None
    assert fields.joined("a", 1, field) is None


def test_marks_tell_proposed_reviewed_and_ignored_apart() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[5:20, 5:20], labels[5:20, 20:35], labels[5:20, 40:55] = 1, 2, 3
    review = np.zeros(labels.shape, np.uint8)
    review[2:23, 20:38] = 1
    review[5:20, 40:55] = 2
    marks = draw_marks(labels, review)
    assert set(np.unique(marks)) <= set(COLORS)
    assert marks[5, 10] == 1  # the edge of a proposal, one pixel wide
    assert marks[6, 10] == 0
    assert marks[10, 20] == marks[10, 21] == 2  # of a reviewed one, two
    assert marks[10, 27] == 3
    assert marks[22, 30] == 4
    assert {5} < set(np.unique(marks[7:18, 42:53]))
    part = draw_marks(labels[8:30, 10:50], review[8:30, 10:50], (8, 10))
    np.testing.assert_array_equal(part[2:-2, 2:-2], marks[10:28, 12:48])


def test_lines_are_as_wide_as_it_takes_to_see_them() -> None:
    assert [line_width(zoom, 1 << 20) for zoom in (2.0, 0.7, 0.3)] == [1, 2, 4]
    assert line_width(0.3, 1 << 26) == 1  # that would take seconds
    labels = np.zeros((60, 60), np.int32)
    labels[10:50, 10:50] = 1
    review = np.zeros(labels.shape, np.uint8)
    for width in (1, 2, 4):
        marks = draw_marks(labels, review, width=width)
        assert (marks[:, 30] == 1).sum() == 2 * width
        marks = draw_marks(labels, np.ones_like(review), width=width)
        assert (marks[:, 30] == 2).sum() == 4 * width
    # None is lost where every fourth pixel is shown.
    assert [(marks[start::4, 30] == 2).sum() for start in range(4)] == [4] * 4


def test_a_line_outside_the_image_draws_nothing() -> None:
    marks = np.zeros((10, 10), np.uint8)
    assert draw_line(marks, [(20, 20), (30, 30)], 1) is None
    window = draw_line(marks, [(-5, 5), (5, 5)], 3)
    assert window == (slice(0, 7), slice(4, 7))
    assert (marks > 0).sum() == 21


def test_a_stroke_is_found_on_its_plane_of_a_stack() -> None:
    atom = (
        (np.array([1, 1]), np.array([2, 0]), np.array([4, 6]), np.array([7, 5])),
        np.array([0, 0]),
        9,
    )
    windows = changed_windows([atom], (2, 3))
    assert windows == {
        5: (slice(4, 7), slice(5, 8)),
        3: (slice(4, 7), slice(5, 8)),
    }
    labels = np.zeros((3, 3), np.int32)
    apply_stroke([atom], 5, (2, 3), windows[5], labels)
    assert labels[0, 2] == 9
    assert labels.sum() == 9


def test_a_large_stack_is_read_plane_by_plane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = np.arange(2 * 3 * 8 * 9, dtype=np.uint16).reshape(2, 3, 8, 9)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TZYX"})
    whole = read_pixels(path, None)
    assert whole.lead == (2, 3)
    assert whole.axes == ("t", "z", "y", "x")
    monkeypatch.setattr(_pixels, "_WHOLE_BYTES", 0)
    lazy = read_pixels(path, None).data
    assert not isinstance(lazy, np.ndarray)
    assert (lazy.shape, lazy.dtype, lazy.ndim) == (stack.shape, stack.dtype, 4)
    small = (1, 1, slice(2, 4), slice(-3, -1))
    np.testing.assert_array_equal(lazy[small], stack[small])
    assert list(lazy._kept) == [1]  # the middle slice: no plane was read for it
    assert lazy[1, 1, 2:2].shape == (0, 9)
    np.testing.assert_array_equal(lazy[1, 0, 7:4:-2], stack[1, 0, 7:4:-2])
    for key in [small, (1, 2), (0, slice(1, 3), 4), (slice(None), 1), (..., 3), (1,)]:
        np.testing.assert_array_equal(lazy[key], stack[key])
    np.testing.assert_array_equal(np.asarray(lazy), stack)


def test_a_pyramid_halves_a_plane_until_it_fits_a_screen() -> None:
    plane = np.add.outer(np.arange(601), 1000 * np.arange(5001)).astype(np.float32)
    levels = make_pyramid(plane)
    assert [level.shape for level in levels] == [(601, 5001), (300, 2500), (150, 1250)]
    assert levels[0] is plane
    assert levels[1][7, 9] == plane[14:16, 18:20].mean()
    assert levels[2][3, 4] == plane[12:16, 16:20].mean()
    colours = make_pyramid(np.full((4100, 10, 3), (1, 100, 255), np.uint8))
    assert colours[-1].shape == (1025, 2, 3)
    assert colours[-1].dtype == np.uint8
    assert tuple(colours[-1][-1, 0]) == (1, 100, 255)
    assert len(make_pyramid(plane[:300, :300])) == 1


def test_bright_images_colours_and_empty_ones_are_shown(tmp_path: Path) -> None:
    colours = np.full((50, 40, 3), 230, np.uint8)
    colours[10:20, 10:20] = (90, 40, 120)
    tifffile.imwrite(tmp_path / "rgb.tif", colours, photometric="rgb")
    pixels = read_pixels(tmp_path / "rgb.tif", None)
    assert pixels.rgb
    assert pixels.bright
    assert pixels.data.shape == colours.shape
    red = read_pixels(tmp_path / "rgb.tif", "red")
    assert red.data.shape == (50, 40)
    tifffile.imwrite(tmp_path / "flat.tif", np.full((50, 40), 7, np.uint16))
    flat = read_pixels(tmp_path / "flat.tif", "a name it does not have")
    assert flat.contrast[0] < flat.contrast[1]
    np.testing.assert_array_equal(make_thumbnail(tmp_path / "rgb.tif"), colours)
    tifffile.imwrite(
        tmp_path / "deep.tif", colours.astype(np.uint16) * 16, photometric="rgb"
    )
    deep = make_thumbnail(tmp_path / "deep.tif")
    assert deep[15, 15].argmax() == 2
    assert deep[30, 30].min() > 200
    tifffile.imwrite(tmp_path / "large.tif", np.eye(300, dtype=np.float32))
    assert max(make_thumbnail(tmp_path / "large.tif").shape) <= 64


def test_an_image_of_no_numbers_is_shown_without_a_word(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((64, 70), np.nan, np.float32))
    pixels = read_pixels(tmp_path / "a.tif", None)  # a warning would be an error here
    assert (pixels.contrast, pixels.bright) == ((0, 1), False)


def test_models_are_listed_newest_first_and_named_in_turn(tmp_path: Path) -> None:
    for name in ("round-2", "round-10", "mine"):
        (tmp_path / name).mkdir()
        card = {"instances": {"threshold": 0.6}}
        (tmp_path / name / "model.json").write_text(json.dumps(card))
    (tmp_path / ".round-11.resume.npz").touch()
    models = Models(tmp_path)
    assert models.names() == ("round-10", "round-2", "mine", SHIPPED)
    assert models.free_name() == "round-12"
    assert models.location("mine") == str(tmp_path / "mine")
    assert models.location(SHIPPED) == SHIPPED
    assert models.instances("mine").threshold == 0.6
    assert 0 < models.instances(SHIPPED).threshold < 1
    (tmp_path / "mine/model.json").write_text("no JSON")
    assert models.instances("mine").threshold == 0.55


def test_a_model_whose_card_can_not_be_read_has_no_classes(tmp_path: Path) -> None:
    tissue = {"classes": classes_to_json(name_classes(["stroma", "tumour"]))}
    damaged = ("no JSON", "[]", '{"classes": 1}', '{"classes": [{"name": 1}]}')
    for number, card in enumerate((json.dumps(tissue), *damaged)):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}/model.json").write_text(card)
    found = [len(classes_of(str(tmp_path / f"{number}"))) for number in range(5)]
    assert found == [2, 0, 0, 0, 0]
    assert classes_of(SHIPPED) == ()


def test_a_damaged_view_is_as_in_the_beginning(tmp_path: Path) -> None:
    assert View.load(tmp_path) == View()
    view = View(current="a", plane=3, outlines=False)
    view.of("a")["channel"] = "1"
    view.save(tmp_path)
    assert View.load(tmp_path) == view
    (tmp_path / "view.json").write_text('{"plane": "three", "model": "m"}')
    assert View.load(tmp_path) == View(model="m")
    (tmp_path / "view.json").write_text('{"images": {"a": 1, "b": {"channel": "0"}}}')
    assert View.load(tmp_path) == View(images={"b": {"channel": "0"}})
    (tmp_path / "view.json").write_text('{"imported": {"accept": 3, "a": {}}}')
    assert View.load(tmp_path) == View(imported={"a": {}})
    (tmp_path / "view.json").write_text("[")
    assert View.load(tmp_path) == View()
    (tmp_path / "view.json").unlink()
    (tmp_path / "view.json").mkdir()
    with pytest.raises(EngineError, match="could not be stored"):
        view.save(tmp_path)
    with pytest.raises(EngineError, match="is away"):
        view.save(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()
