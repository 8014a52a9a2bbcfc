"""Which of an image's channels shows the nuclei, by their names and colours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["guess_nuclear_channel"]

# Stains of DNA first, then whatever else is in the nucleus; the surest come first.
_NAMES = (
    r"dapi|hoechst|\bh ?33342\b|draq ?[57]|nucblue|nucspot|sytox|to-?pro",
    r"\b(dna|propidium|nuclear|nuclei|nucleus|nuc)\d*\b",
    r"h2a(?![-. ]?x)|h2b|histone|\bnls\b",  # H2AX is where DNA broke
    r"\b405(?: ?nm)?\b",  # what excites DAPI and Hoechst
)


def guess_nuclear_channel(names: Sequence[str], colours: Sequence[str] = ()) -> int:
    """Find the channel whose name, or else whose colour, says that it shows nuclei.

    Parameters
    ----------
    names : sequence of str
        The channels' names, in their order.
    colours : sequence of str
        Their colours as ``"#rrggbb"``, or empty strings; empty if none are known.

    Returns
    -------
    int
        The number of the one that is called as nuclei or their stains are; of the
        first that is blue, as DAPI and Hoechst are under the microscope; else 0.

    Examples
    --------
    >>> guess_nuclear_channel(["Phalloidin", "Hoechst 33342", "H2B-GFP"])
    1
    >>> guess_nuclear_channel(["0", "1"], ["#00ff00", "#0000ff"])
    1
    >>> guess_nuclear_channel(["0", "1"])
    0
    """
    for pattern in _NAMES:
        for number, name in enumerate(names):
            # An underscore counts as a letter of a word, to a pattern.
            if re.search(pattern, name.replace("_", " "), re.IGNORECASE):
                return number
    blue = [number for number, colour in enumerate(colours) if _is_blue(colour)]
    return blue[0] if blue and blue[0] < len(names) else 0


def _is_blue(colour: str) -> bool:
    red, green, blue = (int(colour[at : at + 2] or "0", 16) for at in (1, 3, 5))
    return blue > 2 * max(red, green)
