"""What another model makes of the field in view: asked for, shown, and gone again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.ndimage import label

from napari_unet._comparing import Question, compare
from napari_unet._difference_marks import AGREED, BEFORE, INSIDE, ONLY_NOW
from napari_unet._models import Models
from napari_unet._nuclei import NUCLEI
from napari_unet._tissue import Tissue
from unetloop.classes import name_classes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _discs(*middles: tuple[int, int], radius: int = 8) -> np.ndarray:
    labels = np.zeros((80, 100), np.int32)
    rows, columns = np.indices(labels.shape)
    for number, (row, column) in enumerate(middles, 1):
        labels[np.hypot(rows - row, columns - column) <= radius] = number
    return labels


def _ask(before: np.ndarray, now: np.ndarray, **values: Any) -> Any:
    asked: dict[str, Any] = {
        "task": NUCLEI,
        "truth": np.zeros_like(now),
        "review": np.zeros(now.shape, np.uint8),
        "seen": (0, 0, *now.shape),
        **values,
    }
    return compare(Question(before=before, now=now, **asked))


def test_nuclei_that_only_one_model_finds_are_counted() -> None:
    before = _discs((20, 20), (20, 50), (60, 20))
    now = _discs((60, 80), (21, 20), (20, 51), (60, 50))
    found = _ask(before, now)
    assert (found.before, found.now) == (3, 4)
    assert (found.only_before, found.only_now) == (1, 2)
    assert found.score_before is None
    assert found.score_now is None


def test_only_what_is_in_view_is_counted_and_the_counts_add_up() -> None:
    before = _discs((20, 20), (20, 49), (60, 20))
    now = _discs((20, 20), (20, 51), (60, 80))
    found = _ask(before, now, seen=(0, 0, 80, 50))
    # Of the pair on the edge of the view, the present one's middle is outside.
    assert (found.before, found.now) == (2, 1)
    assert (found.only_before, found.only_now) == (1, 0)
    assert found.before - found.only_before == found.now - found.only_now


def test_one_that_is_two_now_is_gone_and_two_are_new() -> None:
    before = _discs((30, 30), radius=14)
    now = np.where(np.indices(before.shape)[1] < 30, before, before * 2)
    found = _ask(before, now)
    assert (found.only_before, found.only_now) in ((1, 2), (0, 1))
    assert found.now == 2


def test_the_two_are_scored_on_what_is_reviewed_and_in_view() -> None:
    truth = _discs((20, 20), (60, 80))
    review = np.ones(truth.shape, np.uint8)
    review[:, 50:] = 0
    values = {"truth": truth, "review": review}
    found = _ask(_discs((20, 20), (60, 20)), _discs((20, 20)), **values)
    assert found.score_before == pytest.approx(0.5)
    assert found.score_now == pytest.approx(1.0)
    found = _ask(truth, truth, seen=(0, 55, 80, 100), **values)
    assert found.score_before is None


def test_marks_differ_in_form_where_only_one_model_finds_a_nucleus() -> None:
    same, gone, new = (20, 20), (20, 50), (60, 80)
    found = _ask(_discs(same, gone), _discs(same, new))
    marks = found.marks
    assert set(np.unique(marks)) == {0, AGREED, BEFORE, ONLY_NOW, INSIDE}
    around = {
        name: marks[row - 9 : row + 10, column - 9 : column + 10]
        for name, (row, column) in {"same": same, "gone": gone, "new": new}.items()
    }
    assert set(np.unique(around["same"])) == {0, AGREED}
    assert set(np.unique(around["gone"])) == {0, BEFORE, INSIDE}
    assert set(np.unique(around["new"])) == {0, ONLY_NOW}
    thin = np.count_nonzero(around["same"] == AGREED)
    assert np.count_nonzero(around["gone"] == BEFORE) > 1.8 * thin
    # Dashes: of the thin line round a nucleus a part is missing.
    inside = _discs(same)[11:30, 11:30] > 0
    edge = (
        inside & ~np.pad(inside, 1)[:-2, 1:-1] | inside & ~np.pad(inside, 1)[2:, 1:-1]
    )
    share = np.mean(around["same"][edge] == AGREED)
    assert 0.3 < share < 0.9


def test_lines_are_wider_where_one_has_zoomed_out() -> None:
    gone, new = (30, 30), (30, 70)
    before, now = (_discs(gone, radius=16), _discs(new, radius=16))
    for labels in ((before, before), (before, now)):
        drawn = [_ask(*labels, width=width).marks for width in (1, 2, 4)]
        lines = [np.isin(marks, (AGREED, BEFORE, ONLY_NOW)) for marks in drawn]
        counts = [np.count_nonzero(line) for line in lines]
        assert counts[1] > 1.2 * counts[0]
        assert counts[2] > 1.5 * counts[1]
        assert not lines[2][(before == 0) & (labels[1] == 0)].any()
    # Where every fourth pixel is shown, dashes are still dashes: fewer, and longer.
    thin, wide = (_ask(before, before, width=width).marks > 0 for width in (1, 4))
    assert label(wide)[1] < label(thin, np.ones((3, 3)))[1] / 2
    classes = {"task": Tissue(name_classes(["a", "b"]))}
    before, now = before + 1, np.ones_like(now)
    counts = [
        np.count_nonzero(_ask(before, now, width=width, **classes).marks == BEFORE)
        for width in (1, 4)
    ]
    assert counts[1] > 2 * counts[0]


def test_numbers_are_said_in_a_sentence() -> None:
    found = _ask(_discs((20, 20), (60, 20)), _discs((20, 20), (60, 80), (20, 50)))
    assert found.in_words("nuclei", "round-1", True) == (
        "The model nuclei finds 2 nuclei in view, 1 of them alone; round-1 finds 3, "
        "2 alone. Nothing there is reviewed, so there is no score."
    )
    words = found.in_words("round-1", "round-2", False, whole=False)
    assert "The model round-1 and round-2 differ on 7 % of the middle of" in words
    one = _discs((20, 20))
    found = _ask(one, one, truth=one, review=np.ones(one.shape, np.uint8))
    assert found.in_words("nuclei", "round-1", True, whole=False) == (
        "The model nuclei finds 1 nucleus in the middle of the view, round-1 the same "
        "one. Score on what you reviewed here: 1.00 → 1.00."
    )


def test_empty_fields_can_be_compared() -> None:
    nothing = np.zeros((20, 30), np.int32)
    found = _ask(nothing, nothing)
    assert (found.before, found.now, found.only_before, found.only_now) == (0,) * 4
    assert not found.marks.any()
    found = _ask(nothing, _discs((20, 20))[:20, :30])
    assert (found.before, found.only_now) == (0, 1)


def test_classes_are_compared_pixel_by_pixel() -> None:
    task = Tissue(name_classes(("dark", "bright")))
    before, now = np.ones((40, 50), np.int32), np.ones((40, 50), np.int32)
    now[:, 25:] = 2
    before[:, 35:] = 2
    review = np.zeros(now.shape, np.uint8)
    review[:, 20:30] = 1
    values: dict[str, Any] = {"task": task, "truth": now, "review": review}
    found = _ask(before, now, **values)
    assert found.differing == pytest.approx(0.2)
    assert found.score_now == 1.0
    assert found.score_before == pytest.approx(0.25)
    assert (found.marks[:, 26:34] == INSIDE).all()
    assert not found.marks[:, :24].any()


def _card(folder: Path, name: str, weights: str, start: str | None) -> None:
    card = {"weights_sha256": weights, "started_from": start}
    (folder / name).mkdir(parents=True)
    (folder / name / "model.json").write_text(json.dumps(card))


def test_the_model_before_is_the_one_that_it_was_learned_from(tmp_path: Path) -> None:
    models = Models(tmp_path)
    assert models.before("nuclei") == ""
    _card(tmp_path, "round-1", "one", "elsewhere")
    assert models.before("round-1") == "nuclei"
    assert models.before("nuclei") == "round-1"
    _card(tmp_path, "round-2", "two", "one")
    _card(tmp_path, "round-3", "three", "one")
    assert models.before("round-3") == "round-1"
    assert models.before("nuclei") == "round-3"
    _card(tmp_path, "round-4", "four", None)
    assert models.before("round-4") == "round-3"
    (tmp_path / ".round-4.resume.npz").touch()
    assert models.before("nuclei") == "round-3"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "commands.jsonl"


@pytest.fixture
def loop(start: Callable[..., Any], folder: Path, log: Path) -> Any:
    """An image is segmented by round-1, which sees more than the model before."""
    loop = start("--log", log)
    loop.engine.send("fake", do="sees", model="nuclei", brightness=0.45)
    loop.open(folder)
    loop.session.learning.set_automatic(False)
    loop.session.learning.set_training({"epochs": 1})
    loop.session.predictor.live_ms = 30
    loop.session.comparer._rest.setInterval(10)
    return loop


def _learn(loop: Any, name: str = "round-1") -> None:
    _, point = loop.nucleus()
    loop.point_at(*point)
    loop.press("A")
    loop.session.learner.start()
    loop.wait(lambda: loop.session.state.model == name)
    loop.wait(lambda: loop.session.state.learning.phase == "idle")
    loop.wait_for_proposals()


def _asked(log: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return [line for line in lines if line.get("beside")]


def _comparison(loop: Any) -> Any:
    return loop.session.state.comparison


def _layer(loop: Any) -> Any:
    names = [layer.name for layer in loop.viewer.layers]
    return loop.viewer.layers["compare: nuclei"] if "compare: nuclei" in names else None


def _compare(loop: Any) -> None:
    loop.session.comparer.set_on(True)
    loop.wait(lambda: "finds" in _comparison(loop).sentence)


def test_there_is_nothing_to_compare_with_before_it_learned(loop: Any) -> None:
    assert "let it learn first" in _comparison(loop).why_not
    loop.session.comparer.set_on(True)
    assert not _comparison(loop).on
    _learn(loop)
    assert _comparison(loop).why_not == ""
    assert (_comparison(loop).before, _comparison(loop).now) == ("nuclei", "round-1")


def test_the_model_before_is_shown_over_the_nuclei_and_gone_again(
    loop: Any, log: Path
) -> None:
    _learn(loop)
    recorded, shown = loop.recorded(), loop.nuclei.copy()
    truth = loop.session.opener.current.truth.segmentation.copy()
    assert not _asked(log)
    _compare(loop)
    (asked,) = _asked(log)  # what the present model says is known
    assert asked["model"] == "nuclei"
    layer = _layer(loop)
    assert not layer.editable
    assert layer.data.any()
    assert loop.viewer.layers.selection.active is loop.layers.nuclei
    sentence = _comparison(loop).sentence
    assert sentence.startswith("The model nuclei finds ")
    assert "alone; round-1 finds" in sentence
    assert "Score on what you reviewed" in sentence
    np.testing.assert_array_equal(loop.nuclei, shown)
    np.testing.assert_array_equal(loop.session.opener.current.truth.segmentation, truth)
    for now, then in zip(loop.recorded(), recorded, strict=True):
        np.testing.assert_array_equal(now, then)
    loop.session.comparer.set_on(False)
    assert _layer(loop) is None
    assert _comparison(loop).sentence == ""
    assert loop.viewer.layers.selection.active is loop.layers.nuclei


def test_it_follows_from_image_to_image_and_from_plane_to_plane(
    loop: Any, log: Path
) -> None:
    _learn(loop)
    _compare(loop)
    loop.show("b")
    loop.wait(lambda: any(item["image"] == "b" for item in _asked(log)))
    loop.wait(lambda: _layer(loop) is not None and _layer(loop).data.any())
    assert _comparison(loop).on
    loop.show("stack")
    loop.wait(lambda: _layer(loop) is not None and _layer(loop).data[0].any())
    loop.layers.go_to_plane(2)
    loop.wait(lambda: _layer(loop).data[2].any())
    assert not _layer(loop).data[0].any()


def test_it_follows_the_view(loop: Any) -> None:
    _learn(loop)
    _compare(loop)
    sentence = _comparison(loop).sentence
    loop.viewer.scene.camera.zoom *= 4
    loop.wait(lambda: _comparison(loop).sentence != sentence)
    assert _layer(loop).data.any()


def test_lines_follow_the_zoom(loop: Any) -> None:
    _learn(loop)
    _compare(loop)
    loop.viewer.scene.camera.zoom = 1.0
    loop.wait(lambda: not loop.session.comparer._rest.isActive())
    loop.wait(lambda: not loop.session.comparer._comparing)
    before = np.count_nonzero(_layer(loop).data)
    loop.viewer.scene.camera.zoom = 0.3
    loop.wait(lambda: np.count_nonzero(_layer(loop).data) > 1.5 * before)


def test_corrections_are_scored_at_once(loop: Any) -> None:
    _learn(loop)
    _compare(loop)
    sentence = _comparison(loop).sentence
    loop.point_at(*loop.nucleus()[1])
    loop.press("D")  # which the model finds
    loop.wait(lambda: _comparison(loop).sentence != sentence)
    before, after = (
        float(text.rsplit("→", 1)[1].rstrip("."))
        for text in (sentence, _comparison(loop).sentence)
    )
    assert after < before
    loop.press("Control-Z")
    loop.wait(lambda: _comparison(loop).sentence == sentence)


def test_a_layer_that_is_removed_by_hand_ends_the_comparison(loop: Any) -> None:
    _learn(loop)
    _compare(loop)
    loop.viewer.layers.remove(_layer(loop))
    assert not _comparison(loop).on
    assert not any("was removed" in text for text in loop.said)
    _compare(loop)
    assert _layer(loop).data.any()


def test_another_model_that_is_chosen_is_compared(loop: Any) -> None:
    _learn(loop)
    _compare(loop)
    loop.session.learning.choose_model("nuclei")
    loop.wait(lambda: _comparison(loop).sentence.startswith("The model round-1 finds"))
    assert "compare: round-1" in [layer.name for layer in loop.viewer.layers]
    assert _layer(loop) is None


def test_the_user_may_change_how_maps_become_nuclei(loop: Any) -> None:
    _learn(loop)
    _compare(loop)
    sentence = _comparison(loop).sentence
    loop.session.choices.set_min_size(5.0)
    loop.wait(lambda: _comparison(loop).sentence != sentence)
    assert "finds 0 nuclei in view, round-1 none either" in _comparison(loop).sentence


def test_an_engine_that_dies_is_asked_again(loop: Any, log: Path) -> None:
    _learn(loop)
    loop.engine.send("fake", do="crash")
    loop.session.comparer.set_on(True)
    loop.wait(lambda: any("started again" in text for text in loop.said))
    loop.wait(lambda: "finds" in _comparison(loop).sentence)
    assert _layer(loop).data.any()


def test_a_model_that_cannot_be_read_is_said_once(loop: Any, log: Path) -> None:
    _learn(loop)
    loop.engine.send("fake", do="sees", model="nuclei", brightness="a word")
    loop.session.comparer.set_on(True)
    loop.wait(lambda: _comparison(loop).sentence and len(_asked(log)) == 1)
    loop.wait(lambda: "segments" not in _comparison(loop).sentence)
    assert _comparison(loop).on
    loop.session.comparer._follow()  # as when the view is moved and moved back
    loop.engine.send("fake", do="sees", model="nuclei", brightness=1.0)
    loop.wait(lambda: '"brightness": 1.0' in log.read_text("utf-8"))
    assert len(_asked(log)) == 1  # what was sent before is in the log before


def test_what_is_being_learned_is_compared_until_it_is_learned(
    loop: Any, log: Path
) -> None:
    _learn(loop)
    _compare(loop)
    loop.session.learning.set_training({"epochs": 60})
    said: list[str] = []
    loop.session.changed.connect(lambda state: said.append(state.comparison.sentence))
    loop.session.learner.start()
    loop.wait(lambda: any("the new one" in text for text in said))
    assert _comparison(loop).before == "round-1"
    loop.session.learner.training.stop()
    loop.wait(lambda: loop.session.state.model == "round-2")
    loop.wait(lambda: "round-2" in _comparison(loop).sentence)
    assert _comparison(loop).on
    assert all("None" not in text for text in said)


def test_another_project_is_not_compared(loop: Any, tmp_path: Path) -> None:
    import shutil

    _learn(loop)
    _compare(loop)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "images/b.tif", other / "c.tif")
    loop.session.entrance.open([other])
    loop.wait(lambda: loop.session.state.current == "c")
    assert not _comparison(loop).on
    assert _layer(loop) is None
    assert _comparison(loop).why_not


def test_nothing_is_compared_in_3d(loop: Any) -> None:
    _learn(loop)
    loop.show("stack")
    _compare(loop)
    loop.viewer.dims.ndisplay = 3
    loop.wait(lambda: "3-D" in _comparison(loop).sentence)
    loop.viewer.dims.ndisplay = 2
    loop.wait(lambda: "finds" in _comparison(loop).sentence)


def test_tissue_classes_are_compared_too(
    start: Callable[..., Any], folder: Path
) -> None:
    loop = start()
    loop.engine.send("fake", do="sees", model="round-1", brightness=0.45)
    loop.session.entrance.set_task("classes")
    loop.session.entrance.open([folder])
    loop.wait(lambda: loop.session.state.current and loop.layers.nuclei is not None)
    loop.session.learning.set_automatic(False)
    loop.session.learning.set_training({"epochs": 1})
    for key, row in (("A", 30.0), ("S", 120.0)):
        loop.press(key)
        loop.drag((row, 20.0), (row, 90.0))
    loop.press("Escape")
    for name in ("round-1", "round-2"):
        assert "let it learn first" in _comparison(loop).why_not
        loop.session.learner.start()
        loop.wait(lambda name=name: loop.session.state.model == name)
    loop.wait(lambda: loop.nuclei.all() and not loop.session.predictor.busy)
    loop.session.comparer.set_on(True)
    loop.wait(lambda: "differ on" in _comparison(loop).sentence)
    assert "round-1 and round-2 differ on" in _comparison(loop).sentence
    assert "Score on what you reviewed" in _comparison(loop).sentence
    assert INSIDE in loop.viewer.layers["compare: round-1"].data
