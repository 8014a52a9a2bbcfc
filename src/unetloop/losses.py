"""Losses that are masked by review: what nobody reviewed weighs nothing.

Every loss takes ``(truth, logits)`` and gives (batch,), of which the mean is the
loss. `foreground_and_distance` is for nuclei. All others are for classes:

truth : tensor
    (batch, rows, columns, 2): the class's index, 0 the background, and the
    pixel's weight: 0 where nobody looked, else what balances classes or
    emphasises borders (``unetloop.pixel_weights``), 1 by default.
logits : tensor
    (batch, rows, columns, classes), before the softmax; or (batch, rows,
    columns, 1), before the sigmoid, where there are two classes.

Logits may be smaller than the truth, of a network that loses its border; they
belong to the middle of it. Logits (batch, heads, rows, columns, classes), of a
network that is supervised at several depths, give the mean over the heads.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from keras import ops

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "dice_and_crossentropy",
    "focal",
    "foreground_and_distance",
    "soft_dice",
    "tversky",
    "weighted_crossentropy",
]

# What the distance map and its slope count for, beside the cross-entropy.
_DISTANCE_SHARE, _SLOPE_SHARE = 3.0, 15.0
_FOREGROUND_KNOWN = 0.35  # nats: a cross-entropy below it, and slopes begin to count
_FOCUS = 2.0
_FALSE_POSITIVES, _FALSE_NEGATIVES = 0.3, 0.7
_SMOOTH = 1.0  # pixels: a class that is not there has no loss if it is not found


def _fitted(loss: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Let a loss take the logits of every network: smaller ones, several heads."""

    @wraps(loss)
    def fitted(truth: Any, logits: Any) -> Any:
        if len(logits.shape) == 5:
            heads = [fitted(truth, logits[:, i]) for i in range(logits.shape[1])]
            return sum(heads[1:], heads[0]) / len(heads)
        if truth.shape[1:3] != logits.shape[1:3] or None in logits.shape[1:3]:
            rows, columns = ops.shape(logits)[1:3]
            top = (ops.shape(truth)[1] - rows) // 2
            left = (ops.shape(truth)[2] - columns) // 2
            truth = truth[:, top : top + rows, left : left + columns]
        value = loss(truth, logits)
        return ops.broadcast_to(value, ops.shape(truth)[:1])

    return fitted


@_fitted
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
    unsure = _mean(_sigmoid_entropy(foreground, logits[..., 0]), weight)
    known = ops.stop_gradient(ops.relu(1 - unsure / _FOREGROUND_KNOWN))
    error = ops.sigmoid(logits[..., 1]) - distance
    emphasis = known * weight + (1 - known)
    loss = unsure + _DISTANCE_SHARE * _mean(ops.absolute(error), whole * emphasis)
    for axis in (1, 2):
        slope, both = ops.diff(error, axis=axis), _both(weight * whole, axis)
        loss = loss + known * _SLOPE_SHARE * _mean(ops.absolute(slope), both)
    return loss


@_fitted
def binary_crossentropy(truth: Any, logits: Any) -> Any:
    """Cross-entropy of a sigmoid for each map: each class against all others.

    With one output, that is the loss of the networks with a sigmoid. Source:
    Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.90.
    """
    classes = logits.shape[-1]
    target = _one_hot(truth, 2)[..., 1:] if classes == 1 else _one_hot(truth, classes)
    entropy = ops.mean(_sigmoid_entropy(target, logits), axis=-1)
    return _mean(entropy, truth[..., 1])


@_fitted
def categorical_crossentropy(truth: Any, logits: Any) -> Any:
    """Cross-entropy of the softmax: the mean over pixels, by weight.

    The truth holds indices, so that it is the sparse one as well. Source:
    Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.108.
    """
    return _mean(_entropy(truth, logits), truth[..., 1])


@_fitted
def weighted_crossentropy(truth: Any, logits: Any) -> Any:
    """Cross-entropy of the softmax as the original U-Net weighs it.

    ``sum of w(x) log p(x)``, negative, over the number of known pixels: the
    weights count as they are and are not divided by their sum. Source: equation
    1 of Ronneberger, Fischer, Brox 2015, https://arxiv.org/abs/1505.04597; its
    weights are `pixel_weights.border_weights`.
    """
    weight = truth[..., 1]
    known = ops.sum(ops.cast(weight > 0, "float32"))
    total = ops.sum(_entropy(truth, logits) * weight)
    return total / ops.maximum(known, 1.0)


