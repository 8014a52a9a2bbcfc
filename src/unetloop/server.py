"""What a viewer may ask for of a project; docs/formats.md describes the commands.

Training runs in a thread of its own; between two of its steps it predicts the
fields that were asked for, with the network as it is then, so that an answer waits
for a step and not for an epoch.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from unetloop.batch_server import BatchServer, folder_of
from unetloop.config import (
    ModelConfig,
    PredictionConfig,
    TrainingConfig,
    from_dict,
)
from unetloop.errors import EngineError
from unetloop.events import Event, JobDone
from unetloop.field import BESIDE_FOLDER, FIELDS_FOLDER, predict_field
from unetloop.live_training import LiveTraining, TrainRequest
from unetloop.project import Project, open_project
from unetloop.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from unetloop.network import Network

__all__ = ["Server"]


class Server(BatchServer):
    """Keeps an open project and a training run, beside what a `BatchServer` does.

    Parameters
    ----------
    out : text stream
        Gets one event a line.
    """

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self._project: Project | None = None
        self._training = LiveTraining(self._jobs)

    def close(self) -> None:
        """Break off what runs, keep what it has, and let go of the project."""
        super().close()
        if self._project is not None:
            self._project.close()

    # Commands that are answered at once.

    def _do_open_project(
        self,
        job: str | None,
        folder: str,
        create: bool = False,
        shared: bool = False,
        images: Any = (),
    ) -> None:
        if self._project is not None:
            self._project.close()
            self._project = None
        self._project = open_project(folder_of(folder), create, shared)
        if images:
            self._project.add_images([Path(path) for path in images])
        # Fields of earlier sessions: nobody reads them again.
        for name in (FIELDS_FOLDER, BESIDE_FOLDER):
            shutil.rmtree(self._project.cache_folder / name, ignore_errors=True)
        listed = [image.id for image in self._project.images]
        self.emit(JobDone(result={"folder": folder, "images": listed}), job)

    def _do_close_project(self, job: str | None) -> None:
        if self._project is not None:
            self._project.close()
            self._project = None
        self.emit(JobDone(), job)

    def _do_cancel(
        self, job: str | None, target: str | None = None, keep: bool = False
    ) -> None:
        self._jobs.cancel(target, keep)
        if keep:
            self._training.pause(False)  # else it would never come to be broken off
        self.emit(JobDone(result={"cancelled": target or "all"}), job)

    def _do_pause(self, job: str | None) -> None:
        self._pause(job, True)

    def _do_resume(self, job: str | None) -> None:
        self._pause(job, False)

    def _pause(self, job: str | None, paused: bool) -> None:
        if not self._jobs.has("train"):
            raise EngineError("Nothing is being trained.")
        self._training.pause(paused)
        self.emit(JobDone(), job)

    # Commands that become jobs.

    def _do_train(
        self,
        job: str | None,
        out: str,
        settings: dict[str, Any] | None = None,
        start: str | None = None,
        channel: str | None = None,
        channels: dict[str, str] | None = None,
        locked: Sequence[str] = (),
        model: dict[str, Any] | None = None,
        root: str | None = None,
        newest: str | None = None,
        instances: dict[str, float] | None = None,
    ) -> None:
        if not out or out == ".." or Path(out).name != out:
            raise EngineError("A model's name is one word, not a path.", out=out)
        request = TrainRequest(
            out=out,
            config=from_dict(TrainingConfig, settings or {}),
            network=from_dict(ModelConfig, model) if model else None,
            start=start,
            channel=channel,
            channels=channels or {},
            locked=tuple(locked),
            root=root,
            newest=newest,
            instances=instances or {},
        )
        project = self._opened()

        def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
            self._models.import_keras()
            yield from self._training.run(project, request, cancelled)

        if not self._jobs.has("train"):
            self._training.pause(False)
        self._jobs.add(job, "train", run)

    def _do_predict_field(
        self,
        job: str | None,
        image: str,
        plane: int = 0,
        box: Any = None,
        model: str | None = None,
        channel: str | None = None,
        settings: dict[str, Any] | None = None,
        beside: bool = False,
        pixel_size: float | None = None,
    ) -> None:
        project = self._opened()
        config = from_dict(PredictionConfig, settings or {})
        project.image(image)

        def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
            network, scale, step = self._network(model)
            if scale.task.name != project.task:
                raise EngineError(
                    "This model is for something else than this project.",
                    todo="Choose another model.",
                    its_maps=", ".join(scale.task.maps),
                )
            own = config
            if model is None and not (config.diameter or scale.task.classes):
                size = self._training.diameter(project, image, plane)
                own = replace(config, diameter=size)
            where = project, image, plane, box
            yield from predict_field(
                *where,
                network,
                scale,
                own,
                channel,
                step,
                beside,
                pixel_size,
                live=model is None,
            )
            self._models.import_keras_beside()

        # Whoever looks at the screen waits for it: before everything else.
        self._jobs.add(job, "field", run, quick=True)

    def _opened(self) -> Project:
        if self._project is None:
            raise EngineError("No project is open.", todo="Send open_project first.")
        return self._project

    def _network(self, wanted: str | None) -> tuple[Network, Scale, int]:
        """Give the network being trained, or the saved model that is named."""
        if wanted is None:
            return self._training.network()
        model, network = self._models.open(wanted)
        return network, Scale.of(model), int(model.card.training.get("steps", 0))
