"""Writing files that can't break off half-way, and stay when the power fails."""

from __future__ import annotations

import os
import re
import time
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["fresh_path", "is_fresh", "replacing", "swap_folder", "write_through"]

# Seconds to wait before a file that is in use is tried again.
_PAUSES = (0.05, 0.1, 0.2, 0.4)
_FRESH = re.compile(r"\.[0-9a-f]{32}(\.old)?\.new")


def fresh_path(path: Path) -> Path:
    """Give a name beside a file for what is to take its place.

    It is nobody else's: other threads, and machines that share the disk, may write
    the same file.
    """
    return path.with_name(f".{uuid.uuid4().hex}.new")


def is_fresh(name: str) -> bool:
    """Whether a name is such a one, which a program that was killed left behind.

    >>> is_fresh(".0123456789abcdef0123456789abcdef.new"), is_fresh(".notes.new")
    (True, False)
    """
    return _FRESH.fullmatch(name) is not None


@contextmanager
def replacing(path: Path, lasting: bool = True) -> Iterator[Path]:
    """Write a file so that at any moment the old or the new one is there, whole.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    lasting : bool
        Have it on the disk before going on, which takes milliseconds. Not needed of
        what can be computed again.

    Yields
    ------
    Path
        A temporary one beside it, which takes its place if all went well.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = fresh_path(path)
    try:
        yield fresh
        if lasting:
            write_through(fresh)
        _put_in_place(fresh, path)
        if lasting:  # a journal may soon say that it is there
            write_through(path.parent)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def swap_folder(fresh: Path, folder: Path, old: Path) -> None:
    """Put a folder in the place of another, of which nobody then sees a half.

    Parameters
    ----------
    fresh : Path
        The new one; it must be there.
    folder : Path
        The place. What is there, if anything, is called ``old`` from then on.
    old : Path
        Must not be there, unless ``folder`` is not.

    Raises
    ------
    OSError
        If it can't be done. What was called ``old`` is then back in its place.
    """
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:  # on Windows, while a program looks at a file of either
        if old.exists():
            old.rename(folder)
        raise


def write_through(path: Path) -> None:
    """Have a file's bytes, or the names in a folder, on the disk before going on.

    Raises
    ------
    OSError
        If a file's bytes can't be written. Not every system and disk knows this of
        folders: there it is left to them.
    """
    if path.is_dir():
        with suppress(OSError):
            _flush(path, os.O_RDONLY)
    else:  # Windows writes through only what was opened to be written
        _flush(path, os.O_RDWR)


def _flush(path: Path, mode: int) -> None:
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(fresh: Path, path: Path) -> None:
    for seconds in _PAUSES:
        try:
            fresh.replace(path)
        except PermissionError:  # on Windows, while a virus scanner looks at it
            time.sleep(seconds)
        else:
            return
    fresh.replace(path)
