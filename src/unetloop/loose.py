"""Which proposals are in memory alone, and which of them an edit speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unetloop.boxes import clipped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from unetloop.boxes import Box
    from unetloop.edits import Edit

__all__ = ["Loose"]

_Plane = tuple[str, int]


class Loose:
    """Remembers where proposals were put that no file holds yet."""

    def __init__(self) -> None:
        self._boxes: dict[_Plane, dict[int, Box]] = {}
        self._last = 0

    def put(self, plane: _Plane, box: Box) -> None:
        """Take note of proposals, which hide what they cover.

        Parameters
        ----------
        plane : tuple of str and int
            Id of the image, and plane.
        box : Box
            Where.
        """
        known = self._boxes.setdefault(plane, {})
        hidden = [turn for turn, old in known.items() if clipped(old, box) == old]
        self.settle(plane, hidden)
        self._last += 1
        known[self._last] = box

    def on(self, plane: _Plane) -> dict[int, Box]:
        """List where they are on a plane, each with a number of its own."""
        return dict(self._boxes.get(plane, {}))

    def settle(self, plane: _Plane, numbers: Iterable[int]) -> None:
        """Take note that some are in a file now."""
        known = self._boxes.get(plane, {})
        for number in numbers:
            known.pop(number, None)

    def under(self, edits: Iterable[Edit]) -> list[tuple[str, int, Box]]:
        """Say which of them edits of a review speak of.

        Returns
        -------
        list of tuple
            Image, plane and box, each once. What an edit of the segmentation says
            itself is not listed.
        """
        edits = list(edits)
        whole = {
            (edit.image, edit.plane, _box(edit))
            for edit in edits
            if edit.array == "segmentation"
        }
        found: dict[tuple[str, int, Box], None] = {}
        for edit in edits:
            where = edit.image, edit.plane
            if edit.array != "review" or (*where, _box(edit)) in whole:
                continue
            for box in self._boxes.get(where, {}).values():
                part = clipped(_box(edit), box)
                if part is not None:
                    found[*where, part] = None
        return list(found)


def _box(edit: Edit) -> Box:
    rows, columns = edit.after.shape
    return edit.row, edit.column, edit.row + rows, edit.column + columns
