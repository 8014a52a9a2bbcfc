"""The one exception that users see, and what the system's own ones mean to them."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EngineError", "explain", "is_disk_full", "refusals_named"]

# No space, or no quota, which not every system has.
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class EngineError(Exception):
    """Something a biologist can act on: what is wrong, and what to do next.

    Every error that bad input can cause is one of these. The command line
    prints it as one line; the viewer shows it in the dock.

    Parameters
    ----------
    what : str
        One sentence: what is wrong and what was expected.
    todo : str, optional
        One sentence: what the user can do next.
    **received : object
        The values that caused it, shown as ``Received: name=value``.

    Examples
    --------
    >>> print(EngineError("The image is empty.", todo="Check the file.", shape=(0, 5)))
    The image is empty. Received: shape=(0, 5). Check the file.
    """

    def __init__(self, what: str, *, todo: str = "", **received: object) -> None:
        values = ", ".join(
            f"{name}={value if isinstance(value, str) else repr(value)}"
            for name, value in received.items()
        )
        parts = [what, f"Received: {values}." if values else "", todo]
        super().__init__(" ".join(part for part in parts if part))
        self.what = what
        self.todo = todo
        self.received = received


def explain(error: BaseException) -> EngineError | None:
    """Say what the system refused, whoever asked for it.

    Parameters
    ----------
    error : BaseException
        Raised somewhere below.

    Returns
    -------
    EngineError or None
        For a file that can't be read or written, and for memory that is not there;
        None for all else, which is a mistake of ours.
    """
    if isinstance(error, MemoryError):
        return EngineError(
            f"There is not enough memory ({error or 'for this'}).",
            todo="Close other programs, or work on smaller images.",
        )
    if isinstance(error, OSError) and error.strerror:
        path = {} if error.filename is None else {"path": str(error.filename)}
        if is_disk_full(error):
            return EngineError(
                f"The disk is full ({error.strerror}).",
                todo="Free some space on it.",
                **path,
            )
        return EngineError(
            f"A file or folder can't be read or written ({error.strerror}).",
            todo="Make sure that you may, and that its drive is there and has room.",
            **path,
        )
    return None


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised from, says that there is no room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False


@contextmanager
def refusals_named() -> Iterator[None]:
    """Raise what the system refuses as an `EngineError`; also a decorator."""
    try:
        yield
    except (OSError, MemoryError) as error:
        known = explain(error)
        if known is None:
            raise
        raise known from error
