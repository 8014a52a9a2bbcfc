"""Batches in napari: planned, run, retried, opened; the engine has no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QCoreApplication, Qt
from qtpy.QtGui import QDesktopServices
from qtpy.QtTest import QTest

from napari_unet._batch_desk import TABLE
from napari_unet._batch_memory import recall
from napari_unet._batch_state import Preview, Run, Wish
from napari_unet._desk import LOOP, session_of
from napari_unet._farewell import Farewell
from napari_unet._results import read_results
from unetloop.catalog import SHIPPED
from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.mixtures import MIXTURES


@pytest.fixture
def broken(folder: Path) -> Path:
    """The folder, with a file that is no image."""
    (folder / "broken.tif").write_text("this is no image")
    return folder


def cells(widget: Any) -> list[list[str]]:
    model = widget.files.model()
    return [
        [model.index(row, column).data() for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def test_the_colours_of_an_image_are_called_as_in_the_loop(
    docks: Any, tmp_path: Path
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.full((64, 64, 3), 9, np.uint8), photometric="rgb"
    )
    widget = docks.open()
    docks.drop(widget, tmp_path)
    docks.wait(lambda: docks.batch.state.plan.phase == "known")
    assert cells(widget)[0][3] == "all colours"
    box = widget.form.channel.native
    choices = [box.itemText(index) for index in range(box.count())]
    assert choices[1:] == [*MIXTURES.values(), "red", "green", "blue"]


def test_a_dropped_folder_is_planned_with_a_preview(docks: Any, broken: Path) -> None:
    widget = docks.open()
    assert not widget.box.start_button.isEnabled()
    docks.drop(widget, broken)
    docks.wait(lambda: docks.batch.state.plan.phase == "known")
    assert widget.said.text().startswith("4 images, 1 of them can't be read · about")
    rows = {row[0]: row[1:] for row in cells(widget)}
    assert rows["a.tif"] == ["200 × 160", "plane", "channel 0", ""]
    assert rows["stack.tif"][0] == "200 × 160 × 3"
    assert "can't be read" in rows["broken.tif"][-1]
    assert widget.form.out.native.placeholderText() == str(broken) + "-nuclei"
    docks.wait(lambda: docks.batch.state.preview.folder is not None)
    assert widget.preview.sentence.text().startswith("a.tif: ")
    assert widget.preview.picture.isVisible()
    assert not Path(f"{broken}-nuclei").exists()  # nothing is written unasked
    preview = docks.batch.state.preview
    widget.form.exports["rois"].value = True  # which no preview shows
    docks.wait(lambda: docks.batch.state.plan.phase == "looking")
    docks.wait(lambda: docks.batch.state.plan.phase == "known")
    assert docks.batch.state.preview is preview
    docks.batch.change(diameter=30.0)
    docks.wait(lambda: docks.batch.state.preview is not preview)
    docks.wait(lambda: docks.batch.state.preview.folder is not None)
    widget.preview.layers_button.click()
    docks.wait(lambda: docks.results.nuclei is not None)
    assert docks.results.nuclei.data.any()


def test_in_a_high_window_the_form_stays_together(docks: Any) -> None:
    form = docks.open().form
    docks.wait(lambda: form.window().height() > 600)
    assert form.height() == form.sizeHint().height()


def test_in_a_low_window_the_picture_gives_way(docks: Any, folder: Path) -> None:
    widget = docks.open()
    docks.drop(widget, folder)
    docks.wait(lambda: docks.batch.state.preview.folder is not None)
    widget.window().resize(1280, 1000)
    docks.wait(lambda: widget.preview.picture.height() == 200)
    widget.window().resize(1280, 640)
    docks.wait(lambda: widget.preview.picture.height() < 150)


def test_what_came_of_a_batch_is_in_sight_in_a_low_window(
    docks: Any, folder: Path
) -> None:
    widget = docks.open()
    docks.plan(folder)
    docks.wait(lambda: docks.batch.state.preview.folder is not None)
    widget.window().resize(1280, 480)
    docks.run()
    docks.wait(lambda: not widget.box.report_button.visibleRegion().isEmpty())


def test_nothing_moves_when_the_preview_comes(docks: Any, folder: Path) -> None:
    widget, places = docks.open(), []

    def note(state: Any) -> None:
        if state.preview.sentence.startswith("Predicting"):
            places.append(widget.preview.picture.isVisibleTo(widget))

    docks.batch.changed.connect(note)
    docks.drop(widget, folder)
    docks.wait(lambda: docks.batch.state.preview.folder is not None)
    assert places
    assert all(places)
    widget.preview.show_preview(Preview(sentence="It can't be read."))
    assert not widget.preview.picture.isVisibleTo(widget)


def test_what_can_not_be_done_is_said_and_nothing_starts(
    docks: Any, folder: Path
) -> None:
    widget = docks.open()
    widget.form.paths.native.setText(f"{folder}/*.nothing")
    widget.form.paths.native.editingFinished.emit()
    docks.wait(lambda: docks.batch.state.plan.phase == "wrong")
    assert "No image matches this pattern" in widget.said.text()
    assert not widget.box.start_button.isEnabled()
    docks.plan(folder)
    docks.batch.change(channel="DAPI")
    docks.wait(lambda: "no such channel" in cells(widget)[0][-1])
    assert not widget.box.start_button.isEnabled()
    assert widget.form.channel.value == "DAPI"
    widget.form.channel.value = ""
    docks.wait(lambda: widget.box.start_button.isEnabled())


def test_a_folder_with_images_in_its_folders_alone_says_what_to_do(
    docks: Any, folder: Path
) -> None:
    docks.open()
    docks.batch.change(recursive=False)
    docks.plan(folder.parent)
    assert docks.batch.state.plan.sentence.endswith(
        "below: images. Received: path="
        f'{folder.parent}. Choose these folders instead, or add "Folders below, too".'
    )


def test_a_batch_runs_and_what_failed_is_retried(
    docks: Any, broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", lambda url: shown.append(url.toLocalFile())
    )
    widget = docks.open()
    docks.plan(broken)
    widget.form.exports["geojson"].value = True
    docks.wait(lambda: docks.batch.state.plan.phase == "known")
    widget.box.start_button.click()
    docks.wait_for_end()
    out = Path(f"{broken}-nuclei")
    docks.wait(
        lambda: widget.box.sentence.text().startswith("3 predicted, 1 failed, in ")
    )
    said = {row[0]: row[-1] for row in cells(widget)}
    count = int(read_labels(out / "labels/a.tif").max())
    assert said["a.tif"] == f"{count} nuclei"
    assert "can't be read" in said["broken.tif"]
    assert " Failed: broken.tif." in widget.box.sentence.text()
    assert "broken.tif: " in widget.box.sentence.toolTip()
    assert (out / "geojson/b.geojson").exists()
    widget.box.report_button.click()
    assert shown == [str(out / "report.html")]

    table = docks.open_results(out)
    assert len(docks.results.results.images) == 3
    before = (out / "labels/a.tif").stat().st_mtime_ns
    (broken / "broken.tif").write_bytes((broken / "a.tif").read_bytes())
    widget.box.retry_button.click()
    docks.wait_for_end()
    docks.wait(
        lambda: widget.box.sentence.text().startswith(
            "1 predicted, 3 left as they were, in"
        )
    )
    assert (out / "labels/a.tif").stat().st_mtime_ns == before
    docks.wait(lambda: len(docks.results.results.images) == 4)
    assert "in 4 images" in table.said.text()
    assert not widget.box.retry_button.isVisible()


def test_a_batch_is_cancelled_and_goes_on(docks: Any, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    plane = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    for number in range(40):
        tifffile.imwrite(folder / f"{number}.tif", plane)
    widget = docks.open()
    docks.plan(folder)
    docks.wait(widget.box.start_button.isEnabled)
    with docks.qtbot.waitSignal(docks.batch.runner.told, timeout=90_000):
        widget.box.start_button.click()
    widget.box.stop_button.click()
    docks.wait_for_end()
    docks.wait(lambda: widget.box.sentence.text().startswith("Cancelled: "))
    done = len(list(Path(f"{folder}-nuclei/labels").glob("*.tif")))
    assert 0 < done < 40
    assert not docks.batch.state.run.wrong  # it was wanted
    docks.wait(lambda: widget.said.text().endswith(f" · {done} done already"))
    assert widget.box.sentence.text().startswith("Cancelled: ")
    docks.run()
    assert f"{40 - done} predicted, {done} left as" in widget.box.sentence.text()
    assert "" not in {row[-1] for row in cells(widget)}


def test_results_of_a_batch_before_are_at_hand(
    docks: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = docks.open()
    docks.plan(folder)
    docks.run()
    docks.batch.runner.run = Run()  # as after a restart of napari
    docks.batch.look()
    docks.wait(lambda: docks.batch.state.plan.phase == "known")
    assert widget.box.sentence.text() == ""
    assert widget.box.start_button.isEnabled()
    widget.box.results_button.click()
    docks.wait(lambda: docks.results.results is not None)
    said: list[str] = []
    docks.desk.said.connect(lambda text, level: said.append(text))
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: False)
    widget.box.report_button.click()
    assert "report.html" in said[0]


def test_an_engine_that_dies_in_a_batch_costs_nothing_that_is_done(
    docks: Any, folder: Path
) -> None:
    widget = docks.open()
    docks.plan(folder)
    docks.batch.start()
    docks.batch.engine.send("fake", do="die")
    docks.wait_for_end()
    assert "run it again to go on" in widget.box.sentence.text()
    docks.wait(lambda: docks.batch.engine.ready)
    docks.run()
    assert len(list(Path(f"{folder}-nuclei/labels").glob("*.tif"))) == 3


def test_tables_of_somebody_else_are_not_replaced_unasked(
    docks: Any, folder: Path
) -> None:
    widget = docks.open()
    out = Path(f"{folder}-nuclei")
    out.mkdir()
    (out / "summary.csv").write_text("mine")
    docks.plan(folder)
    docks.run()
    assert 'Choose another folder, or "Overwrite"' in widget.box.sentence.text()
    assert (out / "summary.csv").read_text() == "mine"
    widget.form.overwrite.value = True
    docks.run()
    docks.wait(lambda: widget.box.sentence.text().startswith("3 predicted"))
    assert widget.form.overwrite.value is False  # to be said anew each time
    docks.run()
    docks.wait(
        lambda: widget.box.sentence.text().startswith(
            "0 predicted, 3 left as they were"
        )
    )
    docks.batch.look()
    docks.wait(lambda: widget.said.text() == "3 images · all done already")
    assert all(row[-1].endswith("nuclei") for row in cells(widget))
    widget.form.exports["rois"].value = True
    docks.wait(lambda: widget.said.text().endswith(" · 3 only to be exported"))
    widget.form.overwrite.value = True
    docks.wait(lambda: "exported" not in widget.said.text())
    assert widget.said.text().startswith("3 images · about ")
    widget.form.overwrite.value = False
    docks.run()
    docks.wait(
        lambda: widget.box.sentence.text().startswith(
            "0 predicted, 3 exported from masks that were there, in"
        )
    )
    assert {row[-1] for row in cells(widget)} == {"exported"}


def test_the_last_settings_come_back_but_for_overwrite(
    docks: Any, folder: Path, home: Path
) -> None:
    docks.open()
    wished = {"exports": ("rois",), "diameter": 30.0, "recursive": False}
    docks.batch.change(paths=(str(folder),), overwrite=True, **wished)
    assert recall() == Wish(paths=(str(folder),), **wished)
    kept = home / "napari-unet-loop/batch.json"
    kept.write_text('{"paths": 3, "exports": ["none", "coco"], "diameter": -1}')
    assert recall() == Wish(exports=("coco",))
    kept.write_text("no JSON")
    assert recall() == Wish()


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("plate", "plate-nuclei"),
        ("plate/a.tif", "plate-nuclei"),
        ("plate/*/a_?.tif", "plate-nuclei"),
        ("plate/image.zarr", "plate-nuclei"),
    ],
)
def test_results_go_beside_the_images(tmp_path: Path, path: str, out: str) -> None:
    (tmp_path / "plate").mkdir()
    (tmp_path / "plate/image.zarr").mkdir()
    assert Wish(paths=(str(tmp_path / path),)).folder == str(tmp_path / out)


def test_run_all_uses_the_loop_and_its_worst_are_fixed_there(
    docks: Any, folder: Path
) -> None:
    loop = docks.open(LOOP)
    session = session_of(docks.viewer)
    assert docks.batch.engine is session.engine  # one engine for both
    assert not loop.run_all.box.start_button.isEnabled()
    session.entrance.open([folder / "a.tif"])
    docks.wait(lambda: session.state.current == "a")
    session.choices.change_reading({"diameter": 25.0})
    session.choices.set_threshold(0.7)
    session.choices.set_min_size(0.2)
    loop.run_all.box.start_button.click()
    docks.wait_for_end()
    assert loop.run_all.box.sentence.text().startswith("3 predicted, in ")
    out = folder / "unet-loop/results"
    assert (out / "labels/stack.tif").exists()  # all of the folder
    with open_image(out / "labels/stack.tif") as image:
        assert image.info.planes == 3
    rows = read_results(out)
    assert len(rows.images) == 3
    written = json.loads((out / "run.json").read_text("utf-8"))
    chosen = written["settings"]["instances"]
    assert (chosen["threshold"], chosen["min_size"]) == (0.7, 0.2)  # as on the screen
    assert chosen["prominence"] == written["model"]["instances"]["prominence"]
    of_one = {str((folder / "a.tif").resolve()): 25.0}
    assert written["settings"]["diameter"] is None
    assert written["settings"]["diameters"] == of_one

    assert "3 of 3 images look unlike" in loop.run_all.box.sentence.text()
    worst = docks.batch.state.run.worst
    assert len(worst) == 3
    loop.run_all.box.fix_button.click()
    docks.wait(lambda: len(session.state.images) == 3)
    docks.wait(lambda: session.state.current == worst[0].stem)
    workspace = session.opener.workspace
    assert workspace.project.folder == folder / "unet-loop"
    assert workspace.view.of("a")["diameter"] == 25.0
    assert "diameter" not in workspace.view.of("b")  # nobody chose one for it
    docks.wait(lambda: session.layers.nuclei.data.any())  # proposals


def test_run_all_over_folders_with_images_of_the_same_name(
    docks: Any, folder: Path, tmp_path: Path
) -> None:
    loop = docks.open(LOOP)
    box, session = loop.run_all.box, session_of(docks.viewer)
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.tif").write_bytes((folder / "b.tif").read_bytes())
    session.entrance.open([folder / "a.tif"])
    docks.wait(lambda: session.state.current == "a")
    docks.wait(box.start_button.isEnabled)
    box.start_button.click()
    docks.wait(lambda: box.sentence.text().startswith("3 predicted, in"))
    session.opener.open([other / "a.tif"], join=True)
    docks.wait(lambda: len(session.state.images) == 2)
    docks.wait(box.start_button.isEnabled)
    box.start_button.click()
    docks.wait(lambda: box.sentence.text().startswith("1 predicted, 3 left as they"))
    out = folder / "unet-loop/results"
    same = read_labels(out / "labels/other/a.tif") == read_labels(out / "labels/b.tif")
    assert same.all()
    images = {image.name: image.path for image in read_results(out).images}
    assert images["a.tif"] == folder / "a.tif"
    assert images["other/a.tif"] == other / "a.tif"


def test_the_worst_become_a_project_where_none_is_open(
    docks: Any, folder: Path
) -> None:
    widget = docks.open()
    own = docks.batch.engine
    docks.plan(folder)
    docks.run()
    widget.box.results_button.click()
    docks.wait(lambda: docks.results.nuclei is not None)
    widget.box.fix_button.click()
    assert LOOP in "".join(docks.viewer.window.dock_widgets)
    session = session_of(docks.viewer)
    docks.wait(lambda: len(session.state.images) == 3)
    assert docks.batch.engine is session.engine is not own
    docks.wait(lambda: session.layers.nuclei is not None)
    assert docks.results.results is None  # they would cover what is to be corrected
    assert TABLE not in docks.viewer.window.dock_widgets


def test_a_batch_says_that_it_waits_for_a_training(docks: Any, folder: Path) -> None:
    loop = docks.open(LOOP)
    session = session_of(docks.viewer)
    session.entrance.open([folder])
    docks.wait(lambda: session.state.current)
    session.learning.set_automatic(False)
    session.learning.set_training({"epochs": 1000})
    session.editor.accept_view()
    session.learner.start()
    docks.wait(lambda: session.state.learning.phase == "running")
    session.learner.training.pause()
    loop.run_all.box.start_button.click()
    assert "Waits until learning is done" in loop.run_all.box.sentence.text()
    session.learner.training.resume()
    docks.wait(lambda: session.state.learning.phase == "running")
    session.learner.training.stop()
    docks.wait_for_end()
    assert loop.run_all.box.sentence.text().startswith("3 predicted")


def test_others_takes_the_model_of_the_loop_along(docks: Any, folder: Path) -> None:
    loop = docks.open(LOOP)
    docks.batch.change(model="somewhere/else")  # as in the last batch
    session = session_of(docks.viewer)
    session.entrance.open([folder])
    docks.wait(lambda: session.state.current)
    docks.wait(lambda: session.layers.nuclei.data.any())
    session.learning.set_training({"epochs": 1})
    session.editor.accept_view()
    docks.wait(lambda: session.state.model == "round-1")
    loop.run_all.more_button.click()
    form = docks.open().form
    learned = str(folder / "unet-loop/models/round-1")
    assert form.model.value == docks.batch.state.wish.model == learned
    form.model.value = SHIPPED  # chosen for batches: the loop goes on as it is
    loop.run_all.more_button.click()
    assert docks.batch.state.wish.model == SHIPPED
    session.learning.choose_model(SHIPPED)
    loop.run_all.more_button.click()
    session.learning.choose_model("round-1")
    loop.run_all.more_button.click()
    assert form.model.value == learned


def test_a_training_says_that_it_waits_for_a_batch(docks: Any, folder: Path) -> None:
    loop = docks.open(LOOP)
    session = session_of(docks.viewer)
    session.entrance.open([folder])
    docks.wait(lambda: session.state.current)
    session.learning.set_automatic(False)
    session.learning.set_training({"epochs": 1000})
    session.editor.accept_view()
    loop.run_all.box.start_button.click()
    session.learner.start()
    assert session.state.learning.sentence == (
        "Waits until the batch is done, or stopped."
    )
    # The batch came first: it does not wait in turn.
    assert "Waits" not in loop.run_all.box.sentence.text()
    docks.wait_for_end()
    assert loop.run_all.box.sentence.text().startswith("3 predicted")
    docks.wait(lambda: session.state.learning.phase == "running")
    assert "Waits" not in session.state.learning.sentence
    session.learner.training.stop()
    docks.wait(lambda: session.state.learning.phase == "idle")


def test_models_of_the_open_project_can_be_chosen(docks: Any, folder: Path) -> None:
    widget = docks.open()
    docks.open(LOOP)
    session = session_of(docks.viewer)
    session.entrance.open([folder])
    docks.wait(lambda: session.state.current)
    session.learning.set_automatic(False)
    session.editor.accept_view()
    session.learner.start()
    docks.wait(lambda: session.state.model == "round-1")
    docks.wait(lambda: len(widget.form.model.choices) == 2)
    widget.form.model.value = str(folder / "unet-loop/models/round-1")
    assert docks.batch.state.wish.model.endswith("round-1")


def test_closing_the_dock_does_not_end_a_batch_and_closing_the_window_does(
    docks: Any, folder: Path
) -> None:
    widget = docks.open()
    docks.plan(folder)
    docks.batch.start()
    docks.viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    docks.wait_for_end()
    again = docks.open()
    assert again.box.sentence.text().startswith("3 predicted")
    assert all("nuclei" in row[-1] for row in cells(again))
    batch = docks.batch
    batch.start()
    preview = batch.planner._folder
    docks.viewer.close()
    docks.wait(lambda: not QCoreApplication.instance().findChildren(Farewell))
    assert not batch.engine.ready
    assert preview is None or not preview.exists()


def test_a_diameter_that_is_none_is_refused_with_a_sentence(docks: Any) -> None:
    form = docks.open().form
    line = form.diameter.native
    docks.batch.change(diameter=30.0)
    for typed, said in (("-3", "“-3” was not taken"), ("x", "“x” was not taken")):
        line.selectAll()
        QTest.keyClicks(line, typed)
        QTest.keyClick(line, Qt.Key.Key_Return)
        assert form.refused.text().startswith(said)
        assert not form.refused.isHidden()
        assert line.text() == "30"
    line.editingFinished.emit()  # the focus goes: nothing more was typed
    assert not form.refused.isHidden()
    line.selectAll()
    QTest.keyClicks(line, "25")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert form.refused.isHidden()
    assert docks.batch.state.wish.diameter == 25
