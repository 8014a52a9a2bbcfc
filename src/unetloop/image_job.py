"""What one image of a batch needs to be worked on, and what may end that."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unetloop.catalog import CLASS_EXPORTERS, EXPORTERS, Exporter
from unetloop.images import has_channels, name_channels, open_image, resolve_channels
from unetloop.run_record import FOLDERS, JOINED, Records
from unetloop.zarr_folders import is_zarr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from unetloop.config import PredictionConfig
    from unetloop.image_planes import Image
    from unetloop.quality import Reference
    from unetloop.reviewed import ReviewedImage
    from unetloop.scale import Scale

__all__ = ["DiskFull", "ImageJob", "PixelGate", "Stopped"]


class Stopped(Exception):
    """The run was cancelled; nothing of the image counts."""


class DiskFull(Exception):
    """Nothing more can be written; what is there is whole."""


@dataclass(frozen=True)
class ImageJob:
    """All that an image's results depend on.

    Parameters
    ----------
    image : Path
        The image.
    name, stem : str
        Its path below the folder that was given, with and without suffixes.
    out : Path
        The output folder.
    scale : Scale
        What the model knows of itself.
    config : PredictionConfig
        How the network is run.
    channel : str or None
        Channel numbers or names.
    channel_if_there : bool
        Whether it was chosen by looking at other images.
    inputs : int
        Channels that the network sees.
    exports : tuple of str
        Names of `exporters`.
    settings : str
        `run_record.settings_hash` of model and settings.
    model : str
        What the table calls the model.
    run : str
        Which run it is of.
    reference : Reference or None
        Statistics of the training images.
    again : tuple of str
        Exporters whose files are to be made from masks that are there; none: it is
        to be predicted.
    reviewed : ReviewedImage or None
        What somebody corrected of it in a project: no prediction overrides it.
    pixel_size, pixel_size_unless_stated : float or None
        As for `ImageInfo.sized`.
    """

    image: Path
    name: str
    stem: str
    out: Path
    scale: Scale
    config: PredictionConfig
    channel: str | None
    inputs: int
    exports: tuple[str, ...]
    settings: str
    model: str
    run: str
    reference: Reference | None
    again: tuple[str, ...] = ()
    reviewed: ReviewedImage | None = None
    pixel_size: float | None = None
    pixel_size_unless_stated: float | None = None
    channel_if_there: bool = False

    def open(self) -> Image:
        """Open the image, whose pixels are as large as it, or somebody, says."""
        image = open_image(self.image)
        image.info = image.info.sized(self.pixel_size, self.pixel_size_unless_stated)
        return image

    def look(self, image: Image) -> tuple[tuple[int, ...], str]:
        """Find the channels that the network sees of the image.

        Returns
        -------
        tuple of tuple and str
            Their numbers; and why they are not those that were chosen, if so.

        Raises
        ------
        EngineError
            If it lacks those that were chosen, unless that was done by other images,
            and in this one there is nothing to choose.
        """
        info, wanted = image.info, self.channel
        simple = info.rgb or info.channels == 1
        if not (self.channel_if_there and simple) or has_channels(info, wanted or "0"):
            return resolve_channels(image, wanted, self.inputs), ""
        found = resolve_channels(image, None, self.inputs)
        seen = name_channels(info, found) or "its only one"
        return found, f'It has no channel "{wanted}": {seen} was looked at.'

    @property
    def labels(self) -> Path:
        """Where its masks go: OME-Zarr for OME-Zarr, else TIFF."""
        suffix = ".ome.zarr" if is_zarr(self.image) else ".tif"
        path = self.out / "labels" / self.stem
        return path.with_name(path.name + suffix)

    def export_path(self, name: str) -> Path:
        """Where an exporter's file goes; those that are joined lie with the record."""
        if name == JOINED:
            return Records(self.out).path(self.stem, f".{name}")
        path = self.out / FOLDERS.get(name, name) / self.stem
        return path.with_name(path.name + self.exporters[name].suffix)

    @property
    def corrections(self) -> str:
        """By what its corrections are known again; empty: there are none."""
        return "" if self.reviewed is None else self.reviewed.sha256

    @property
    def exporters(self) -> Mapping[str, Exporter]:
        """Formats for what the model predicts: nuclei or classes."""
        return CLASS_EXPORTERS if self.scale.task.classes else EXPORTERS


class PixelGate:
    """Lets planes in while their pixels fit together into memory.

    Parameters
    ----------
    most : int
        Pixels that may be worked on at once; a larger plane goes in alone.
    """

    def __init__(self, most: int) -> None:
        self._most = self._free = most
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int, stop: Callable[[], bool]) -> Iterator[None]:
        """Wait until there is room for so many pixels, and take it.

        Raises
        ------
        Stopped
            If ``stop`` says so meanwhile.
        """
        share = min(pixels, self._most)
        with self._changed:
            while self._free < share:
                if stop():
                    raise Stopped
                self._changed.wait(0.2)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()
