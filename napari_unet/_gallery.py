"""The list of images: thumbnails, states and counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet._census import add_up
from napari_unet._contrast import make_thumbnail
from napari_unet._state import ImageRow
from napari_unet._stocktaker import Stocktaker
from napari_unet._words import image_in_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_unet._background import Background
    from napari_unet._census import Cell, Count
    from napari_unet._current import Current
    from napari_unet._view import View
    from napari_unet._workspace import Workspace
    from unetloop.errors import EngineError
    from unetloop.project import Project, ProjectImage

__all__ = ["Gallery"]

_COUNT_MS = 600
_NOTHING_TO_DO = ("done", "locked", "missing")


class Gallery(QObject):
    """Keeps the rows of the list; thumbnails come one after the other.

    Signal: ``changed()``.

    Parameters
    ----------
    background : Background
        Reads files.
    """

    changed = Signal()

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self.rows: tuple[ImageRow, ...] = ()
        self._project: Project | None = None
        self._view: View | None = None
        self._current: Current | None = None
        self._pictured: dict[str, str] = {}  # by which channel; empty: the one guessed
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_COUNT_MS)
        self._timer.timeout.connect(self._count_now)
        self._stocktaker = Stocktaker(background, self)
        self._stocktaker.counted.connect(self._on_counted)

    def open(self, workspace: Workspace) -> None:
        """List the images of another project: as remembered, until they are counted."""
        self._project, self._view = workspace.project, workspace.view
        project, view = workspace.project, workspace.view
        self._timer.stop()
        self._current = None
        self.rows = tuple(_row(image, view.of(image.id)) for image in project.images)
        self._pictured.clear()
        self._next_thumbnail(project, list(project.images))
        self._stocktaker.open(workspace)

    def next_to_do(self, image: str) -> str:
        """Give the image after this one that is not reviewed; empty: none is left."""
        here = next((i for i, row in enumerate(self.rows) if row.id == image), 0)
        others = (*self.rows[here + 1 :], *self.rows[:here])
        left = (row.id for row in others if row.state not in _NOTHING_TO_DO)
        return next(left, "")

    def set_locked(self, image: str, locked: bool) -> None:
        """Mark an image as one for scoring, or not."""
        self._change(image, state=_state({**self._known(image), "locked": locked}))

    def set_missing(self, image: str) -> None:
        """Mark an image whose file can't be read."""
        self._change(image, state="missing")

    def count(self, current: Current) -> None:
        """Count the nuclei of the image on the screen, soon."""
        before = self._current
        if before is not current:
            if self._timer.isActive():
                self._count_now()  # the one before, as it was left
            if before is not None and before.census.others is None:
                self._stocktaker.take(before.entry, ())
            if current.entry.planes == 1:
                current.census.others = {}
            elif current.census.others is None:
                self._stocktaker.take(current.entry, current.loaded)
            self._set_found(current.entry.id)
            self._picture_as_shown(current)
        self._current = current
        self._timer.start()

    def _set_found(self, image: str) -> None:
        """Take back that an image is missing: its file was read."""
        if any(row.id == image and row.state == "missing" for row in self.rows):
            self._change(image, state=_state(self._known(image)))

    def _count_now(self) -> None:
        current, project = self._current, self._project
        if current is None:
            return
        changed = current.truth.take_changed()

        def then(count: Count) -> None:
            # Images of another project have the same names.
            others = current.census.others
            if project is self._project and others is not None:
                seen = len(current.truth.seen | set(others))
                self._show_count(current.entry, count, seen)

        self._background.run(lambda: _count(current, changed), then, lambda error: None)

    def _on_counted(self, image: str, counts: dict[int, Count]) -> None:
        current, project = self._current, self._project
        if current is not None and current.entry.id == image:
            current.census.others = counts
            self._count_now()
        elif project is not None:
            count = add_up(counts.values())
            self._show_count(project.image(image), count, len(counts))

    def _show_count(self, image: ProjectImage, count: Count, seen: int) -> None:
        """Show what there is on all planes of an image, of which so many were seen."""
        areas = bool(self._project and self._project.classes)
        found: dict[str, Any] = {"nuclei": -1, "reviewed": 0, "state": "untouched"}
        if count.nuclei or count.looked:
            done = count.is_done(areas) and seen == image.planes
            found["state"] = (
                "done" if done else "in work" if count.looked else "proposed"
            )
            if not areas:  # nobody counts them, and they are everywhere
                found.update(nuclei=count.nuclei, reviewed=count.reviewed)
        known = self._known(image.id)
        known.update(found)
        row = next((row for row in self.rows if row.id == image.id), None)
        if row is None or row.state == "missing":
            found.pop("state")
        elif known.get("locked"):
            found["state"] = "locked"
        if row is not None and any(getattr(row, n) != v for n, v in found.items()):
            self._change(image.id, **found)

    def _next_thumbnail(self, project: Project, images: list[ProjectImage]) -> None:
        if not images or project is not self._project:
            return
        image, rest = images[0], images[1:]
        channel = self._pictured[image.id] = self._channel_of(image)

        def then(thumbnail: NDArray[np.uint8]) -> None:
            if project is self._project:
                self._change(image.id, thumbnail=thumbnail)
                self._next_thumbnail(project, rest)

        def failed(error: EngineError) -> None:
            if project is self._project:
                self.set_missing(image.id)
                self._next_thumbnail(project, rest)

        self._background.run(
            lambda: make_thumbnail(project.path_of(image), channel), then, failed
        )

    def _picture_as_shown(self, current: Current) -> None:
        """Make the picture of an image anew, if another channel of it was chosen."""
        image, project = current.entry, self._project
        made = self._pictured.get(image.id)
        if project is not None and made not in (None, self._channel_of(image)):
            self._next_thumbnail(project, [image])

    def _channel_of(self, image: ProjectImage) -> str:
        """Give the channel that was chosen for an image, or for others; empty: none."""
        others = self._view.channel if self._view is not None else ""
        return str(self._known(image.id).get("channel", others) or "")

    def _known(self, image: str) -> dict[str, Any]:
        return self._view.of(image) if self._view is not None else {}

    def _change(self, image: str, **values: Any) -> None:
        self.rows = tuple(
            replace(row, **values) if row.id == image else row for row in self.rows
        )
        self.changed.emit()


def _state(known: dict[str, Any]) -> str:
    """Give an image's state by what is remembered of it."""
    return "locked" if known.get("locked") else str(known.get("state", "untouched"))


def _row(image: ProjectImage, known: dict[str, Any]) -> ImageRow:
    nuclei, reviewed = known.get("nuclei", -1), known.get("reviewed", 0)
    return ImageRow(
        id=image.id,
        name=image_in_words(image.path),
        state=_state(known),
        planes=image.planes,
        nuclei=nuclei if isinstance(nuclei, int) else -1,
        reviewed=reviewed if isinstance(reviewed, int) else 0,
    )


def _count(current: Current, changed: set[Cell]) -> Count:
    truth = current.truth
    return current.census.count(truth.segmentation, truth.review, changed)
