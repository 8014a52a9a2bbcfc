from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unetloop.edit_log import EditLog
from unetloop.edits import Edit, Patch
from unetloop.errors import EngineError
from unetloop.log_file import LogFile

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


def test_a_correction_takes_no_longer_in_a_long_log(log: EditLog) -> None:
    """No statement reads all edits with their pixels, which may be gigabytes."""
    base = log._file._base
    patch = np.zeros((5, 5), np.int32)
    said: list[str] = []
    base.set_trace_callback(said.append)
    for array in ("segmentation", "review"):
        log.add("paint", [Edit("a", 0, array, 0, 0, patch, patch)])
    log.last_done()
    log.mark_undone()
    log.first_undone()
    log.mark_done()
    log.mark_undone()
    log.add("paint", [Edit("a", 0, "review", 0, 0, patch, patch)])
    assert (log.can_undo, log.can_redo) == (True, False)
    log.count_actions()
    log.actions()
    log.planes("review")
    log.planes_behind("a")
    log.since_stored(("a", 0, "review"))
    log.mark_stored(("a", 0, "review"), log.last_tick)
    base.set_trace_callback(None)
    asked = [one for one in said if "edits" in one]
    assert len(asked) > 15
    for one in asked:
        for *_, how in base.execute(f"EXPLAIN QUERY PLAN {one}").fetchall():
            assert how != "SCAN edits", one
            if "edits" in how and one.startswith("SELECT") and "*" not in one:
                assert "COVERING" in how, one


def test_proposals_that_a_file_holds_are_in_the_log_no_more(log: EditLog) -> None:
    patch = np.ones((5, 5), np.int32)
    for plane, value in ((0, 1), (1, 2)):
        packed = log.pack([Patch("a", plane, 3, 4, patch * value)])
        log.keep(packed, log.take_tick())
    log.mark_stored(("a", 0, "review"), log.last_tick)
    assert log.planes_behind("a") == {0, 1}
    log.mark_stored(("a", 0, "segmentation"), log.last_tick)
    assert log.planes_behind("a") == {1}
    assert log._file.query("SELECT plane FROM proposals") == [(1,)]
    assert log.since_stored(("a", 0, "segmentation")) == []
    ((row, column, pixels),) = log.since_stored(("a", 1, "segmentation"))
    assert (row, column) == (3, 4)
    np.testing.assert_array_equal(pixels, patch * 2)
    assert log.since_stored(("a", 1, "review")) == []
    assert log.planes("segmentation") == {("a", 0)}


def test_proposals_take_the_place_of_older_ones_that_they_cover(log: EditLog) -> None:
    boxes = [(2, 2, 4, 4), (0, 0, 3, 5), (4, 6, 3, 3), (2, 2, 5, 6)]
    for value, (row, column, height, width) in enumerate(boxes, 1):
        patch = np.full((height, width), value, np.int32)
        log.keep(log.pack([Patch("a", 0, row, column, patch)]), log.take_tick())
    written = log.since_stored(("a", 0, "segmentation"))
    assert [int(pixels[0, 0]) for *_, pixels in written] == [2, 3, 4]  # 4 covers 1


def test_steps_are_listed_with_all_that_they_changed(log: EditLog) -> None:
    patch = np.zeros((2, 3), np.int32)
    drawn = Edit("a", 0, "segmentation", 1, 2, patch, patch + 5)
    right = Edit("a", 0, "review", 1, 2, patch, patch + 1)
    log.add("paint", [drawn, right])
    log.add("accept", [right])
    log.add("delete", [drawn])
    log.mark_undone()
    found = [(name, [edit.array for edit in edits]) for name, edits in log.steps()]
    assert found == [("paint", ["segmentation", "review"]), ("accept", ["review"])]
    assert (log.steps()[0][1][0].after == 5).all()


def test_a_log_written_before_it_had_its_indexes_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    patch = np.zeros((5, 5), np.int32)
    with closing(EditLog(path)) as log:
        log.add("paint", [Edit("a", 0, "review", 0, 0, patch, patch + 1)])
        base = log._file._base
        names = base.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
        for (name,) in names.fetchall():
            if not name.startswith("sqlite"):
                base.execute(f"DROP INDEX {name}")
        base.execute("DROP TABLE proposals")
        base.execute("CREATE INDEX of_plane ON edits (image, plane, array, seq)")
    with closing(EditLog(path)) as log:
        assert log.count_actions() == {"paint": 1}
        log.mark_undone()
        log.add("erase", [Edit("a", 0, "review", 0, 0, patch, patch + 2)])
        assert log.count_actions() == {"erase": 1}
        assert log.actions() >= {"erase"}


def test_a_log_that_is_damaged_is_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else Windows would not let it be moved away."""
    closed: list[LogFile] = []
    whole = LogFile.close

    def damaged(*_: object) -> list[tuple[object, ...]]:
        raise EngineError("The journal is damaged.")

    def close(file: LogFile) -> None:
        closed.append(file)
        whole(file)

    monkeypatch.setattr(LogFile, "query", damaged)
    monkeypatch.setattr(LogFile, "close", close)
    with pytest.raises(EngineError, match="damaged"):
        EditLog(tmp_path / "log.sqlite")
    assert len(closed) == 1


def test_what_is_packed_while_the_log_is_closed_is_refused_in_words(
    tmp_path: Path,
) -> None:
    log = EditLog(tmp_path / "log.sqlite")
    log.close()
    large = np.arange(1 << 17, dtype=np.int32).reshape(256, -1)
    with pytest.raises(EngineError, match="closed"):
        log.keep(log.pack([Patch("a", 0, 0, 0, large)]), 1)
    with pytest.raises(EngineError, match="closed"):
        log.count_actions()
