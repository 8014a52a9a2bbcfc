"""The SQLite file of a log: one connection, whole transactions, faults in words."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LogFile", "spoken"]

_LEAST_ROOM = 1 << 16


class LogFile:
    """An SQLite file with full synchronisation: what was written is on the disk.

    Threads may share it.

    Parameters
    ----------
    path : Path
        The file; made where there is none.
    schema : str
        Statements that make the tables where they are missing.

    Raises
    ------
    EngineError
        If it is damaged or can't be written; so do all methods.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path, self._schema = path, schema
        self._lock = threading.RLock()
        self._identity: tuple[int, int] | None = None
        with spoken(path):
            self._base = self._connect()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all that is executed on what it gives, or nothing."""
        with self._lock, spoken(self._path):
            self._follow()
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:  # a full disk may have ended it
                    self._base.execute("ROLLBACK")
                raise

    def query(self, text: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Give the rows that a statement finds."""
        with self._lock, spoken(self._path):
            self._follow()
            with closing(self._base.execute(text, values)) as rows:
                return list(rows)

    def close(self) -> None:
        """Close the file; whoever reads it comes to an end first."""
        with self._lock:
            self._base.close()
            self._identity = None

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False
        )
        try:
            base.execute("PRAGMA journal_mode=DELETE")
            base.execute("PRAGMA synchronous=FULL")
            base.executescript(self._schema)
        except sqlite3.DatabaseError:
            base.close()  # else Windows would not let it be moved away
            raise
        self._identity = _identify(self._path)
        return base

    def _follow(self) -> None:
        """Open it again if it is another file now.

        Its folder, or the drive, was away and is back; what is written through the
        connection to the file that was is refused, or lost.
        """
        now = _identify(self._path)
        if self._identity and now and now != self._identity:
            fresh = self._connect()
            self._base.close()
            self._base = fresh


@contextmanager
def spoken(path: Path) -> Iterator[None]:
    """Turn what SQLite raises about a file into a sentence.

    Raises
    ------
    EngineError
        In place of a `sqlite3.DatabaseError`: it is damaged, there is no room, or it
        can't be written.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "malformed" in str(error) or "not a database" in str(error):
            what = f"The journal is damaged ({error})."
            todo = "Move journal.sqlite away to go on with the masks as saved."
        elif "closed database" in str(error):
            what, todo = "The journal was closed.", "Open the project again."
        elif _is_gone(path, error):
            what = "The journal is not where it was: its folder was moved, or is gone."
            todo = "Bring it back (connect the drive again), or open the folder anew."
        elif _is_full(path, error):
            what = "The disk is full, so the journal could not be written."
            todo = "Free some space on it."
        else:
            what = f"The journal could not be written ({error})."
            todo = "Free some space or make the folder writable, and try again."
        raise EngineError(what, todo=todo, path=str(path)) from error


def _is_full(path: Path, error: sqlite3.DatabaseError) -> bool:
    """Whether there is no room: SQLite calls it by other names, too."""
    if "is full" in str(error):
        return True
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_ROOM
    except OSError:
        return False


def _is_gone(path: Path, error: sqlite3.DatabaseError) -> bool:
    """Whether the file was taken away since it was opened, or its folder was."""
    moved = sqlite3.SQLITE_READONLY_DBMOVED
    return getattr(error, "sqlite_errorcode", 0) == moved or not path.parent.exists()


def _identify(path: Path) -> tuple[int, int] | None:
    """Say which file this is to the system; None if it can't be reached."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino
