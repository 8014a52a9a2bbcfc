"""Numbers in words that fit a narrow dock."""

from __future__ import annotations

__all__ = ["in_words"]


def in_words(seconds: float) -> str:
    """Say how long something takes, no more exactly than anyone can know.

    Examples
    --------
    >>> in_words(7)
    '7 s'
    >>> in_words(200)
    '3 min'
    >>> in_words(4500)
    '1 h 15 min'
    """
    whole = max(round(seconds), 0)
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
