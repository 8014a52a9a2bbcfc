"""The TIFF files of a project, brought up to date while somebody goes on correcting."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from unetloop.errors import EngineError
from unetloop.held_planes import COPY_ATTEMPTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.edit_log import EditLog
    from unetloop.edits import PlaneKey
    from unetloop.held_planes import HeldPlanes
    from unetloop.loose import Loose

__all__ = ["Snapshots"]

_LISTED = 5
_Arrays = dict["PlaneKey", "NDArray[Any]"]


class Snapshots:
    """Writes arrays as they were at a tick, and notes it in the log.

    Parameters
    ----------
    planes : HeldPlanes
        The arrays, and which have more than their files.
    log : EditLog
        Keeps what was done later.
    loose : Loose
        Which proposals no file holds yet.
    lock : threading.RLock
        Held by whoever changes one of these.
    """

    def __init__(
        self, planes: HeldPlanes, log: EditLog, loose: Loose, lock: threading.RLock
    ) -> None:
        self._planes = planes
        self._log = log
        self._loose = loose
        self._lock = lock
        self._flushing = threading.Lock()

    def flush(self) -> None:
        """Write the arrays that changed to their files.

        Raises
        ------
        EngineError
            If some planes can't be written. All others are; these are tried again next
            time.
        """
        failed: dict[str, EngineError] = {}
        with self._flushing:
            with self._lock:
                planes = self._planes.changed()
            for image, plane in planes:
                if error := self._flush_plane(image, plane):
                    failed[f"{image} (plane {plane})"] = error
        if failed:
            raise _join(failed)

    def forget(self, image: str, but: int | None = None) -> None:
        """Let go of an image's planes in memory, or of all but one; not of unstored."""
        # What is being stored counts as stored, and may turn out not to be.
        with self._flushing, self._lock:
            self._planes.forget(image, but)

    def _flush_plane(self, image: str, plane: int) -> EngineError | None:
        """Write what can be written of a plane; give the first error."""
        changed, tick, proposals = self._copy(image, plane)
        failed: EngineError | None = None
        try:
            for key in sorted(changed):
                try:
                    self._planes.store(key, changed[key], tick)
                except EngineError as error:
                    failed = failed or error
                    continue
                del changed[key]
                if key[2] == "segmentation":
                    with self._lock:
                        self._loose.settle((image, plane), proposals)
        finally:
            with self._lock:
                self._planes.set_changed(changed)
        return failed

    def _copy(self, image: str, plane: int) -> tuple[_Arrays, int, list[int]]:
        """Copy what changed of a plane; give the tick, and the proposals in it, too.

        A large plane takes a while, and who corrects must not wait for it. So it is
        copied while it may change, which is tried again where it did, and at last while
        nothing may.
        """
        for _ in range(COPY_ATTEMPTS):
            with self._lock:
                turn, arrays = self._planes.turn, self._planes.changed_of(image, plane)
            copies = {key: values.copy() for key, values in arrays.items()}
            with self._lock:
                if turn == self._planes.turn:
                    return self._taken(image, plane, copies)
        with self._lock:
            arrays = self._planes.changed_of(image, plane)
            copies = {key: values.copy() for key, values in arrays.items()}
            return self._taken(image, plane, copies)

    def _taken(
        self, image: str, plane: int, copies: _Arrays
    ) -> tuple[_Arrays, int, list[int]]:
        self._planes.set_changed(copies, False)
        # Later edits get a later tick, and are applied to the snapshot.
        return copies, self._log.last_tick, list(self._loose.on((image, plane)))


def _join(failed: dict[str, EngineError]) -> EngineError:
    """Make one error of those of several planes."""
    first = next(iter(failed.values()))
    if len(failed) == 1:
        return first
    named, more = list(failed)[:_LISTED], len(failed) - _LISTED
    return EngineError(
        f"{len(failed):,} planes can't be written: {', '.join(named)}"
        f"{f' and {more:,} more' if more > 0 else ''}. Of the first: {first.what}",
        todo=first.todo,
        **first.received,
    )
