"""The colours of our layers, as napari wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import Colormap, CyclicLabelColormap, DirectLabelColormap

from napari_unet._class_marks import class_mark_colours, rgb
from napari_unet._marks import FILL_COLORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unetloop.classes import TissueClass

__all__ = ["NucleusColours", "fill_colours", "mark_colours", "probability_colours"]

_NUMBERS_OF_A_BYTE = 256
_IN_CACHE = 1 << 18
_NOTHING = (0.0, 0.0, 0.0, 0.0)
_NO_CLASS = (0.5, 0.5, 0.5, 1.0)


class NucleusColours(CyclicLabelColormap):
    """napari's cyclic colours, found faster where there are 2, 4, 8 … of them.

    napari divides each label by the number of colours. Where that divides 256,
    the label's lowest byte is enough; and what is done in pieces that the processor
    has at hand takes a tenth of the time of passes over a large plane, of which the
    viewer makes one whenever it shows another plane.
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
        texture = np.empty(values.shape, np.uint8)
        numbers, found = values.reshape(-1), texture.reshape(-1)
        for start in range(0, numbers.size, _IN_CACHE):
            some = numbers[start : start + _IN_CACHE]
            part = found[start : start + _IN_CACHE]
            np.copyto(part, some, casting="unsafe")
            part -= 1
            part &= count - 1
            part += 1
            part *= some != 0
        return texture


def fill_colours(classes: Sequence[TissueClass] = ()) -> NucleusColours:
    """Give the colours of filled nuclei, or of classes if there are any."""
    if not classes:
        return NucleusColours(colors=[_NOTHING, *FILL_COLORS])
    colours = [(*rgb(tissue.color), 1.0) for tissue in classes]
    while len(colours) & (len(colours) - 1):  # a power of two is faster
        colours.append(_NO_CLASS)
    return NucleusColours(colors=[_NOTHING, *colours])


def mark_colours(
    bright: bool, classes: Sequence[TissueClass] = ()
) -> DirectLabelColormap:
    """Give the colours of marks on a dark or a bright image."""
    return DirectLabelColormap(color_dict=class_mark_colours(classes, bright))


def probability_colours(tissue: TissueClass) -> Colormap:
    """Give colours that are the more opaque the more probable a class is."""
    colour = rgb(tissue.color)
    return Colormap([(*colour, 0.0), (*colour, 1.0)], name=f"{tissue.color} to none")
