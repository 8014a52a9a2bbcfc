"""The same batch on several processes, one of which is killed."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")

import dask
import numpy as np
import psutil
import tifffile
from batch_parts import draw_discs, of_kind, read_table, write_discs

from unetloop import __version__, cluster, cluster_worker, large
from unetloop.batch import BatchOptions, _Run, predict_images
from unetloop.catalog import SHIPPED
from unetloop.checkpoint import Model, open_model
from unetloop.cluster import run_on_cluster
from unetloop.cluster_worker import predict_on_worker, stop_file
from unetloop.config import PredictionConfig
from unetloop.errors import EngineError
from unetloop.events import Notice
from unetloop.files import find_images
from unetloop.masks import read_labels
from unetloop.run_record import ImageRecord, Records

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.image_job import ImageJob

# What Dask's own threads and event loops leave behind when a worker is killed.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def _workers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it may end just now
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


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
    assert psutil.wait_procs(_workers(), timeout=30)[1] == []
    # The same job in threads gives the same files.
    here = tmp_path / "here"
    list(predict_images(found, here, model, config, BatchOptions()))
    # What a worker was writing when it died is a hidden file, until the next run.
    masks = sorted((out / "labels").glob("*.tif"))
    assert len(masks) == len(list((here / "labels").iterdir())) == 8
    for path in masks:
        assert (read_labels(path) == read_labels(here / "labels" / path.name)).all()
    tables = [folder / "measurements.csv" for folder in (out, here)]
    assert tables[0].read_text() == tables[1].read_text()


# Each worker runs it first, maybe twice: a million pixels are many there, too.
IN_WORKERS = """
from pathlib import Path
from unetloop import cluster_worker, large
large._LARGE_PIXELS, large._BLOCK_PIXELS = 1 << 20, 1 << 18
def submit_noted(*what, submit=cluster_worker._Blocks.submit):
    Path({noted!r}).touch()
    return submit(*what)
cluster_worker._Blocks.submit = submit_noted
"""


def test_a_large_plane_is_done_block_by_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1040 x 1026 pixels are just too many for one piece."""
    monkeypatch.setattr(large, "_LARGE_PIXELS", 1 << 20)
    monkeypatch.setattr(large, "_BLOCK_PIXELS", 1 << 18)
    noted = tmp_path / "blocks"
    script = IN_WORKERS.format(noted=str(noted))
    (tmp_path / "preload.py").write_text(script, encoding="utf-8")
    folder = tmp_path / "in"
    folder.mkdir()
    small = np.tile(draw_discs(9), (4, 4))[:520, :513]
    pixels = np.kron(small, np.ones((2, 2)))
    tifffile.imwrite(folder / "a.tif", pixels.astype(np.uint8), tile=(512, 512))
    model, config = open_model(SHIPPED), PredictionConfig(diameter=64.0)
    found = find_images([folder])
    preload = {"distributed.worker.preload": [str(tmp_path / "preload.py")]}
    with dask.config.set(preload):
        for out, jobs in (("there", 2), ("here", 0)):
            options = BatchOptions(jobs=jobs)
            work = predict_images(found, tmp_path / out, model, config, options)
            assert of_kind(list(work), "PredictionDone")[0].predicted == 1
    assert noted.exists()
    one, other = (
        read_labels(tmp_path / out / "labels/a.tif") for out in ("there", "here")
    )
    assert one.max() == other.max() > 20
    # Each process sums in its own order: a pixel on an edge may fall either way.
    assert np.count_nonzero(one != other) < 1e-5 * one.size


def _job(folder: Path, model: Model, **options: Any) -> ImageJob:
    """What a worker is sent of an image of two discs."""
    found = find_images([write_discs(folder / "in", {"a.tif": 2})])
    config = PredictionConfig(diameter=32.0)
    run = _Run(found, folder / "out", model, config, BatchOptions(**options))
    return replace(run.jobs[0], reference=None)


def test_a_worker_that_sees_other_files_says_so(tmp_path: Path) -> None:
    model = open_model(SHIPPED)
    job = _job(tmp_path, model)
    rest = (model.path, model.weights_hash, 1.0)
    with pytest.raises(EngineError, match="another version"):
        predict_on_worker(job, *rest, "0")
    with pytest.raises(EngineError, match="does not see the output"):
        predict_on_worker(job, *rest, __version__)
    Records(job.out).folder.mkdir(parents=True)
    with pytest.raises(EngineError, match="another model"):
        predict_on_worker(job, model.path, "0" * 64, 1.0, __version__)


