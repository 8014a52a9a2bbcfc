"""Pictures to look at: the image with its nuclei outlined, as PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.atomic import replacing
from unetloop.contrast import contrast_of
from unetloop.export.image import failures_named

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.export.image import ExportedImage

__all__ = ["write"]

_LONGEST = 2048
_LONGEST_SHEET = 4096
_ENLARGE_TO = 1024
_STRIP_PIXELS = 1 << 22
# On the black, white and grey of fluorescence; on the purple of stained tissue.
_ON_GREY = [(255, 225, 25), (70, 240, 240), (120, 255, 80), (255, 110, 255)]
_ON_COLOURS = [(0, 235, 0), (255, 255, 0), (0, 255, 255), (255, 120, 0)]


def write(path: Path, planes: NDArray[np.int32], about: ExportedImage) -> None:
    """Draw the nuclei's outlines over the image.

    Grey levels are stretched from percentile 0.5 to 99.8 of the plane, or less far
    where few things outshine all nuclei (`contrast.contrast_of`); colours stay what
    they are. The long side is at most 2048 pixels; small images are enlarged by a
    whole number. The planes of a stack are laid out from the upper left, row by row,
    in one picture of at most 4096 pixels.

    Parameters
    ----------
    path : Path
        File to write, ``.png``.
    planes : array of int32
        (planes, rows, columns): 0 background, one number a nucleus.
    about : ExportedImage
        The image; black without pixels to read.

    Raises
    ------
    EngineError
        If it can't be written, or has other planes.
    """
    from PIL import Image

    about.check(planes)
    across = int(np.ceil(np.sqrt(len(planes))))
    longest = _LONGEST if across == 1 else min(_LONGEST, _LONGEST_SHEET // across)
    pictures = [
        _draw(labels, number, about, longest) for number, labels in enumerate(planes)
    ]
    rows, columns = pictures[0].shape[:2]
    down = -(-len(planes) // across)
    sheet = np.zeros((down * rows, across * columns, 3), np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, across)
        sheet[
            row * rows : (row + 1) * rows, column * columns : (column + 1) * columns
        ] = picture
    with failures_named(path), replacing(path) as fresh:
        Image.fromarray(sheet).save(fresh, format="PNG")


def _draw(
    labels: NDArray[np.int32], number: int, about: ExportedImage, longest: int
) -> NDArray[np.uint8]:
    """Draw one plane: (rows, columns, 3)."""
    long_side = max(labels.shape)
    step = min(-(-long_side // longest), *labels.shape)
    factor = max(1, min(_ENLARGE_TO, longest) // long_side)
    picture = _to_colours(_shrink(labels.shape, number, about, step), about.rgb)
    picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    nuclei = np.asarray(labels[step // 2 :: step, step // 2 :: step])
    nuclei = nuclei[: labels.shape[0] // step, : labels.shape[1] // step]
    nuclei = nuclei.repeat(factor, axis=0).repeat(factor, axis=1)
    edge = _find_edges(nuclei, 2 if factor > 2 else 1)
    colours = np.array(_ON_COLOURS if about.rgb else _ON_GREY, np.uint8)
    if about.class_colors:  # in its place is the colour of a number's class
        listed = [_rgb(color) for color in about.class_colors]
        colours = np.array([listed[-1], *listed[:-1]], np.uint8)
    picture[edge] = colours[nuclei[edge] % len(colours)]
    return picture


def _rgb(color: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue


def _shrink(
    shape: tuple[int, ...], number: int, about: ExportedImage, step: int
) -> NDArray[Any]:
    """Read a plane strip by strip, as means of ``step`` x ``step`` pixels."""
    rows, columns = shape[0] // step, shape[1] // step
    if about.read is None:
        return np.zeros((rows, columns, 1), np.uint8)
    at_once = max(1, _STRIP_PIXELS // (shape[1] * step))
    strips = []
    for row in range(0, rows, at_once):
        count = min(at_once, rows - row)
        box = (row * step, 0, (row + count) * step, columns * step)
        about.between()
        pixels = about.read(number, box)
        pixels = pixels.reshape(count * step, columns * step, -1)
        pixels = pixels[..., : 3 if about.rgb else 1]
        if step > 1:
            blocks = pixels.reshape(count, step, columns, step, -1)
            with np.errstate(invalid="ignore"):  # of both infinities: not known
                mean = blocks.mean(axis=(1, 3), dtype=_float_for(pixels.dtype))
            pixels = mean.astype(pixels.dtype)
        strips.append(pixels)
    return np.concatenate(strips)


def _float_for(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """Give the type to compute in: 32 bits do not hold large numbers, or all digits."""
    wide = dtype.itemsize > 2 and dtype != np.float32
    return np.float64 if wide else np.float32


def _to_colours(pixels: NDArray[Any], rgb: bool) -> NDArray[np.uint8]:
    if rgb and pixels.dtype == np.uint8:
        return pixels.copy()
    values = pixels.astype(_float_for(pixels.dtype))
    known = values[np.isfinite(values)]
    if len(known) == 0:
        low, high = 0.0, 1.0
    elif rgb:
        low, high = 0.0, float(known.max())
    else:
        low, high = contrast_of(pixels)[0]
    values = np.nan_to_num((values - low) / (high - low if high > low else 1.0))
    grey = (np.clip(values, 0, 1) * 255).astype(np.uint8)
    colours: NDArray[np.uint8] = grey if rgb else grey.repeat(3, axis=2)
    return colours


def _find_edges(labels: NDArray[np.int32], thickness: int) -> NDArray[np.bool_]:
    """Mark the pixels of nuclei that are nearer than this to something else."""
    padded = np.pad(labels, thickness, mode="edge")
    rows, columns = labels.shape
    edge = np.zeros(labels.shape, bool)
    for row, column in ((0, 1), (2, 1), (1, 0), (1, 2)):
        begin, left = row * thickness, column * thickness
        edge |= padded[begin : begin + rows, left : left + columns] != labels
    return edge & (labels > 0)
