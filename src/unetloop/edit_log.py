"""Every edit on disk: an SQLite file with full synchronisation.

An edit that was added is on the disk when `EditLog.add` returns. Ticks count what
is done, undone or redone; the log also knows at which of them each array was
stored in its TIFF file, and so which edits that file lacks. It holds proposals, too,
that somebody said of that they are right before their file was written: the edit
alone would not tell what. Threads may share it.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from unetloop.edits import DTYPES, Edit, Patch
from unetloop.errors import EngineError
from unetloop.packing import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from unetloop.edits import PlaneKey

__all__ = ["EditLog"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS edits (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    image TEXT NOT NULL, plane INTEGER NOT NULL, array TEXT NOT NULL,
    row INTEGER NOT NULL, col INTEGER NOT NULL,
    height INTEGER NOT NULL, width INTEGER NOT NULL,
    before BLOB NOT NULL, after BLOB NOT NULL,
    action TEXT NOT NULL, step INTEGER NOT NULL, time REAL NOT NULL,
    tick INTEGER NOT NULL, undone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS snapshots (
    image TEXT NOT NULL, plane INTEGER NOT NULL, array TEXT NOT NULL,
    tick INTEGER NOT NULL, PRIMARY KEY (image, plane, array)
);
CREATE TABLE IF NOT EXISTS proposals (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    image TEXT NOT NULL, plane INTEGER NOT NULL,
    row INTEGER NOT NULL, col INTEGER NOT NULL,
    height INTEGER NOT NULL, width INTEGER NOT NULL,
    pixels BLOB NOT NULL, tick INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS of_plane ON edits (image, plane, array, seq);
"""

_DONE, _UNDONE, _GIVEN_UP = 0, 1, 2
_LEAST_ROOM = 1 << 16

_SINCE = (
    "SELECT * FROM {0} WHERE image = ? AND plane = ? {1} AND tick > coalesce((SELECT "
    "tick FROM snapshots WHERE image = ? AND plane = ? AND array = ?), 0)"
)


