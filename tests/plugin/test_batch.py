"""Batches in napari: planned, run, retried, opened; the engine has no network."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QCoreApplication, QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDesktopServices, QDropEvent
from qtpy.QtTest import QTest

from napari_unet import _batch_desk, _session
from napari_unet._batch_desk import TABLE
from napari_unet._batch_memory import recall
from napari_unet._batch_state import Wish
from napari_unet._desk import BATCH, LOOP, PLUGIN, batch_of, session_of
from napari_unet._engine import Engine
from napari_unet._farewell import Farewell
from napari_unet._panels.measurements import NucleiModel
from napari_unet._results import ResultImage, Results, read_results
from napari_unet._words import found_in_words
from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.run_record import write_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

FAKE = Path(__file__).with_name("fake_engine.py")


class Docks:
    """A viewer with our docks, and an engine that needs no network."""

    def __init__(self, viewer: Any, qtbot: QtBot) -> None:
        self.viewer, self.qtbot = viewer, qtbot

    def open(self, name: str = BATCH) -> Any:
        return self.viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]

    @property
    def desk(self) -> Any:
        return batch_of(self.viewer)

    @property
    def batch(self) -> Any:
        return self.desk.batch

    @property
    def results(self) -> Any:
        return self.desk.results

    def wait(self, condition: Callable[[], Any], seconds: int = 40) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=1000 * seconds)

    def plan(self, *paths: Path) -> None:
        self.batch.open(list(paths))
        self.wait(lambda: self.batch.state.plan.phase in ("known", "wrong"))

    def run(self) -> None:
        self.batch.start()
        self.wait_for_end()

    def wait_for_end(self) -> None:
        self.wait(lambda: not self.batch.state.run.busy)

    def open_results(self, folder: Path) -> Any:
        """Open results; give the table."""
        self.results.open(folder)
        self.wait(lambda: self.results.nuclei is not None)
        return self.desk.table


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test may see the settings of whoever runs it."""
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def docks(
    make_napari_viewer: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
) -> Docks:
    def engine(parent: Any) -> Engine:
        return Engine(parent, program=sys.executable, arguments=[str(FAKE)])

    monkeypatch.setattr(_session, "Engine", engine)
    monkeypatch.setattr(_batch_desk, "Engine", engine)
    return Docks(make_napari_viewer(show=True), qtbot)


@pytest.fixture
def broken(folder: Path) -> Path:
    """The folder, with a file that is no image."""
    (folder / "broken.tif").write_text("this is no image")
    return folder


