"""A training that one looks at: it is paused, and predicts fields as it goes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from unetloop.checkpoint import open_model
from unetloop.config import ModelConfig
from unetloop.diameters import read_diameters, same_size
from unetloop.errors import EngineError
from unetloop.tasks import task_of
from unetloop.training_image import learned_diameter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from unetloop.config import TrainingConfig
    from unetloop.events import Event
    from unetloop.jobs import JobQueue
    from unetloop.network import Network
    from unetloop.project import Project
    from unetloop.scale import Scale
    from unetloop.training import Training
    from unetloop.training_image import TrainingImage

__all__ = ["LiveTraining", "TrainRequest"]

_LOOKED_AT = 20


@dataclass(frozen=True)
class TrainRequest:
    """What to train of a project.

    Parameters
    ----------
    out : str
        Name of the model.
    config : TrainingConfig
        How it learns.
    network : ModelConfig or None
        A new network; with ``start``, it takes over the weights that fit.
    start : str or None
        Model to go on with.
    channel : str or None
        Number or name of the channel.
    channels : mapping of str to str
        The same by image id, for images with another one.
    locked : tuple of str
        Ids of the images to score with only.
    root, newest : str or None
        Models to compare on the images that neither learned from.
    instances : mapping
        Fields of `config.InstanceConfig` by which the maps of ``start`` became what
        was corrected, where they are not the model's.
    """

    out: str
    config: TrainingConfig
    network: ModelConfig | None = None
    start: str | None = None
    channel: str | None = None
    channels: Mapping[str, str] = field(default_factory=dict)
    locked: tuple[str, ...] = ()
    root: str | None = None
    newest: str | None = None
    instances: Mapping[str, float] = field(default_factory=dict)


class LiveTraining:
    """The training that runs, if one does.

    Parameters
    ----------
    jobs : JobQueue
        Runs it, and quick jobs between two of its steps.
    """

    def __init__(self, jobs: JobQueue) -> None:
        self._jobs = jobs
        self._training: Training | None = None
        self._images: dict[tuple[Path, int], TrainingImage] = {}
        self._sizes: dict[tuple[Path, int], float | None] = {}
        self._paused = False

    def pause(self, paused: bool) -> None:
        """Let it wait between two steps, or go on."""
        self._paused = paused
        self._jobs.wake()

    def network(self) -> tuple[Network, Scale, int]:
        """Give the network as it is now, its scale, and its step.

        Raises
        ------
        EngineError
            If nothing is trained, or it has not begun yet.
        """
        training = self._training
        if training is None:
            raise EngineError("No model was named, and none is being trained.")
        return training.network(), training.scale, training.step

    def diameter(self, project: Project, image: str, plane: int) -> float | None:
        """Say for how large the nuclei of a plane are taken while it learns.

        As they are learned from: nuclei that were reviewed may have shown that the
        model at the start took them for much smaller or larger ones.

        Parameters
        ----------
        project : Project
            That is learned from.
        image, plane
            Id of the image, and number of the plane.

        Returns
        -------
        float or None
            In pixels; None: nobody knows, or of classes.
        """
        path = project.path_of(project.image(image))
        if (path, plane) in self._images:
            return self._learned_size(path, plane)
        noted = read_diameters(project).get(image, {}).get(plane)
        if noted is None or (noted.estimated and self._misjudged()):
            return None
        return noted.diameter

    def _misjudged(self) -> bool:
        """Whether nuclei are of another size than the model at the start took them for.

        Then its estimates for other images of this kind are wrong, too.
        """
        return any(
            image.diameter and not same_size(image.diameter, self._learned_size(*where))
            for where, image in islice(self._images.items(), _LOOKED_AT)
        )

    def _learned_size(self, path: Path, plane: int) -> float | None:
        if (path, plane) not in self._sizes:
            self._sizes[path, plane] = learned_diameter(self._images[path, plane])
        return self._sizes[path, plane]

    def run(
        self, project: Project, request: TrainRequest, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """Train on what the project holds now; closing keeps where the run is.

        Parameters
        ----------
        project : Project
            Read again first, if it is shared.
        request : TrainRequest
            What to train.
        cancelled : callable
            True once it should end.

        Yields
        ------
        Event
            As from `training.train` and `exams.examine`.
        """
        training = yield from self._prepare(project, request, cancelled)
        self._training = training
        events = iter(training)
        try:
            for event in events:
                yield event
                if self._paused:
                    began = time.monotonic()
                    self._jobs.wait_while(lambda: self._paused and not cancelled())
                    training.leave_out(time.monotonic() - began)
        except GeneratorExit:  # it is to be gone on with another time
            training.keep()
            raise
        finally:
            events.close()  # only then may another one write into the folder
            self._training = None

    def _prepare(
        self, project: Project, request: TrainRequest, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, Training]:
        from unetloop.exams import examine
        from unetloop.project_training import annotated_planes
        from unetloop.training import Training

        begin = open_model(request.start) if request.start else None
        project.refresh()
        own = begin.card.model if begin else ModelConfig()
        task, made = task_of(project.classes), request.network
        if begin and task.classes and len(begin.card.classes) != len(task.maps):
            made = made or own  # it lends its weights where they fit
        look = request.channel, (made or own).channels, request.channels
        locked = request.locked
        learned = [image.id for image in project.images if image.id not in locked]
        images = annotated_planes(project, *look, only=learned)
        root, newest = request.root, request.newest
        if begin and root and newest and not (made or task.classes):
            first, last = open_model(root), open_model(newest)
            if (yield from examine(last, first, images, project.exams_path)):
                begin = first
        if begin and not task.classes:
            begin = begin.with_instances(request.instances)
        held_out = annotated_planes(project, *look, only=locked)
        self._images = {(each.image, each.plane): each for each in images}
        self._sizes = {}
        return Training(
            images,
            project.models_folder / request.out,
            request.config,
            model=made,
            start=begin,
            # Nuclei are found in the way that model and loss know.
            task=task if task.classes else None,
            validation=held_out or None,
            cancelled=cancelled,
        )
