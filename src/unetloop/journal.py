"""Every edit and review mark, crash-safe: undo that survives a restart.

An edit is a rectangle of one array of one plane, before and after. It is in the
journal, an SQLite file with full synchronisation, before `Journal.record`
returns; the TIFF files are snapshots that `Journal.flush` brings up to date.
State = snapshot + what was done, undone or redone since (its tick is later);
applying that twice changes nothing, so a crash between the two is harmless.
Threads may share a journal: a viewer flushes and reads ahead in the background.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import zlib
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from unetloop.project import Project, ProjectImage

__all__ = ["Edit", "Journal"]

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
CREATE INDEX IF NOT EXISTS of_plane ON edits (image, plane, array, seq);
"""
_DTYPES: dict[str, np.dtype[Any]] = {
    "segmentation": np.dtype(np.int32),
    "review": np.dtype(np.uint8),
}


@dataclass(frozen=True)
class Edit:
    """A rectangle of an array that was changed.

    Parameters
    ----------
    image : str
        Id of the project's image.
    plane : int
        Which plane.
    array : str
        ``"segmentation"`` or ``"review"``.
    row, column : int
        Upper left corner.
    before, after : array
        (rows, columns) of int32 or uint8: what was there, and what is now.
    """

    image: str
    plane: int
    array: str
    row: int
    column: int
    before: NDArray[Any]
    after: NDArray[Any]


