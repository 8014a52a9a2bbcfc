"""What is known of a batch: what is wished, planned and done; frozen, without Qt."""

from __future__ import annotations

import glob
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unetloop.catalog import CLASS_EXPORTERS, EXPORTERS, SHIPPED
from unetloop.zarr_folders import around_zarr, is_zarr

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CLASSES_BESIDE",
    "NUCLEI_BESIDE",
    "BatchState",
    "FileRow",
    "Plan",
    "Preview",
    "Run",
    "Wish",
    "read_paths",
]

NUCLEI_BESIDE, CLASSES_BESIDE = "-nuclei", "-classes"
"""What the name of a folder of results has behind that of the images."""


@dataclass(frozen=True)
class Wish:
    """What the user wants predicted, and how.

    Parameters
    ----------
    paths : tuple of str
        Files, folders and patterns.
    out : str
        Folder for the results; empty: beside the images.
    model : str
        Name of one that ships, or a model folder.
    channel : str
        Number or name; empty: the engine chooses.
    channel_if_there : bool
        Whether it was chosen by other images, so that one that has a single channel,
        or colours, and not this, is read as it is by itself.
    channels : mapping
        Those of single images, by their resolved paths, instead of it.
    diameter : float, optional
        Of a nucleus, in pixels; None: estimated.
    diameters : mapping
        Those in single images, by their resolved paths, instead of it.
    pixel_size : float, optional
        Side of a pixel in µm, in images that state none.
    pixel_sizes : mapping
        Those of single images, by their resolved paths, whatever they state.
    exports : tuple of str
        Names of `unetloop.catalog.EXPORTERS` and ``CLASS_EXPORTERS``.
    recursive : bool
        Look into the folders below, too.
    overwrite : bool
        Predict everything again, and replace what is there.
    instances : mapping
        Fields of `unetloop.config.InstanceConfig` that are not to be as the model
        says.
    classes : bool
        Whether the model tells tissue classes apart, and numbers no nuclei.
    project : str
        Project whose corrections count; empty: none.
    """

    paths: tuple[str, ...] = ()
    out: str = ""
    model: str = SHIPPED
    channel: str = ""
    channel_if_there: bool = False
    channels: Mapping[str, str] = field(default_factory=dict)
    diameter: float | None = None
    diameters: Mapping[str, float] = field(default_factory=dict)
    pixel_size: float | None = None
    pixel_sizes: Mapping[str, float] = field(default_factory=dict)
    exports: tuple[str, ...] = ()
    recursive: bool = True
    overwrite: bool = False
    instances: Mapping[str, float] = field(default_factory=dict)
    classes: bool = False
    project: str = ""

    @property
    def folder(self) -> str:
        """Where the results go; empty while nothing is to be predicted."""
        if self.out or not self.paths:
            return self.out
        first = Path(self.paths[0])
        if glob.has_magic(str(first)) and not first.exists():
            fixed = itertools.takewhile(
                lambda part: not glob.has_magic(part), first.parts
            )
            first = Path(*fixed)
        elif not first.is_dir():
            first = first.parent
        if is_zarr(first):
            first = around_zarr(first)
        beside = CLASSES_BESIDE if self.classes else NUCLEI_BESIDE
        return str(first.with_name(first.name + beside)) if first.name else ""

    def command(self) -> dict[str, Any]:
        """Give the fields that planning and predicting have in common.

        What the model knows nothing of is left out.
        """
        known = CLASS_EXPORTERS if self.classes else EXPORTERS
        return {
            "paths": list(self.paths),
            "out": self.folder,
            "model": self.model,
            "channel": self.channel or None,
            "channel_if_there": self.channel_if_there,
            "channels": dict(self.channels),
            "diameter": None if self.classes else self.diameter,
            "diameters": {} if self.classes else dict(self.diameters),
            "pixel_size": self.pixel_size,
            "pixel_sizes": dict(self.pixel_sizes),
            "exports": [name for name in self.exports if name in known],
            "recursive": self.recursive,
            "instances": {} if self.classes else dict(self.instances),
            "project": self.project or None,
        }


