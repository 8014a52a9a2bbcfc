"""How much of a trained model may change, and how far to follow what it learned.

Trained on one image, a good model gets worse on all others: it bends to how that
one is stained and drawn. The more there is to learn from, the less. Between the
weights at the start and those at the end lies a line of models, and near its middle
there is often one that knows both (Wortsman 2022, "Robust fine-tuning of zero-shot
models", CVPR, https://arxiv.org/abs/2109.01903). And where only the thousand biases
learn, there is little that could bend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from unetloop.events import Event, Notice
from unetloop.instances import nucleus_certainty
from unetloop.quality import Reference, region_statistics
from unetloop.validation import predict_windows, score_windows, window_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from unetloop.checkpoint import Model
    from unetloop.config import InstanceConfig, Trainable
    from unetloop.held_out import Window
    from unetloop.network import Network
    from unetloop.training_plane import TrainingPlane

__all__ = [
    "choose_bounds",
    "choose_share",
    "independent_nuclei",
    "is_strange",
    "usual_share",
    "usual_trainable",
]

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_FEW = 4
# How alike two nuclei of one image are, as a correlation; and so many independent
# ones are followed half of the way.
_ALIKE = 0.05
_HALF_WAY = 14.0
# With more, all weights learn.
_FEW_NUCLEI = 150.0
# Mean AP of a model, and unlikeness of images, where it knows nothing of them.
_STRANGE, _UNLIKE = 0.12, 3.0
# Whatever they look like: it knows images where it is right as often as this.
_KNOWN = 0.6


def choose_bounds(
    start: Model, planes: Sequence[TrainingPlane], windows: Sequence[Window]
) -> Generator[Event, None, tuple[Trainable, float]]:
    """Choose which weights of a model of nuclei learn, and how far to follow them.

    Parameters
    ----------
    start : Model
        What it goes on from.
    planes : sequence of TrainingPlane
        What is learned from, at the model's scale.
    windows : sequence of Window
        What the model is tried on: images held out, or some that are learned from.

    Yields
    ------
    Notice
        Where the images are of a kind that the model knows nothing of.

    Returns
    -------
    trainable : str
        ``"biases"``, ``"all"``, or ``"anew"``: all, as fast as random weights.
    share : float
        From 0 to 1.
    """
    area = np.pi / 4 * start.diameter**2  # of a nucleus at the model's scale
    counts = [max(plane.inside / area, 1.0) for plane in planes]
    independent = independent_nuclei(counts)
    trainable, share = usual_trainable(independent), usual_share(independent)
    # Where somebody saw background alone, finding nothing is no knowledge.
    seen = [each for each in windows if each.labels[each.reviewed].any()]
    if trainable == "biases" and seen:
        maps = predict_windows(start.network(), seen)
        score = score_windows(seen, maps, start.instances)
        if is_strange(score, _unlikeness(start, seen, maps)):
            yield Notice(
                text="The model knows next to nothing of such images: it "
                "learns them as new ones, with all its weights."
            )
            return "anew", 1.0
    return trainable, share


def independent_nuclei(nuclei: Sequence[float]) -> float:
    """Count how many independent nuclei would teach as much.

    Nuclei of one image are alike, and teach less than as many of several images
    (design effect of a sample in clusters, Kish 1965, "Survey Sampling").

    Parameters
    ----------
    nuclei : sequence of float
        Reviewed nuclei of each image.

    Examples
    --------
    >>> [round(independent_nuclei(nuclei)) for nuclei in ([10], [40], [10] * 4)]
    [7, 14, 28]
    """
    return sum(count / (1 + max(count - 1, 0) * _ALIKE) for count in nuclei)


def is_strange(score: float, unlikeness: float | None = None) -> bool:
    """Say whether images are of a kind that the model at the start knows nothing of.

    Then there is nothing to be careful with, and biases can't learn it. Measured with
    a stain of envelopes, drawn, where the model of fluorescent nuclei scores .03: from
    30 nuclei in 500 steps the biases came to .09, all weights to .51. Of stained
    tissue, where there is more to lose than to win, such a model has .24 and more.
    Where somebody left some of its outlines as they were, it scores more than it
    knows (.41 of six nuclei); then the images tell. Unlikeness is 6.2 there, and at
    least 2.6; of tissue 1.3 in the median, and above 3 for one image in seven. To a
    model that learned from few images all others are unlike: it must be wrong, too.

    Parameters
    ----------
    score : float
        Mean AP of the model on what is reviewed.
    unlikeness : float, optional
        Median of the images': see `quality.Reference.unlikeness`.
    """
    unlike = unlikeness is not None and unlikeness > _UNLIKE
    return score < _STRANGE or (unlike and score < _KNOWN)


def _unlikeness(
    start: Model, windows: Sequence[Window], maps: Sequence[NDArray[np.float32]]
) -> float | None:
    """Say how unlike what the model learned from windows are; None: it can't tell."""
    known = Reference.from_json(start.card.reference)
    if known is None:
        return None
    found, size = [], start.diameter
    for window, predicted in zip(windows, maps, strict=True):
        complete = window.task.complete(predicted)
        labels = window.task.label(complete, start.instances, size)
        sure = nucleus_certainty(labels, complete)
        row = region_statistics(window.image, complete, labels, sure, size)
        found.append(known.unlikeness(row))
    return float(np.median(found))


def usual_share(independent: float) -> float:
    """Say how far to follow what so many nuclei teach: ``n / (n + 14)`` of the way.

    Measured with stained tissue, from a model of fluorescence: one image of 40
    nuclei, half of the way gains as much as the whole way and forgets a third as
    much; eight images, the whole way forgets little.

    Parameters
    ----------
    independent : float
        From `independent_nuclei`.

    Returns
    -------
    float
        From 0 to below 1.
    """
    return independent / (independent + _HALF_WAY)


def usual_trainable(independent: float) -> Literal["biases", "all"]:
    """Say which weights learn from so many nuclei: ``"biases"`` or ``"all"``.

    Measured as above, mean AP on other images of the stain and, behind it, of what
    was known before. One image: all weights .32 to .37 and .66 to .62 at best, the
    biases alone .41 and .64. Eight images, as many patches: .36 and .65, .37 and .65.

    Parameters
    ----------
    independent : float
        From `independent_nuclei`.
    """
    return "biases" if independent < _FEW_NUCLEI else "all"


def choose_share(
    network_at: Callable[[float], Network],
    usual: float,
    windows: Sequence[Window],
    instances: InstanceConfig,
) -> float:
    """Choose by the images held out, where these are sure of it.

    Parameters
    ----------
    network_at : callable
        Gives the network for a share.
    usual : float
        Kept unless another gains more than the standard error of its gain, or
        where fewer than four windows could say so.
    windows : sequence of Window
        Images held out.
    instances : InstanceConfig
        How maps become nuclei.

    Returns
    -------
    float
        From 0, the model at the start, to 1.
    """
    if len(windows) < _FEW:
        return usual
    shares = [usual, *(share for share in _SHARES if share != usual)]
    scores = np.array(
        [
            window_scores(
                windows, predict_windows(network_at(share), windows), instances
            )
            for share in shares
        ]
    )
    gains = scores - scores[0]
    sure = gains.mean(1) - gains.std(1, ddof=1) / np.sqrt(len(windows))
    return shares[int(sure.argmax())]
