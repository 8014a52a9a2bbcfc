"""Losses that are masked by review: what nobody reviewed weighs nothing."""

from __future__ import annotations

from typing import Any

from keras import ops

__all__ = ["foreground_and_distance"]

_DISTANCE_SHARE = 3.0
_SLOPE_SHARE = 15.0
_FOREGROUND_KNOWN = 0.35


def foreground_and_distance(truth: Any, logits: Any) -> Any:
    """Cross-entropy of the foreground plus L1 of the distance map and its slope.

    All are means over the pixels of a batch by their weights, so that five
    painted nuclei pull as hard as a whole reviewed image. The slope (differences
    of neighbouring pixels of the distance map) is largest where nuclei touch;
    without it, the few pixels of the dip between them hardly count, and nuclei
    are merged. HoVer-Net has such a term for its own maps (Graham 2019, Med.
    Image Anal. 58, eq. 3). It counts only as far as the foreground is known, or
    else the first minute would be spent on learning to predict nothing.

    Parameters
    ----------
    truth : tensor
        (batch, rows, columns, 4) from `patches.sample_patches`: foreground,
        distance, weight of the foreground (larger between touching nuclei), and
        whether the distance is known.
    logits : tensor
        (batch, rows, columns, 2), the network's output before the sigmoid.

    Returns
    -------
    tensor
        (batch,): its mean is the loss.
    """
    foreground, distance = truth[..., 0], truth[..., 1]
    weight, whole = truth[..., 2], truth[..., 3]
    score = logits[..., 0]
    # Cross-entropy of a sigmoid, in the form that can't overflow.
    entropy = (
        ops.maximum(score, 0.0)
        - score * foreground
        + ops.log1p(ops.exp(-ops.absolute(score)))
    )
    unsure = _mean(entropy, weight)
    known = ops.stop_gradient(ops.relu(1 - unsure / _FOREGROUND_KNOWN))
    error = ops.sigmoid(logits[..., 1]) - distance
    emphasis = known * weight + (1 - known)
    loss = unsure + _DISTANCE_SHARE * _mean(ops.absolute(error), whole * emphasis)
    for axis in (1, 2):
        slope, both = ops.diff(error, axis=axis), _both(weight * whole, axis)
        loss = loss + known * _SLOPE_SHARE * _mean(ops.absolute(slope), both)
    return ops.broadcast_to(loss, ops.shape(truth)[:1])


def _both(weight: Any, axis: int) -> Any:
    """Weight of each pair of neighbours: the lesser of the two."""
    if axis == 1:
        return ops.minimum(weight[:, 1:], weight[:, :-1])
    return ops.minimum(weight[:, :, 1:], weight[:, :, :-1])


def _mean(values: Any, weight: Any) -> Any:
    return ops.sum(values * weight) / ops.maximum(ops.sum(weight), 1.0)
