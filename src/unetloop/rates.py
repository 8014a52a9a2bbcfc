"""How the learning rate goes over a run, and when a run is over: pure functions.

Each gives the share of the highest rate, 0..1, from how much of the run is over
(0..1) and from the loss after each epoch so far, lower is better.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["constant", "cosine", "plateau", "steps"]

_LAST = 0.01


def constant(progress: float, losses: Sequence[float] = ()) -> float:
    """Give the highest rate all the time."""
    return 1.0


def cosine(
    progress: float, losses: Sequence[float] = (), *, last: float = _LAST
) -> float:
    """Fall by half a cosine to the last share (Loshchilov 2017, arXiv:1608.03983).

    Examples
    --------
    >>> cosine(0.0), cosine(1.0)
    (1.0, 0.01)
    """
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0), 1)))


def steps(
    progress: float,
    losses: Sequence[float] = (),
    *,
    at: Sequence[float] = (0.5, 0.75),
    factor: float = 0.1,
) -> float:
    """Fall by a factor at each of some shares of the run (He 2016, arXiv:1512.03385).

    Examples
    --------
    >>> steps(0.6)
    0.1
    """
    return float(factor ** sum(progress >= share for share in at))


def plateau(
    progress: float,
    losses: Sequence[float] = (),
    *,
    patience: int = 5,
    factor: float = 0.1,
    least: float = 1e-4,
    lowest: float = _LAST**2,
) -> float:
    """Fall by a factor each time that the loss has not fallen for some epochs.

    As `keras.callbacks.ReduceLROnPlateau`, but from the whole history, so that a
    run that is resumed needs no state.

    Parameters
    ----------
    progress : float
        Not needed.
    losses : sequence of float
        After each epoch.
    patience : int
        Epochs without a new lowest loss before the rate falls.
    factor : float
        By which it falls.
    least : float
        By how much a loss must be lower to count.
    lowest : float
        Share that it never falls below.
    """
    share, best, waited = 1.0, math.inf, 0
    for loss in losses:
        waited += 1
        if loss < best - least:
            best, waited = loss, 0
        elif waited >= patience:
            share, waited = share * factor, 0
    return max(share, lowest)
