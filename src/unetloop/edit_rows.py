"""Edits and proposals as rows of SQLite tables: written, and read again."""

from __future__ import annotations

import sqlite3
import time
import zlib
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from unetloop.edits import DTYPES, Edit
from unetloop.packing import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    import numpy as np

    from unetloop.edits import Patch

__all__ = [
    "DONE",
    "SCHEMA",
    "UNDONE",
    "Written",
    "edit_to_written",
    "give_up_undone",
    "insert_edit",
    "insert_proposals",
    "proposal_to_written",
    "to_edit",
    "to_step",
]

SCHEMA = """
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
CREATE INDEX IF NOT EXISTS by_plane ON edits (image, plane, array, tick);
CREATE INDEX IF NOT EXISTS by_step ON edits (step, action);
CREATE INDEX IF NOT EXISTS by_state ON edits (undone, step, action, image);
DROP INDEX IF EXISTS of_plane;
"""
"""Statements that make what is missing: tables, and indexes for all that is asked.

What an index lacks is read behind an edit's pixels, through all of them.
"""

DONE, UNDONE, _GIVEN_UP = 0, 1, 2
"""What an edit's column ``undone`` says."""

Written = tuple[tuple[int, int], int, int, NDArray[Any]]
"""What sorts it among others, row and column of its first pixel, and the pixels."""


def insert_edit(
    base: sqlite3.Connection,
    step: tuple[int, str, int],
    edit: Edit,
    threads: Executor,
) -> None:
    """Write an edit of a step, of which its number, its action and its tick are."""
    number, action, tick = step
    dtype = DTYPES[edit.array]
    packed = (
        pack(values.astype(dtype, copy=False), threads)
        for values in (edit.before, edit.after)
    )
    base.execute(
        "INSERT INTO edits (image, plane, array, row, col, height, width, before, "
        "after, action, step, time, tick) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            *(edit.image, edit.plane, edit.array, edit.row, edit.column),
            *edit.after.shape,
            *packed,
            *(action, number, time.time(), tick),
        ),
    )


def insert_proposals(
    base: sqlite3.Connection, packed: Sequence[tuple[Patch, bytes]], tick: int
) -> None:
    """Write packed proposals, in place of older ones that they cover."""
    for patch, pixels in packed:
        height, width = patch.values.shape
        where = (patch.image, patch.plane, patch.row, patch.column)
        base.execute(
            "DELETE FROM proposals WHERE image = ? AND plane = ? AND row >= ? "
            "AND col >= ? AND row + height <= ? AND col + width <= ? AND tick < ?",
            (*where, patch.row + height, patch.column + width, tick),
        )
        base.execute(
            "INSERT INTO proposals (image, plane, row, col, height, width, pixels, "
            "tick) VALUES (?,?,?,?,?,?,?,?)",
            (*where, height, width, pixels, tick),
        )


def give_up_undone(base: sqlite3.Connection) -> None:
    """Make what is undone impossible to redo.

    An array's file may still hold it: until that is stored anew, the edit says
    what was there before.
    """
    base.execute("UPDATE edits SET undone = ? WHERE undone = ?", (_GIVEN_UP, UNDONE))
    base.execute(
        "DELETE FROM edits WHERE undone = ? AND tick <= coalesce((SELECT tick "
        "FROM snapshots WHERE snapshots.image = edits.image AND "
        "snapshots.plane = edits.plane AND snapshots.array = edits.array), 0)",
        (_GIVEN_UP,),
    )


def to_edit(row: tuple[Any, ...]) -> Edit:
    """Read a row of ``edits``.

    Raises
    ------
    sqlite3.DatabaseError
        If it is damaged; so do `to_step` and the others that read.
    """
    array = str(row[3])
    before, after = (
        _unpacked(row, packed, DTYPES.get(array), row[6:8]) for packed in row[8:10]
    )
    return Edit(row[1], row[2], array, row[4], row[5], before, after)


def to_step(row: tuple[Any, ...]) -> tuple[int, str, Edit]:
    """Read a row of ``edits``: number and action of its step, and the edit."""
    return row[11], row[10], to_edit(row)


def edit_to_written(row: tuple[Any, ...]) -> Written:
    """Read what a row of ``edits`` wrote last, when it was done or undone."""
    done = row[14] == DONE
    edit = to_edit(row)
    # Of one step the last is taken back first.
    order = row[13], row[0] if done else -row[0]
    return order, edit.row, edit.column, edit.after if done else edit.before


def proposal_to_written(row: tuple[Any, ...]) -> Written:
    """Read what a row of ``proposals`` wrote."""
    values = _unpacked(row, row[7], DTYPES["segmentation"], row[5:7])
    return (row[8], row[0]), row[3], row[4], values


def _unpacked(
    row: tuple[Any, ...], packed: Any, kind: np.dtype[Any] | None, shape: Any
) -> NDArray[Any]:
    try:
        if kind is None:
            raise TypeError("no such array")
        return unpack(packed, kind, (int(shape[0]), int(shape[1])))
    except (TypeError, ValueError, zlib.error) as error:
        raise sqlite3.DatabaseError(f"edit {row[0]} is malformed") from error
