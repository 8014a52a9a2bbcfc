"""What a batch would do: the files, how they will be read, how long it will take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.events import Event, Progress
from unetloop.images import open_image, resolve_channels
from unetloop.naming import name_images
from unetloop.run_record import Records

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from unetloop.files import FoundImage
    from unetloop.network import Network
    from unetloop.scale import Scale

__all__ = ["describe_image", "plan_images"]

_PROBE = 256
# Beside the network: a first look for the diameter, and what does not overlap.
_OVERHEAD = 1.3
# Where the diameter is not known, images are enlarged twofold on the average.
_UNKNOWN_AREA = 2.0
_SECONDS_AN_IMAGE = 0.05
# The network is compiled, and what measures is imported: the first image took 0.5 to
# 1 s longer than those like it, on 4 cores.
_FIRST_IMAGE_SECONDS = 1.0
# Bytes a pixel and an image, as measured on the sample images and real ones.
_LABEL_BYTES = 0.08
_BYTES_AN_IMAGE = 60e3
_EXPORT_BYTES = {"overlay": 1.2, "ome_zarr": 0.1}
_OTHER_EXPORT_BYTES = 0.15


def plan_images(
    images: Sequence[FoundImage],
    out: Path | None,
    network: Network,
    scale: Scale,
    *,
    channel: str | None = None,
    diameter: float | None = None,
    exports: Sequence[str] = (),
    start_seconds: float = 0.0,
) -> Generator[Event, None, dict[str, Any]]:
    """Open each image without reading its pixels, and estimate time and disk.

    Parameters
    ----------
    images : sequence of FoundImage
        What would be predicted.
    out : Path or None
        Folder that would be written.
    network : Network
        The model's; timed over a small tile.
    scale : Scale
        The model's.
    channel : str, optional
        Channel numbers or names.
    diameter : float, optional
        Nucleus diameter in the images, in pixels; none: as the model's.
    exports : sequence of str
        Names of `catalog.EXPORTERS`.
    start_seconds : float
        What it takes to have a network, before the first image.

    Yields
    ------
    Progress

    Returns
    -------
    dict
        ``files``: for each image what `describe_image` says, ``name``, ``parts`` (how
        many files it consists of) and ``reads``, the channels by name; ``problems``:
        ``path`` and ``error`` of those that can't be read so; ``pixels``, ``seconds``
        and ``bytes``, estimates of the whole;
        ``done``: how many have results already.
    """
    files, problems = [], []
    pixels = done = 0
    records = None if out is None else Records(out)
    for index, found in enumerate(name_images(images, records)):
        described = {
            "name": found.name,
            "parts": found.parts,
            **describe_image(found.path),
        }
        if "error" not in described:
            try:
                described["reads"] = _channels(found.path, channel, network.channels)
            except EngineError as error:
                described["error"] = str(error)
        if "error" in described:
            problems.append({"path": str(found.path), "error": described["error"]})
        else:
            planes = described["planes"]
            pixels += planes * described["height"] * described["width"]
        files.append(described)
        if records is not None:
            done += records.path(found.stem).exists()
        yield Progress(
            done=index + 1, total=len(images), unit="images", what=found.path.name
        )
    area = (scale.diameter / diameter) ** 2 if diameter else _UNKNOWN_AREA
    bytes_a_pixel = _LABEL_BYTES + sum(
        _EXPORT_BYTES.get(name, _OTHER_EXPORT_BYTES) for name in exports
    )
    readable = len(files) - len(problems)
    seconds = pixels * area * _seconds_a_pixel(network) * _OVERHEAD
    seconds += readable * _SECONDS_AN_IMAGE
    if readable:
        seconds += start_seconds + _FIRST_IMAGE_SECONDS
    return {
        "files": files,
        "problems": problems,
        "pixels": pixels,
        "seconds": round(seconds, 1),
        "bytes": round(pixels * bytes_a_pixel + readable * _BYTES_AN_IMAGE),
        "done": done,
    }


def _channels(path: Path, channel: str | None, count: int) -> list[str]:
    with open_image(path) as image:
        chosen = resolve_channels(image.info, channel, count)
        names = image.info.channel_names
    return ["mean of colours" if number < 0 else names[number] for number in chosen]


def _seconds_a_pixel(network: Network) -> float:
    tile = np.zeros((1, _PROBE, _PROBE, network.channels), np.float32)
    network(tile)  # the first call may compile
    times = []
    for _ in range(3):  # others may use the machine just now
        began = time.perf_counter()
        network(tile)
        times.append(time.perf_counter() - began)
    return min(times) / _PROBE**2


def describe_image(path: Path) -> dict[str, Any]:
    """Say what is known of an image before its pixels are read.

    Parameters
    ----------
    path : Path
        A file, or the folder of an OME-Zarr.

    Returns
    -------
    dict
        What `ImageInfo` holds, by its names; or ``error``, a sentence.
    """
    try:
        with open_image(path) as image:
            info = image.info
    except EngineError as error:
        return {"path": path, "error": str(error)}
    except OSError as error:
        return {"path": path, "error": f"It can't be read ({error.strerror})."}
    return {
        "path": path,
        "axes": info.axes,
        "shape": info.shape,
        "dtype": str(info.dtype),
        "channel_names": info.channel_names,
        "pixel_size": info.pixel_size and [float(side) for side in info.pixel_size],
        "planes": info.planes,
        "height": info.height,
        "width": info.width,
    }
