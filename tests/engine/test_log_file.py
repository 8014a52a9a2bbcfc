from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from unetloop import log_file
from unetloop.errors import EngineError
from unetloop.log_file import LogFile, spoken

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "CREATE TABLE IF NOT EXISTS words (word TEXT)"


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "log.sqlite", SCHEMA)
    _write(file, "INSERT INTO words VALUES ('one')")
    with pytest.raises(EngineError, match="no such table"):
        _write(file, "INSERT INTO words VALUES ('two')", "INSERT INTO none VALUES (3)")
    assert file.query("SELECT word FROM words") == [("one",)]
    file.close()
    again = LogFile(tmp_path / "log.sqlite", SCHEMA)
    assert again.query("SELECT word FROM words WHERE word = ?", ("one",)) == [("one",)]
    again.close()


def test_what_is_written_is_on_the_disk_before_it_goes_on(tmp_path: Path) -> None:
    with closing(LogFile(tmp_path / "log.sqlite", SCHEMA)) as file:
        full, kept_till_then = 2, "delete"
        assert file.query("PRAGMA synchronous") == [(full,)]
        assert file.query("PRAGMA journal_mode") == [(kept_till_then,)]


def test_what_is_no_database_is_damaged_and_what_is_closed_is_closed(
    tmp_path: Path,
) -> None:
    (tmp_path / "bad.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(EngineError, match=r"damaged .*Move journal\.sqlite away"):
        LogFile(tmp_path / "bad.sqlite", SCHEMA)
    file = LogFile(tmp_path / "log.sqlite", SCHEMA)
    file.close()
    with pytest.raises(EngineError, match="was closed"):
        file.query("SELECT word FROM words")


def test_a_folder_that_was_away_is_gone_on_with_when_it_is_back(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    folder.mkdir()
    with closing(LogFile(folder / "log.sqlite", SCHEMA)) as file:
        _write(file, "INSERT INTO words VALUES ('one')")
        shutil.copytree(folder, elsewhere)
        shutil.rmtree(folder)
        with pytest.raises(EngineError, match=r"not where it was.*Bring it back"):
            _write(file, "INSERT INTO words VALUES ('two')")
        shutil.copytree(elsewhere, folder)  # another file to the system
        assert file.query("SELECT word FROM words") == [("one",)]
        _write(file, "INSERT INTO words VALUES ('two')")
    with closing(LogFile(folder / "log.sqlite", SCHEMA)) as again:
        assert again.query("SELECT word FROM words") == [("one",), ("two",)]


def test_a_closed_one_stays_closed_whatever_lies_there_now(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    file = LogFile(path, SCHEMA)
    file.close()
    path.rename(tmp_path / "other.sqlite")
    LogFile(path, SCHEMA).close()
    with pytest.raises(EngineError, match="was closed"):
        file.query("SELECT word FROM words")


def _write(file: LogFile, *statements: str) -> None:
    with file.transaction() as base:
        for statement in statements:
            base.execute(statement)


def test_a_full_disk_is_one_by_whatever_name_sqlite_calls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say(free: int) -> str:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
        with pytest.raises(EngineError) as caught, spoken(tmp_path / "x"):
            raise sqlite3.OperationalError("unable to open database file")
        return str(caught.value)

    monkeypatch.setattr(log_file, "_LEAST_ROOM", 5)
    assert "The disk is full" in say(free=1)
    assert "unable to open" in say(free=8)
