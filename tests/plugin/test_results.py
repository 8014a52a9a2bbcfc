"""Results of a batch in napari: layers, table, and what selects what."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_unet import _pyramid, _results_view
from napari_unet._batch_desk import TABLE
from napari_unet._desk import LOOP, session_of
from napari_unet._panels.measurements import NucleiModel
from napari_unet._results import ResultImage, Results, read_results
from napari_unet._words import found_in_words
from unetloop.classes import classes_to_json, name_classes
from unetloop.errors import EngineError
from unetloop.run_record import write_run

if TYPE_CHECKING:
    import pytest


def test_rows_and_nuclei_select_each_other(docks: Any, folder: Path) -> None:
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


def test_closing_the_table_brings_back_what_was_shown(docks: Any, folder: Path) -> None:
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


def test_results_give_way_to_the_loop_and_nothing_unseen_is_corrected(
    docks: Any, folder: Path
) -> None:
    docks.open(LOOP)
    session = session_of(docks.viewer)
    session.entrance.open([folder])
    docks.wait(lambda: session.state.current == "a" and not session.predictor.coming)
    docks.wait(lambda: session.opener.current.truth.segmentation.any())
    said: list[str] = []
    session.said.connect(lambda text, level: said.append(text))
    docks.desk.run_all()
    docks.wait_for_end()
    layers, truth = session.layers, session.opener.current.truth

    def cover() -> None:
        docks.results.open(folder / "unet-loop/results")
        docks.wait(lambda: docks.results.nuclei is not None)
        assert not layers.in_sight

    cover()
    row, column = np.argwhere(truth.segmentation[0])[0]
    docks.viewer.cursor.position = (row, column)
    session.tools.press("delete")
    assert "out of sight" in said[-1]
    assert not truth.review.any()
    assert layers.in_sight
    assert docks.results.nuclei is None
    assert docks.viewer.layers.selection.active is layers.nuclei
    session.tools.press("delete")
    assert truth.review.any()

    docks.desk.table.view.selectRow(0)  # leads back to them
    docks.wait(lambda: docks.results.nuclei is not None)
    session.tools.press("box")
    assert not truth.review.all()

    cover()
    layers.nuclei.selected_label = 1579  # napari takes those of hidden layers for bytes
    session.steps.next()
    docks.wait(lambda: session.state.current == "b")
    assert docks.results.nuclei is None
    assert layers.in_sight


def test_a_dropped_folder_of_results_is_opened(docks: Any, folder: Path) -> None:
    widget = docks.open()
    docks.plan(folder)
    docks.run()
    docks.drop(widget, Path(f"{folder}-nuclei"))
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


def test_all_channels_of_an_image_are_layers(docks: Any, tmp_path: Path) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    plane = np.random.default_rng(0).integers(0, 255, (2, 64, 64), np.uint8)
    tifffile.imwrite(
        folder / "a.tif",
        plane,
        ome=True,
        metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "actin"]}},
    )
    docks.open()
    docks.plan(folder)
    docks.run()
    docks.open_results(Path(f"{folder}-nuclei"))
    layers = docks.viewer.layers
    docks.wait(lambda: "actin" in layers)
    assert [layer.name for layer in layers] == ["actin", "a.tif", "nuclei of a.tif"]
    np.testing.assert_array_equal(np.asarray(layers["actin"].data), plane[1])
    assert not layers["actin"].visible
    docks.desk.results.close()
    assert len(layers) == 0


def test_masks_of_large_planes_are_shown_in_copies(
    docks: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pyramid, "_LARGE", 100 * 100)
    monkeypatch.setattr(_pyramid, "_COARSEST", 100)
    docks.open()
    docks.plan(folder)
    docks.run()
    table = docks.open_results(Path(f"{folder}-nuclei"))
    nuclei, columns = docks.results.nuclei, docks.results.results.columns
    assert [level.shape for level in nuclei.data] == [(160, 200), (80, 100)]
    docks.viewer.scene.camera.zoom = 2.0  # all of it is in no texture at once
    table.view.selectRow(table.model.line_of(2))
    area = int(docks.results.selection.data.sum())
    assert area == columns["area_px"][2]
    click(docks.viewer, np.argwhere(nuclei.data[0] == 4).mean(axis=0))
    docks.wait(lambda: docks.results.row == 3)


def test_an_image_that_was_left_while_it_was_read_does_not_come_back(
    docks: Any, folder: Path, hold_up: Any
) -> None:
    docks.open()
    docks.plan(folder)
    docks.run()
    docks.open_results(Path(f"{folder}-nuclei"))
    held = hold_up(_results_view, "read_labels_of")
    docks.results.show(1)
    docks.wait(held.is_done)
    docks.results.show(0, 2)
    held.let_go()
    finish(docks)
    assert (docks.results.image, docks.results.row) == (0, 2)


def test_an_image_that_was_left_does_not_say_that_it_can_not_be_read(
    docks: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, hold_up: Any
) -> None:
    docks.open()
    docks.plan(folder)
    docks.run()
    docks.open_results(Path(f"{folder}-nuclei"))
    said: list[str] = []
    docks.results.problem.connect(said.append)
    held = hold_up(_results_view, "read_pixels")
    monkeypatch.setattr(_results_view, "read_labels_of", fail_to_read)
    docks.results.show(1)
    docks.wait(held.is_done)
    docks.results.close()
    held.let_go()
    finish(docks)
    assert not said
    docks.results.open(Path(f"{folder}-nuclei"))  # who waits for it is told
    docks.wait(lambda: said)


def fail_to_read(item: Any) -> Any:
    raise EngineError("The masks can't be read.")


def finish(docks: Any) -> None:
    """Wait until both threads of the results have told what they were busy with."""
    both = threading.Barrier(2)
    done: list[int] = []
    for _ in range(2):
        docks.results._background.run(lambda: both.wait(60), done.append, print)
    docks.wait(lambda: len(done) == 2)


def class_model(folder: Path) -> Path:
    """A model of dark and bright, whose network is the engine's stand-in."""
    folder.mkdir()
    card = {
        "format": "unetloop-model",
        "version": 2,
        "task": "classes",
        "classes": classes_to_json(name_classes(["dark", "bright"])),
        "maps": ["dark", "bright"],
        "activation": "softmax",
        "diameter": 1.0,
        "model": {"channels": 1},
        "normalization": {},
        "instances": {},
        "weights_sha256": "0" * 64,
    }
    (folder / "model.json").write_text(json.dumps(card))
    return folder