@dataclass(frozen=True)
class FileRow:
    """One line of the table of files.

    Parameters
    ----------
    path, name : str
        The file, and what it is called below the folder that was given.
    size, axes, channel : str
        How it will be read, in words; empty where it can't be.
    status : str
        ``"waits"``, ``"done"``, ``"failed"``, or ``"unreadable"``.
    said : str
        What came of it, or the reason why nothing does.
    """

    path: str
    name: str
    size: str = ""
    axes: str = ""
    channel: str = ""
    status: str = "waits"
    said: str = ""


@dataclass(frozen=True)
class Plan:
    """What a batch would do.

    Parameters
    ----------
    phase : str
        ``"none"``, ``"looking"``, ``"known"`` or ``"wrong"``.
    sentence : str
        What was found, and what it takes; or what is wrong and what to do.
    anew : str
        The same, if all is predicted anew.
    channels : tuple of str
        Names to choose from, each once.
    readable : int
        Images that can be predicted.
    """

    phase: str = "none"
    sentence: str = ""
    anew: str = ""
    channels: tuple[str, ...] = ()
    readable: int = 0


@dataclass(frozen=True)
class Preview:
    """The first image with its predicted outlines.

    Parameters
    ----------
    picture : Path, optional
        A PNG.
    folder : Path, optional
        Results of this one image, as those of a batch.
    sentence : str
        What it shows, or why there is none.
    coming : bool
        Whether a picture is to be expected, whose place is kept.
    """

    picture: Path | None = None
    folder: Path | None = None
    sentence: str = ""
    coming: bool = False


@dataclass(frozen=True)
class Run:
    """A batch that runs or ran.

    Parameters
    ----------
    phase : str
        ``"idle"``, ``"starting"``, ``"running"`` or ``"stopping"``.
    sentence : str
        What is happening or came of it, in plain words.
    failures : tuple of str
        Images that failed, each with its reason.
    fraction : float
        How much is done, 0..1.
    seconds_left : float, optional
        Time to go.
    out, report : Path, optional
        Folder and page of what was done.
    failed : int
        Number of images that failed.
    unlike : int
        Images that look unlike what the model has seen.
    images : int
        Of so many that have results.
    worst : tuple of Path
        Images to look at first.
    wrong : bool
        Whether the sentence says what went wrong.
    project : str
        Project whose images it is of, as in its `Wish`.
    """

    phase: str = "idle"
    sentence: str = ""
    failures: tuple[str, ...] = ()
    fraction: float = 0.0
    seconds_left: float | None = None
    out: Path | None = None
    report: Path | None = None
    failed: int = 0
    unlike: int = 0
    images: int = 0
    worst: tuple[Path, ...] = ()
    wrong: bool = False
    project: str = ""

    @property
    def busy(self) -> bool:
        """Whether it goes on."""
        return self.phase != "idle"


@dataclass(frozen=True)
class BatchState:
    """All of it.

    Parameters
    ----------
    wish, plan, preview, run
        What is wished, what it would do, how it looks, and what is done.
    models : tuple of tuple of str
        Models to choose from: what people call each, and where it is.
    """

    wish: Wish = field(default_factory=Wish)
    plan: Plan = field(default_factory=Plan)
    preview: Preview = field(default_factory=Preview)
    run: Run = field(default_factory=Run)
    models: tuple[tuple[str, str], ...] = ((SHIPPED, SHIPPED),)


def read_paths(text: str) -> tuple[str, ...]:
    """Read files, folders and patterns from a line of text, parted by ``;``.

    Examples
    --------
    >>> read_paths(" /data/plate1 ; /data/plate2/*.tif;")
    ('/data/plate1', '/data/plate2/*.tif')
    """
    text = text.strip()
    if text and Path(text).exists():
        return (text,)
    return tuple(part.strip() for part in text.split(";") if part.strip())
