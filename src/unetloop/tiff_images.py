"""TIFF, OME-TIFF, ImageJ TIFF and kin: planes when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.image_axes import several_images, usual_axes
from unetloop.ome_files import has_all_files
from unetloop.tiff_metadata import read_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from unetloop.image_formats import Opened

__all__ = ["TIFF_SUFFIXES", "open_tiff"]

TIFF_SUFFIXES = (
    *(".tif", ".tiff", ".btf", ".lsm", ".stk"),
    *(".svs", ".ndpi", ".qptiff"),  # slide scanners'
)
"""How files are called that `open_tiff` reads, in lower case."""

_LARGE = 1 << 25
_MOST_CHANNELS, _LEAST_SIDE = 8, 32  # of an image whose axes have no names


class _LazyTiff:
    """A TIFF series that is sliced page by page, or by region where it is large.

    ``copies`` are its coarser copies, if the file has some; ``note`` is what is to be
    known of it. Along the axes in ``fewer`` only the first so many are the image.
    """

    def __init__(
        self, series: Any, axes: str, fewer: Mapping[str, int], note: str = ""
    ) -> None:
        self._series = series
        self.copies = [_LazyTiff(level, axes, fewer) for level in series.levels[1:]]
        self.note = note
        self._stored = self.shape = tuple(series.shape)
        for axis, size in fewer.items():
            at = axes.index(axis)
            self.shape = (*self.shape[:at], size, *self.shape[at + 1 :])
        self.dtype = series.dtype
        self._inside = len(axes) - sum(axis in "TZC" for axis in axes)
        # Only where the pages hold whole planes can they be read one by one.
        self._by_page = all(axis in "TZC" for axis in axes[: -self._inside])

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        outer = index[: len(index) - self._inside]
        inner = index[len(outer) :]
        page_bytes = np.prod(self._stored[len(outer) :]) * self.dtype.itemsize
        pages = len(self._series.pages)
        planes = int(np.prod(self._stored[: len(outer)], dtype=np.int64))
        if page_bytes > _LARGE or not self._by_page or pages != planes:
            if np.prod(self._stored) * self.dtype.itemsize <= _LARGE:
                return self._series.asarray()[index]
            import zarr

            store = self._series.aszarr(level=0)
            return zarr.open(store, mode="r")[index]
        numbers = np.arange(planes).reshape(self._stored[: len(outer)])[outer]
        read = [self._read_page(int(number))[inner] for number in np.ravel(numbers)]
        return np.reshape(np.stack(read), (*np.shape(numbers), *read[0].shape))

    def _read_page(self, number: int) -> Any:
        page = self._series.pages[number]
        if page is None:
            raise EngineError(
                "A plane of this image is missing.",
                todo="Put all files of this OME-TIFF into its folder, under the names "
                "that they were written with (were they renamed?).",
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
        axes = usual_axes(_true_axes(series), series.shape, path)
        names, sides = read_metadata(tiff, series, number)
        fewer = _without_alpha(series, axes)
        notes = _note_others(series, [item for _, item in listed])
        if tiff.is_ome and has_all_files(path, tiff.ome_metadata or ""):
            times = _whole_times(series, axes)
            if times is not None:
                fewer["T"] = times
                all_times = series.shape[axes.index("T")]
                notes.append(
                    f"It was broken off: {times} of {all_times} time points are there."
                )
        data = _LazyTiff(series, axes, fewer, " ".join(notes))
    except BaseException:
        tiff.close()
        raise
    return axes, data, names, sides, tiff.close


def _true_axes(series: Any) -> str:
    """Name the axes as tifffile does, but for samples that are channels, no colours.

    Samples that the file does not call RGB are channels. So are those that lie one
    plane behind the other, of more than 8 bits or four of them: tifffile and
    scikit-image write any stack of three or four planes so, unless told otherwise. And
    what they took for many narrow planes are channels behind rows and columns.
    """
    import tifffile

    page, axes = series.keyframe, str(series.axes)
    if axes in ("QYX", "IYX"):  # nobody said what they are
        rows, columns, last = series.shape
        narrow = last <= _MOST_CHANNELS and min(rows, columns) >= _LEAST_SIDE
        return "YXC" if narrow else axes
    if "S" not in axes or "C" in axes:
        return axes
    grey = page.photometric in (
        tifffile.PHOTOMETRIC.MINISBLACK,
        tifffile.PHOTOMETRIC.MINISWHITE,
    )
    apart = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
    deep = page.dtype.itemsize > 1 or page.samplesperpixel > 3
    return axes.replace("S", "C") if grey or (apart and deep) else axes


def _without_alpha(series: Any, axes: str) -> dict[str, int]:
    """Leave the second sample out if it says how transparent the first one is."""
    import tifffile

    alpha = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
    page = series.keyframe
    samples = tuple(page.extrasamples)
    here = page.samplesperpixel == 2 and len(samples) == 1 and samples[0] in alpha
    return {"C": 1} if here and series.shape[axes.find("C")] == 2 else {}


def _note_others(series: Any, listed: list[Any]) -> list[str]:
    """Say that a file holds several images, of which one is read.

    Those are as large as it: thumbnails, labels of slides and coarser copies are not.
    """
    count = sum(
        item.keyframe.shape == series.keyframe.shape and item.dtype == series.dtype
        for item in listed
    )
    return [several_images(count)] if count > 1 else []


def _whole_times(series: Any, axes: str) -> int | None:
    """Count the time points that are there, if the last ones were never taken."""
    pages, outer, at = list(series.pages), series.shape[:-2], axes.find("T")
    if at < 0 or None not in pages or len(pages) != int(np.prod(outer)):
        return None
    there = np.array([page is not None for page in pages]).reshape(outer)
    counts = np.moveaxis(there, at, 0).reshape(outer[at], -1).sum(axis=1).tolist()
    whole = [count == len(pages) // outer[at] for count in counts]
    times = whole.count(True)
    return times if times and all(whole[:times]) else None


def _lies_in(series: Any, tiff: Any) -> bool:
    return any(page is not None and page.parent is tiff for page in series.pages)