class EditLog:
    """The edits of a project, each done or undone.

    Parameters
    ----------
    path : Path
        The file; made where there is none.

    Raises
    ------
    EngineError
        If it is damaged or can't be written; so do all methods.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="edit-log")
        with _spoken(path):
            self._base = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False
            )
            try:
                self._base.execute("PRAGMA journal_mode=DELETE")
                self._base.execute("PRAGMA synchronous=FULL")
                self._base.executescript(_SCHEMA)
            except sqlite3.DatabaseError:
                self._base.close()  # else Windows would not let it be moved away
                raise
        self._tick_lock = threading.Lock()
        ((edits, kept, snapshots),) = self._query(
            "SELECT (SELECT max(tick) FROM edits), (SELECT max(tick) FROM proposals), "
            "(SELECT max(tick) FROM snapshots)"
        )
        self._last_tick = max(edits or 0, kept or 0, snapshots or 0)

    def add(
        self, action: str, edits: Sequence[Edit], under: Sequence[Patch] = ()
    ) -> int:
        """Write a step; what was undone before it can't be redone any more.

        Parameters
        ----------
        action : str
            What was done.
        edits : sequence of Edit
            Undone and redone together.
        under : sequence of Patch
            Proposals that they speak of, and that no file holds yet.

        Returns
        -------
        int
            Number of the step.
        """
        packed = self.pack(under)
        with self._transaction():
            self._give_up_undone()
            (last,) = self._base.execute("SELECT max(step) FROM edits").fetchone()
            step = int(last or 0) + 1
            self._keep(packed, self.take_tick())
            tick = self.take_tick()
            for edit in edits:
                self._insert(action, step, tick, edit)
        return step

    def pack(self, patches: Sequence[Patch]) -> list[tuple[Patch, bytes]]:
        """Compress proposals to `keep` them."""
        return [(patch, pack(patch.values, self._threads)) for patch in patches]

    def keep(self, packed: Sequence[tuple[Patch, bytes]], tick: int) -> None:
        """Write proposals that are part of no step.

        Parameters
        ----------
        packed : sequence
            Of `pack`.
        tick : int
            Of `take_tick`, when the segmentation was this.
        """
        with self._transaction():
            self._keep(packed, tick)

    def _keep(self, packed: Sequence[tuple[Patch, bytes]], tick: int) -> None:
        for patch, pixels in packed:
            height, width = patch.values.shape
            where = (patch.image, patch.plane, patch.row, patch.column)
            self._base.execute(
                "DELETE FROM proposals WHERE image = ? AND plane = ? AND row >= ? "
                "AND col >= ? AND row + height <= ? AND col + width <= ? AND tick < ?",
                (*where, patch.row + height, patch.column + width, tick),
            )
            self._base.execute(
                "INSERT INTO proposals (image, plane, row, col, height, width, pixels, "
                "tick) VALUES (?,?,?,?,?,?,?,?)",
                (*where, height, width, pixels, tick),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write all of what follows, or nothing."""
        with self._lock, _spoken(self._path):
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:  # a full disk may have ended it
                    self._base.execute("ROLLBACK")
                raise

    def last_done(self) -> list[Edit]:
        """Give the last step that is not undone, newest edit first."""
        return self._step("SELECT max(step) FROM edits WHERE undone = 0", "DESC")

    def first_undone(self) -> list[Edit]:
        """Give the step that was undone last, oldest edit first."""
        return self._step("SELECT min(step) FROM edits WHERE undone = 1", "ASC")

    def steps(self) -> list[tuple[str, list[Edit]]]:
        """List all steps that are not undone, oldest first: action and edits."""
        rows = self._query("SELECT * FROM edits WHERE undone = 0 ORDER BY step, seq")
        found: dict[int, tuple[str, list[Edit]]] = {}
        with _spoken(self._path):
            for row in rows:
                found.setdefault(row[11], (row[10], []))[1].append(_to_edit(row))
        return list(found.values())

    def mark_undone(self, under: Sequence[Patch] = ()) -> None:
        """Mark the last step that is not undone as undone; ``under`` as for `add`."""
        self._mark("SELECT max(step) FROM edits WHERE undone = 0", _UNDONE, under)

    def mark_done(self, under: Sequence[Patch] = ()) -> None:
        """Mark the step that was undone last as done; ``under`` as for `add`."""
        self._mark("SELECT min(step) FROM edits WHERE undone = 1", _DONE, under)

    def since_stored(self, key: PlaneKey) -> list[tuple[int, int, NDArray[Any]]]:
        """List what was written into an array since its file was.

        Returns
        -------
        list of tuple
            Row and column of the upper left corner, and the pixels, in the order in
            which they were written: each edit as it was last done or undone, and
            proposals. Each ends with what is true now, whatever of it the file holds.
        """
        edits = self._query(_SINCE.format("edits", "AND array = ?"), (*key, *key))
        kept: list[tuple[Any, ...]] = []
        if key[2] == "segmentation":
            kept = self._query(_SINCE.format("proposals", ""), (*key[:2], *key))
        found: list[tuple[int, int, tuple[int, int, NDArray[Any]]]] = []
        with _spoken(self._path):
            for row in edits:
                done = row[14] == _DONE
                edit = _to_edit(row)
                values = edit.after if done else edit.before
                # Of one step the last is taken back first.
                order = row[0] if done else -row[0]
                found.append((row[13], order, (edit.row, edit.column, values)))
            for row in kept:
                values = _unpacked(row, row[7], DTYPES["segmentation"], row[5:7])
                found.append((row[8], row[0], (row[3], row[4], values)))
        return [what for *_, what in sorted(found, key=itemgetter(0, 1))]

    def mark_stored(self, key: PlaneKey, tick: int) -> None:
        """Note that an array's file holds all up to a tick."""
        with self._transaction():
            self._base.execute(
                "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", (*key, tick)
            )
            if key[2] == "segmentation":
                self._base.execute(
                    "DELETE FROM proposals WHERE image = ? AND plane = ? AND tick <= ?",
                    (*key[:2], tick),
                )

    @property
    def last_tick(self) -> int:
        """The tick of what was done last."""
        return self._last_tick

    def take_tick(self) -> int:
        """Give the tick of what is done now; it grows across restarts."""
        with self._tick_lock:
            self._last_tick += 1
            return self._last_tick

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._query("SELECT 1 FROM edits WHERE undone = 0 LIMIT 1"))

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return bool(self._query("SELECT 1 FROM edits WHERE undone = 1 LIMIT 1"))

    def count_actions(self, without: Collection[str] = ()) -> dict[str, int]:
        """Count the steps by action, but for those on some of the images.

        Undone ones do not count.
        """
        rows = self._query(
            "SELECT action, image FROM edits WHERE undone = 0 GROUP BY step, action"
        )
        return dict(Counter(str(action) for action, on in rows if on not in without))

    def actions(self) -> set[str]:
        """List the actions of all steps; undone ones count, too."""
        return {str(row[0]) for row in self._query("SELECT DISTINCT action FROM edits")}

    def planes(self, array: str) -> set[tuple[str, int]]:
        """List the images and planes of which an array was changed or stored."""
        rows = self._query(
            "SELECT image, plane FROM edits WHERE array = ? "
            "UNION SELECT image, plane FROM snapshots WHERE array = ?",
            (array, array),
        )
        return {(str(image), int(plane)) for image, plane in rows}

    def planes_behind(self, image: str) -> set[int]:
        """List an image's planes of which a file lacks an edit, or a proposal."""
        behind = (
            "SELECT plane FROM {0} WHERE image = ?1 AND tick > coalesce((SELECT tick "
            "FROM snapshots WHERE image = ?1 AND plane = {0}.plane AND array = {1}), 0)"
        )
        rows = self._query(
            f"{behind.format('edits', 'edits.array')} UNION "
            f"{behind.format('proposals', repr('segmentation'))}",
            (image,),
        )
        return {int(plane) for (plane,) in rows}

    def close(self) -> None:
        """Close the file; whoever reads it comes to an end first."""
        with self._lock:
            self._base.close()
        self._threads.shutdown()

    def _give_up_undone(self) -> None:
        """Make what is undone impossible to redo.

        An array's file may still hold it: until that is stored anew, the edit says
        what was there before.
        """
        self._base.execute(
            "UPDATE edits SET undone = ? WHERE undone = ?", (_GIVEN_UP, _UNDONE)
        )
        self._base.execute(
            "DELETE FROM edits WHERE undone = ? AND tick <= coalesce((SELECT tick "
            "FROM snapshots WHERE snapshots.image = edits.image AND "
            "snapshots.plane = edits.plane AND snapshots.array = edits.array), 0)",
            (_GIVEN_UP,),
        )

    def _insert(self, action: str, step: int, tick: int, edit: Edit) -> None:
        dtype = DTYPES[edit.array]
        packed = (
            pack(values.astype(dtype, copy=False), self._threads)
            for values in (edit.before, edit.after)
        )
        self._base.execute(
            "INSERT INTO edits (image, plane, array, row, col, height, width, before, "
            "after, action, step, time, tick) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                *(edit.image, edit.plane, edit.array, edit.row, edit.column),
                *edit.after.shape,
                *packed,
                *(action, step, time.time(), tick),
            ),
        )

    def _step(self, which: str, order: str) -> list[Edit]:
        rows = self._query(
            f"SELECT * FROM edits WHERE step = ({which}) ORDER BY seq {order}"
        )
        with _spoken(self._path):
            return [_to_edit(row) for row in rows]

    def _mark(self, which: str, undone: int, under: Sequence[Patch]) -> None:
        packed = self.pack(under)
        with self._transaction():
            self._keep(packed, self.take_tick())
            self._base.execute(
                f"UPDATE edits SET undone = ?, tick = ? WHERE step = ({which})",
                (undone, self.take_tick()),
            )

    def _query(self, text: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with (
            self._lock,
            _spoken(self._path),
            closing(self._base.execute(text, values)) as rows,
        ):
            return list(rows)


@contextmanager
def _spoken(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into a sentence."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "malformed" in str(error) or "not a database" in str(error):
            what = f"The journal is damaged ({error})."
            todo = "Move journal.sqlite away to go on with the masks as saved."
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


def _to_edit(row: tuple[Any, ...]) -> Edit:
    array = str(row[3])
    before, after = (
        _unpacked(row, packed, DTYPES.get(array), row[6:8]) for packed in row[8:10]
    )
    return Edit(row[1], row[2], array, row[4], row[5], before, after)


def _unpacked(
    row: tuple[Any, ...], packed: Any, kind: np.dtype[Any] | None, shape: Any
) -> NDArray[Any]:
    try:
        if kind is None:
            raise TypeError("no such array")
        return unpack(packed, kind, (int(shape[0]), int(shape[1])))
    except (TypeError, ValueError, zlib.error) as error:
        raise sqlite3.DatabaseError(f"edit {row[0]} is malformed") from error
