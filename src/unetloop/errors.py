"""The one exception that users see."""

from __future__ import annotations

__all__ = ["EngineError"]


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
