"""What only one program at a time may do: the others meet its lock, a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unetloop.errors import EngineError

__all__ = ["take_lock"]


def take_lock(
    path: Path, *, taken: EngineError, refused: Callable[[OSError], EngineError]
) -> FileLock:
    """Take a lock at once or not at all; whichever thread releases it.

    Parameters
    ----------
    path : Path
        Its file; the folder is made.
    taken : EngineError
        What is said where another holds it.
    refused : callable
        Makes of the system's error what is said where it can't be written.

    Returns
    -------
    filelock.FileLock
        Held until its `release`, or until the program ends, in whatever way.
    """
    # A generator that holds it may be closed by another thread than began it.
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise taken from error
    except OSError as error:
        raise refused(error) from error
    return lock
