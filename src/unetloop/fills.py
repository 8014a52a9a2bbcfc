"""Pixels that no camera saw: padding, empty tiles of a mosaic, burnt-in text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["find_fills"]

_LEAST, _MOST = 0.002, 0.95
_GAP, _NEAR, _SPREADS, _LEVELS = 0.15, 0.02, 2.0, 3
_FRAYED = 0.05
_SOME = 1 << 14


def find_fills(plane: NDArray[Any]) -> tuple[float, float]:
    """Find the extreme values that nothing else comes near.

    Among real intensities there is no gap below the highest or above the lowest; a
    margin, an empty tile, a scale bar or a pixel that is stuck leaves one. Such pixels
    would shift the percentiles that intensities are normalised by.

    Parameters
    ----------
    plane : array
        (rows, columns) of any real dtype.

    Returns
    -------
    lowest, highest : float
        Values that are no intensities; NaN where there is none. What is large counts
        only if it is not frayed: a background that was set to zero lies between
        nuclei.
    """
    # NaN is left out, without a warning.
    low, high = (ends.reduce(plane, axis=None) for ends in (np.fmin, np.fmax))
    return (
        float(low) if _is_fill(plane, low) else np.nan,
        float(high) if _is_fill(plane, high) else np.nan,
    )


def _is_fill(plane: NDArray[Any], extreme: Any) -> bool:
    if plane.dtype.kind == "b" or not np.isfinite(extreme):
        return False
    mask, value = np.asarray(plane == extreme), float(extreme)
    share = np.count_nonzero(mask) / mask.size
    if not _LEAST <= share <= _MOST:
        return False
    others = plane[~mask]
    if others.dtype.kind == "f":
        others = others[np.isfinite(others)]
    if others.size == 0:
        return False
    lowest, low, middle, high = map(float, np.percentile(others, (0.1, 1, 50, 99)))
    if high == low:
        return False
    least = _LEVELS * _step(others)
    # Saturated nuclei have edges, and these have all values up to the highest.
    furthest = max(value - high, low - value)
    gap = max(_GAP * (high - low), furthest / 2, least)
    near = np.count_nonzero(np.abs(others - value) <= gap)
    apart = near <= _NEAR * share * mask.size
    # Above a camera's offset, noise is narrow.
    narrow = lowest - value > max(_SPREADS * (middle - low), least)
    if not (apart or narrow):
        return False
    return bool(share <= _FRAYED or _frayed(mask) <= _FRAYED)


def _step(values: NDArray[Any]) -> float:
    """Least difference of two intensities: 1 of whole numbers, unless rescaled."""
    some = values[:: 1 + len(values) // _SOME].astype(np.float64)
    steps = np.diff(np.unique(some))
    return float(steps.min()) if len(steps) else 0.0


def _frayed(mask: NDArray[np.bool_]) -> float:
    """Share of the other pixels that have the fill at their right or below them."""
    edges = [int(np.count_nonzero(np.diff(mask, axis=axis))) for axis in (0, 1)]
    return sum(edges) / max(mask.size - int(np.count_nonzero(mask)), 1)
