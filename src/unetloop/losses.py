"""Losses that are masked by review: what nobody reviewed weighs nothing."""

from __future__ import annotations

from typing import Any

from keras import ops

__all__ = ["foreground_and_distance"]

_DISTANCE_SHARE = 3.0
_SLOPE_SHARE = 10.0


def foreground_and_distance(truth: Any, logits: Any) -> Any:
    """Weighted cross-entropy of the foreground plus L1 of the distance and slope.

    All are means over the pixels of a batch that carry weight, so that five
    painted nuclei pull as hard as a whole reviewed image. The slope (differences
    of neighbouring pixels of the distance map) is largest where two nuclei touch;
    without it, the few pixels of the dip between them hardly count and nuclei are
    merged. HoVer-Net has such a term for its own maps (Graham 2019, Med. Image
    Anal. 58, eq. 3).

    Parameters
    ----------
    truth : tensor
        (batch, rows, columns, 4) from `patches.sample_patches`: foreground,
        distance, weight of the foreground, weight of the distance.
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
    error = ops.sigmoid(logits[..., 1]) - distance
    loss = _mean(entropy, weight) + _DISTANCE_SHARE * _mean(ops.absolute(error), whole)
    for one, other in _neighbors(error, whole):
        slope = ops.absolute(one[0] - other[0])
        loss = loss + _SLOPE_SHARE * _mean(slope, one[1] * other[1])
    return ops.broadcast_to(loss, ops.shape(truth)[:1])


def _mean(values: Any, weight: Any) -> Any:
    return ops.sum(values * weight) / ops.maximum(ops.sum(weight), 1.0)


def _neighbors(*maps: Any) -> Any:
    """Pair each pixel with the one below it, and with the one to its right."""
    yield [image[:, :-1] for image in maps], [image[:, 1:] for image in maps]
    yield [image[:, :, :-1] for image in maps], [image[:, :, 1:] for image in maps]
