"""The colours of our layers, as napari wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap

from napari_unet._marks import COLORS, COLORS_ON_BRIGHT, FILL_COLORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NucleusColours", "mark_colours", "nucleus_colours"]

_NUMBERS_OF_A_BYTE = 256


class NucleusColours(CyclicLabelColormap):
    """napari's cyclic colours, found faster where there are 2, 4, 8 … of them.

    napari divides each label by the number of colours. Where that divides 256,
    the label's lowest byte is enough: a fifth of the time on a large plane, which
    the viewer spends whenever it shows another one.
    """

    def _data_to_texture(self, values: Any) -> Any:
        count = len(self.colors) - 1
        usual = (
            not isinstance(values, np.ndarray)
            or values.dtype.itemsize <= 2
            or self.use_selection
            or self.background_value != 0
            or _NUMBERS_OF_A_BYTE % count
            or count >= _NUMBERS_OF_A_BYTE
        )
        if usual:
            return super()._data_to_texture(values)
        texture: NDArray[np.uint8] = values.astype(np.uint8)
        texture -= 1
        texture &= count - 1
        texture += 1
        texture *= values != 0
        return texture


def nucleus_colours() -> NucleusColours:
    """Give the colours of filled nuclei."""
    return NucleusColours(colors=[(0, 0, 0, 0), *FILL_COLORS])


def mark_colours(bright: bool) -> DirectLabelColormap:
    """Give the colours of marks on a dark or a bright image."""
    return DirectLabelColormap(color_dict=COLORS_ON_BRIGHT if bright else COLORS)
