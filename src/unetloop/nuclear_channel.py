"""Which of an image's channels shows the nuclei, by the channels' names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["guess_nuclear_channel"]

# Stains of DNA first, then whatever else is in the nucleus; the surest come first.
_NAMES = (
    r"dapi|hoechst|\bh ?33342\b|draq ?[57]|nucblue|nucspot|sytox|to-?pro",
    r"\b(dna|propidium|nuclear|nuclei|nucleus|nuc)\b",
    r"h2b|histone|\bnls\b",
)


def guess_nuclear_channel(names: Sequence[str]) -> int:
    """Find the channel whose name says that it shows nuclei.

    Parameters
    ----------
    names : sequence of str
        The channels' names, in their order.

    Returns
    -------
    int
        Its number; 0 where no name says so.

    Examples
    --------
    >>> guess_nuclear_channel(["Phalloidin", "Hoechst 33342", "H2B-GFP"])
    1
    >>> guess_nuclear_channel(["0", "1"])
    0
    """
    for pattern in _NAMES:
        for number, name in enumerate(names):
            # An underscore counts as a letter of a word, to a pattern.
            if re.search(pattern, name.replace("_", " "), re.IGNORECASE):
                return number
    return 0
