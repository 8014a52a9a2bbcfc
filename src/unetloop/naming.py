"""What a batch calls its images: a name that is an image's own, and stays so."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unetloop.errors import EngineError
from unetloop.files import FoundImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unetloop.run_record import ImageRecord, Records

__all__ = ["NamedImage", "name_images"]

_LONGEST = 240  # bytes: disks take 255, and ".geojson" or ".ome.zarr" comes behind it


@dataclass(frozen=True)
class NamedImage:
    """An image, and what tables and results call it.

    Parameters
    ----------
    path : Path
        The image.
    name : str
        Its relative path, with ``/``: what tables call it.
    stem : str
        The same without suffixes, or with them where another image has the same: how
        its results are called. Beyond 240 bytes it is cut, and ends in a hash.
    parts : int
        How many files it consists of.
    """

    path: Path
    name: str
    stem: str
    parts: int = 1


def name_images(
    images: Sequence[FoundImage], records: Records | None = None
) -> list[NamedImage]:
    """Give each image a name that no other has.

    Names are the relative paths. Where images of a folder differ in their suffixes
    alone, results are called by the whole names. An image that has results keeps the
    name that they have; a new one whose name is taken by another's results has its
    folder put in front.

    Parameters
    ----------
    images : sequence of FoundImage
        What is to be named.
    records : Records, optional
        Those of the output folder.
    """
    taken = _Taken(list(records.all()) if records is not None else [])
    named: dict[int, NamedImage] = {}
    for place, image in enumerate(images):
        kept = taken.kept(image)
        if kept is not None:
            named[place] = kept
            taken.add(kept)
    shared = Counter(image.stem for image in images)
    for place, image in enumerate(images):
        if place not in named:
            named[place] = _free_name(image, shared[image.stem] > 1, taken)
            taken.add(named[place])
    return [named[place] for place in range(len(images))]


class _Taken:
    """Who has which name."""

    def __init__(self, records: Sequence[ImageRecord]) -> None:
        self._of_image: dict[str, list[ImageRecord]] = {}
        self._holders: dict[str, ImageRecord | NamedImage] = {}
        for record in records:
            self._of_image.setdefault(record.image, []).append(record)
            self._holders[record.name] = self._holders[f"{record.stem}\n"] = record

    def kept(self, image: FoundImage) -> NamedImage | None:
        """Give the name that an image's results have."""
        mine = self._of_image.get(str(image.path.absolute()))
        if not mine:
            return None
        # Of two, that which it would be given now.
        usual = image.stem.as_posix()
        record = min(mine, key=lambda record: (record.stem != usual, record.stem))
        return NamedImage(image.path, record.name, record.stem, image.parts)

    def add(self, item: NamedImage) -> None:
        """Give an image its name."""
        self._holders[item.name] = self._holders[f"{item.stem}\n"] = item

    def holder(self, item: NamedImage) -> Path | None:
        """Say which other image has this name, or one whose results would be the same.

        One that was moved or copied has the name of its results, as before.
        """
        for key in (item.name, f"{item.stem}\n"):
            found = self._holders.get(key)
            if isinstance(found, NamedImage):
                return found.path.absolute()
            if found is not None and _is_another(found, item.path):
                return Path(found.image)
        return None


def _free_name(image: FoundImage, whole: bool, taken: _Taken) -> NamedImage:
    path = image.path.absolute()
    name = image.relative
    above = list(path.parents[len(name.parts) - 1 :])
    count = 1
    while True:
        stem = name if whole else _without_suffixes(name)
        item = NamedImage(image.path, name.as_posix(), _fitting(stem), image.parts)
        holder = taken.holder(item)
        if holder is None:
            return item
        if not whole and holder.parent == path.parent:
            whole = True
        elif above and above[0].name:
            name = above.pop(0).name / name
        else:  # all its folders are in front
            count += 1
            name = name.with_name(f"{count}-{image.relative.name}")


def _fitting(stem: Path) -> str:
    """Cut a stem that leaves no room for the suffixes of results behind it."""
    whole = os.fsencode(stem.name)
    if len(whole) <= _LONGEST:
        return stem.as_posix()
    own = f"-{hashlib.sha256(whole).hexdigest()[:8]}"
    cut = whole[: _LONGEST - len(own)].decode(errors="ignore")
    return stem.with_name(cut + own).as_posix()


def _without_suffixes(name: Path) -> Path:
    return FoundImage(name, name).stem


def _is_another(record: ImageRecord, path: Path) -> bool:
    try:
        return record.input is not None and not record.input.holds(path)
    except (EngineError, OSError):  # whoever opens it will say what is wrong
        return True
