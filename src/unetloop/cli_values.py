"""What a word on the command line may be: a path, a name, a count, a length."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

__all__ = ["count", "diameter", "path", "pixel_size", "word"]


def path(text: str) -> Path:
    """Take a path; an empty one would mean the folder that one is in.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is empty, as where a shell's variable was not set.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; for the folder you are in, give .")
    return Path(text)


def word(text: str) -> str:
    """Take a name, number or address; an empty one would be taken for none.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is empty.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; give a value, or leave it out")
    return text


def count(text: str) -> int:
    """Take a whole number from 1.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number, at least 1")
    return int(text)


def diameter(text: str) -> float | None:
    """Take a diameter in pixels; None for ``auto``.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is neither.
    """
    return None if text == "auto" else _length(text, ", or auto")


def pixel_size(text: str) -> float:
    """Take the side of a pixel in µm.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none.
    """
    return _length(text)


def _length(text: str, or_what: str = "") -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0{or_what}")
    return value
