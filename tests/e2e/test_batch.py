"""A folder with a broken file, from its drop to a row of the results' table."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from qtpy.QtCore import QCoreApplication

from napari_unet._farewell import Farewell
from unetloop.masks import read_labels


def test_drop_run_retry_open_and_select(
    docks: Any, folder: Path, tmp_path: Path
) -> None:
    (folder / "broken.tif").write_text("this is no image")
    wait = partial(docks.wait, seconds=150)
    widget = docks.open()
    docks.drop(widget, folder)
    state = lambda: widget.batch.state  # noqa: E731 - it is another one each time
    wait(lambda: state().plan.phase == "known")
    assert widget.said.text().startswith("4 images, 1 of them can't be read · about")
    wait(lambda: state().preview.folder is not None)
    assert "nuclei" in widget.preview.sentence.text()

    widget.box.start_button.click()
    wait(lambda: not state().run.busy)
    assert widget.box.sentence.text().startswith("3 predicted, 1 failed, in ")
    (folder / "broken.tif").write_bytes((folder / "b.tif").read_bytes())
    widget.box.retry_button.click()
    wait(lambda: not state().run.busy)
    assert widget.box.sentence.text().startswith("1 predicted, 3 left as they were")

    widget.box.results_button.click()
    results = widget.desk.results
    wait(lambda: results.nuclei is not None)
    table = widget.desk.table
    columns = results.results.columns
    row = int(np.flatnonzero(columns["image"] == 1)[4])
    table.view.selectRow(table.model.line_of(row))
    wait(lambda: results.row == row)
    assert results.nuclei.name == "nuclei of b.tif"
    labels = read_labels(Path(f"{folder}-nuclei/labels/b.tif"))
    area = (labels == columns["label"][row]).sum()
    assert results.selection.data.sum() == area == columns["area_px"][row]

    # The command line makes the same files of the same job.
    plain = tmp_path / "plain"
    command = [sys.executable, "-m", "unetloop", "predict", str(folder)]
    subprocess.run([*command, "--out", str(plain), "--recursive"], check=True)
    ours = Path(f"{folder}-nuclei")
    for name in ("labels/a.tif", "labels/b.tif", "labels/stack.tif"):
        assert (plain / name).read_bytes() == (ours / name).read_bytes(), name
    tables = [pd.read_csv(out / "measurements.csv") for out in (plain, ours)]
    certainty = [table.pop("certainty_mean") for table in tables]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    # ONNX Runtime and Keras round differently, and each takes what is there.
    np.testing.assert_allclose(*certainty, atol=1e-6)

    engines = [
        process
        for process in psutil.Process().children(recursive=True)
        if "serve" in process.cmdline()
    ]
    assert len(engines) == 1
    docks.viewer.close()
    wait(lambda: not QCoreApplication.instance().findChildren(Farewell))
    assert not engines[0].is_running()
