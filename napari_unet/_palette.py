"""The colours of our layers, as napari wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import Colormap, CyclicLabelColormap, DirectLabelColormap
from pydantic import PrivateAttr

from napari_unet._class_marks import class_mark_colours, rgb
from napari_unet._marks import FILL_COLORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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

    Of a plane of 80 million pixels it is made in a thread, all the same: see `expect`.
    """

    _expected: tuple[Any, int, Any] | None = PrivateAttr(None)

    def texture(self, values: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Make the texture of a plane; for threads, with colours of their own."""
        made: NDArray[np.uint8] = self._data_to_texture(values)
        return made

    def expect(
        self, values: NDArray[np.int32], count: int, texture: NDArray[np.uint8]
    ) -> None:
        """Take the texture of a plane that is shown next.

        Parameters
        ----------
        values : array of int32
            The plane; it does not change until it is shown.
        count : int
            How many colours it was made for.
        texture : array of uint8
            What `texture` made of it.
        """
        self._expected = values, count, texture

    def expect_no_more(self) -> None:
        """Forget a texture that was not asked for: its plane may change."""
        self._expected = None

    def _take_expected(self, values: Any) -> Any:
        expected, self._expected = self._expected, None
        if expected is not None and _same(values, expected[0]):
            return expected[2] if expected[1] == len(self.colors) else None
        self._expected = expected  # a thumbnail came first
        return None

    def _selection_as_minimum_dtype(self, dtype: Any) -> int:
        # napari takes the numbers of a layer for bytes while it is hidden.
        if not self.use_selection and self.selection > np.iinfo(dtype).max:
            return 0
        return int(super()._selection_as_minimum_dtype(dtype))

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
        expected = self._take_expected(values)
        if expected is not None:
            return expected
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


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays are the same pixels in memory."""
    place = one.__array_interface__["data"], one.shape, one.strides
    return place == (other.__array_interface__["data"], other.shape, other.strides)


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
