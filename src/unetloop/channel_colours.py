"""The colours that a file gives its channels; for the screen, not for a network."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unetloop.tiff_images import TIFF_SUFFIXES
from unetloop.zarr_folders import zarr_attributes

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["read_channel_colours"]


def read_channel_colours(path: str | Path) -> tuple[str, ...]:
    """Read the colours of an image's channels.

    OME-TIFF's ``Channel Color``, ImageJ's lookup tables, those of LSM and OME-Zarr's
    ``omero`` block are known. White and black say nothing and are left out.

    Parameters
    ----------
    path : str or Path
        A file, or the folder of an OME-Zarr.

    Returns
    -------
    tuple of str
        ``"#rrggbb"`` a channel, or an empty string; empty if none are known. What
        can't be read has none: pixels, not colours, decide whether a file is good.
    """
    path = Path(path)
    found: Sequence[str] = ()
    with suppress(Exception):  # whatever a damaged file makes a reader raise
        if path.is_dir():
            found = _of_zarr(path)
        elif path.suffix.lower() in TIFF_SUFFIXES:
            found = _of_tiff(path)
    plain = ("#ffffff", "#000000")
    return tuple("" if colour in plain else colour for colour in found)


def _of_zarr(path: Path) -> list[str]:
    channels = zarr_attributes(path).get("omero", {}).get("channels", [])
    return [_hexadecimal(channel.get("color")) for channel in channels]


def _of_tiff(path: Path) -> list[str]:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        if tiff.is_ome and tiff.ome_metadata:
            return _of_ome(tiff.ome_metadata)
        if tiff.is_lsm:
            colours = (tiff.lsm_metadata or {})["ChannelColors"]["Colors"]
            return [_name(*colour[:3]) for colour in colours]
        tables = (tiff.imagej_metadata or {}).get("LUTs") or []
        # A table gives the colour of each value: the brightest one's is meant.
        brightest = [[int(value) for value in table[:3, -1]] for table in tables]
        return [_name(*colour) for colour in brightest]


def _of_ome(xml: str) -> list[str]:
    from xml.etree import ElementTree

    channels = ElementTree.fromstring(xml).findall(
        ".//{*}Image[1]/{*}Pixels/{*}Channel"
    )
    result = []
    for channel in channels:
        value = channel.get("Color")
        # A signed number of 32 bits: red, green, blue, opacity.
        number = int(value) & 0xFFFFFFFF if value else 0
        bytes_ = (number >> 24 & 255, number >> 16 & 255, number >> 8 & 255)
        result.append(_name(*bytes_) if value else "")
    return result


def _name(red: int, green: int, blue: int) -> str:
    return f"#{red:02x}{green:02x}{blue:02x}"


def _hexadecimal(value: Any) -> str:
    text = str(value or "").lstrip("#").lower()
    right = len(text) >= 6 and all(sign in "0123456789abcdef" for sign in text[:6])
    return f"#{text[:6]}" if right else ""
