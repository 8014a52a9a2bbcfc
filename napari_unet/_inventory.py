"""What there is on planes that are not in memory, counted from a project's files."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import astuple
from typing import TYPE_CHECKING

from napari_unet._census import Census, Count, cells_of
from unetloop.atomic import replacing
from unetloop.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from unetloop.journal import Journal
    from unetloop.project import Project, ProjectImage

__all__ = ["FILE_NAME", "Inventory"]

FILE_NAME = "counts.json"
"""Its name in the project's folder of what can be computed again."""

_KINDS = ("segmentation", "review")
_FIELDS = 9  # a stamp's four, and those of a count
# Some file systems tell times no better: what was written a moment ago may have been
# written again since, at the same time.
_RECENT_NS = 3_000_000_000


class Inventory:
    """Counts planes once, and again when their files changed, for one thread at a time.

    What was counted is remembered in the project's cache: time and size of a plane's
    files tell whether it still holds.

    Parameters
    ----------
    project : Project
        Whose planes they are.
    journal : Journal
        Of it.
    """

    def __init__(self, project: Project, journal: Journal) -> None:
        self._project = project
        self._journal = journal
        self._path = project.cache_folder / FILE_NAME
        self._known: dict[str, dict[str, list[int]]] | None = None
        self._changed = False

    def planes(
        self, image: ProjectImage, but: Collection[int] = ()
    ) -> Iterator[tuple[int, Count]]:
        """Count an image's planes, one after the other.

        Parameters
        ----------
        image : ProjectImage
            The image.
        but : collection of int
            Planes to leave out.

        Yields
        ------
        plane : int
            One of which something is recorded, if only that nothing was found. Those
            that can't be read are left out: whoever opens them says so.
        count : Count
            What there is on it.
        """
        if self._known is None:
            self._known = _read(self._path)
        known = self._known.setdefault(image.id, {})
        stamps = self._stamps(image)
        unsettled = self._journal.unsettled_planes(image.id)
        for plane in sorted({*stamps, *unsettled} - set(but)):
            if not 0 <= plane < image.planes:
                continue
            stamp, before = stamps.get(plane, [0] * 4), known.get(str(plane), [])
            if plane not in unsettled and before[:4] == stamp:
                nuclei, reviewed, *others = before[4:]
                yield plane, Count(nuclei, reviewed, *map(bool, others))
                continue
            try:
                count, stored = self._count(image, plane)
            except EngineError:
                continue
            if stored and time.time_ns() - max(stamp[0], stamp[2]) > _RECENT_NS:
                known[str(plane)] = [*stamp, *map(int, astuple(count))]
                self._changed = True
            yield plane, count

    def save(self) -> None:
        """Remember what was counted; where that is impossible, it is counted again."""
        if not self._changed:
            return
        self._changed = False
        with suppress(OSError), replacing(self._path) as fresh:
            fresh.write_text(json.dumps({"images": self._known}), "utf-8")

    def _count(self, image: ProjectImage, plane: int) -> tuple[Count, bool]:
        segmentation, one = self._journal.look(image, plane, "segmentation")
        review, other = self._journal.look(image, plane, "review")
        rows, columns = segmentation.shape
        whole = cells_of(0, (slice(0, rows), slice(0, columns)))
        count = Census().count(segmentation[None], review[None], whole)
        return count, one and other

    def _stamps(self, image: ProjectImage) -> dict[int, list[int]]:
        """Give by plane: time and size of its segmentation, and of its review."""
        found: dict[int, list[int]] = {}
        for place, kind in enumerate(_KINDS):
            folder = self._project.annotation_path(kind, image, 0).parent
            with suppress(OSError), os.scandir(folder) as files:
                for file in files:
                    name, _, ending = file.name.partition(".")
                    if ending == "tif" and name.isdecimal():
                        of_plane = found.setdefault(int(name), [0] * 4)
                        status = file.stat()
                        of_plane[2 * place] = status.st_mtime_ns
                        of_plane[2 * place + 1] = status.st_size
        return found


def _read(path: os.PathLike[str]) -> dict[str, dict[str, list[int]]]:
    """Read what was remembered; what is damaged is left out."""
    try:
        with open(path, encoding="utf-8") as stream:
            images = json.load(stream)["images"]
        return {
            str(image): {
                str(plane): list(map(int, values))
                for plane, values in planes.items()
                if len(values) == _FIELDS
            }
            for image, planes in images.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
