"""Which images a user means."""

from __future__ import annotations

import glob
import itertools
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unetloop.errors import EngineError, refusals_named
from unetloop.image_formats import PICTURE_SUFFIXES
from unetloop.image_sequence import is_sequence
from unetloop.ome_files import ome_files
from unetloop.tiff_images import TIFF_SUFFIXES
from unetloop.zarr_folders import is_zarr, zarr_images

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FoundImage", "find_images"]

_SUFFIXES = {*TIFF_SUFFIXES, *PICTURE_SUFFIXES, ".czi", ".nd2", ".lif", ".dv"}
# What a batch writes pictures into, beside its tables.
_RESULTS = {"labels", "overlays", "records"}
_NAMED = 3  # folders that an error lists


@dataclass(frozen=True)
class FoundImage:
    """An image, and where it lies below the folder that was given.

    Parameters
    ----------
    path : Path
        Its file; of an OME-TIFF in several files, the first.
    relative : Path
        Its path below the folder.
    parts : int
        How many files it consists of.
    """

    path: Path
    relative: Path
    parts: int = 1

    @property
    def stem(self) -> Path:
        """Relative path without its suffixes: ``a/x`` of ``a/x.ome.tif``.

        A plate loses its own, too: results are in no OME-Zarr, but in a folder.
        """
        *folders, name = self.relative.parts
        above = (_bare(part) if part.endswith(".zarr") else part for part in folders)
        return Path(*above, _bare(name))


@refusals_named()
def find_images(
    paths: Sequence[str | Path], recursive: bool = False
) -> list[FoundImage]:
    """List the images that files and folders stand for, sorted, hidden ones left out.

    Parameters
    ----------
    paths : sequence of str or Path
        Files, and folders to look into; an OME-Zarr is an image, or a folder of them
        as a plate is. Patterns with ``*``, ``?``, ``[...]`` and ``**`` stand for the
        images that they match, and a name with ``{T}``, ``{Z}``, ``{C}`` for a
        stack in many files. Results of this program are no images.
    recursive : bool
        Look into the folders below, too.

    Returns
    -------
    list of FoundImage
        Each once. Their relative paths begin at the folder that was given, or at the
        one that all folders and files that were given lie in: it follows from
        ``paths`` alone, not from what is found there.

    Raises
    ------
    EngineError
        If a path is missing, or nothing is found at all.
    """
    found: dict[Path, tuple[Path, Path]] = {}  # each with the folder it was given by
    bases: list[Path] = []
    for given, base in _expand(paths):
        if base is not None:
            bases.append(base)
            found.setdefault(_real(given), (given, base))
            continue
        if is_sequence(given):
            bases.append(given.parent)
            found.setdefault(given.absolute(), (given, given.parent))
            continue
        if not given.exists():
            raise EngineError(
                "There is no such file or folder.",
                todo="Look how it is spelled, and whether its drive is there.",
                path=str(given),
            )
        if not given.is_dir() and not given.is_file():
            raise EngineError(
                "This is no file, but a pipe or a device.",
                todo="Give a file, or a folder.",
                path=str(given),
            )
        listed = [given]
        if is_zarr(given):
            listed = zarr_images(given)
        elif given.is_dir():
            listed = list(_list(given, recursive, set()))
        base = given.parent if listed == [given] else given
        bases.append(base)
        for path in listed:
            found.setdefault(_real(path), (path, base))
    if not found:
        raise _nothing_found(paths, recursive)
    shared = _shared_folder(bases)
    return [
        FoundImage(path, _below(path, shared or base), count)
        for path, base, count in _join_parts(list(found.values()))
    ]


def _nothing_found(paths: Sequence[str | Path], recursive: bool) -> EngineError:
    """Say that there is no image, but where some are not far."""
    what = "There is no image here."
    todo = "Give a folder with TIFF, PNG, JPEG or OME-Zarr images"
    further = "" if recursive else ", or add --recursive"
    below = (_folders_with_images(path) for path in paths if not recursive)
    folders = list(itertools.chain.from_iterable(below))
    if folders:
        names = ", ".join(folder.name for folder in folders[:_NAMED])
        more = len(folders) - _NAMED
        what = (
            "There is no image here, but there are in the folders below: "
            f"{names}{f' and {more:,} more' if more > 0 else ''}."
        )
        todo = "Choose these folders instead"
    elif any(_is_ours(Path(path) / "labels") for path in paths):
        what = "This folder holds results, and no images."
        todo, further = "If their masks are meant, give its folder labels", ""
    return EngineError(what, todo=f"{todo}{further}.", path=", ".join(map(str, paths)))


