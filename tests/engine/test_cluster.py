"""The same batch on several processes, one of which is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")

import psutil
from batch_parts import of_kind, read_table, write_discs

from unetloop.batch import BatchOptions, predict_images
from unetloop.catalog import SHIPPED
from unetloop.checkpoint import open_model
from unetloop.config import PredictionConfig
from unetloop.errors import EngineError
from unetloop.files import find_images, read_labels
from unetloop.run_record import Records

if TYPE_CHECKING:
    from pathlib import Path

# What Dask's own threads and event loops leave behind when a worker is killed.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def _workers() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_a_killed_worker_costs_its_image_a_retry(tmp_path: Path) -> None:
    folder = write_discs(tmp_path / "in", {f"{n}.tif": n for n in range(1, 9)})
    (folder / "bad.tif").write_text("this is no image")
    out, model = tmp_path / "out", open_model(SHIPPED)
    config = PredictionConfig(diameter=32.0)
    found = find_images([folder])
    events = []
    for event in predict_images(found, out, model, config, BatchOptions(jobs=2)):
        if type(event).__name__ == "ImagePredicted" and not of_kind(
            events, "ImagePredicted"
        ):
            _workers()[0].kill()
        events.append(event)
    done = of_kind(events, "PredictionDone")[0]
    assert (done.predicted, done.failed) == (8, 1)
    assert "can't be read" in of_kind(events, "ImageFailed")[0].reason
    named = [event.image.name for event in of_kind(events, "ImagePredicted")]
    assert sorted(named) == sorted(f"{n}.tif" for n in range(1, 9))
    assert len(read_table(out / "summary.csv")) == 9
    assert not _workers()
    # The same job in threads gives the same files.
    here = tmp_path / "here"
    list(predict_images(found, here, model, config, BatchOptions()))
    for path in sorted((out / "labels").iterdir()):
        assert (read_labels(path) == read_labels(here / "labels" / path.name)).all()
    tables = [folder / "measurements.csv" for folder in (out, here)]
    assert tables[0].read_text() == tables[1].read_text()


def test_a_worker_that_sees_other_files_says_so(tmp_path: Path) -> None:
    from dataclasses import replace

    from unetloop.batch import _Run
    from unetloop.cluster import predict_on_worker

    folder = write_discs(tmp_path / "in", {"a.tif": 1})
    model, out = open_model(SHIPPED), tmp_path / "out"
    run = _Run(find_images([folder]), out, model, PredictionConfig(), BatchOptions())
    job = replace(run.jobs[0], reference=None)
    rest = (model.path, model.weights_hash, 1.0)
    with pytest.raises(EngineError, match="another version"):
        predict_on_worker(job, *rest, "0")
    from unetloop import __version__

    with pytest.raises(EngineError, match="does not see the output"):
        predict_on_worker(job, *rest, __version__)
    Records(out).folder.mkdir(parents=True)
    with pytest.raises(EngineError, match="another model"):
        predict_on_worker(job, model.path, "0" * 64, 1.0, __version__)


def test_a_scheduler_that_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unetloop.cluster._CONNECT_SECONDS", 1)
    folder = write_discs(tmp_path / "in", {"a.tif": 1})
    options = BatchOptions(scheduler="tcp://127.0.0.1:9")
    work = predict_images(
        find_images([folder]),
        tmp_path / "out",
        open_model(SHIPPED),
        PredictionConfig(),
        options,
    )
    with pytest.raises(EngineError, match="no Dask scheduler"):
        list(work)
