"""Commands that need no project: many images, looked at, planned and predicted."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from unetloop.batch import BatchOptions, predict_images
from unetloop.catalog import SHIPPED
from unetloop.checkpoint import open_model
from unetloop.config import PredictionConfig, from_dict
from unetloop.errors import EngineError
from unetloop.events import DeviceFound, Event, Progress
from unetloop.files import find_images
from unetloop.jobs import JobQueue
from unetloop.line_server import LineServer
from unetloop.machine import find_device
from unetloop.model_cache import ModelCache
from unetloop.planning import describe_image, plan_images

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

__all__ = ["BatchServer", "folder_of"]

# What is running, and writing down where a training is.
_LAST_SECONDS = 10.0


class BatchServer(LineServer):
    """Keeps the jobs that wait, and the models that they use.

    Parameters
    ----------
    out : text stream
        Gets one event a line.
    """

    def __init__(self, out: TextIO) -> None:
        super().__init__(out)
        self._models = ModelCache(self._say_device)
        self._jobs = JobQueue(self.emit)

    def close(self) -> None:
        """Break off what runs, and keep what it has."""
        self._jobs.close(_LAST_SECONDS)

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

    def _do_predict_folder(
        self,
        job: str | None,
        paths: list[str],
        out: str,
        model: str = SHIPPED,
        channel: str | None = None,
        channel_if_there: bool = False,
        channels: dict[str, str] | None = None,
        diameter: float | None = None,
        diameters: dict[str, float] | None = None,
        pixel_size: float | None = None,
        pixel_sizes: dict[str, float] | None = None,
        exports: Sequence[str] = (),
        overwrite: bool = False,
        retry_failed: bool = False,
        recursive: bool = True,
        settings: dict[str, Any] | None = None,
        instances: dict[str, float] | None = None,
        project: str | None = None,
    ) -> None:
        config = _config_of(settings, diameter)
        look = (channel, channel_if_there, channels, diameters)
        sizes = (pixel_size, pixel_sizes)
        options = replace(
            _options_of(*look, *sizes, exports, instances, project),
            overwrite=overwrite,
            retry_failed=retry_failed,
        )
        results = folder_of(out)

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
        channel_if_there: bool = False,
        channels: dict[str, str] | None = None,
        diameter: float | None = None,
        diameters: dict[str, float] | None = None,
        pixel_size: float | None = None,
        pixel_sizes: dict[str, float] | None = None,
        exports: Sequence[str] = (),
        recursive: bool = True,
        settings: dict[str, Any] | None = None,
        instances: dict[str, float] | None = None,
        project: str | None = None,
    ) -> None:
        config = _config_of(settings, diameter)
        look = (channel, channel_if_there, channels, diameters)
        sizes = (pixel_size, pixel_sizes)
        options = _options_of(*look, *sizes, exports, instances, project)

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


def _config_of(
    settings: dict[str, Any] | None, diameter: float | None
) -> PredictionConfig:
    """Take how a network is run; a diameter goes before that of the settings."""
    config = from_dict(PredictionConfig, settings or {})
    return replace(config, diameter=diameter or config.diameter)


def _options_of(
    channel: str | None,
    channel_if_there: bool,
    channels: dict[str, str] | None,
    diameters: dict[str, float] | None,
    pixel_size: float | None,
    pixel_sizes: dict[str, float] | None,
    exports: Sequence[str],
    instances: dict[str, float] | None,
    project: str | None,
) -> BatchOptions:
    """Take what a batch and its plan have in common."""
    return BatchOptions(
        channel=channel,
        channel_if_there=channel_if_there,
        channels=channels or {},
        diameters=diameters or {},
        pixel_size=pixel_size,
        pixel_sizes=pixel_sizes or {},
        exports=tuple(exports),
        instances=instances or {},
        project=None if project is None else folder_of(project),
    )


def folder_of(text: str) -> Path:
    """Take a folder from a command.

    Raises
    ------
    EngineError
        If its path is empty.
    """
    if not text.strip():  # to a Path it would be the folder that we are in
        raise EngineError("The path of a folder is empty.")
    return Path(text)