def _folders_with_images(folder: str | Path) -> list[Path]:
    """List the folders right below one that hold images; further down may take long."""
    found = []
    with suppress(OSError):
        for entry in sorted(Path(folder).iterdir()):
            if not entry.is_dir() or entry.name.startswith(".") or _is_ours(entry):
                continue
            with suppress(EngineError):  # one that can't be read
                if next(_list(entry, False, set()), None) is not None:
                    found.append(entry)
    return found


def _real(path: Path) -> Path:
    """Follow links, unless they go round in a circle."""
    return Path(os.path.realpath(path))


def _join_parts(
    found: Sequence[tuple[Path, Path]],
) -> Iterator[tuple[Path, Path, int]]:
    """Give each OME-TIFF in several files once, by the first of them."""
    known: set[Path] = set()
    for path, base in found:
        if path in known:
            continue
        parts = ome_files(path)
        known.update(parts)
        yield (path, base, 1) if len(parts) == 1 else (parts[0], base, len(parts))


def _shared_folder(bases: Sequence[Path]) -> Path | None:
    """Give the folder that all lie in; None where there is none, as on two drives."""
    try:
        return Path(os.path.commonpath([os.path.abspath(base) for base in bases]))
    except ValueError:
        return None


def _below(path: Path, folder: Path) -> Path:
    relative = Path(os.path.relpath(os.path.abspath(path), os.path.abspath(folder)))
    if is_sequence(path):
        name = relative.name.replace("{", "").replace("}", "")
        return relative.with_name(name)
    return relative


def _expand(
    paths: Sequence[str | Path],
) -> Iterator[tuple[Path, Path | None]]:
    """Give what patterns match, with the folder that they begin in."""
    for text in map(str, paths):
        if not text.strip():  # to a Path it would be the folder that one is in
            raise EngineError(
                "A path is empty.", todo="For the folder you are in, give a dot."
            )
        path = Path(text)
        if path.exists() or not glob.has_magic(text):
            yield path, None
            continue
        fixed = itertools.takewhile(lambda part: not glob.has_magic(part), path.parts)
        base = Path(*fixed)
        matches = sorted(Path(match) for match in glob.iglob(text, recursive=True))
        listed = list(itertools.chain.from_iterable(map(_images, matches)))
        if not listed:
            raise EngineError(
                "No image matches this pattern.",
                todo="Look how it is spelled; ** stands for folders in folders.",
                pattern=text,
            )
        for match in listed:
            between = list(match.relative_to(base).parents)[:-1]
            if not any(_is_ours(base / folder) for folder in between):
                yield match, base


def _bare(name: str) -> str:
    path = Path(name).with_suffix("")
    return str(path.with_suffix("") if path.suffix.lower() == ".ome" else path)


def _images(path: Path) -> list[Path]:
    """List what a folder's entry is: an image, several in an OME-Zarr, or none."""
    if path.name.startswith("."):
        return []
    if is_zarr(path):
        return zarr_images(path)
    # A link that leads nowhere is an image that is missing: whoever opens it says so.
    there = path.is_file() or (path.is_symlink() and not path.exists())
    return [path] if path.suffix.lower() in _SUFFIXES and there else []


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds a project or results, whose masks are no images."""
    if folder.name in _RESULTS:
        folder = folder.parent
    elif (folder / "project.json").exists():
        return True
    return (folder / "run.json").exists() and (folder / "records").is_dir()


def _list(folder: Path, recursive: bool, seen: set[Path]) -> Iterator[Path]:
    try:
        real = folder.resolve()
        entries = [] if real in seen else sorted(folder.iterdir())
    except OSError as error:
        raise EngineError(
            f"The folder can't be read ({error.strerror}).",
            todo="Make sure that you may, or give another one.",
            path=str(folder),
        ) from error
    seen.add(real)  # a link may lead back to it
    for entry in entries:
        images = _images(entry)
        yield from images
        if not images and (
            recursive
            and entry.is_dir()
            and not entry.name.startswith(".")
            and not _is_ours(entry)
        ):
            yield from _list(entry, recursive, seen)
