from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from unetloop.edit_log import EditLog
from unetloop.edits import Edit
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EditLog]:
    log = EditLog(tmp_path / "log.sqlite")
    yield log
    log.close()


def test_a_full_disk_is_said_to_be_full(log: EditLog) -> None:
    base = log._file._base
    (pages,) = base.execute("PRAGMA page_count").fetchone()
    base.execute(f"PRAGMA max_page_count = {pages + 2}")
    noise = np.random.default_rng(0).integers(0, 1 << 30, (32, 32), np.int32)
    edit = Edit("a", 0, "segmentation", 0, 0, noise, noise + 1)
    with pytest.raises(EngineError, match="is full"):
        log.add("paint", [edit] * 40)
    base.execute("PRAGMA max_page_count = 100000")
    assert log.add("paint", [edit]) == 1


def test_an_edit_that_is_damaged_is_one_sentence(log: EditLog) -> None:
    patch = np.zeros((5, 5), np.int32)
    log.add("paint", [Edit("a", 0, "segmentation", 0, 0, patch, patch)])
    log._file._base.execute("UPDATE edits SET after = ?", (b"half of it",))
    with pytest.raises(EngineError, match="damaged"):
        log.last_done()