def test_a_model_of_classes_is_offered_what_fits_and_its_areas_are_shown(
    docks: Any, folder: Path, tmp_path: Path
) -> None:
    widget = docks.open()
    docks.plan(folder)
    form = widget.form
    form.exports["rois"].value = True
    form.exports["overlay"].value = True

    def offered() -> set[str]:
        boxes = form.exports.items()
        return {name for name, box in boxes if not box.native.isHidden()}

    assert "rois" in offered()
    assert "probabilities" not in offered()
    assert form.diameter.native.isVisible()
    docks.batch.change(model=str(class_model(tmp_path / "tissue")), diameter=30.0)
    docks.wait(lambda: offered() == {"overlay", "ome_zarr", "probabilities"})
    assert not form.diameter.native.isVisible()
    form.exports["probabilities"].value = True
    docks.wait(lambda: docks.batch.state.plan.phase == "known")
    docks.wait(lambda: "bright" in docks.batch.state.preview.sentence)
    docks.run()
    out = Path(f"{folder}-classes")
    docks.wait(lambda: widget.box.sentence.text().startswith("3 predicted, in "))
    assert (out / "probabilities/a.ome.tif").exists()
    assert (out / "overlays/a.png").exists()
    assert not (out / "rois").exists()

    table = docks.open_results(out)
    layer, columns = docks.results.nuclei, docks.results.results.columns
    assert layer.name == "classes of a.tif"
    for number, tissue in enumerate(docks.results.results.classes, 1):
        wanted = [*bytes.fromhex(tissue.color[1:]), 255]
        np.testing.assert_allclose(layer.get_color(number) * 255, wanted, atol=1)
    assert layer.features["class"].tolist() == ["", "dark", "bright"]
    assert table.said.text().startswith("Areas of 2 classes in 3 images")
    names = [
        table.model.headerData(n, Qt.Orientation.Horizontal)
        for n in range(table.model.columnCount())
    ]
    shown = [table.model.index(1, n).data() for n in range(len(names))]
    line = dict(zip(names, shown, strict=True))
    assert (line["image"], line["class"]) == ("a.tif", "bright")
    assert line["area px"] == str((layer.data == 2).sum())

    table.view.selectRow(1)
    docks.wait(lambda: docks.results.row == 1)
    assert layer.show_selected_label
    assert layer.selected_label == 2
    place = np.argwhere(layer.data == 1)[0] + 0.1
    click(docks.viewer, place)
    docks.wait(lambda: docks.results.row == 0)
    click(docks.viewer, place)  # again: all are shown
    docks.wait(lambda: docks.results.row == -1)
    assert not layer.show_selected_label
    last = len(columns["label"]) - 1  # of the stack's last plane
    table.view.selectRow(table.model.line_of(last))
    docks.wait(lambda: docks.results.image == 2)
    assert docks.viewer.dims.current_step[0] == 2
    docks.batch.change(model="nuclei")
    docks.wait(lambda: "rois" in offered())
    assert form.exports["rois"].value  # as it was before
