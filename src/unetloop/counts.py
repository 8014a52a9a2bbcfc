"""Numbers of things as people write them: 1 nucleus, 12,000 nuclei."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, one: str, many: str = "") -> str:
    """Put a number before what it counts.

    Parameters
    ----------
    number : int
        How many there are.
    one, many : str
        What one of them is called, and several; the latter is left out where it
        only takes an s.

    Examples
    --------
    >>> counted(1, "nucleus", "nuclei"), counted(12000, "image")
    ('1 nucleus', '12,000 images')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
