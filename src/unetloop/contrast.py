"""From what to what a plane is shown, so that its nuclei are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.boxes import box_slices, middle_box
from unetloop.config import NormalizationConfig
from unetloop.preprocessing import intensity_limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["contrast_of", "is_bright"]

_LOOKED_AT = 512  # rows and columns, at the most, that say how bright a plane is
_PERCENTILES = (0.5, 99.8)
_OVER = 1.5  # times as bright as what is outshone


def contrast_of(
    plane: NDArray[Any],
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Say from what to what a plane is shown.

    Parameters
    ----------
    plane : array
        (rows, columns, channels).

    Returns
    -------
    contrast, limits : tuple of float
        Low and high, of which the extreme pixels are left out, what no camera saw, and
        what outshines all else; lowest and highest.
    """
    seen = _sample(plane)
    if seen.size == 0:
        return (0.0, 1.0), (0.0, 1.0)
    lowest, highest = float(seen.min()), float(seen.max())
    shown, brightest = (seen, None) if plane.shape[2] > 1 else _as_seen(plane, seen)
    low, high = (float(value) for value in np.percentile(shown, _PERCENTILES))
    if high <= low:
        low, high = lowest, max(highest, lowest + 1)
    elif brightest is not None:
        high = brightest
    return (low, high), (min(lowest, low), max(highest, high))


def _as_seen(
    plane: NDArray[Any], seen: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float | None]:
    """Leave out what the network leaves out; say how bright what is outshone is."""
    part = box_slices(middle_box((plane.shape[0], plane.shape[1]), _LOOKED_AT))
    limits = intensity_limits(
        _even_grid(plane), NormalizationConfig(), neighbours=plane[part]
    )
    shown = seen[~np.isin(seen, limits.fills)]
    if not limits.glare.any():
        return shown, None
    level = float((limits.glare * (limits.one - limits.zero))[0])
    return shown, float(np.median(shown)) + _OVER * level


def is_bright(plane: NDArray[Any], contrast: tuple[float, float]) -> bool:
    """Whether most of a plane is bright, as tissue is in transmitted light."""
    seen = _sample(plane)
    return seen.size > 0 and float(np.median(seen)) > sum(contrast) / 2


def _sample(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Take finite pixels of a plane, evenly."""
    seen = _even_grid(plane).astype(np.float64)
    finite: NDArray[np.float64] = seen[np.isfinite(seen)]
    return finite


def _even_grid(plane: NDArray[Any]) -> NDArray[Any]:
    step = max(1, max(plane.shape[:2]) // _LOOKED_AT)
    return plane[::step, ::step]
