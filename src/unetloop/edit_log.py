"""Every edit on disk: an SQLite file with full synchronisation.

An edit that was added is on the disk when `EditLog.add` returns. Ticks count what
is done, undone or redone; the log also knows at which of them each array was
stored in its TIFF file, and so which edits that file lacks. It holds proposals, too,
that somebody said of that they are right before their file was written: the edit
alone would not tell what. Threads may share it.
"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from unetloop.edit_rows import (
    DONE,
    SCHEMA,
    UNDONE,
    edit_to_written,
    give_up_undone,
    insert_edit,
    insert_proposals,
    proposal_to_written,
    to_edit,
    to_step,
)
from unetloop.errors import EngineError
from unetloop.log_file import LogFile, spoken
from unetloop.packing import pack

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.edits import Edit, Patch, PlaneKey

__all__ = ["EditLog"]

_LAST_DONE = "SELECT max(step) FROM edits WHERE undone = 0"
_FIRST_UNDONE = "SELECT min(step) FROM edits WHERE undone = 1"
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
        self._file = LogFile(path, SCHEMA)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="edit-log")
        self._tick_lock = threading.Lock()
        try:
            self._last_tick = self._find_last_tick()
        except EngineError:
            self.close()  # else Windows would not let it be moved away
            raise

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
        with self._file.transaction() as base:
            give_up_undone(base)
            (last,) = base.execute("SELECT max(step) FROM edits").fetchone()
            step = int(last or 0) + 1
            insert_proposals(base, packed, self.take_tick())
            tick = self.take_tick()
            for edit in edits:
                insert_edit(base, (step, action, tick), edit, self._threads)
        return step

    def pack(self, patches: Sequence[Patch]) -> list[tuple[Patch, bytes]]:
        """Compress proposals to `keep` them."""
        try:
            return [(patch, pack(patch.values, self._threads)) for patch in patches]
        except RuntimeError as error:  # so threads say that there are none any more
            raise EngineError(
                "The journal was closed.", path=str(self._path)
            ) from error

    def keep(self, packed: Sequence[tuple[Patch, bytes]], tick: int) -> None:
        """Write proposals that are part of no step.

        Parameters
        ----------
        packed : sequence
            Of `pack`.
        tick : int
            Of `take_tick`, when the segmentation was this.
        """
        with self._file.transaction() as base:
            insert_proposals(base, packed, tick)

    def last_done(self) -> list[Edit]:
        """Give the last step that is not undone, newest edit first."""
        return self._step(_LAST_DONE, "DESC")

    def first_undone(self) -> list[Edit]:
        """Give the step that was undone last, oldest edit first."""
        return self._step(_FIRST_UNDONE, "ASC")

    def arrays_of_next(self, back: bool) -> list[PlaneKey]:
        """List the arrays that `last_done` writes to, or `first_undone`."""
        which = _LAST_DONE if back else _FIRST_UNDONE
        rows = self._file.query(
            f"SELECT DISTINCT image, plane, array FROM edits WHERE step = ({which})"
        )
        return [(str(image), int(plane), str(array)) for image, plane, array in rows]

    def steps(self) -> list[tuple[str, list[Edit]]]:
        """List all steps that are not undone, oldest first: action and edits."""
        rows = self._file.query(
            "SELECT * FROM edits WHERE undone = 0 ORDER BY step, seq"
        )
        found: dict[int, tuple[str, list[Edit]]] = {}
        with spoken(self._path):
            for row in rows:
                step, action, edit = to_step(row)
                found.setdefault(step, (action, []))[1].append(edit)
        return list(found.values())

    def mark_undone(self, under: Sequence[Patch] = ()) -> None:
        """Mark the last step that is not undone as undone; ``under`` as for `add`."""
        self._mark(_LAST_DONE, UNDONE, under)

    def mark_done(self, under: Sequence[Patch] = ()) -> None:
        """Mark the step that was undone last as done; ``under`` as for `add`."""
        self._mark(_FIRST_UNDONE, DONE, under)

    def since_stored(self, key: PlaneKey) -> list[tuple[int, int, NDArray[Any]]]:
        """List what was written into an array since its file was.

        Returns
        -------
        list of tuple
            Row and column of the upper left corner, and the pixels, in the order in
            which they were written: each edit as it was last done or undone, and
            proposals. Each ends with what is true now, whatever of it the file holds.
        """
        edits = self._file.query(_SINCE.format("edits", "AND array = ?"), (*key, *key))
        kept: list[tuple[Any, ...]] = []
        if key[2] == "segmentation":
            kept = self._file.query(_SINCE.format("proposals", ""), (*key[:2], *key))
        with spoken(self._path):
            found = [edit_to_written(row) for row in edits]
            found += [proposal_to_written(row) for row in kept]
        return [written[1:] for written in sorted(found, key=itemgetter(0))]

    def mark_stored(self, key: PlaneKey, tick: int) -> None:
        """Note that an array's file holds all up to a tick."""
        with self._file.transaction() as base:
            base.execute(
                "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", (*key, tick)
            )
            if key[2] == "segmentation":
                base.execute(
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
        return bool(self._file.query("SELECT 1 FROM edits WHERE undone = 0 LIMIT 1"))

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return bool(self._file.query("SELECT 1 FROM edits WHERE undone = 1 LIMIT 1"))

    def count_actions(self, without: Collection[str] = ()) -> dict[str, int]:
        """Count the steps by action, but for those on some of the images.

        Undone ones do not count.
        """
        rows = self._file.query(
            "SELECT action, image FROM edits WHERE undone = 0 GROUP BY step, action"
        )
        return dict(Counter(str(action) for action, on in rows if on not in without))

    def actions(self) -> set[str]:
        """List the actions of all steps; undone ones count, too."""
        return {
            str(row[0]) for row in self._file.query("SELECT DISTINCT action FROM edits")
        }

    def planes(self, array: str) -> set[tuple[str, int]]:
        """List the images and planes of which an array was changed or stored."""
        rows = self._file.query(
            "SELECT image, plane FROM edits WHERE array = ? "
            "UNION SELECT image, plane FROM snapshots WHERE array = ?",
            (array, array),
        )
        return {(str(image), int(plane)) for image, plane in rows}

    def planes_behind(self, image: str) -> set[int]:
        """List an image's planes of which a file lacks an edit, or a proposal."""
        behind = (
            "SELECT plane FROM {0} WHERE image = ? AND tick > coalesce((SELECT tick "
            "FROM snapshots WHERE image = {0}.image AND plane = {0}.plane "
            "AND array = {1}), 0)"
        )
        rows = self._file.query(
            f"{behind.format('edits', 'edits.array')} UNION "
            f"{behind.format('proposals', repr('segmentation'))}",
            (image, image),
        )
        return {int(plane) for (plane,) in rows}

    def close(self) -> None:
        """Close the file; whoever reads it comes to an end first."""
        self._file.close()
        self._threads.shutdown()

    def _find_last_tick(self) -> int:
        (found,) = self._file.query(
            "SELECT (SELECT max(tick) FROM edits), (SELECT max(tick) FROM proposals), "
            "(SELECT max(tick) FROM snapshots)"
        )
        return max(tick or 0 for tick in found)

    def _step(self, which: str, order: str) -> list[Edit]:
        rows = self._file.query(
            f"SELECT * FROM edits WHERE step = ({which}) ORDER BY seq {order}"
        )
        with spoken(self._path):
            return [to_edit(row) for row in rows]

    def _mark(self, which: str, undone: int, under: Sequence[Patch]) -> None:
        packed = self.pack(under)
        with self._file.transaction() as base:
            insert_proposals(base, packed, self.take_tick())
            base.execute(
                f"UPDATE edits SET undone = ?, tick = ? WHERE step = ({which})",
                (undone, self.take_tick()),
            )
