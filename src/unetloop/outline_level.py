"""Where a network's foreground is cut so that outlines lie where somebody drew them.

How wide an outline is drawn is the annotator's choice as much as the image's, and one
number says it: the probability above which a pixel is nucleus. A nucleus that was
reviewed tells it: cut there, the foreground around it is as large as the nucleus.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from unetloop.instances import label_nuclei
from unetloop.neighbours import bounding_boxes, padded
from unetloop.selection import independent_nuclei, usual_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unetloop.config import InstanceConfig
    from unetloop.held_out import Window

__all__ = ["fit_outlines", "outline_levels"]

_LOWEST, _HIGHEST = 0.3, 0.9
_REACH = 0.25  # of a diameter: how far off an outline is looked for
_SAME = 0.3  # IoU of a nucleus that was found at all
_FEW = 3  # images whose means say how much images differ
_ROOM = 1.2  # areas of a nucleus that must be known, with itself


def fit_outlines(
    windows: Sequence[Window],
    maps: Sequence[NDArray[np.floating]],
    default: InstanceConfig,
) -> InstanceConfig:
    """Choose the threshold by the outlines of nuclei that were reviewed.

    The mean of their levels (`outline_levels`) is followed as far as it surely differs,
    by more than its standard error, and as far as so many nuclei are followed
    (`selection.usual_share`): a few, or some that disagree, change little.

    Parameters
    ----------
    windows : sequence of Window
        Of nuclei, one an image.
    maps : sequence of array
        What the network predicts for each.
    default : InstanceConfig
        How nuclei were made when they were reviewed.

    Returns
    -------
    InstanceConfig
        With a threshold in hundredths, or as it is where nothing surely differs. It is
        from 0.3 to 0.9, unless it was beyond.
    """
    found = [
        outline_levels(
            window.labels,
            window.reviewed,
            window.on_labels(predicted),
            default,
            window.diameter,
        )
        for window, predicted in zip(windows, maps, strict=True)
    ]
    found = [levels for levels in found if levels.size]
    if not found:
        return default
    independent = independent_nuclei([len(levels) for levels in found])
    away = float(np.concatenate(found).mean()) - default.threshold
    surely = max(abs(away) - _standard_error(found, independent), 0.0)
    if not surely:
        return default
    moved = default.threshold + np.sign(away) * usual_share(independent) * surely
    lowest, highest = sorted((default.threshold, _HIGHEST if away > 0 else _LOWEST))
    return replace(default, threshold=round(float(np.clip(moved, lowest, highest)), 2))


def _standard_error(found: list[NDArray[np.floating]], independent: float) -> float:
    """Give the standard error of the mean of levels, of nuclei or of images."""
    of_nuclei = np.concatenate(found).std() / np.sqrt(independent)
    if len(found) < _FEW:
        return float(of_nuclei)
    means = [levels.mean() for levels in found]
    return float(max(of_nuclei, np.std(means, ddof=1) / np.sqrt(len(found))))


def outline_levels(
    labels: NDArray[np.int32],
    reviewed: NDArray[np.bool_],
    maps: NDArray[np.floating],
    config: InstanceConfig,
    diameter: float,
) -> NDArray[np.floating]:
    """Find the level of the foreground at which each nucleus has its area.

    Parameters
    ----------
    labels : array of int32
        (rows, columns): nuclei, as somebody said that they are.
    reviewed : array of bool
        (rows, columns): where they are known. A nucleus that is known in part only,
        or that has next to nothing known around it, is left out.
    maps : array
        (rows, columns, heads), the foreground first.
    config : InstanceConfig
        How nuclei are made of them. What is not found (IoU below 0.3 with all that is
        made) is left out: that is no matter of outlines.
    diameter : float
        Of a nucleus, in pixels: outlines are looked for within a quarter of it.

    Returns
    -------
    array
        (nuclei,), from 0 to 1: between the n-th and the next of the brightest pixels
        around each, where n is its area in pixels; those of other nuclei don't count.
    """
    found = label_nuclei(maps, config, diameter)
    areas = np.bincount(found.ravel())
    reach = max(round(_REACH * diameter), 1)
    levels = []
    for number, box in bounding_boxes(labels):
        around = padded(box, reach, labels.shape)
        nucleus = labels[around] == number
        if not reviewed[around][nucleus].all():
            continue
        area = np.count_nonzero(nucleus)
        shared = np.bincount(found[around][nucleus], minlength=2)
        best = int(shared[1:].argmax()) + 1
        if shared[best] < _SAME * (area + areas[best : best + 1].sum() - shared[best]):
            continue
        near = ndimage.binary_dilation(nucleus, iterations=reach)
        near &= nucleus | ((labels[around] == 0) & reviewed[around])
        values = np.sort(maps[around][near, 0])
        if len(values) > _ROOM * area:
            levels.append(values[-area - 1 :][:2].mean())
    return np.array(levels, float)
