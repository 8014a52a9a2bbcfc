"""Annotations of an open project, crash-safe: undo that survives a restart.

An edit is a rectangle of one array of one plane, before and after. It is in the
`edit_log` before `Journal.record` returns; the TIFF files are snapshots that
`Journal.flush` brings up to date. State = snapshot + what was done, undone or
redone since (its tick is later); applying that twice changes nothing, so a crash
between the two is harmless. Proposals are no edits, and are lost in a crash, but for
those that somebody said of that they are right. Threads may share a journal: a viewer
flushes and reads ahead in the background.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.boxes import box_slices, clipped
from unetloop.edit_log import EditLog
from unetloop.edits import Patch
from unetloop.errors import EngineError
from unetloop.held_planes import HeldPlanes
from unetloop.loose import Loose
from unetloop.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from unetloop.boxes import Box
    from unetloop.edits import Edit
    from unetloop.project import Project, ProjectImage

__all__ = ["Journal"]


class Journal:
    """The journal of an open project.

    Parameters
    ----------
    project : Project
        Its folder holds the journal and the snapshots.

    Raises
    ------
    EngineError
        If the journal is damaged or can't be written.
    """

    def __init__(self, project: Project) -> None:
        self._loose = Loose()
        self._lock = threading.RLock()
        self._log = EditLog(project.journal_path)
        self._planes = HeldPlanes(project, self._log)
        self._snapshots = Snapshots(self._planes, self._log, self._loose, self._lock)

    def state(self, image: ProjectImage, plane: int, array: str) -> NDArray[Any]:
        """Give an array as it is now, all edits applied.

        Returns
        -------
        array
            (rows, columns), int32 for ``"segmentation"``, uint8 for
            ``"review"``; a copy.
        """
        return self._planes.copy((image.id, plane, array), self._lock)

    def look(
        self, image: ProjectImage, plane: int, array: str
    ) -> tuple[NDArray[Any], bool]:
        """Give an array as `state` does, and keep nothing of it in memory.

        For who goes through many planes; others are not kept waiting meanwhile.

        Returns
        -------
        values : array
            As from `state`.
        stored : bool
            Whether they were read from a file that lacks nothing.
        """
        key = (image.id, plane, array)
        with self._lock:
            held = self._planes.find(key)
            if held is not None:
                return held.copy(), False
        values, behind = self._planes.read(key)
        return values, not behind

    def unsettled_planes(self, image: str) -> set[int]:
        """List an image's planes that are in memory, or have more than their files."""
        with self._lock:
            held = self._planes.numbers(image)
        return held | self._log.planes_behind(image)

    def record(self, action: str, edits: list[Edit]) -> int:
        """Write what one action of the user changed; it is safe on return.

        Parameters
        ----------
        action : str
            What was done, for the ledger: ``"accept"``, ``"split"`` …
        edits : list of Edit
            Undone and redone together.

        Returns
        -------
        int
            Number of the step.

        Raises
        ------
        EngineError
            If an edit does not lie within its image, or an array can't be read or the
            journal not written; then nothing is recorded.
        """
        with self._lock:
            for edit in edits:
                self._planes.check(edit)
            self._read_planes(edits)
            step = self._log.add(action, edits, self.under(edits))
            for edit in edits:
                self._planes.apply(edit, edit.after)
            return step

    def undo(self) -> list[Edit]:
        """Take the last step back; give the changed rectangles, newest first."""
        return self._step(back=True)

    def redo(self) -> list[Edit]:
        """Do the step again that was undone last; give the changed rectangles."""
        return self._step(back=False)

    def _step(self, back: bool) -> list[Edit]:
        with self._lock:
            edits = self._log.last_done() if back else self._log.first_undone()
            if not edits:
                return []
            self._read_planes(edits)
            mark = self._log.mark_undone if back else self._log.mark_done
            mark(self.under(edits))
            for edit in edits:
                self._planes.apply(edit, edit.before if back else edit.after)
            return edits

    def is_read(self, back: bool) -> bool:
        """Whether `undo`, or `redo`, has no file to read."""
        keys = self._log.arrays_of_next(back)
        with self._lock:
            return all(self._planes.find(key) is not None for key in keys)

    def read_ahead(self, back: bool) -> None:
        """Have in memory what `undo`, or `redo`, needs; for threads."""
        for key in self._log.arrays_of_next(back):
            self._planes.copy(key, self._lock)

    def propose(
        self,
        image: ProjectImage,
        plane: int,
        corner: tuple[int, int],
        labels: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """Put proposals where nobody has looked; what is right stays.

        Parameters
        ----------
        image, plane
            Where.
        corner : tuple of int
            First row and column.
        labels : array of int32
            (rows, columns): the rectangle as it shall be, for instance from
            `proposals.place_proposals`.

        Returns
        -------
        array of int32
            The rectangle as it is now. It is not an edit of the user, and is
            not undone; `flush` stores it.

        Raises
        ------
        EngineError
            If it reaches beyond the image.
        """
        with self._lock:
            segmentation = self._planes.get((image.id, plane, "segmentation"))
            review = self._planes.get((image.id, plane, "review"))
            box = (*corner, corner[0] + labels.shape[0], corner[1] + labels.shape[1])
            if clipped(box, (0, 0, *segmentation.shape)) != box:
                raise EngineError(
                    "The prediction reaches beyond the image.",
                    corner=corner,
                    shape=labels.shape,
                )
            window = box_slices(box)
            place, seen = segmentation[window], review[window]
            np.copyto(place, labels, where=seen != 1)  # twice as fast as by a mask
            self._planes.note_change((image.id, plane, "segmentation"))
            self._loose.put((image.id, plane), box)
            return place.copy()

    def keep_proposals(self, image: str, plane: int) -> None:
        """Make a plane's proposals safe before somebody has to wait for it.

        For threads. Where something comes between, it is left to the review.
        """
        with self._lock:
            turn = self._planes.turn
            loose = self._loose.on((image, plane))
            patches = [self._patch(image, plane, box) for box in loose.values()]
        if patches:
            packed = self._log.pack(patches)
            with self._lock:
                if turn != self._planes.turn:
                    return
                tick = self._log.take_tick()
            # Without the lock: a disk may take its time, and nobody must wait for it.
            self._log.keep(packed, tick)
            with self._lock:
                self._loose.settle((image, plane), loose)

    def under(self, edits: Iterable[Edit]) -> list[Patch]:
        """Give the proposals that edits of a review speak of, and that no file holds.

        Returns
        -------
        list of Patch
            Those that a crash would lose, though it was said that they are right.
        """
        with self._lock:
            return [self._patch(*where) for where in self._loose.under(edits)]

    def _patch(self, image: str, plane: int, box: Box) -> Patch:
        values = self._planes.get((image, plane, "segmentation"))
        return Patch(image, plane, *box[:2], values[box_slices(box)].copy())

    def flush(self) -> None:
        """Write the arrays that changed to their TIFF files."""
        self._snapshots.flush()

    def forget(self, image: str, but: int | None = None) -> None:
        """Let go of an image's planes in memory, or of all but one.

        What is not stored yet stays.
        """
        self._snapshots.forget(image, but)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self._log.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return self._log.can_redo

    def ledger(self, without: Collection[str] = ()) -> dict[str, int]:
        """Count the steps by action; undone ones do not count.

        Parameters
        ----------
        without : collection of str
            Ids of images whose steps do not count either.
        """
        return self._log.count_actions(without)

    def actions(self) -> set[str]:
        """List the actions of all steps; undone ones count, too."""
        return self._log.actions()

    def reviewed_planes(self) -> set[tuple[str, int]]:
        """List the images and planes whose reviews came through this journal."""
        return self._log.planes("review")

    def close(self) -> None:
        """Store everything and close."""
        try:
            self.flush()
        finally:
            self._log.close()

    def _read_planes(self, edits: list[Edit]) -> None:
        """Have them in memory before the log says otherwise: one may be unreadable."""
        for edit in edits:
            self._planes.get((edit.image, edit.plane, edit.array))
