"""What napari's brush passed over, also where it changed nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

__all__ = ["Sweep"]


@dataclass(frozen=True)
class _Passed:
    """One step of a tool, as an item of napari's own history."""

    slice_key: tuple[slice, ...]
    mask: NDArray[np.bool_]
    new_value: int


class Sweep:
    """Remembers what brush, bucket, polygon and eraser passed over.

    napari tells what became different. But who paints a class over pixels that were
    proposed to be of it says something, too.
    """

    def __init__(self) -> None:
        self._passed: list[_Passed] = []

    def watch(self, layer: Labels) -> None:
        """Remember what is painted on a layer from now on."""
        paint, abort = layer._paint_region_with_mask, layer._abort_stroke

        def painting(
            slice_key: tuple[slice, ...],
            mask: NDArray[np.bool_],
            new_label: int,
            dims_to_paint: list[int],
            *arguments: Any,
            **named: Any,
        ) -> None:
            hidden = tuple(
                axis for axis in range(layer.ndim) if axis not in dims_to_paint
            )
            whole = np.array(np.expand_dims(mask, hidden), bool)
            self._passed.append(_Passed(slice_key, whole, int(new_label)))
            paint(slice_key, mask, new_label, dims_to_paint, *arguments, **named)

        def aborting() -> None:
            self._passed.clear()
            abort()

        layer._paint_region_with_mask = painting
        layer._abort_stroke = aborting

    def leave(self, layer: Labels) -> None:
        """Give a layer its own methods back."""
        for name in ("_paint_region_with_mask", "_abort_stroke"):
            vars(layer).pop(name, None)

    def take(self) -> list[Any]:
        """Give what was passed over since this was last asked."""
        passed, self._passed = self._passed, []
        return passed
