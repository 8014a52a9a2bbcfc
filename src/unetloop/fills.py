"""Values that no camera saw: padding, empty tiles of a mosaic, bars, stuck pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["find_fills"]

_LEAST, _MOST = 0.002, 0.95
_GAP, _NEAR, _SPREADS, _LEVELS = 0.15, 0.02, 2.0, 3
_SINGLE, _CORNERS = 3, 0.1
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
        Values that are no intensities; NaN where there is none. Their pixels are
        single ones, or have straight sides: neither saturated nuclei nor a background
        that was set to zero have.
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
    return _is_made(mask)


def _step(values: NDArray[Any]) -> float:
    """Least difference of two intensities: 1 of whole numbers, unless rescaled."""
    some = values[:: 1 + len(values) // _SOME].astype(np.float64)
    steps = np.diff(np.unique(some))
    return float(steps.min()) if len(steps) else 0.0


def _is_made(mask: NDArray[np.bool_]) -> bool:
    """Whether pixels are single ones, or have straight sides as nothing grown has."""
    sides = sum(int(np.count_nonzero(np.diff(mask, axis=axis))) for axis in (0, 1))
    if sides >= _SINGLE * np.count_nonzero(mask):
        return True
    across = mask[1:] ^ mask[:-1]
    corners = int(np.count_nonzero(across[:, 1:] ^ across[:, :-1]))
    return corners <= _CORNERS * sides
