"""What is found out about a plane of a batch while its pixels are in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop import quality
from unetloop.instances import nucleus_certainty
from unetloop.thumbnails import doubtful_window, draw_outlines
from unetloop.verdicts import UNSEEN, keep_reviewed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from unetloop.prediction import PredictedPlane
    from unetloop.scale import Scale

__all__ = ["PlaneResult", "with_one_picture"]

_CLASS_WINDOW = 16.0  # a twelfth of the picture of the most doubtful place, in pixels


@dataclass
class PlaneResult:
    """What is found out about a plane while its pixels and maps are in memory.

    Parameters
    ----------
    certainty : array of float64
        (nuclei + 1,): certainty of each number; 0 for the background, NaN for what was
        reviewed.
    diameter : float
        By which the plane was resized, in pixels.
    statistics, weights : list
        `quality.region_statistics` of its regions, and their pixels.
    focus : float
        `quality.focus` of its middle.
    columns : dict
        `measurements.measure_plane`.
    doubt : float
        Of its most doubtful place.
    picture : array of uint8 or None
        That place, (rows, columns, 3).
    doubtful, sure : float
        Of classes: `ClassTally.doubtful` and ``certainty``, NaN if not known.
    reviewed : array of bool or None
        (nuclei + 1,): whether somebody said that it is right; None: none is.
    blank : bool
        Whether its pixels are all alike, so that there is nothing to find.
    """

    certainty: NDArray[np.float64]
    diameter: float
    statistics: list[NDArray[np.float64]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    focus: float = float("nan")
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    doubt: float = -1.0
    picture: NDArray[np.uint8] | None = None
    doubtful: float = 0.0
    sure: float = 0.0
    reviewed: NDArray[np.bool_] | None = None
    blank: bool = False

    def keep(self, output: NDArray[np.int32], verdicts: NDArray[np.uint32]) -> None:
        """Put what is right among predicted nuclei; how sure it is of these stays."""
        sources = keep_reviewed(output, verdicts)
        self.reviewed = sources == 0
        self.reviewed[0] = False
        self.certainty = np.where(self.reviewed, np.nan, self.certainty[sources])

    def look(
        self,
        pixels: NDArray[np.float32],
        region: PredictedPlane,
        certainty: NDArray[np.float64],
        diameter: float,
        scale: Scale,
        verdicts: NDArray[np.uint32] | None = None,
    ) -> None:
        """Take the statistics of a region, and its picture if it is the worst.

        Statistics are of what the network makes of it. What somebody looked at is
        not doubtful, and in the picture it is as they said.
        """
        labels = region.labels
        if scale.own is not None:
            # The training images, with which it is compared, were labelled so.
            labels = scale.task.label(region.maps, scale.own, diameter)
            certainty = nucleus_certainty(labels, region.maps)
        self.statistics.append(
            quality.region_statistics(pixels, region.maps, labels, certainty, diameter)
        )
        self.weights.append(float(region.labels.size))
        shown, maps = region.labels, region.maps
        if verdicts is not None and verdicts.any():
            shown = shown.copy()
            keep_reviewed(shown, verdicts)
            maps = np.where((verdicts > UNSEEN)[..., None], 1, maps)
        self._look_for_doubt(pixels, shown, maps, diameter)

    def look_at_classes(
        self,
        pixels: NDArray[np.float32],
        region: PredictedPlane,
        verdicts: NDArray[np.uint32] | None = None,
    ) -> None:
        """Take the picture of a region of classes if it is the worst, as `look`."""
        sure = region.maps.max(-1, keepdims=True)
        if verdicts is not None:
            sure = np.where((verdicts > UNSEEN)[..., None], 1, sure)
        self._look_for_doubt(pixels, region.labels, sure, _CLASS_WINDOW)

    def _look_for_doubt(
        self,
        pixels: NDArray[np.float32],
        labels: NDArray[np.int32],
        maps: NDArray[np.floating],
        diameter: float,
    ) -> None:
        doubt, window = doubtful_window(maps, diameter)
        if doubt > self.doubt:
            self.doubt = doubt
            self.picture = draw_outlines(pixels[window], labels[window])


def with_one_picture(planes: Iterable[PlaneResult]) -> Iterator[PlaneResult]:
    """Pass planes on, and drop every picture but that of the most doubtful place.

    Of a stack only that one is shown, and those of thousands of planes take memory.
    """
    worst: PlaneResult | None = None
    for plane in planes:
        if worst is None or plane.doubt > worst.doubt:
            worst, less = plane, worst
        else:
            less = plane
        if less is not None:
            less.picture = None
        yield plane
