"""Numbers and names in words that fit a narrow dock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unetloop.errors import EngineError

__all__ = [
    "axes_in_words",
    "channel_in_words",
    "error_in_words",
    "found_in_words",
    "image_in_words",
    "in_words",
]


def axes_in_words(axes: str) -> str:
    """Say what an image is of which only the letters of its axes are known.

    Parameters
    ----------
    axes : str
        Of ``TCZYXS``: time, channels, depth, rows, columns, colours.

    Examples
    --------
    >>> axes_in_words("CYX"), axes_in_words("ZYX")
    ('one plane', 'stack')
    >>> axes_in_words("TCYX"), axes_in_words("TZYX")
    ('movie', 'movie of stacks')
    """
    if "T" in axes:
        return "movie of stacks" if "Z" in axes else "movie"
    return "stack" if "Z" in axes else "one plane"


def image_in_words(path: str) -> str:
    """Say which image is meant: in an OME-Zarr with many, by its place in there.

    Examples
    --------
    >>> image_in_words("../day 1/a.tif")
    'a.tif'
    >>> image_in_words("../plate.ome.zarr/A/1/0")
    'plate.ome.zarr/A/1/0'
    """
    parts = path.split("/")
    plates = (at for at, part in enumerate(parts) if part.endswith(".zarr"))
    return "/".join(parts[next(plates, -1) :])


def channel_in_words(name: str) -> str:
    """Say which channel is meant: one without a name has only a number.

    Examples
    --------
    >>> channel_in_words("DAPI")
    'DAPI'
    >>> channel_in_words("1")
    'channel 1'
    """
    return f"channel {name}" if name.isdecimal() else name


def error_in_words(error: EngineError) -> str:
    """Say what is wrong, first of which file: whoever clicked has typed no path.

    Examples
    --------
    >>> from unetloop.errors import EngineError
    >>> error = EngineError("It is empty.", todo="Copy it again.", path="/data/a.tif")
    >>> error_in_words(error)
    'a.tif: It is empty. Copy it again.'
    """
    name = Path(str(error.received.get("path", ""))).name
    return f"{name}: {error.what} {error.todo}".removeprefix(": ").rstrip()


def found_in_words(event: Mapping[str, Any]) -> str:
    """Say what an `ImagePredicted` of the engine found: nuclei, or shares of classes.

    Examples
    --------
    >>> found_in_words({"nuclei": 1})
    '1 nucleus'
    >>> found_in_words({"nuclei": None, "shares": {"stroma": 0.25, "fat": 0.75}})
    'stroma 25 %, fat 75 %'
    """
    shares = event.get("shares")
    if shares is not None:
        return ", ".join(
            f"{name} {share * 100:.0f} %" for name, share in shares.items()
        )
    nuclei = int(event["nuclei"])
    return f"{nuclei:,} nucle" + ("us" if nuclei == 1 else "i")


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