class Journal:
    """The journal of an open project.

    Parameters
    ----------
    project : Project
        Its folder holds the journal and the snapshots.

    Raises
    ------
    EngineError
        If the journal is damaged or can't be written.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._planes: dict[tuple[str, int, str], NDArray[Any]] = {}
        self._changed: set[tuple[str, int, str]] = set()
        self._lock = threading.RLock()
        self._flushing = threading.Lock()
        with _spoken(project):
            self._base = sqlite3.connect(
                project.journal_path, isolation_level=None, check_same_thread=False
            )
            self._base.execute("PRAGMA journal_mode=DELETE")
            self._base.execute("PRAGMA synchronous=FULL")
            self._base.executescript(_SCHEMA)

    def state(self, image: ProjectImage, plane: int, array: str) -> NDArray[Any]:
        """Give an array as it is now, all edits applied.

        Returns
        -------
        array
            (rows, columns), int32 for ``"segmentation"``, uint8 for
            ``"review"``; a copy.
        """
        with self._lock:
            return self._plane(image.id, plane, array).copy()

    def record(self, action: str, edits: list[Edit]) -> int:
        """Write what one action of the user changed; it is safe on return.

        Parameters
        ----------
        action : str
            What was done, for the ledger: ``"accept"``, ``"split"`` …
        edits : list of Edit
            Undone and redone together.

        Returns
        -------
        int
            Number of the step.
        """
        for edit in edits:
            self._check(edit)
        with self._lock:
            return self._record(action, edits)

    def _record(self, action: str, edits: list[Edit]) -> int:
        with _spoken(self._project):
            self._base.execute("BEGIN IMMEDIATE")
            try:
                # What was undone and then worked over can't be redone any more.
                self._base.execute("DELETE FROM edits WHERE undone = 1")
                (last,) = self._base.execute("SELECT max(step) FROM edits").fetchone()
                step = (last or 0) + 1
                tick = self._next_tick()
                for edit in edits:
                    self._insert(action, step, tick, edit)
                self._base.execute("COMMIT")
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
        for edit in edits:
            self._apply(edit, edit.after)
        return step

    def undo(self) -> list[Edit]:
        """Take the last step back; give the changed rectangles, newest first."""
        return self._move("SELECT max(step) FROM edits WHERE undone = 0", undone=1)

    def redo(self) -> list[Edit]:
        """Do the step again that was undone last; give the changed rectangles."""
        return self._move("SELECT min(step) FROM edits WHERE undone = 1", undone=0)

    def write_prediction(
        self,
        image: ProjectImage,
        plane: int,
        corner: tuple[int, int],
        labels: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """Put proposals where nobody has looked; what is right or ignored stays.

        Parameters
        ----------
        image, plane
            Where.
        corner : tuple of int
            First row and column.
        labels : array of int32
            (rows, columns): 0 background, 1..N proposed nuclei. They get
            numbers of their own, and are clipped at what is reviewed.

        Returns
        -------
        array of int32
            The rectangle as it is now. It is not an edit of the user, and is
            not undone; `flush` stores it.
        """
        with self._lock:
            # Above all that exist: nuclei that reach out of the window stay.
            segmentation = self._plane(image.id, plane, "segmentation")
            first = int(segmentation.max(initial=0))
            fresh = np.where(labels > 0, labels + first, 0)
            return self.propose(image, plane, corner, fresh)

    def propose(
        self,
        image: ProjectImage,
        plane: int,
        corner: tuple[int, int],
        labels: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """Put a rectangle as it shall be where nobody has looked.

        As `write_prediction`, but the numbers are taken as they are: those of
        `proposals.place_proposals`, for instance.
        """
        with self._lock:
            return self._propose(image.id, plane, corner, labels)

    def _propose(
        self,
        image: str,
        plane: int,
        corner: tuple[int, int],
        labels: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        segmentation = self._plane(image, plane, "segmentation")
        review = self._plane(image, plane, "review")
        window = (
            slice(corner[0], corner[0] + labels.shape[0]),
            slice(corner[1], corner[1] + labels.shape[1]),
        )
        place, seen = segmentation[window], review[window]
        if place.shape != labels.shape:
            raise EngineError(
                "The prediction reaches beyond the image.",
                corner=corner,
                shape=labels.shape,
            )
        np.copyto(place, labels, where=seen != 1)  # twice as fast as by a mask
        self._changed.add((image, plane, "segmentation"))
        return place.copy()

    def flush(self) -> None:
        """Write the arrays that changed to their TIFF files."""
        with self._flushing:
            with self._lock:
                # Later edits get a later tick, and are applied to the snapshot.
                tick = self._next_tick() - 1
                changed = {key: self._planes[key].copy() for key in self._changed}
                self._changed.clear()
            try:
                for key in sorted(changed):
                    self._store(key, changed[key], tick)
                    del changed[key]
            finally:
                with self._lock:
                    self._changed |= set(changed)

    def _store(
        self, key: tuple[str, int, str], values: NDArray[Any], tick: int
    ) -> None:
        name, plane, array = key
        image = self._project.image(name)
        if array == "review":
            self._project.write_review(image, plane, values)
        else:
            self._project.write_segmentation(image, plane, values)
        with self._lock, _spoken(self._project):
            self._base.execute(
                "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", (*key, tick)
            )

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._query("SELECT 1 FROM edits WHERE undone = 0 LIMIT 1", ()))

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return bool(self._query("SELECT 1 FROM edits WHERE undone = 1 LIMIT 1", ()))

    def forget(self, image: str) -> None:
        """Let go of an image's planes in memory; what is not stored yet stays."""
        with self._flushing, self._lock:
            for key in [key for key in self._planes if key[0] == image]:
                if key not in self._changed:
                    del self._planes[key]

    def ledger(self) -> dict[str, int]:
        """Count the steps by action; undone ones do not count."""
        rows = self._query(
            "SELECT action FROM edits WHERE undone = 0 GROUP BY step, action", ()
        )
        return dict(Counter(str(row[0]) for row in rows))

    def actions(self) -> set[str]:
        """List the actions of all steps; undone ones count, too."""
        return {
            str(row[0]) for row in self._query("SELECT DISTINCT action FROM edits", ())
        }

    def close(self) -> None:
        """Store everything and close."""
        try:
            self.flush()
        finally:
            self._base.close()

    def _plane(self, name: str, plane: int, array: str) -> NDArray[Any]:
        key = (name, plane, array)
        if array not in _DTYPES:
            raise EngineError("There is no such array.", array=array)
        if key not in self._planes:
            image = self._project.image(name)
            if array == "review":
                self._planes[key] = self._project.read_review(image, plane)
            else:
                self._planes[key] = self._project.read_segmentation(image, plane)
            rows = self._query(
                "SELECT * FROM edits WHERE image = ? AND plane = ? AND array = ? "
                "AND tick > coalesce((SELECT tick FROM snapshots WHERE image = ? "
                "AND plane = ? AND array = ?), 0) ORDER BY seq",
                (*key, *key),
            )
            # What was undone may be in the snapshot: go back, then forward again.
            edits = [(_to_edit(row), bool(row[14])) for row in rows]
            for edit, undone in reversed(edits):
                if undone:
                    self._apply(edit, edit.before)
            for edit, undone in edits:
                if not undone:
                    self._apply(edit, edit.after)
        return self._planes[key]

    def _apply(self, edit: Edit, values: NDArray[Any]) -> None:
        key = (edit.image, edit.plane, edit.array)
        if key not in self._planes:
            self._plane(*key)  # reads the edit back from the journal
        rows = slice(edit.row, edit.row + values.shape[0])
        columns = slice(edit.column, edit.column + values.shape[1])
        self._planes[key][rows, columns] = values
        self._changed.add(key)

    def _check(self, edit: Edit) -> None:
        image = self._project.image(edit.image)
        height, width = edit.after.shape
        if edit.array not in _DTYPES:
            raise EngineError("There is no such array.", array=edit.array)
        inside = (
            edit.row >= 0
            and edit.column >= 0
            and edit.row + height <= image.height
            and edit.column + width <= image.width
            and 0 <= edit.plane < image.planes
        )
        if edit.before.shape != edit.after.shape or not inside:
            raise EngineError(
                "The edit does not lie within the image.",
                image=edit.image,
                corner=(edit.row, edit.column),
                shape=edit.after.shape,
            )

    def _next_tick(self) -> int:
        """Count what is done, undone or redone, across snapshots and restarts."""
        ((edits, snapshots),) = self._query(
            "SELECT (SELECT max(tick) FROM edits), (SELECT max(tick) FROM snapshots)",
            (),
        )
        return max(edits or 0, snapshots or 0) + 1

    def _insert(self, action: str, step: int, tick: int, edit: Edit) -> None:
        dtype = _DTYPES[edit.array]
        packed = [
            zlib.compress(np.ascontiguousarray(values, dtype).tobytes(), 1)
            for values in (edit.before, edit.after)
        ]
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

    def _move(self, which: str, undone: int) -> list[Edit]:
        with self._lock:
            ((step,),) = self._query(which, ())
            return [] if step is None else self._move_step(int(step), undone)

    def _move_step(self, step: int, undone: int) -> list[Edit]:
        order = "DESC" if undone else "ASC"
        rows = list(
            self._query(
                f"SELECT * FROM edits WHERE step = ? ORDER BY seq {order}", (step,)
            )
        )
        edits = [_to_edit(row) for row in rows]
        for edit in edits:  # read the plane before the journal says otherwise
            self._plane(edit.image, edit.plane, edit.array)
        with _spoken(self._project):
            self._base.execute(
                "UPDATE edits SET undone = ?, tick = ? WHERE step = ?",
                (undone, self._next_tick(), step),
            )
        for edit in edits:
            self._apply(edit, edit.before if undone else edit.after)
        return edits

    def _query(self, text: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with (
            self._lock,
            _spoken(self._project),
            closing(self._base.execute(text, values)) as rows,
        ):
            return list(rows)


@contextmanager
def _spoken(project: Project) -> Iterator[None]:
    """Turn what SQLite raises into a sentence."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        damaged = "malformed" in str(error) or "not a database" in str(error)
        raise EngineError(
            f"The journal {'is damaged' if damaged else 'could not be written'} "
            f"({error}).",
            todo="Move journal.sqlite away to go on with the masks as saved."
            if damaged
            else "Free some space or make the folder writable, and try again.",
            path=str(project.journal_path),
        ) from error


def _to_edit(row: tuple[Any, ...]) -> Edit:
    array, shape = str(row[3]), (int(row[6]), int(row[7]))
    kind = _DTYPES[array]
    before, after = (
        np.frombuffer(zlib.decompress(packed), kind).reshape(shape)
        for packed in (row[8], row[9])
    )
    return Edit(row[1], row[2], array, row[4], row[5], before, after)