def test_a_worker_exports_without_the_model(tmp_path: Path) -> None:
    model, out = open_model(SHIPPED), tmp_path / "out"
    job = replace(_job(tmp_path, model, exports=("rois",)), again=("rois",))
    found = find_images([tmp_path / "in"])
    list(predict_images(found, out, model, job.config))
    record = predict_on_worker(job, tmp_path / "no model", "0" * 64, 1.0, __version__)
    assert (record.status, record.exports) == ("done", ["rois"])
    assert (out / "rois/a.zip").exists()
    assert Records(out).read("a") == record


def test_threads_of_a_worker_take_turns_with_its_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Busy:
        """A network that must not be called while it is at work."""

        backend, channels, bytes_a_pixel = "a test", 1, 1
        at_work = threading.Lock()

        def __call__(self, batch: np.ndarray) -> np.ndarray:
            assert self.at_work.acquire(blocking=False)
            time.sleep(0.02)
            self.at_work.release()
            return batch

    model, batch = open_model(SHIPPED), np.zeros((1, 2, 2, 1), np.float32)
    monkeypatch.setattr(Model, "network", lambda *_: Busy())
    cluster_worker._load.cache_clear()
    _, network = cluster_worker._load(model.path, model.weights_hash, 1.0)
    cluster_worker._load.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(network, [batch] * 4))) == 4


def test_a_run_that_was_stopped_does_not_stop_the_next(tmp_path: Path) -> None:
    records = Records(tmp_path)
    stop_file(records, "one").parent.mkdir()
    stop_file(records, "one").touch()
    assert not stop_file(records, "two").exists()
    old = stop_file(records, "of last week")
    old.touch()
    os.utime(old, (0, 0))
    cluster._remove_old_stops(records)
    assert [path.name for path in records.folder.iterdir()] == [".stop-one"]


def test_a_record_that_a_network_disk_shows_late_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_BREATH_SECONDS", 0.0)
    record = ImageRecord("a.tif", "a", "/a.tif", "", "done")
    looks: list[str] = []

    def read(self: Records, stem: str) -> ImageRecord | None:
        looks.append(stem)
        return record if len(looks) == 3 else None

    monkeypatch.setattr(Records, "read", read)
    assert cluster._is_seen(record, Records(tmp_path))
    monkeypatch.setattr(cluster, "_SEEN_SECONDS", 0.0)
    assert not cluster._is_seen(record, Records(tmp_path))


class _Task:
    """A task as Dask leaves it when something went wrong around it."""

    def __init__(self, raised: Exception | None, given: Exception) -> None:
        self.raised, self.given = raised, given

    def exception(self) -> Exception | None:
        return self.raised

    def result(self) -> ImageRecord:
        raise self.given


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (None, r"lost\. See that it runs"),  # it was not done
        (ModuleNotFoundError("No module named 'unetloop'"), "is not installed"),
        (RuntimeError("Error during deserialization of the task"), "is not installed"),
    ],
)
def test_a_cluster_that_fails_is_one_sentence(
    raised: Exception | None, sentence: str, tmp_path: Path
) -> None:
    from distributed.client import FutureCancelledError

    lost = FutureCancelledError("key", "scheduler-connection-lost")
    job = _job(tmp_path, open_model(SHIPPED))
    with pytest.raises(EngineError, match=sentence):
        cluster._result(_Task(raised, raised or lost), job)


def test_where_nobody_works_it_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "_LOOK_SECONDS", 0.0)
    model = open_model(SHIPPED)
    job = _job(tmp_path, model)
    Records(job.out).folder.mkdir(parents=True)
    breaths = []
    with LocalCluster(n_workers=0, protocol="tcp", dashboard_address=None) as nobody:
        address = nobody.scheduler_address
        for update in run_on_cluster(
            [job], model, None, address, 0, lambda: len(breaths) > 6
        ):
            breaths.append(update)
    said = [event.text for _, event in breaths if isinstance(event, Notice)]
    assert len(said) == 1
    assert "no workers now" in said[0]


def test_processes_that_do_not_start_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(**_: object) -> None:
        raise RuntimeError("Cluster failed to start: Timed out")

    monkeypatch.setattr("distributed.LocalCluster", busy)
    found = find_images([write_discs(tmp_path / "in", {"a.tif": 1})])
    work = predict_images(
        found,
        tmp_path / "out",
        open_model(SHIPPED),
        PredictionConfig(),
        BatchOptions(jobs=2),
    )
    with pytest.raises(EngineError, match="did not start"):
        list(work)


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
