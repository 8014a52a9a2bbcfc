"""What a batch would do: the files, how they will be read, how long it will take."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.batch_jobs import make_jobs
from unetloop.errors import EngineError
from unetloop.events import Event, Progress
from unetloop.images import open_image
from unetloop.mixtures import ALL_COLOURS, MIXTURES
from unetloop.naming import name_images
from unetloop.resume import Choice, choose
from unetloop.run_record import Records
from unetloop.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from unetloop.batch_jobs import BatchOptions
    from unetloop.checkpoint import Model
    from unetloop.config import PredictionConfig
    from unetloop.files import FoundImage
    from unetloop.image_job import ImageJob
    from unetloop.network import Network

__all__ = ["describe_image", "plan_images"]

_PROBE = 256
# Beside the network: what does not overlap with it.
_OVERHEAD = 1.3
# Where the diameter is not known: 74 images of nuclei of all sizes were looked at, and
# predicted, at 5.3 times as many pixels as they have; docs/benchmarks.md.
_UNKNOWN_AREA = 5.0
_SECONDS_AN_IMAGE = 0.05
# The network is compiled, and what measures is imported: the first image took 0.5 to
# 1 s longer than those like it, on 4 cores.
_FIRST_IMAGE_SECONDS = 1.0
# Bytes a pixel and an image, as measured on the sample images and real ones.
_LABEL_BYTES = 0.08
_BYTES_AN_IMAGE = 60e3
_EXPORT_BYTES = {"overlay": 1.2, "ome_zarr": 0.1}
_OTHER_EXPORT_BYTES = 0.15
# As measured over a plane of 20,000 x 20,000 with 250,000 nuclei.
_EXPORT_SECONDS_A_PIXEL = 1.5e-7


def plan_images(
    images: Sequence[FoundImage],
    out: Path | None,
    model: Model,
    network: Network,
    config: PredictionConfig,
    options: BatchOptions,
    *,
    start_seconds: float = 0.0,
) -> Generator[Event, None, dict[str, Any]]:
    """Open each image without reading its pixels, and estimate time and disk.

    Parameters
    ----------
    images : sequence of FoundImage
        What would be predicted.
    out : Path or None
        Folder that would be written.
    model : Model
        An opened model.
    network : Network
        The model's; timed over a small tile.
    config : PredictionConfig
        How it would be run; without a diameter, time to look for it is counted in.
    options : BatchOptions
        What else was chosen.
    start_seconds : float
        What it takes to have a network, before the first image.

    Yields
    ------
    Progress

    Returns
    -------
    dict
        ``files``: for each image what `describe_image` says, ``name``, ``parts`` (how
        many files it consists of), ``reads``, the channels by name, and ``choice``,
        the word of `resume.Choice`; ``problems``: ``path`` and ``error`` of those that
        can't be read so; ``pixels``, of all; ``seconds`` and ``bytes``, estimates of
        what is to be done; ``anew``: the same two if all is predicted anew; ``done``,
        ``exported``, ``left_alone``: for how many there is nothing to do, are but
        exports to be made, and which have results that are not this program's.

    Raises
    ------
    EngineError
        If an option is wrong.
    """
    scale = Scale.of(model).with_instances(options.instances)
    records = None if out is None else Records(out.absolute())
    named = name_images(images, records)
    # Without a folder there are no results to look at.
    jobs = make_jobs(named, (out or Path()).absolute(), model, scale, config, options)
    cost = _Cost(network, scale, options.exports)
    files: list[dict[str, Any]] = []
    problems = []
    for index, (found, job) in enumerate(zip(named, jobs, strict=True)):
        described = {
            "name": found.name,
            "parts": found.parts,
            **describe_image(found.path),
        }
        if "error" not in described:
            try:
                described["reads"] = _channels(job)
            except EngineError as error:
                described["error"] = str(error)
        choice = Choice("predict")
        if records is not None:
            choice = choose(job, records, thorough=False)
        described["choice"] = choice.what
        if "error" in described:
            problems.append({"path": str(found.path), "error": described["error"]})
        else:
            cost.add(described, choice, job.config.diameter)
        files.append(described)
        yield Progress(
            done=index + 1, total=len(images), unit="images", what=found.path.name
        )
    chosen = Counter(file["choice"] for file in files)
    return {
        "files": files,
        "problems": problems,
        "pixels": cost.anew_pixels,
        **cost.estimate(start_seconds, anew=False),
        "anew": cost.estimate(start_seconds, anew=True),
        "done": chosen["done"],
        "exported": chosen["export"],
        "left_alone": chosen["foreign"] + chosen["edited"],
    }


class _Cost:
    """Adds up what images cost in time and on disk."""

    def __init__(
        self,
        network: Network,
        scale: Scale,
        exports: Sequence[str],
    ) -> None:
        self._seconds_a_pixel = _seconds_a_pixel(network) * _OVERHEAD
        self._diameter = scale.diameter
        self._exports = exports
        self.anew_pixels = self._anew = 0
        self._pixels = self._images = 0
        # Pixels that the network sees: those of images resized to its diameter.
        self._seen = self._anew_seen = 0.0
        self._export_seconds = self._export_bytes = 0.0

    def add(
        self, described: Mapping[str, Any], choice: Choice, diameter: float | None
    ) -> None:
        """Count an image, whose nuclei have a diameter, if it is known."""
        pixels = described["planes"] * described["height"] * described["width"]
        area = (self._diameter / diameter) ** 2 if diameter else _UNKNOWN_AREA
        self.anew_pixels += pixels
        self._anew_seen += area * pixels
        self._anew += 1
        if choice.what in ("predict", "failed"):
            self._pixels += pixels
            self._seen += area * pixels
            self._images += 1
        elif choice.what == "export":
            count = len(choice.exports)
            self._export_seconds += _SECONDS_AN_IMAGE
            self._export_seconds += pixels * count * _EXPORT_SECONDS_A_PIXEL
            self._export_bytes += pixels * _export_bytes(choice.exports)

    def estimate(self, start_seconds: float, anew: bool) -> dict[str, Any]:
        """Give ``seconds`` and ``bytes``."""
        pixels = self.anew_pixels if anew else self._pixels
        images = self._anew if anew else self._images
        seen = self._anew_seen if anew else self._seen
        seconds = seen * self._seconds_a_pixel + images * _SECONDS_AN_IMAGE
        size = pixels * (_LABEL_BYTES + _export_bytes(self._exports))
        size += images * _BYTES_AN_IMAGE
        if images:
            seconds += start_seconds + _FIRST_IMAGE_SECONDS
        if not anew:
            seconds += self._export_seconds
            size += self._export_bytes
        return {"seconds": round(seconds, 1), "bytes": round(size)}


def _export_bytes(exports: Iterable[str]) -> float:
    return sum(_EXPORT_BYTES.get(name, _OTHER_EXPORT_BYTES) for name in exports)


def _channels(job: ImageJob) -> list[str]:
    with job.open() as image:
        chosen, _ = job.look(image)
        info = image.info
    if info.rgb and sorted(chosen) == [0, 1, 2]:
        return [MIXTURES[ALL_COLOURS]]
    if chosen[0] in MIXTURES:
        return [MIXTURES[chosen[0]]]
    return [info.channel_names[number] for number in chosen]


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
