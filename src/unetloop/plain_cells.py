"""Cells of tables that a spreadsheet does not take for formulas.

Excel, LibreOffice and Google Sheets calculate what begins with ``=``, ``+``, ``-`` or
``@``, quoted or not: https://owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

__all__ = ["plain_path", "plain_text"]

_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


def plain_path(path: str) -> str:
    """Begin a relative path with ``./`` if it would be a formula: it is the same path.

    >>> plain_path("-3h.tif"), plain_path("day 1/-3h.tif")
    ('./-3h.tif', 'day 1/-3h.tif')
    """
    return f"./{path}" if path.startswith(_BEGINNINGS) else path


def plain_text(text: str) -> str:
    """Begin a word with an apostrophe if it would be a formula, as OWASP advises.

    >>> plain_text("+DAPI"), plain_text("DAPI")
    ("'+DAPI", 'DAPI')
    """
    return f"'{text}" if text.startswith(_BEGINNINGS) else text
