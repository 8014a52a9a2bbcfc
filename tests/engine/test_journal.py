from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop.edit_log import Edit, EditLog
from unetloop.errors import EngineError
from unetloop.journal import Journal
from unetloop.project import Project, open_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from unetloop.edit_log import PlaneKey

SIZE = 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((SIZE, SIZE), np.uint8))
    with open_project(tmp_path / "project", create=True) as project:
        project.add_images([tmp_path / "a.tif"])
    return tmp_path / "project"


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    with open_project(folder) as project:
        yield project


def _paint(
    journal: Journal, project: Project, value: int, row: int = 2, array: str = ""
) -> None:
    array = array or "segmentation"
    before = journal.state(project.images[0], 0, array)[row : row + 3, 4:9]
    edit = Edit("a", 0, array, row, 4, before, np.full_like(before, value))
    journal.record("paint", [edit])


def _now(journal: Journal, project: Project, array: str = "segmentation") -> int:
    return int(journal.state(project.images[0], 0, array)[3, 5])


def test_undo_and_redo_go_on_after_a_restart(project: Project) -> None:
    journal = Journal(project)
    for value in (1, 2, 3):
        _paint(journal, project, value)
    journal.undo()
    journal.close()
    journal = Journal(project)
    assert _now(journal, project) == 2
    journal.redo()
    assert _now(journal, project) == 3
    for expected in (2, 1, 0):
        journal.undo()
        assert _now(journal, project) == expected
    assert journal.undo() == []
    journal.close()
    assert project.read_segmentation(project.images[0]).max() == 0


def test_an_undo_after_the_snapshot_survives_a_crash(project: Project) -> None:
    journal = Journal(project)
    _paint(journal, project, 1)
    journal.flush()
    journal.undo()
    # No close: the snapshot still holds the edit.
    assert _now(Journal(project), project) == 0


def test_what_was_undone_stays_undone_after_new_work_and_a_crash(
    project: Project,
) -> None:
    journal = Journal(project)
    _paint(journal, project, 1)
    journal.flush()
    journal.undo()
    _paint(journal, project, 5, row=12)
    # No close: the snapshot still holds the edit, which can't be redone any more.
    journal = Journal(project)
    assert _now(journal, project) == 0
    assert not journal.can_redo
    assert journal.ledger() == {"paint": 1}
    journal.close()
    assert _now(Journal(project), project) == 0


def test_a_plane_is_never_read_without_its_edits(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _paint(Journal(project), project, 1)
    journal = Journal(project)
    with monkeypatch.context() as broken:
        broken.setattr(EditLog, "since_stored", _fail)
        with pytest.raises(EngineError, match="could not be read"):
            _now(journal, project)
    assert _now(journal, project) == 1


def _fail(log: EditLog, key: PlaneKey) -> list[tuple[Edit, bool]]:
    raise EngineError("The journal could not be read.")


def test_new_work_ends_redo(project: Project) -> None:
    journal = Journal(project)
    _paint(journal, project, 1)
    journal.undo()
    _paint(journal, project, 5)
    assert journal.redo() == []
    assert _now(journal, project) == 5
    assert journal.ledger() == {"paint": 1}


def test_a_prediction_spares_what_is_reviewed(project: Project) -> None:
    journal = Journal(project)
    image = project.images[0]
    _paint(journal, project, 7)
    _paint(journal, project, 1, array="review")
    labels = np.full((SIZE, SIZE), 8, np.int32)
    journal.propose(image, 0, (0, 0), labels)
    state = journal.state(image, 0, "segmentation")
    assert (state[2:5, 4:9] == 7).all()
    assert set(np.unique(state)) == {7, 8}


def test_a_later_prediction_outlives_an_older_edit(project: Project) -> None:
    journal = Journal(project)
    _paint(journal, project, 7)  # not reviewed
    journal.propose(project.images[0], 0, (0, 0), np.zeros((SIZE, SIZE), np.int32))
    journal.close()
    assert _now(Journal(project), project) == 0


def test_a_prediction_beyond_the_image_is_refused(project: Project) -> None:
    journal = Journal(project)
    labels = np.ones((5, 5), np.int32)
    with pytest.raises(EngineError, match="beyond the image"):
        journal.propose(project.images[0], 0, (SIZE - 2, 0), labels)


def test_an_edit_outside_the_image_is_refused(project: Project) -> None:
    journal = Journal(project)
    patch = np.zeros((5, 5), np.int32)
    with pytest.raises(EngineError, match="within the image"):
        journal.record("paint", [Edit("a", 0, "segmentation", 30, 0, patch, patch)])


def test_a_damaged_journal_is_one_sentence(folder: Path) -> None:
    (folder / "journal.sqlite").write_bytes(b"no database at all" * 100)
    with open_project(folder) as project, pytest.raises(EngineError, match="damaged"):
        Journal(project)


WRITER = """
import sys, numpy as np
from pathlib import Path
from unetloop.project import open_project
from unetloop.edit_log import Edit
from unetloop.journal import Journal
project = open_project(Path(sys.argv[1])); journal = Journal(project)
first = int(journal.state(project.images[0], 0, "segmentation")[0, 0])
for value in range(first + 1, 10**6):
    before = journal.state(project.images[0], 0, "segmentation")[:4, :4]
    journal.record("paint", [
        Edit("a", 0, "segmentation", 0, 0, before, np.full_like(before, value))])
    print(value, flush=True)
    if value % 5 == 0:
        journal.flush()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(folder: Path) -> None:
    chance = random.Random(0)
    value = 0
    for _ in range(50):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].split()
        acknowledged = int(rest[-1]) if rest else value + 1
        with open_project(folder) as project:
            journal = Journal(project)
            state = journal.state(project.images[0], 0, "segmentation")[:4, :4]
            # The last edit may be in without having been acknowledged.
            assert state[0, 0] in (acknowledged, acknowledged + 1)
            assert (state == state[0, 0]).all()
            value = int(state[0, 0])
            journal.close()


def test_a_full_disk_is_said_to_be_full(project: Project) -> None:
    log = EditLog(project.journal_path)
    (pages,) = log._base.execute("PRAGMA page_count").fetchone()
    log._base.execute(f"PRAGMA max_page_count = {pages + 2}")
    noise = np.random.default_rng(0).integers(0, 1 << 30, (32, 32), np.int32)
    edit = Edit("a", 0, "segmentation", 0, 0, noise, noise + 1)
    with pytest.raises(EngineError, match="is full"):
        log.add("paint", [edit] * 40)
    log._base.execute("PRAGMA max_page_count = 100000")
    assert log.add("paint", [edit]) == 1
    log.close()


def test_an_edit_that_is_damaged_is_one_sentence(project: Project) -> None:
    log = EditLog(project.journal_path)
    patch = np.zeros((5, 5), np.int32)
    log.add("paint", [Edit("a", 0, "segmentation", 0, 0, patch, patch)])
    log._base.execute("UPDATE edits SET after = ?", (b"half of it",))
    with pytest.raises(EngineError, match="damaged"):
        log.last_done()
    log.close()
