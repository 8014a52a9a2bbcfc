"""TIFF, OME-TIFF, ImageJ TIFF and kin: planes when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.image_axes import usual_axes
from unetloop.tiff_metadata import read_metadata

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.image_formats import Opened

__all__ = ["open_tiff"]

_LARGE = 1 << 25


class _LazyTiff:
    """A TIFF series that is sliced page by page, or by region where it is large.

    ``copies`` are its coarser copies, if the file has some.
    """

    def __init__(self, series: Any, axes: str) -> None:
        self._series = series
        self.copies = [_LazyTiff(level, axes) for level in series.levels[1:]]
        self.shape = series.shape
        self.dtype = series.dtype
        self._inside = len(axes) - sum(axis in "TZC" for axis in axes)
        # Only where the pages hold whole planes can they be read one by one.
        self._by_page = all(axis in "TZC" for axis in axes[: -self._inside])

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        outer = index[: len(index) - self._inside]
        inner = index[len(outer) :]
        page_bytes = np.prod(self.shape[len(outer) :]) * self.dtype.itemsize
        pages = len(self._series.pages)
        planes = int(np.prod(self.shape[: len(outer)], dtype=np.int64))
        if page_bytes > _LARGE or not self._by_page or pages != planes:
            if np.prod(self.shape) * self.dtype.itemsize <= _LARGE:
                return self._series.asarray()[index]
            import zarr

            store = self._series.aszarr(level=0)
            return zarr.open(store, mode="r")[index]
        numbers = np.arange(planes).reshape(self.shape[: len(outer)])[outer]
        read = [self._read_page(int(number))[inner] for number in np.ravel(numbers)]
        return np.reshape(np.stack(read), (*np.shape(numbers), *read[0].shape))

    def _read_page(self, number: int) -> Any:
        page = self._series.pages[number]
        if page is None:
            raise EngineError(
                "A plane of this image is missing.",
                todo="Put all files of this OME-TIFF into its folder.",
            )
        file = page.parent.filehandle
        closed = file.closed  # one of several; too many to stay open
        if closed:
            file.open()
        try:
            return page.asarray()
        finally:
            if closed:
                file.close()


def open_tiff(path: Path) -> Opened:
    """Open TIFF, OME-TIFF, ImageJ TIFF and kin with tifffile.

    Parameters
    ----------
    path : Path
        The file; of several series the largest is taken.

    Raises
    ------
    EngineError
        If it holds no image, or axes that are none of ours.
    """
    import tifffile

    tiff = tifffile.TiffFile(path)
    try:
        if not tiff.series:
            raise EngineError("The TIFF file holds no image.", path=str(path))
        listed = list(enumerate(tiff.series))
        if tiff.is_ome and len(listed) > 1:
            # The metadata may list what is in other files, too.
            mine = [item for item in listed if _lies_in(item[1], tiff)]
            listed = mine or listed
        number, series = max(listed, key=lambda item: item[1].size)
        if series.keyframe.photometric == tifffile.PHOTOMETRIC.SEPARATED:
            raise EngineError(
                "The colours are those of a printer (CMYK).",
                todo="Save it in RGB, or better: export the image anew.",
                path=str(path),
            )
        axes = usual_axes(series.axes, series.shape, path)
        names, sides = read_metadata(tiff, series, number)
    except BaseException:
        tiff.close()
        raise
    return axes, _LazyTiff(series, axes), names, sides, tiff.close


def _lies_in(series: Any, tiff: Any) -> bool:
    return any(page is not None and page.parent is tiff for page in series.pages)
