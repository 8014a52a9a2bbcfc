from __future__ import annotations

import multiprocessing
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from journal_writer import write_without_end

from unetloop.edit_log import EditLog
from unetloop.edits import Edit
from unetloop.errors import EngineError
from unetloop.journal import Journal
from unetloop.log_file import LogFile
from unetloop.project import Project, open_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from unetloop.edits import PlaneKey

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


@pytest.fixture(autouse=True)
def crashed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the files of journals that a test left open, which is its crash.

    Python 3.13 warns of a database that nobody closed.
    """
    opened = []
    begin = LogFile.__init__

    def begin_noted(file: LogFile, path: Path, schema: str) -> None:
        begin(file, path, schema)
        opened.append(file)

    monkeypatch.setattr(LogFile, "__init__", begin_noted)
    yield
    for file in opened:
        file.close()


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


def test_what_is_undone_is_read_ahead_where_it_is_not_in_memory(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(project)
    assert journal.is_read(back=True)  # there is nothing to undo
    _paint(journal, project, 7)
    _paint(journal, project, 1, array="review")
    assert journal.is_read(back=True)
    journal.flush()
    journal.forget("a")
    assert not journal.is_read(back=True)
    journal.read_ahead(back=True)
    with monkeypatch.context() as away:

        def fails(*_: object) -> Any:
            raise EngineError("The drive is away.")

        away.setattr(Project, "read_review", fails)
        away.setattr(Project, "read_segmentation", fails)
        assert [edit.array for edit in journal.undo()] == ["review"]
        assert not journal.is_read(back=True)  # that is another array
        assert journal.is_read(back=False)
    assert journal.undo()
    assert _now(journal, project) == 0
    journal.close()


def test_an_undo_after_the_snapshot_survives_a_crash(project: Project) -> None:
    journal = Journal(project)
    _paint(journal, project, 1)
    journal.flush()
    journal.undo()
    # No close: the snapshot still holds the edit.
    assert _now(Journal(project), project) == 0


def _propose(journal: Journal, project: Project, value: int, row: int = 2) -> None:
    labels = journal.state(project.images[0], 0, "segmentation")
    labels[row : row + 3, 4:9] = value
    journal.propose(project.images[0], 0, (0, 0), labels)


def test_a_proposal_that_was_accepted_survives_a_crash(project: Project) -> None:
    journal = Journal(project)
    _propose(journal, project, 7)
    _paint(journal, project, 1, array="review")
    # No close: the mask was not written since it was proposed.
    assert _now(Journal(project), project) == 7
    journal.undo()
    assert _now(Journal(project), project, "review") == 0
    journal.redo()
    again = Journal(project)
    assert (_now(again, project), _now(again, project, "review")) == (7, 1)


def test_an_accepted_proposal_beside_which_another_came_survives_a_crash(
    project: Project,
) -> None:
    journal = Journal(project)
    for corner, value in (((0, 0), 7), ((16, 16), 8)):
        labels = np.full((16, 16), value, np.int32)
        journal.propose(project.images[0], 0, corner, labels)
    _paint(journal, project, 1, array="review")
    assert _now(Journal(project), project) == 7


def test_what_was_kept_of_a_proposal_is_not_put_over_later_ones(
    project: Project,
) -> None:
    journal = Journal(project)
    _propose(journal, project, 7)
    journal.keep_proposals("a", 0)
    _propose(journal, project, 8)
    _paint(journal, project, 1, array="review")
    assert _now(Journal(project), project) == 8
    _paint(journal, project, 9)
    assert _now(Journal(project), project) == 9
    journal.undo()
    assert _now(Journal(project), project) == 8


def test_what_a_review_that_is_done_again_speaks_of_survives_a_crash(
    project: Project,
) -> None:
    journal = Journal(project)
    _propose(journal, project, 7)
    _paint(journal, project, 1, array="review")
    journal.undo()
    _propose(journal, project, 8)
    journal.redo()
    again = Journal(project)
    assert (_now(again, project), _now(again, project, "review")) == (8, 1)


def test_what_is_drawn_while_proposals_are_packed_is_not_taken_back_by_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(project)
    _propose(journal, project, 7)
    pack = EditLog.pack

    def meanwhile(*what: Any) -> Any:
        monkeypatch.setattr(EditLog, "pack", pack)
        _paint(journal, project, 9)
        return pack(*what)

    monkeypatch.setattr(EditLog, "pack", meanwhile)
    journal.keep_proposals("a", 0)
    assert _now(Journal(project), project) == 9


def test_proposals_that_were_kept_are_read_until_their_mask_is_written(
    project: Project,
) -> None:
    journal = Journal(project)
    _propose(journal, project, 7)
    journal.keep_proposals("a", 0)
    assert journal.under([_review()]) == []
    assert _now(Journal(project), project) == 7
    _propose(journal, project, 8)
    journal.flush()
    assert _now(Journal(project), project) == 8
    assert journal.under([_review()]) == []


def test_a_proposal_that_comes_while_masks_are_written_is_not_taken_for_written(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(project)
    _propose(journal, project, 7)
    write = Project.write_segmentation

    def meanwhile(self: Project, *what: object) -> None:
        monkeypatch.setattr(Project, "write_segmentation", write)
        _propose(journal, project, 8)
        write(self, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(Project, "write_segmentation", meanwhile)
    journal.flush()
    _paint(journal, project, 1, array="review")
    assert _now(Journal(project), project) == 8


def test_who_corrects_while_a_plane_is_copied_need_not_wait_and_loses_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(project)
    _paint(journal, project, 1)
    tries: list[int] = []

    class Changing:
        def __init__(self, values: np.ndarray) -> None:
            self.values = values

        def copy(self) -> np.ndarray:
            copy = self.values.copy()
            # As in another thread, which the lock keeps away at last.
            _paint(journal, project, 1 + len(tries))
            return copy

    def changed(*where: object) -> dict[PlaneKey, object]:
        tries.append(1)
        found = look(*where)
        if len(tries) > 3:
            return dict(found)
        return {key: Changing(values) for key, values in found.items()}

    look = journal._planes.changed_of
    monkeypatch.setattr(journal._planes, "changed_of", changed)
    journal.flush()
    now = _now(journal, project)
    assert now == 4
    assert _now(Journal(project), project) == now
    journal.close()
    assert project.read_segmentation(project.images[0])[3, 5] == now


def _review() -> Edit:
    before = np.zeros((3, 5), np.uint8)
    return Edit("a", 0, "review", 2, 4, before, before + 1)


def test_overlapping_work_undone_and_redone_is_the_same_after_a_crash(
    project: Project,
) -> None:
    chance = random.Random(1)
    journal = Journal(project)
    for turn in range(1, 120):
        do = chance.choice(["paint", "paint", "undo", "redo", "propose", "review"])
        row = chance.randrange(8)
        if do == "paint":
            _paint(journal, project, turn, row)
        elif do == "propose":
            _propose(journal, project, turn, row)
            if chance.random() < 0.5:
                journal.keep_proposals("a", 0)
        elif do == "review":
            _paint(journal, project, 1, row, "review")
        elif do == "undo":
            journal.undo()
        else:
            journal.redo()
        if chance.random() < 0.1:
            journal.flush()
        image, crashed = project.images[0], Journal(project)
        right = journal.state(image, 0, "review") == 1
        for array in ("segmentation", "review"):
            now, then = (one.state(image, 0, array) for one in (journal, crashed))
            assert np.array_equal(now[right], then[right])
        assert np.array_equal(right, crashed.state(image, 0, "review") == 1)
        crashed._log.close()
    journal.close()


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


def test_who_looks_holds_nothing_and_knows_whether_the_file_lacks_something(
    project: Project,
) -> None:
    journal, image = Journal(project), project.images[0]

    def look(journal: Journal) -> tuple[int, bool, set[int]]:
        values, stored = journal.look(image, 0, "segmentation")
        seen = int(values[3, 5])
        values[:] = 99  # it is a copy
        return seen, stored, journal.unsettled_planes("a")

    assert look(journal) == (0, True, set())
    _paint(journal, project, 7)
    assert look(journal) == (7, False, {0})
    assert look(Journal(project)) == (7, False, {0})  # in the journal alone
    journal.flush()
    assert look(journal) == (7, False, {0})  # still in memory
    journal.forget("a")
    assert look(journal) == (7, True, set())


def test_who_corrects_need_not_wait_for_another_plane_to_be_read(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(project)
    reading, recorded = threading.Event(), threading.Event()
    read = Project.read_segmentation

    def slow(*where: Any) -> Any:
        reading.set()
        assert recorded.wait(20)
        return read(*where)

    monkeypatch.setattr(Project, "read_segmentation", slow)
    with ThreadPoolExecutor(2) as threads:
        state = threads.submit(journal.state, project.images[0], 0, "segmentation")
        assert reading.wait(20)
        threads.submit(_paint, journal, project, 1, 2, "review").result(10)
        recorded.set()
        assert not state.result(10).any()
    _paint(journal, project, 7)
    assert (_now(journal, project), _now(journal, project, "review")) == (7, 1)


def test_what_is_recorded_while_a_plane_is_read_is_in_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(project)
    read = Project.read_segmentation

    def meanwhile(*where: Any) -> Any:
        values = read(*where)
        monkeypatch.setattr(Project, "read_segmentation", read)
        _paint(journal, project, 7)
        return values

    monkeypatch.setattr(Project, "read_segmentation", meanwhile)
    assert _now(journal, project) == 7
    journal.undo()
    assert _now(journal, project) == 0


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


@pytest.mark.parametrize("corner", [(SIZE - 2, 0), (-6, 0), (0, -6), (0, SIZE)])
def test_a_prediction_beyond_the_image_is_refused(
    project: Project, corner: tuple[int, int]
) -> None:
    journal = Journal(project)
    labels = np.ones((5, 5), np.int32)
    with pytest.raises(EngineError, match="beyond the image"):
        journal.propose(project.images[0], 0, corner, labels)
    assert journal.state(project.images[0], 0, "segmentation").max() == 0


def test_an_edit_outside_the_image_is_refused(project: Project) -> None:
    journal = Journal(project)
    patch = np.zeros((5, 5), np.int32)
    with pytest.raises(EngineError, match="within the image"):
        journal.record("paint", [Edit("a", 0, "segmentation", 30, 0, patch, patch)])


def test_what_can_not_be_put_into_its_mask_is_not_recorded_either(
    project: Project,
) -> None:
    mask = project.annotation_path("segmentation", project.images[0], 0)
    mask.parent.mkdir(parents=True)
    mask.write_bytes(b"no TIFF")
    journal = Journal(project)
    patch = np.zeros((5, 5), np.int32)
    edits = [_review(), Edit("a", 0, "segmentation", 2, 4, patch, patch + 1)]
    with pytest.raises(EngineError, match=r"0\.tif"):
        journal.record("accept", edits)
    assert (journal.can_undo, journal.ledger()) == (False, {})
    assert _now(journal, project, "review") == 0


def test_a_damaged_journal_is_one_sentence(folder: Path) -> None:
    (folder / "journal.sqlite").write_bytes(b"no database at all" * 100)
    with open_project(folder) as project, pytest.raises(EngineError, match="damaged"):
        Journal(project)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(folder: Path) -> None:
    chance = random.Random(0)
    # All are forked from a process that has imported what they need.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["unetloop.journal", "unetloop.project"])
    for _ in range(50):
        told, tell = processes.Pipe(duplex=False)
        writer = processes.Process(target=write_without_end, args=(folder, tell))
        writer.start()
        tell.close()  # so that the writer's end is the last
        with told:
            acknowledged = told.recv()
            time.sleep(chance.uniform(0, 0.05))
            writer.kill()
            with suppress(EOFError, OSError):
                while True:
                    acknowledged = told.recv()
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        writer.close()
        with open_project(folder) as project:
            journal = Journal(project)
            state = journal.state(project.images[0], 0, "segmentation")[:4, :4]
            # The last edit may be in without having been acknowledged.
            assert state[0, 0] in (acknowledged, acknowledged + 1)
            assert (state == state[0, 0]).all()
            journal.close()
