"""How pixels are made to be seen: their colours, a small picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.contrast import contrast_of
from unetloop.images import open_image, resolve_channels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["as_colours", "make_thumbnail"]

_LEAST_LOOKED_AT = 512
_THUMBNAIL = 64


def make_thumbnail(path: Path, channel: str = "") -> NDArray[np.uint8]:
    """Make a small picture, at most 64 x 64, of the plane to look at first.

    Parameters
    ----------
    path : Path
        An image.
    channel : str
        Name of the channel, unless it is one in colours; where there is none of that
        name, the one that is guessed.
    """
    with open_image(path) as image:
        wanted = channel if channel in image.info.channel_names else None
        colours = tuple(range(3))
        channels = colours if image.info.rgb else resolve_channels(image, wanted)
        coarse = [max(size) >= _LEAST_LOOKED_AT for size in image.levels[1:]]
        level = sum(coarse)  # the smallest that is not too small
        plane = image.read_plane(image.info.first_shown, channels, level=level)
    plane = plane if len(channels) > 1 else plane[..., 0]
    step = max(1, int(np.ceil(max(plane.shape[:2]) / _THUMBNAIL)))
    small = np.nan_to_num(plane[::step, ::step].astype(np.float32))
    if len(channels) > 1 and plane.dtype == np.uint8:
        return small.astype(np.uint8)  # colours are as they are
    (low, high), _ = contrast_of(plane[..., None] if plane.ndim == 2 else plane)
    scaled = np.clip((small - low) / max(high - low, 1e-12), 0, 1)
    result: NDArray[np.uint8] = (scaled * 255).astype(np.uint8)
    return result


def as_colours(data: NDArray[Any], limits: tuple[float, float]) -> NDArray[Any]:
    """Scale colours of more than 8 bits to what napari shows: 0..1."""
    if data.dtype == np.uint8:
        return data
    scaled: NDArray[Any] = data.astype(np.float32) / max(limits[1], 1e-12)
    return np.clip(scaled, 0, 1, out=scaled)