@_fitted
def focal(truth: Any, logits: Any) -> Any:
    """Cross-entropy times ``(1 - p) ** 2``: what is known already counts little.

    Source: Lin, Goyal, Girshick, He, Dollár, "Focal Loss for Dense Object
    Detection", 2017, https://arxiv.org/abs/1708.02002, with its gamma of 2; its
    alpha is the pixels' weight.
    """
    entropy = _entropy(truth, logits)
    return _mean((1 - ops.exp(-entropy)) ** _FOCUS * entropy, truth[..., 1])


@_fitted
def soft_dice(truth: Any, logits: Any) -> Any:
    """One minus the Dice coefficient of probabilities, mean over the classes.

    ``2 sum(p g) / (sum(p²) + sum(g²))`` over all pixels of the batch. With one
    output, only the foreground's. Source: Milletari, Navab, Ahmadi, "V-Net",
    2016, https://arxiv.org/abs/1606.04797, section 3.
    """
    found, target, weight = _found_and_true(truth, logits)
    both = _total(found * target * weight)
    either = _total(found * found * weight) + _total(target * weight)
    return 1 - ops.mean((2 * both + _SMOOTH) / (either + _SMOOTH))


@_fitted
def dice_and_crossentropy(truth: Any, logits: Any) -> Any:
    """Sum of `soft_dice` and `categorical_crossentropy`.

    Source: Isensee, Jaeger, Kohl, Petersen, Maier-Hein, "nnU-Net", Nature
    Methods 2021, https://doi.org/10.1038/s41592-020-01008-z.
    """
    return soft_dice(truth, logits) + categorical_crossentropy(truth, logits)


@_fitted
def tversky(truth: Any, logits: Any) -> Any:
    """One minus the Tversky index: what is missed costs more than what is too much.

    ``TP / (TP + 0.3 FP + 0.7 FN)`` of probabilities, mean over the classes; with
    one output, only the foreground's. Source: Salehi, Erdogmus, Gholipour,
    "Tversky loss function for image segmentation using 3D fully convolutional
    deep networks", 2017, https://arxiv.org/abs/1706.05721.
    """
    found, target, weight = _found_and_true(truth, logits)
    both = _total(found * target * weight)
    over = _total(found * (1 - target) * weight)
    missed = _total((1 - found) * target * weight)
    lost = _FALSE_POSITIVES * over + _FALSE_NEGATIVES * missed
    return 1 - ops.mean((both + _SMOOTH) / (both + lost + _SMOOTH))


def _sigmoid_entropy(target: Any, score: Any) -> Any:
    """Cross-entropy of a sigmoid, in the form that can't overflow."""
    return (
        ops.maximum(score, 0.0)
        - score * target
        + ops.log1p(ops.exp(-ops.absolute(score)))
    )


def _one_hot(truth: Any, classes: int) -> Any:
    return ops.one_hot(ops.cast(truth[..., 0], "int32"), classes, dtype="float32")


def _log_softmax(logits: Any) -> Any:
    """Log-probability of each class; a sigmoid is a softmax with a score of 0."""
    if logits.shape[-1] == 1:
        logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
    return ops.log_softmax(logits, axis=-1)


def _entropy(truth: Any, logits: Any) -> Any:
    """(batch, rows, columns): minus the log-probability of the true class."""
    known = _log_softmax(logits)
    return -ops.sum(known * _one_hot(truth, known.shape[-1]), axis=-1)


def _found_and_true(truth: Any, logits: Any) -> tuple[Any, Any, Any]:
    """Probabilities and truth of each class, and the weights with an axis more."""
    found = ops.exp(_log_softmax(logits))
    target = _one_hot(truth, found.shape[-1])
    first = 1 if logits.shape[-1] == 1 else 0
    return found[..., first:], target[..., first:], truth[..., 1:2]


def _total(values: Any) -> Any:
    return ops.sum(values, axis=(0, 1, 2))


def _both(weight: Any, axis: int) -> Any:
    """Weight of each pair of neighbours: the lesser of the two."""
    if axis == 1:
        return ops.minimum(weight[:, 1:], weight[:, :-1])
    return ops.minimum(weight[:, :, 1:], weight[:, :, :-1])


def _mean(values: Any, weight: Any) -> Any:
    return ops.sum(values * weight) / ops.maximum(ops.sum(weight), 1.0)
