"""The arrays of a project that are in memory, with all that the log says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unetloop.edits import DTYPES
from unetloop.errors import EngineError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from unetloop.edit_log import EditLog
    from unetloop.edits import Edit, PlaneKey
    from unetloop.project import Project

__all__ = ["COPY_ATTEMPTS", "HeldPlanes"]

COPY_ATTEMPTS = 3
"""So often is tried without the lock what another change makes worthless."""


class HeldPlanes:
    """Reads arrays from their TIFF files, and knows which have more than those.

    Of all but `copy`, `read` and `store` only one may run at a time.

    Parameters
    ----------
    project : Project
        Holds the TIFF files.
    log : EditLog
        Knows what they lack.
    """

    def __init__(self, project: Project, log: EditLog) -> None:
        self._project = project
        self._log = log
        self._planes: dict[PlaneKey, NDArray[Any]] = {}
        self._changed: set[PlaneKey] = set()
        self._turn = 0

    def get(self, key: PlaneKey) -> NDArray[Any]:
        """Give an array as it is now, to be changed in place; it is held from now on.

        Raises
        ------
        EngineError
            If it can't be read, or there is none of this name.
        """
        if key not in self._planes:
            # Kept only when all is in it: a failure must not leave half of the edits.
            self.hold(key, *self.read(key))
        return self._planes[key]

    def copy(self, key: PlaneKey, lock: threading.RLock) -> NDArray[Any]:
        """Give a copy of an array as it is now; it is held from now on; for threads.

        Parameters
        ----------
        key : PlaneKey
            Which array.
        lock : threading.RLock
            Of whoever changes arrays, who has not to wait for the disk.

        Raises
        ------
        EngineError
            If it can't be read, or there is none of this name.
        """
        for _ in range(COPY_ATTEMPTS):
            with lock:
                turn, held = self.turn, self.find(key)
                if held is not None:
                    return held.copy()
            values, behind = self.read(key)
            copy = values.copy()
            with lock:
                if turn == self.turn and self.find(key) is None:
                    self.hold(key, values, behind)
                    return copy
        with lock:
            return self.get(key).copy()

    def hold(self, key: PlaneKey, values: NDArray[Any], behind: bool) -> None:
        """Hold an array from now on, as `read` gave it."""
        self._planes[key] = values
        if behind:
            self._changed.add(key)

    def find(self, key: PlaneKey) -> NDArray[Any] | None:
        """Give an array if it is held, as it is now."""
        return self._planes.get(key)

    def numbers(self, image: str) -> set[int]:
        """List an image's planes of which an array is held."""
        return {plane for name, plane, _ in self._planes if name == image}

    def read(self, key: PlaneKey) -> tuple[NDArray[Any], bool]:
        """Read an array as it is now, and hold nothing of it; for threads.

        Returns
        -------
        values : array
            (rows, columns), int32 or uint8.
        behind : bool
            Whether its file lacks something.

        Raises
        ------
        EngineError
            If it can't be read, or there is none of this name.
        """
        name, plane, array = key
        if array not in DTYPES:
            raise EngineError("There is no such array.", array=array)
        image = self._project.image(name)
        # First: what is stored meanwhile is put twice, and nothing is missed.
        since = self._log.since_stored(key)
        if array == "review":
            values = self._project.read_review(image, plane)
        else:
            values = self._project.read_segmentation(image, plane)
        for row, column, pixels in since:
            _put(values, row, column, pixels)
        return values, bool(since)

    def apply(self, edit: Edit, values: NDArray[Any]) -> None:
        """Put what an edit has before or after into its array."""
        key = (edit.image, edit.plane, edit.array)
        _put(self.get(key), edit.row, edit.column, values)
        self.note_change(key)

    def note_change(self, key: PlaneKey) -> None:
        """Take note that an array was changed in place."""
        self._changed.add(key)
        self._turn += 1

    @property
    def turn(self) -> int:
        """Grows with each change: who read without a lock sees whether one came."""
        return self._turn

    def check(self, edit: Edit) -> None:
        """See whether there is such a rectangle.

        Raises
        ------
        EngineError
            If there is not.
        """
        image = self._project.image(edit.image)
        height, width = edit.after.shape
        if edit.array not in DTYPES:
            raise EngineError("There is no such array.", array=edit.array)
        inside = (
            edit.row >= 0
            and edit.column >= 0
            and edit.row + height <= image.height
            and edit.column + width <= image.width
            and 0 <= edit.plane < image.planes
        )
        if edit.before.shape != edit.after.shape or not inside:
            raise EngineError(
                "The edit does not lie within the image.",
                image=edit.image,
                corner=(edit.row, edit.column),
                shape=edit.after.shape,
            )

    # What the files lack

    def changed(self) -> list[tuple[str, int]]:
        """List the images and planes with an array that has more than its file."""
        return sorted({key[:2] for key in self._changed})

    def changed_of(self, image: str, plane: int) -> dict[PlaneKey, NDArray[Any]]:
        """Give the arrays of a plane that do."""
        keys = [key for key in self._changed if key[:2] == (image, plane)]
        return {key: self._planes[key] for key in keys}

    def set_changed(self, keys: Iterable[PlaneKey], changed: bool = True) -> None:
        """Take note that arrays have more than their files, or no more than these."""
        if changed:
            self._changed.update(keys)
        else:
            self._changed.difference_update(keys)

    def store(self, key: PlaneKey, values: NDArray[Any], tick: int) -> None:
        """Write an array as it was at a tick to its file; for threads.

        Raises
        ------
        EngineError
            If it can't be written.
        """
        name, plane, array = key
        image = self._project.image(name)
        if array == "review":
            self._project.write_review(image, plane, values)
        else:
            self._project.write_segmentation(image, plane, values)
        self._log.mark_stored(key, tick)

    def forget(self, image: str, but: int | None = None) -> None:
        """Hold an image's planes no more, or but one; what is not stored stays."""
        for key in [key for key in self._planes if key[0] == image]:
            if key not in self._changed and key[1] != but:
                del self._planes[key]


def _put(place: NDArray[Any], row: int, column: int, values: NDArray[Any]) -> None:
    """Write a rectangle into an array."""
    rows = slice(row, row + values.shape[0])
    place[rows, column : column + values.shape[1]] = values