def drop(widget: Any, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    widget.dropEvent(event)


def cells(widget: Any) -> list[list[str]]:
    model = widget.files.model()
    return [
        [model.index(row, column).data() for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def test_a_dropped_folder_is_planned_with_a_preview(docks: Docks, broken: Path) -> None:
    widget = docks.open()
    assert not widget.box.start_button.isEnabled()
    drop(widget, broken)
    docks.wait(lambda: docks.batch.state.plan.phase == "known")
    assert widget.said.text().startswith("4 images, 1 of them can't be read · about")
    rows = {row[0]: row[1:] for row in cells(widget)}
    assert rows["a.tif"] == ["200 × 160", "YX", "channel 0", ""]
    assert rows["stack.tif"][0] == "200 × 160 × 3"
    assert "can't be read" in rows["broken.tif"][-1]
    assert widget.form.out.native.placeholderText() == str(broken) + "-nuclei"
    docks.wait(lambda: docks.batch.state.preview.folder is not None)
    assert widget.preview.sentence.text().startswith("a.tif: ")
    assert widget.preview.picture.isVisible()
    assert not Path(f"{broken}-nuclei").exists()  # nothing is written unasked
    widget.preview.layers_button.click()
    docks.wait(lambda: docks.results.nuclei is not None)
    assert docks.results.nuclei.data.any()


def test_what_can_not_be_done_is_said_and_nothing_starts(
    docks: Docks, folder: Path
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


def test_a_batch_runs_and_what_failed_is_retried(
    docks: Docks, broken: Path, monkeypatch: pytest.MonkeyPatch
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
    assert not widget.box.retry_button.isEnabled()


def test_a_batch_is_cancelled_and_goes_on(docks: Docks, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    plane = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    for number in range(40):
        tifffile.imwrite(folder / f"{number}.tif", plane)
    widget = docks.open()
    docks.plan(folder)
    with docks.qtbot.waitSignal(docks.batch.runner.told, timeout=30_000):
        widget.box.start_button.click()
    widget.box.stop_button.click()
    docks.wait_for_end()
    docks.wait(lambda: widget.box.sentence.text().startswith("Cancelled: "))
    done = len(list(Path(f"{folder}-nuclei/labels").glob("*.tif")))
    assert 0 < done < 40
    docks.run()
    assert f"{40 - done} predicted, {done} left as" in widget.box.sentence.text()


def test_an_engine_that_dies_in_a_batch_costs_nothing_that_is_done(
    docks: Docks, folder: Path
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
    docks: Docks, folder: Path
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


def test_the_last_settings_come_back_but_for_overwrite(
    docks: Docks, folder: Path, home: Path
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


def test_rows_and_nuclei_select_each_other(docks: Docks, folder: Path) -> None:
    docks.open()
    docks.plan(folder)
    docks.run()
    table = docks.open_results(Path(f"{folder}-nuclei"))
    results = docks.results.results
    columns = results.columns
    assert table.model.rowCount() == len(columns["label"]) > 10
    nuclei = docks.results.nuclei
    assert nuclei.features["area_px"][1] == (nuclei.data == 1).sum()

    line = table.model.line_of(2)
    table.view.selectRow(line)
    assert docks.results.row == 2
    selected = docks.results.selection
    top, left = np.round(selected.translate).astype(int)
    rows, column = selected.data.shape
    shown = np.zeros(nuclei.data.shape, bool)
    shown[top : top + rows, left : left + column] = selected.data
    np.testing.assert_array_equal(shown, nuclei.data == columns["label"][2])

    nuclei.selected_label = 4  # as napari's own table does
    assert table.model.row_at(table.view.currentIndex().row()) == 3
    middle = np.argwhere(nuclei.data == 6).mean(axis=0)
    click(docks.viewer, middle)
    docks.wait(lambda: docks.results.row == 5)
    assert table.model.row_at(table.view.currentIndex().row()) == 5

    other = int(np.flatnonzero(columns["image"] == 2)[-1])  # of the stack
    table.view.selectRow(table.model.line_of(other))
    docks.wait(lambda: docks.results.image == 2 and docks.results.row == other)
    assert docks.viewer.dims.current_step[0] == columns["plane"][other] > 0
    assert docks.results.nuclei.features.empty
    table.only.setChecked(True)
    assert table.model.rowCount() == (columns["image"] == 2).sum()
    assert table.said.text().startswith(f"{table.model.rowCount()} nuclei in stack.tif")


def click(viewer: Any, point: Any) -> None:
    canvas, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
    middle = np.array([canvas.height(), canvas.width()]) / 2
    y, x = middle + (np.asarray(point) - camera.center[-2:]) * camera.zoom
    place = QPoint(round(x), round(y))
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)


def test_closing_the_table_brings_back_what_was_shown(
    docks: Docks, folder: Path
) -> None:
    mine = docks.viewer.add_image(np.zeros((8, 8)))
    docks.open()
    docks.plan(folder)
    docks.run()
    table = docks.open_results(Path(f"{folder}-nuclei"))
    assert not mine.visible
    with docks.qtbot.waitSignal(docks.results.closed):
        docks.viewer.window.remove_dock_widget(table)
    assert mine.visible
    assert list(docks.viewer.layers) == [mine]
    docks.open_results(Path(f"{folder}-nuclei"))  # and again
    assert TABLE in docks.viewer.window.dock_widgets


def test_a_dropped_folder_of_results_is_opened(docks: Docks, folder: Path) -> None:
    widget = docks.open()
    docks.plan(folder)
    docks.run()
    drop(widget, Path(f"{folder}-nuclei"))
    docks.wait(lambda: docks.results.nuclei is not None)
    assert docks.batch.state.wish.paths == (str(folder),)
    (folder / "a.tif").unlink()  # its nuclei are shown all the same
    said: list[str] = []
    docks.results.problem.connect(said.append)
    docks.open_results(Path(f"{folder}-nuclei"))
    docks.wait(lambda: said)
    assert "a.tif is not where it was" in said[0]


def test_results_of_classes_are_read_and_said(tmp_path: Path) -> None:
    image = tmp_path / "a.tif"
    write_run(tmp_path, {"inputs": [{"image": "a.tif", "path": str(image)}]})
    (tmp_path / "records").mkdir()
    (tmp_path / "summary.csv").write_text(
        "image,status,labels\na.tif,done,labels/a.tif\n"
    )
    (tmp_path / "measurements.csv").write_text(
        "image,plane,label,class,area_px\na.tif,0,1,tumour,30\na.tif,0,2,stroma,70\n"
    )
    results = read_results(tmp_path)
    assert results.columns["area_px"].tolist() == [30, 70]
    said = found_in_words({"nuclei": None, "shares": {"tumour": 0.3, "stroma": 0.7}})
    assert said == "tumour 30 %, stroma 70 %"
    assert found_in_words({"nuclei": 1234}) == "1,234 nuclei"


def test_a_hundred_thousand_nuclei_are_sorted_by_any_column() -> None:
    count = 100_000
    random = np.random.default_rng(0)
    area = random.random(count)
    area[::7] = np.nan
    columns = {
        "image": np.arange(count) % 3,
        "label": np.arange(count),
        "plane": np.zeros(count, np.int64),
        "area_px": area,
    }
    images = tuple(ResultImage(f"{n}.tif", None, Path()) for n in range(3))
    model = NucleiModel()
    model.set_results(Results(Path(), images, columns))
    model.sort(3, Qt.SortOrder.DescendingOrder)
    order = [model.row_at(line) for line in range(count)]
    known = count - len(area[::7])
    assert (np.diff(area[order[:known]]) <= 0).all()
    assert np.isnan(area[order[known:]]).all()
    assert model.index(count - 1, 3).data() == ""
    assert order[model.line_of(50)] == 50
    model.show_only(1)
    assert {model.index(line, 0).data() for line in (0, 1000)} == {"1.tif"}


def test_run_all_uses_the_loop_and_its_worst_are_fixed_there(
    docks: Docks, folder: Path
) -> None:
    loop = docks.open(LOOP)
    session = session_of(docks.viewer)
    assert docks.batch.engine is session.engine  # one engine for both
    assert not loop.run_all.box.start_button.isEnabled()
    session.open([folder / "a.tif"])
    docks.wait(lambda: session.state.current == "a")
    session.change_reading({"diameter": 25.0})
    session.set_threshold(0.7)
    session.set_min_size(0.2)
    loop.run_all.box.start_button.click()
    docks.wait_for_end()
    docks.wait(lambda: not loop.run_all.visibleRegion().isEmpty())
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

    assert loop.run_all.box.unlike.text().startswith("3 of 3 images look unlike")
    worst = docks.batch.state.run.worst
    assert len(worst) == 3
    loop.run_all.box.fix_button.click()
    docks.wait(lambda: len(session.state.images) == 3)
    docks.wait(lambda: session.state.current == worst[0].stem)
    workspace = session.opener.workspace
    assert workspace.project.folder == folder / "unet-loop"
    assert workspace.view.of("b")["diameter"] == 25.0
    docks.wait(lambda: session.layers.nuclei.data.any())  # proposals


def test_the_worst_become_a_project_where_none_is_open(
    docks: Docks, folder: Path
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


def test_a_batch_says_that_it_waits_for_a_training(docks: Docks, folder: Path) -> None:
    loop = docks.open(LOOP)
    session = session_of(docks.viewer)
    session.open([folder])
    docks.wait(lambda: session.state.current)
    session.set_automatic(False)
    session.set_training({"epochs": 1000})
    session.editor.accept_view()
    session.start_learning()
    docks.wait(lambda: session.state.learning.phase == "running")
    session.pause_learning()
    loop.run_all.box.start_button.click()
    assert "Waits until learning is done" in loop.run_all.box.sentence.text()
    session.resume_learning()
    docks.wait(lambda: session.state.learning.phase == "running")
    session.stop_learning()
    docks.wait_for_end()
    assert loop.run_all.box.sentence.text().startswith("3 predicted")


def test_a_training_says_that_it_waits_for_a_batch(docks: Docks, folder: Path) -> None:
    loop = docks.open(LOOP)
    session = session_of(docks.viewer)
    session.open([folder])
    docks.wait(lambda: session.state.current)
    session.set_automatic(False)
    session.set_training({"epochs": 1000})
    session.editor.accept_view()
    loop.run_all.box.start_button.click()
    session.start_learning()
    assert session.state.learning.sentence == (
        "Waits until the batch is done, or stopped."
    )
    # The batch came first: it does not wait in turn.
    assert "Waits" not in loop.run_all.box.sentence.text()
    docks.wait_for_end()
    assert loop.run_all.box.sentence.text().startswith("3 predicted")
    docks.wait(lambda: session.state.learning.phase == "running")
    assert "Waits" not in session.state.learning.sentence
    session.stop_learning()
    docks.wait(lambda: session.state.learning.phase == "idle")


def test_models_of_the_open_project_can_be_chosen(docks: Docks, folder: Path) -> None:
    widget = docks.open()
    docks.open(LOOP)
    session = session_of(docks.viewer)
    session.open([folder])
    docks.wait(lambda: session.state.current)
    session.set_automatic(False)
    session.editor.accept_view()
    session.start_learning()
    docks.wait(lambda: session.state.model == "round-1")
    docks.wait(lambda: len(widget.form.model.choices) == 2)
    widget.form.model.value = str(folder / "unet-loop/models/round-1")
    assert docks.batch.state.wish.model.endswith("round-1")


def test_closing_the_dock_does_not_end_a_batch_and_closing_the_window_does(
    docks: Docks, folder: Path
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
