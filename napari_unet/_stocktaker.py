"""Has counted, beside the event loop, what lies in a project's files."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_unet._inventory import Inventory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from napari_unet._background import Background
    from napari_unet._census import Count
    from napari_unet._workspace import Workspace
    from unetloop.errors import EngineError
    from unetloop.project import ProjectImage

__all__ = ["Stocktaker"]

# So long at a time: others wait for the threads, and for the end of the program.
_SLICE_S = 0.2
_SAVE_S = 10.0


@dataclass(eq=False)
class _Job:
    image: str
    planes: Iterator[tuple[int, Count]]
    found: dict[int, Count] = field(default_factory=dict)

    def go_on(self) -> bool:
        """Count for a while; say whether that is all."""
        end = time.monotonic() + _SLICE_S
        for plane, count in self.planes:
            self.found[plane] = count
            if time.monotonic() > end:
                return False
        return True


class Stocktaker(QObject):
    """Counts an image after the other; the one that was asked for last, first.

    Signal: ``counted(image, counts)``: an id, and by plane what there is on it.

    Parameters
    ----------
    background : Background
        Where it is done.
    """

    counted = Signal(str, object)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._inventory: Inventory | None = None
        self._jobs: list[_Job] = []  # the last one is under way
        self._busy = False
        self._saved = 0.0

    def open(self, workspace: Workspace) -> None:
        """Count all images of another project."""
        project = workspace.project
        self._inventory = inventory = Inventory(project, workspace.journal)
        self._jobs = [
            _Job(image.id, inventory.planes(image))
            for image in reversed(project.images)
        ]
        self._saved = time.monotonic()
        self._go_on()

    def take(self, image: ProjectImage, but: Collection[int]) -> None:
        """Count an image now, but for some of its planes."""
        if self._inventory is None:
            return
        self._jobs = [job for job in self._jobs if job.image != image.id]
        planes = self._inventory.planes(image, frozenset(but))
        self._jobs.append(_Job(image.id, planes))
        self._go_on()

    def _go_on(self) -> None:
        if self._busy or not self._jobs:
            return
        self._busy = True
        job, inventory = self._jobs[-1], self._inventory

        def work() -> bool:
            done = job.go_on()
            last = done and self._jobs == [job]
            if inventory and (last or time.monotonic() - self._saved > _SAVE_S):
                inventory.save()
                self._saved = time.monotonic()
            return done

        def then(done: bool) -> None:
            self._busy = False
            if done and job in self._jobs:  # it may not be asked for any more
                self._jobs.remove(job)
                self.counted.emit(job.image, job.found)
            self._go_on()

        def failed(error: EngineError) -> None:
            self._busy = False
            if job in self._jobs:  # whoever opens the image says what is wrong
                self._jobs.remove(job)
            self._go_on()

        self._background.run(work, then, failed)
