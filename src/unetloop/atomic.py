"""Writing files that can't break off half-way."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["replacing"]

# Seconds to wait before a file that is in use is tried again.
_PAUSES = (0.05, 0.1, 0.2, 0.4)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file so that at any moment the old or the new one is there, whole.

    Yields a temporary path beside it, which takes its place if all went well.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Its own: other threads, and machines that share the disk, may write the same file.
    fresh = path.with_name(f".{uuid.uuid4().hex}.new")
    try:
        yield fresh
        # Windows writes through only what was opened to be written.
        with fresh.open("r+b") as stream:
            os.fsync(stream.fileno())
        _put_in_place(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _put_in_place(fresh: Path, path: Path) -> None:
    for seconds in _PAUSES:
        try:
            fresh.replace(path)
        except PermissionError:  # on Windows, while a virus scanner looks at it
            time.sleep(seconds)
        else:
            return
    fresh.replace(path)
