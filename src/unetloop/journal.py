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

from unetloop.boxes import box_slices
from unetloop.edit_log import EditLog
from unetloop.edits import Patch
from unetloop.errors import EngineError
from unetloop.held_planes import HeldPlanes
from unetloop.loose import Loose

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from unetloop.boxes import Box
    from unetloop.edits import Edit, PlaneKey
    from unetloop.project import Project, ProjectImage

__all__ = ["Journal"]

_ATTEMPTS = 3


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
        self._turn = 0
        self._lock = threading.RLock()
        self._flushing = threading.Lock()
        self._log = EditLog(project.journal_path)
        self._planes = HeldPlanes(project, self._log)

    def state(self, image: ProjectImage, plane: int, array: str) -> NDArray[Any]:
        """Give an array as it is now, all edits applied.

        Returns
        -------
        array
            (rows, columns), int32 for ``"segmentation"``, uint8 for
            ``"review"``; a copy.
        """
        key = (image.id, plane, array)
        for _ in range(_ATTEMPTS):
            with self._lock:
                turn, held = self._turn, self._planes.find(key)
                if held is not None:
                    return held.copy()
            # Without the lock: a disk may take its time, and nobody must wait for it.
            values, behind = self._planes.read(key)
            copy = values.copy()
            with self._lock:
                if turn == self._turn and self._planes.find(key) is None:
                    self._planes.hold(key, values, behind)
                    return copy
        with self._lock:
            return self._planes.get(key).copy()

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
        """
        for edit in edits:
            self._planes.check(edit)
        with self._lock:
            step = self._log.add(action, edits, self._under(edits))
            for edit in edits:
                self._apply(edit, edit.after)
            return step

    def undo(self) -> list[Edit]:
        """Take the last step back; give the changed rectangles, newest first."""
        with self._lock:
            edits = self._log.last_done()
            if not edits:
                return []
            self._read_planes(edits)
            self._log.mark_undone(self._under(edits))
            for edit in edits:
                self._apply(edit, edit.before)
            return edits

    def redo(self) -> list[Edit]:
        """Do the step again that was undone last; give the changed rectangles."""
        with self._lock:
            edits = self._log.first_undone()
            if not edits:
                return []
            self._read_planes(edits)
            self._log.mark_done(self._under(edits))
            for edit in edits:
                self._apply(edit, edit.after)
            return edits

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
            window = (
                slice(corner[0], corner[0] + labels.shape[0]),
                slice(corner[1], corner[1] + labels.shape[1]),
            )
            place, seen = segmentation[window], review[window]
            if place.shape != labels.shape:
                raise EngineError(
                    "The prediction reaches beyond the image.",
                    corner=corner,
                    shape=labels.shape,
                )
            np.copyto(place, labels, where=seen != 1)  # twice as fast as by a mask
            self._planes.set_changed([(image.id, plane, "segmentation")])
            box = (*corner, corner[0] + labels.shape[0], corner[1] + labels.shape[1])
            self._loose.put((image.id, plane), box)
            self._turn += 1
            return place.copy()

    def keep_proposals(self, image: str, plane: int) -> None:
        """Make a plane's proposals safe before anything is said of them; for threads.

        Who reviews them has not to wait for that then. Where something comes between,
        it is left to them.
        """
        with self._lock:
            turn = self._turn
            loose = self._loose.on((image, plane))
            patches = [self._patch(image, plane, box) for box in loose.values()]
        if patches:
            packed = self._log.pack(patches)
            with self._lock:
                if turn != self._turn:
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
            return self._under(edits)

    def _under(self, edits: Iterable[Edit]) -> list[Patch]:
        return [self._patch(*where) for where in self._loose.under(edits)]

    def _patch(self, image: str, plane: int, box: Box) -> Patch:
        values = self._planes.get((image, plane, "segmentation"))
        return Patch(image, plane, *box[:2], values[box_slices(box)].copy())

    def flush(self) -> None:
        """Write the arrays that changed to their TIFF files."""
        with self._flushing:
            with self._lock:
                planes = self._planes.changed()
            for image, plane in planes:
                self._flush_plane(image, plane)

    def _flush_plane(self, image: str, plane: int) -> None:
        changed, tick, turns = self._snapshot(image, plane)
        try:
            for key in sorted(changed):
                self._planes.store(key, changed[key], tick)
                del changed[key]
                if key[2] == "segmentation":
                    with self._lock:
                        self._loose.settle((image, plane), turns)
        finally:
            with self._lock:
                self._planes.set_changed(changed)

    def _snapshot(
        self, image: str, plane: int
    ) -> tuple[dict[PlaneKey, NDArray[Any]], int, list[int]]:
        """Copy what changed of a plane; give the tick, and the proposals in it, too.

        A large plane takes a while, and who corrects must not wait for it. So it is
        copied while it may change, which is tried again where it did, and at last while
        nothing may.
        """
        for _ in range(_ATTEMPTS):
            with self._lock:
                turn, arrays = self._turn, self._planes.changed_of(image, plane)
            copies = {key: values.copy() for key, values in arrays.items()}
            with self._lock:
                if turn == self._turn:
                    return self._taken(image, plane, copies)
        with self._lock:
            arrays = self._planes.changed_of(image, plane)
            copies = {key: values.copy() for key, values in arrays.items()}
            return self._taken(image, plane, copies)

    def _taken(
        self, image: str, plane: int, copies: dict[PlaneKey, NDArray[Any]]
    ) -> tuple[dict[PlaneKey, NDArray[Any]], int, list[int]]:
        self._planes.set_changed(copies, False)
        # Later edits get a later tick, and are applied to the snapshot.
        tick = self._log.last_tick
        return copies, tick, list(self._loose.on((image, plane)))

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self._log.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return self._log.can_redo

    def forget(self, image: str, but: int | None = None) -> None:
        """Let go of an image's planes in memory, or of all but one.

        What is not stored yet stays.
        """
        with self._flushing, self._lock:
            self._planes.forget(image, but)

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
        """Have the planes in memory before the log says otherwise of them."""
        for edit in edits:
            self._planes.get((edit.image, edit.plane, edit.array))

    def _apply(self, edit: Edit, values: NDArray[Any]) -> None:
        self._planes.apply(edit, values)
        self._turn += 1
