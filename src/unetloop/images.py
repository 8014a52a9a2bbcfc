"""Read any microscopy image lazily: axes, channels, planes, pixel size.

TIFF, OME-TIFF and ImageJ TIFF come through tifffile, PNG and JPEG through
Pillow, OME-Zarr through zarr, and anything else through a bioio reader plug-in
if one is installed.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, prod
from pathlib import Path

import numpy as np

from unetloop.channel_colours import read_channel_colours
from unetloop.colours import nuclear_colour
from unetloop.counts import counted
from unetloop.errors import EngineError
from unetloop.image_formats import PICTURE_SUFFIXES
from unetloop.image_planes import Image, ImageInfo, unreadable
from unetloop.image_sequence import is_sequence, open_sequence
from unetloop.mixtures import ALL_COLOURS, MIXTURES
from unetloop.nuclear_channel import guess_nuclear_channel
from unetloop.tiff_images import TIFF_SUFFIXES

__all__ = ["has_channels", "name_channels", "open_image", "resolve_channels"]

_READER_PLUGINS = {
    ".czi": "bioio-czi",
    ".nd2": "bioio-nd2",
    ".lif": "bioio-lif",
    ".dv": "bioio-dv",
    ".sldy": "bioio-sldy",
}
_SUFFIXES = {"tiff": TIFF_SUFFIXES, "picture": PICTURE_SUFFIXES}
_BEGINNINGS = {
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "picture": (b"\x89PNG", b"\xff\xd8\xff"),
}


def open_image(path: str | Path) -> Image:
    """Open an image without reading its pixels.

    Parameters
    ----------
    path : str or Path
        A file, the folder of an OME-Zarr, or a name with ``{T}``, ``{Z}``,
        ``{C}`` for a stack in many files.

    Raises
    ------
    EngineError
        If it is missing, empty, damaged, of an unknown format (the message
        names the plug-in that reads it, if one does), or holds no real numbers.
    """
    path = Path(path)
    if not path.exists() and not is_sequence(path):
        raise EngineError("There is no such image.", path=str(path))
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise EngineError(  # to read from it might wait for ever
            "This is no file, but a pipe or a device.", path=str(path)
        )
    try:
        if is_sequence(path):
            axes, data, names, sides, close = open_sequence(path)
        elif path.is_dir():
            from unetloop.image_formats import open_zarr

            axes, data, names, sides, close = open_zarr(path)
        elif (kind := _kind(path)) == "tiff":
            from unetloop.tiff_images import open_tiff

            axes, data, names, sides, close = open_tiff(path)
        elif kind == "picture":
            from unetloop.image_formats import open_picture

            axes, data, names, sides, close = open_picture(path)
        else:
            from unetloop.image_formats import open_with_plugin

            axes, data, names, sides, close = open_with_plugin(
                path, _READER_PLUGINS.get(path.suffix.lower())
            )
    except EngineError:
        raise
    except Exception as error:  # whatever a damaged file makes a reader raise
        raise unreadable(path, error) from error
    height, width = map(_known, sides[1:])
    info = ImageInfo(
        path=path,
        axes=axes,
        shape=tuple(int(size) for size in data.shape),
        dtype=np.dtype(data.dtype),
        channel_names=tuple(names),
        pixel_size=(height, width) if height and width else None,
        spacing=_known(sides[0]) if "Z" in axes else None,
        note=getattr(data, "note", ""),
    )
    wrong = todo = ""
    if len(axes) != len(info.shape):
        wrong = "The image has axes that are not named."
    elif prod(info.shape) == 0 or "Y" not in axes or "X" not in axes:
        wrong = "The image is empty."
    elif "C" in axes and "S" in axes and info.size("C") > 1:
        wrong = "The image has both channels and colours."
        todo = "Save the channel that you need as a TIFF of its own, and give that."
    elif info.dtype.kind not in "biuf":
        wrong = "The image must hold whole or real numbers."
    if wrong:
        if close is not None:
            close()
        raise EngineError(
            wrong, todo=todo, path=str(path), shape=info.shape, dtype=str(info.dtype)
        )
    if len(info.channel_names) != info.channels:
        numbered = [str(number) for number in range(info.channels)]
        named = ["red", "green", "blue"] if info.rgb else numbered
        info = replace(info, channel_names=tuple(named[: info.channels]))
    called = tuple(name.lower() for name in info.channel_names)
    coloured = called == ("red", "green", "blue") and info.dtype == np.uint8
    if coloured and not info.rgb:
        # Slides are stored so by programs that know channels, but no colours.
        info = replace(info, axes=info.axes.replace("C", "S"))
    # A file may leave some of its channels without a name.
    filled = (name or str(number) for number, name in enumerate(info.channel_names))
    info = replace(info, channel_names=tuple(filled))
    return Image(info, data, close)


def _kind(path: Path) -> str:
    """Say what reads a file: by its first bytes, since a suffix may be wrong.

    Raises
    ------
    EngineError
        If it has none.
    """
    with path.open("rb") as file:
        begin = file.read(4)
    if not begin:
        raise EngineError(
            "The file is empty (0 bytes).",
            todo="Copy or export it again.",
            path=str(path),
        )
    by_suffix = next(
        (kind for kind, known in _SUFFIXES.items() if path.suffix.lower() in known), ""
    )
    by_content = next(
        (kind for kind, known in _BEGINNINGS.items() if begin.startswith(known)), ""
    )
    # What has another suffix may begin like a TIFF, and only its own reader knows it.
    return by_suffix and (by_content or by_suffix)


def _known(side: float) -> float | None:
    """Take a length as unknown unless it can be true."""
    return float(side) if 0 < side < inf else None


def name_channels(info: ImageInfo, channels: tuple[int, ...]) -> str:
    """Say which channels are looked at, by their names; empty: there is but one."""
    if info.channels == 1:
        return ""
    return ", ".join(
        MIXTURES[channel] if channel < 0 else info.channel_names[channel]
        for channel in channels
    )


def has_channels(info: ImageInfo, wanted: str) -> bool:
    """Whether an image has all channels of this name, as for `resolve_channels`."""
    if info.rgb and _find_mixture(wanted) is not None:
        return True
    return all(_find_channel(info, part) is not None for part in wanted.split(","))


def resolve_channels(
    image: Image, wanted: str | None, count: int = 1
) -> tuple[int, ...]:
    """Find which channels a network with ``count`` inputs should see.

    Parameters
    ----------
    image : Image
        An open image.
    wanted : str or None
        Names, or else numbers from 0, separated by commas; of RGB also one of
        `MIXTURES` for a network that sees one channel. None: for such a network the
        colours that show the nuclei (`nuclear_colour`, which looks at the pixels), or
        the channel whose name or colour says so (`guess_nuclear_channel`); else the
        first ones.
    count : int
        Channels that the network sees.

    Raises
    ------
    EngineError
        If there is no such channel, or there are too few; it lists them.
    """
    info = image.info
    listed = ", ".join(
        f"{index} ({name})" if name != str(index) else name
        for index, name in enumerate(info.channel_names)
    )
    listed = f"{counted(info.channels, 'channel')}: {listed}"
    if info.rgb:
        listed += "; or " + " or ".join(MIXTURES.values())
    if wanted is None:
        if info.rgb and count == 1:
            return (nuclear_colour(image),)
        if info.channels < count:
            raise EngineError(
                f"The network sees {count} channels, the image has {info.channels}.",
                path=str(info.path),
            )
        if count == 1:
            colours = read_channel_colours(info.path) if info.channels > 1 else ()
            return (guess_nuclear_channel(info.channel_names, colours),)
        return tuple(range(count))
    mixture = _find_mixture(wanted) if info.rgb else None
    if mixture is not None and count == 1:
        return (mixture,)
    if mixture == ALL_COLOURS:
        wanted = ",".join(map(str, range(3)))
    found = []
    for part in wanted.split(","):
        number = _find_channel(info, part)
        if number is None:
            raise EngineError(
                f"The image has no such channel; it has {listed}.",
                todo="Choose one that it has, or none: then it is found by itself.",
                path=str(info.path),
                channel=part.strip(),
            )
        found.append(number)
    if len(found) != count:
        raise EngineError(
            f"The network sees {count} channels of an image; {len(found)} chosen.",
            todo=f"Choose {count} or none, another model, or train one for them.",
            path=str(info.path),
            channel=wanted,
        )
    return tuple(found)


def _find_channel(info: ImageInfo, wanted: str) -> int | None:
    """Find a channel by its name, or else by its number; None: there is none."""
    wanted = wanted.strip().lower()
    names = [name.lower() for name in info.channel_names]
    if wanted in names:
        return names.index(wanted)
    return int(wanted) if wanted.isdecimal() and int(wanted) < info.channels else None


def _find_mixture(wanted: str) -> int | None:
    name = wanted.strip().lower().replace("hemato", "haemato")  # as Americans write it
    return next((number for number, known in MIXTURES.items() if known == name), None)
