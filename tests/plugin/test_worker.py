"""The process that computes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from napari_unet._fields import Field
from napari_unet._marks import HALO
from napari_unet._nuclei import NUCLEI
from napari_unet._placing import Labelled, cut, label_field, place
from napari_unet._worker import Worker
from unetloop.config import InstanceConfig
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


def test_it_answers_from_another_process(worker: Worker) -> None:
    assert worker.call(os.getpid) != os.getpid()
    labels = worker.call(np.sum, np.ones((300, 300)))
    assert labels == 90_000


def test_what_it_prints_is_no_answer(worker: Worker) -> None:
    assert worker.call(print, "hello") is None
    assert worker.call(abs, -3) == 3


def test_what_goes_wrong_there_is_raised_here(worker: Worker) -> None:
    with pytest.raises(FileNotFoundError):
        worker.call(os.stat, "no such file")
    with pytest.raises(EngineError, match="threshold"):
        worker.call(InstanceConfig, 7.0)
    assert worker.call(abs, -3) == 3


def test_it_is_started_again_where_it_died_and_given_up_where_it_dies_again(
    worker: Worker,
) -> None:
    first = worker.call(os.getpid)
    psutil.Process(first).kill()
    assert worker.call(os.getpid) != first
    with pytest.raises(EngineError, match="Close other programs"):
        worker.call(os._exit, 3)
    assert worker.call(abs, -3) == 3


def test_closing_ends_it(worker: Worker) -> None:
    process = psutil.Process(worker.call(os.getpid))
    worker.close()
    assert not process.is_running()
    with pytest.raises(EngineError):
        worker.call(abs, -3)


def test_it_does_not_outlive_a_viewer_that_is_killed() -> None:
    victim = (
        "import os, time\nfrom napari_unet._worker import Worker\n"
        "print(Worker().call(os.getpid), flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", victim], stdout=subprocess.PIPE
    ) as viewer:
        assert viewer.stdout is not None
        process = psutil.Process(int(viewer.stdout.readline()))
        viewer.kill()
    process.wait(30)


def test_it_knows_no_viewer(worker: Worker) -> None:
    maps = np.zeros((8, 8, 2), np.float16)
    worker.call(label_field, NUCLEI, maps, InstanceConfig(), 5.0)
    loaded = worker.call(eval, "sorted(__import__('sys').modules)")
    assert "unetloop.instances" in loaded
    assert not {"napari", "qtpy", "tensorflow", "keras"} & set(loaded)


def test_a_field_is_placed_there_as_it_would_be_here(worker: Worker) -> None:
    from napari_unet._current import Truth

    truth = Truth.of(1, (60, 80))
    truth.segmentation[0, 5:15, 5:15] = 4
    truth.review[0, 2:18, 2:18] = 1
    labels = np.zeros((40, 50), np.int32)
    labels[5:15, 5:15], labels[20:30, 20:30] = 1, 2
    field = Field((0, 0, 40, 50), (0, 0, 40, 50))
    question = cut(truth, Labelled("a", 0, field, labels))
    placed = worker.call(place, question)
    here = place(question)
    np.testing.assert_array_equal(placed.segmentation, here.segmentation)
    np.testing.assert_array_equal(placed.marks, here.marks)
    assert set(np.unique(placed.segmentation)) == {0, 4, 5}
    assert (placed.before, placed.after) == (4, 5)
    assert placed.window == (slice(0, 40 + HALO), slice(0, 50 + HALO))
    assert not np.shares_memory(placed.segmentation, truth.segmentation)
