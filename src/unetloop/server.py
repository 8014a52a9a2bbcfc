"""What a viewer may ask for; docs/formats.md describes the commands.

Training runs in a thread of its own; between two of its steps it predicts the
fields that were asked for, with the network as it is then, so that an answer waits
for a step and not for an epoch.
"""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from unetloop.batch import BatchOptions, predict_images
from unetloop.catalog import SHIPPED
from unetloop.checkpoint import open_model
from unetloop.config import (
    ModelConfig,
    PredictionConfig,
    TrainingConfig,
    from_dict,
)
from unetloop.errors import EngineError
from unetloop.events import (
    DeviceFound,
    Event,
    JobDone,
    Progress,
)
from unetloop.field import BESIDE_FOLDER, FIELDS_FOLDER, predict_field
from unetloop.files import find_images
from unetloop.jobs import JobQueue
from unetloop.line_server import LineServer
from unetloop.live_training import LiveTraining, TrainRequest
from unetloop.machine import find_device
from unetloop.model_cache import ModelCache
from unetloop.planning import describe_image, plan_images
from unetloop.project import Project, open_project
from unetloop.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from unetloop.network import Network

__all__ = ["Server"]

# A step, and writing down where the training is.
_LAST_SECONDS = 10.0


class Server(LineServer):
    """Keeps an open project, a training run, and the jobs that wait.

    Parameters
    ----------
    out : text stream
        Gets one event a line.
    """

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self._project: Project | None = None
        self._models = ModelCache(self._say_device)
        self._jobs = JobQueue(self.emit)
        self._training = LiveTraining(self._jobs)

    def prepare(self, seconds: float) -> None:
        """Import Keras in so many seconds, or after a field that is asked for first."""

        def begin() -> None:
            if not self._jobs.has("field"):
                self._models.import_keras_beside()

        timer = threading.Timer(seconds, begin)
        timer.daemon = True
        timer.start()

    def _say_device(self) -> None:
        device, why_no_gpu = find_device()
        self.emit(DeviceFound(device=device, why_no_gpu=why_no_gpu))

    def close(self) -> None:
        """Break off what runs, keep what it has, and let go of the project."""
        self._jobs.close(_LAST_SECONDS)
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
        self._project = open_project(_folder(folder), create, shared)
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

    def _do_cancel(self, job: str | None, target: str | None = None) -> None:
        self._jobs.cancel(target)
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
            where = project, image, plane, box
            yield from predict_field(
                *where, network, scale, config, channel, step, beside
            )
            self._models.import_keras_beside()

        # Whoever looks at the screen waits for it: before everything else.
        self._jobs.add(job, "field", run, quick=True)

    def _do_describe_images(self, job: str | None, paths: list[str]) -> None:
        files = [Path(path) for path in paths]

        def run(
            cancelled: Callable[[], bool],
        ) -> Generator[Event, None, dict[str, Any]]:
            described = []
            for file in files:
                described.append(describe_image(file))
                yield Progress(
                    done=len(described),
                    total=len(files),
                    unit="images",
                    what=file.name,
                )
            return {"images": described}

        self._jobs.add(job, "describe", run, quick=True)

    def _do_predict(
        self,
        job: str | None,
        images: list[str],
        out: str,
        model: str,
        channel: str | None = None,
        overwrite: bool = False,
        recursive: bool = False,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self._predict_many(
            job,
            images,
            out,
            model,
            from_dict(PredictionConfig, settings or {}),
            BatchOptions(channel=channel, overwrite=overwrite),
            recursive,
        )

    def _do_predict_folder(
        self,
        job: str | None,
        paths: list[str],
        out: str,
        model: str = SHIPPED,
        channel: str | None = None,
        channels: dict[str, str] | None = None,
        diameter: float | None = None,
        exports: Sequence[str] = (),
        overwrite: bool = False,
        retry_failed: bool = False,
        recursive: bool = True,
        settings: dict[str, Any] | None = None,
        instances: dict[str, float] | None = None,
    ) -> None:
        config = from_dict(PredictionConfig, settings or {})
        options = BatchOptions(
            channel=channel,
            channels=channels or {},
            exports=tuple(exports),
            overwrite=overwrite,
            retry_failed=retry_failed,
            instances=instances or {},
        )
        config = replace(config, diameter=diameter or config.diameter)
        self._predict_many(job, paths, out, model, config, options, recursive)

    def _predict_many(
        self,
        job: str | None,
        paths: list[str],
        out: str,
        model: str,
        config: PredictionConfig,
        options: BatchOptions,
        recursive: bool,
    ) -> None:
        results = _folder(out)

        def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
            return predict_images(
                find_images(paths, recursive),
                results,
                open_model(model),
                config,
                options,
                cancelled=cancelled,
            )

        self._jobs.add(job, "predict", run)

    def _do_plan_folder(
        self,
        job: str | None,
        paths: list[str],
        out: str | None = None,
        model: str = SHIPPED,
        channel: str | None = None,
        channels: dict[str, str] | None = None,
        diameter: float | None = None,
        exports: Sequence[str] = (),
        recursive: bool = True,
        settings: dict[str, Any] | None = None,
        instances: dict[str, float] | None = None,
    ) -> None:
        config = from_dict(PredictionConfig, settings or {})
        config = replace(config, diameter=diameter or config.diameter)
        options = BatchOptions(
            channel=channel,
            channels=channels or {},
            exports=tuple(exports),
            instances=instances or {},
        )

        def run(
            cancelled: Callable[[], bool],
        ) -> Generator[Event, None, dict[str, Any]]:
            opened, network = self._models.open(model)
            return (
                yield from plan_images(
                    find_images(paths, recursive),
                    Path(out) if out else None,
                    opened,
                    network,
                    config,
                    options,
                    start_seconds=self._models.start_seconds,
                )
            )

        self._jobs.add(job, "plan", run, quick=True)

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


def _folder(text: str) -> Path:
    if not text.strip():  # to a Path it would be the folder that we are in
        raise EngineError("The path of a folder is empty.")
    return Path(text)
