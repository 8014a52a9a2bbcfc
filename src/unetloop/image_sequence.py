"""A stack in many files: ``pos1_t{T}_z{Z}_c{C}.tif`` stands for all of them."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.errors import EngineError
from unetloop.image_formats import open_picture
from unetloop.tiff_images import TIFF_SUFFIXES, open_tiff

if TYPE_CHECKING:
    from unetloop.image_axes import Sides

__all__ = ["is_sequence", "open_sequence", "sequence_files"]

_FIELD = re.compile(r"\{([TZC])\}")


def is_sequence(path: Path) -> bool:
    """Whether a name has fields for numbers, ``{T}``, ``{Z}`` or ``{C}``."""
    return _FIELD.search(path.name) is not None and not path.exists()


def sequence_files(path: Path) -> dict[tuple[int, ...], Path]:
    """Find the files of a stack, by their numbers in the order of the fields T, Z, C.

    Parameters
    ----------
    path : Path
        Its last part has each of ``{T}``, ``{Z}``, ``{C}`` at most once; in the
        files there are digits in its place.

    Raises
    ------
    EngineError
        If there are none, one of their combinations of numbers is missing, or there
        twice.
    """
    fields = _FIELD.findall(path.name)
    if len(set(fields)) != len(fields):
        raise EngineError("Each of {T}, {Z} and {C} may be there once.", path=str(path))
    order = [fields.index(axis) for axis in "TZC" if axis in fields]
    texts = _FIELD.split(path.name)[::2]
    pattern = re.compile(r"(\d+)".join(map(re.escape, texts)))
    found: dict[tuple[int, ...], Path] = {}
    for entry in sorted(path.parent.iterdir()) if path.parent.is_dir() else ():
        match = pattern.fullmatch(entry.name)
        if match:
            numbers = tuple(int(match.group(index + 1)) for index in order)
            if numbers in found:  # z1.tif and z01.tif
                raise EngineError(
                    "Two files of this stack have the same numbers.",
                    todo="Put one of them into another folder.",
                    one=found[numbers].name,
                    other=entry.name,
                    path=str(path),
                )
            found[numbers] = entry
    if not found:
        raise EngineError("There is no file of this stack.", path=str(path))
    for numbers in product(*_numbers(found)):
        if numbers not in found:
            names = [axis for axis in "TZC" if axis in fields]
            place = ", ".join(f"{n} {v}" for n, v in zip(names, numbers, strict=True))
            raise EngineError(
                f"A file of this stack is missing: {place}.", path=str(path)
            )
    return found


def open_sequence(path: Path) -> tuple[str, Any, list[str], Sides, None]:
    """Open the files of a stack as one image; each is read when it is needed."""
    files = sequence_files(path)
    axes = "".join(axis for axis in "TZC" if axis in _FIELD.findall(path.name))
    data = _Sequence(path, files)
    channels = _numbers(files)[axes.index("C")] if "C" in axes else []
    return (
        f"{axes}YX",
        data,
        [str(number) for number in channels],
        data.sides,
        None,
    )


def _numbers(files: dict[tuple[int, ...], Path]) -> list[list[int]]:
    return [sorted(set(values)) for values in zip(*files, strict=True)]


class _Sequence:
    """Single planes in files, sliced like one array."""

    def __init__(self, path: Path, files: dict[tuple[int, ...], Path]) -> None:
        numbers = _numbers(files)
        outer = tuple(len(values) for values in numbers)
        self._files = np.empty(outer, object)
        for place in np.ndindex(outer):
            key = tuple(values[at] for values, at in zip(numbers, place, strict=True))
            self._files[place] = files[key]
        first, self.sides = _read(self._files.flat[0])
        self.shape = (*outer, *first.shape)
        self.dtype = first.dtype
        self._path = path

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        files, inner = self._files[index[:-2]], index[-2:]
        if isinstance(files, Path):
            return self._plane(files)[inner]
        planes = [self._plane(file)[inner] for file in files.flat]
        return np.reshape(np.stack(planes), (*files.shape, *planes[0].shape))

    def _plane(self, file: Path) -> Any:
        pixels, _ = _read(file)
        if pixels.shape != self.shape[-2:] or pixels.dtype != self.dtype:
            raise EngineError(
                "The files of a stack must have the same size and type.",
                path=str(file),
                shape=pixels.shape,
                dtype=str(pixels.dtype),
            )
        return pixels


def _read(file: Path) -> tuple[Any, Sides]:
    tiff = file.suffix.lower() in TIFF_SUFFIXES
    opened = open_tiff(file) if tiff else open_picture(file)
    axes, data, _, sides, close = opened
    try:
        if any(
            size != 1
            for axis, size in zip(axes, data.shape, strict=True)
            if axis not in "YX"
        ):
            raise EngineError(
                "Each file of a stack must hold one plane of one channel.",
                path=str(file),
                axes=axes,
                shape=data.shape,
            )
        place = tuple(slice(None) if axis in "YX" else 0 for axis in axes)
        return np.asarray(data[place]), sides
    finally:
        if close is not None:
            close()
