"""One plane of an image of a batch: predicted, measured, looked over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from unetloop import quality
from unetloop.boxes import box_slices, middle_box
from unetloop.class_areas import ClassTally
from unetloop.image_job import Stopped
from unetloop.instances import nucleus_certainty
from unetloop.large import is_large, plan_blocks, predict_blocks
from unetloop.measurements import measure_plane
from unetloop.plane_channels import channels_of, hold_plane
from unetloop.plane_result import PlaneResult
from unetloop.plane_view import PlaneView
from unetloop.prediction import estimate_diameter, predict_region
from unetloop.verdicts import UNSEEN, keep_reviewed_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from unetloop.boxes import Box
    from unetloop.classes import TissueClass
    from unetloop.config import PredictionConfig
    from unetloop.image_planes import Image
    from unetloop.large import Block, BlockRunner
    from unetloop.network import Network
    from unetloop.prediction import PredictedPlane
    from unetloop.scale import Scale

__all__ = ["work_on_plane"]

_Result = TypeVar("_Result")

_MIDDLE = 1024  # rows and columns: so much is looked at for focus and for doubt


def work_on_plane(
    image: Image,
    number: int,
    channels: tuple[int, ...],
    network: Network,
    scale: Scale,
    config: PredictionConfig,
    output: NDArray[np.int32],
    stop: Callable[[], bool],
    report: Callable[[float], None],
    runner: BlockRunner | None = None,
    probabilities: NDArray[np.float32] | None = None,
    verdicts: NDArray[np.uint32] | None = None,
    painted: Sequence[TissueClass] = (),
) -> PlaneResult:
    """Predict and measure a plane.

    Parameters
    ----------
    image : Image
        An open image.
    number : int
        Which plane.
    channels : tuple of int
        What the network sees.
    network, scale, config
        As for `prediction.predict_region`.
    output : array of int32
        (rows, columns) of zeros, to be filled with its labels.
    stop : callable
        Asked before each call of the network.
    report : callable
        Told which share is done.
    runner : BlockRunner, optional
        Predicts the blocks of a large plane elsewhere.
    probabilities : array of float32, optional
        (classes, rows, columns), to be filled by a model of classes.
    verdicts : array of uint32, optional
        (rows, columns): what somebody said of it, as from `ReviewedPlane.read`.
    painted : sequence of TissueClass
        What the classes in there are.

    Raises
    ------
    Stopped
        If ``stop`` said so.
    EngineError
        If a class was painted that the model does not know.
    """
    large = is_large((image.info.height, image.info.width), 1.0)
    held = image if large else hold_plane(image, number)
    plane = number if large else 0
    view = PlaneView.of(held, plane, channels, scale.normalization)
    predictor = _Predictor(
        _Stoppable(network, stop), scale, config, stop, report, runner, verdicts
    )
    if scale.task.classes:
        result = predictor.classify(view, output, probabilities, painted)
    else:
        result = predictor.predict(view, output)
        if verdicts is not None:
            result.keep(output, verdicts)
        result.blank = not output.any() and view.blank
    result.focus = quality.focus(view.read(middle_box(view.shape, _MIDDLE))[..., 0])
    if scale.task.classes:
        return result
    result.columns = measure_plane(
        output,
        channels_of(held, plane),
        certainty=result.certainty,
        pixel_size=held.info.pixel_size,
        reviewed=result.reviewed,
    )
    return result


@dataclass(frozen=True)
class _Predictor:
    """How a plane becomes labels, with what is learned of it on the way."""

    network: Network
    scale: Scale
    config: PredictionConfig
    stop: Callable[[], bool]
    report: Callable[[float], None]
    runner: BlockRunner | None
    verdicts: NDArray[np.uint32] | None

    def predict(self, view: PlaneView, output: NDArray[np.int32]) -> PlaneResult:
        """Fill ``output`` with labels."""
        network, scale, config = self.network, self.scale, self.config
        diameter = config.diameter or estimate_diameter(network, view, scale, config)
        if diameter is None:
            return self._look_at_nothing(view)
        if is_large(view.shape, scale.diameter / diameter):
            return self._predict_blocks(view, diameter, output)
        box = (0, 0, *view.shape)
        region = self._end(predict_region(network, view, box, diameter, scale, config))
        output[:] = region.labels
        result = PlaneResult(nucleus_certainty(region.labels, region.maps), diameter)
        result.look(
            view.read(box), region, result.certainty, diameter, scale, self.verdicts
        )
        return result

    def classify(
        self,
        view: PlaneView,
        output: NDArray[np.int32],
        probabilities: NDArray[np.float32] | None,
        painted: Sequence[TissueClass],
    ) -> PlaneResult:
        """Fill ``output`` with class numbers, and count them; large planes in parts."""
        scale, size = self.scale, view.image.info.pixel_size
        diameter = scale.class_diameter(size)
        result = PlaneResult(np.zeros(1), diameter)
        tally = ClassTally(len(scale.task.classes))
        blocks = plan_blocks(view.shape, diameter, scale)
        for index, block in enumerate(blocks):
            region = self._end(
                predict_region(
                    self.network, view, block.box, diameter, scale, self.config
                ),
                (index / len(blocks), 1 / len(blocks)),
            )
            labels, maps = region.labels[block.core], region.maps[block.core]
            verdicts = self._verdicts(block.box)
            seen = None if verdicts is None else verdicts[block.core]
            if seen is not None:
                keep_reviewed_classes(labels, seen, painted, scale.task.classes)
            output[box_slices(block.box)][block.core] = labels
            tally.add(labels, maps, None if seen is None else seen == UNSEEN)
            if probabilities is not None:
                for plane, found in zip(
                    probabilities, np.moveaxis(maps, -1, 0), strict=True
                ):
                    plane[box_slices(block.box)][block.core] = found
            result.look_at_classes(view.read(block.box), region, verdicts)
        result.columns = tally.columns(scale.task.classes, size)
        result.doubtful, result.sure = tally.doubtful, tally.certainty
        return result

    def _look_at_nothing(self, view: PlaneView) -> PlaneResult:
        """No nucleus at any size: say what the network makes of the middle."""
        scale, diameter = self.scale, self.scale.diameter
        result = PlaneResult(np.zeros(1), diameter)
        box = middle_box(view.shape, _MIDDLE)
        region = self._end(
            predict_region(self.network, view, box, diameter, scale, self.config)
        )
        region.labels[:] = 0
        # No nucleus here means none by whichever threshold.
        scale = replace(scale, own=None)
        result.look(
            view.read(box),
            region,
            result.certainty,
            diameter,
            scale,
            self._verdicts(box),
        )
        return result

    def _verdicts(self, box: Box) -> NDArray[np.uint32] | None:
        """Cut a rectangle out of what somebody said of the plane."""
        if self.verdicts is None:
            return None
        return np.asarray(self.verdicts[box_slices(box)])

    def _predict_blocks(
        self, view: PlaneView, diameter: float, output: NDArray[np.int32]
    ) -> PlaneResult:
        result = PlaneResult(np.zeros(1), diameter)
        certainty = [result.certainty]

        def look(
            block: Block, region: PredictedPlane, numbers: NDArray[np.int32]
        ) -> None:
            sure = nucleus_certainty(region.labels, region.maps)
            certainty.append(sure[numbers > 0])
            pixels, verdicts = view.read(block.box), self._verdicts(block.box)
            result.look(pixels, region, sure, diameter, self.scale, verdicts)

        self._end(
            predict_blocks(
                self.network,
                view,
                diameter,
                self.scale,
                self.config,
                output,
                look,
                self.runner,
            )
        )
        result.certainty = np.concatenate(certainty)
        return result

    def _end(
        self,
        work: Generator[float, None, _Result],
        part: tuple[float, float] = (0.0, 1.0),
    ) -> _Result:
        """Run a generator to its end, with reports between.

        ``part`` says where its share of the plane begins, and how large it is.
        """
        while True:
            try:
                share = next(work)
            except StopIteration as stop:
                result: _Result = stop.value
                return result
            if self.stop():
                work.close()
                raise Stopped
            self.report(part[0] + share * part[1])


class _Stoppable:
    """A network that is not asked any more once the run has stopped."""

    def __init__(self, network: Network, stop: Callable[[], bool]) -> None:
        self.backend, self.channels = network.backend, network.channels
        self.bytes_a_pixel = network.bytes_a_pixel
        self._network, self._stop = network, stop

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict the maps of a batch of tiles."""
        if self._stop():
            raise Stopped
        return self._network(batch)
