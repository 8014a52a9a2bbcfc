"""Jobs for a viewer: a JSON command a line in, a JSON event a line out.

docs/formats.md describes the commands. Training runs in a thread of its own;
between two of its steps it predicts the fields that were asked for, with the
network as it is then, so that an answer waits for a step and not for an epoch.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from unetloop.config import PredictionConfig, TrainingConfig, from_dict
from unetloop.errors import EngineError
from unetloop.events import Event, Failed, JobDone, Notice, to_json
from unetloop.field import predict_field
from unetloop.network import start_keras
from unetloop.project import Project, open_project

if TYPE_CHECKING:
    from unetloop.checkpoint import Model
    from unetloop.network import Network
    from unetloop.prediction import Scale
    from unetloop.training import Training

__all__ = ["Server", "serve"]

Job = Callable[[Callable[[], bool]], Iterator[Event]]


def serve() -> int:
    """Answer commands from stdin until it ends or ``{"command": "quit"}`` comes.

    Returns
    -------
    int
        Exit code.
    """
    # What libraries print must not fall between the events.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    server = Server(out)
    server.emit(Notice(text="ready"))
    # Importing takes seconds; it should be over before the first click.
    threading.Thread(target=start_keras, daemon=True).start()
    try:
        for line in sys.stdin:
            if not server.handle(line):
                break
    finally:
        server.close()
    return 0


@dataclass(frozen=True)
class _Waiting:
    """A job in the queue; a field that somebody looks at goes before others."""

    name: str
    run: Job
    field: bool


class Server:
    """Keeps an open project, a training run, and the jobs that wait.

    Parameters
    ----------
    out : text stream
        Gets one event a line.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._writing = threading.Lock()
        self._project: Project | None = None
        self._model: tuple[str, Model, Network] | None = None
        self._training: Training | None = None
        self._waiting: deque[_Waiting] = deque()
        self._cancelled: set[str] = set()
        self._wake = threading.Condition()
        self._running = ""
        self._field_waits = False
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def emit(self, event: Event, job: str | None = None) -> None:
        """Write one event."""
        with self._writing:
            self._out.write(to_json(replace(event, job=job or event.job)) + "\n")
            self._out.flush()

    def handle(self, line: str) -> bool:
        """Answer one line; false if it said to quit. Never raises."""
        job: str | None = None
        try:
            command = json.loads(line)
            if not isinstance(command, dict) or "command" not in command:
                raise EngineError('A command is an object with a "command".')
            name = command.pop("command")
            job = command.pop("job", None)
            if name == "quit":
                return False
            action = getattr(self, f"_do_{name}", None)
            if action is None:
                raise EngineError("There is no such command.", command=str(name))
            action(None if job is None else str(job), **command)
        except json.JSONDecodeError as error:
            self.emit(Failed(message=f"This line is not JSON ({error})."), job)
        except EngineError as error:
            self.emit(Failed(message=str(error)), job)
        except TypeError as error:
            self.emit(Failed(message=f"A setting is missing or wrong: {error}."), job)
        except Exception as error:  # noqa: BLE001 - the engine must live on
            self.emit(_unforeseen(error), job)
        return True

    def close(self) -> None:
        """Cancel what runs, keep what it has, and let go of the project."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        if self._project is not None:
            self._project.close()

    # Commands that are answered at once.

    def _do_open_project(
        self, job: str | None, folder: str, create: bool = False, images: Any = ()
    ) -> None:
        if self._project is not None:
            self._project.close()
            self._project = None
        self._project = open_project(Path(folder), create)
        self._project.add_images([Path(path) for path in images])
        listed = [image.id for image in self._project.images]
        self.emit(JobDone(result={"folder": folder, "images": listed}), job)

    def _do_close_project(self, job: str | None) -> None:
        if self._project is not None:
            self._project.close()
            self._project = None
        self.emit(JobDone(), job)

    def _do_cancel(self, job: str | None, target: str | None = None) -> None:
        with self._wake:
            running = {target} if target else {item.name for item in self._waiting}
            self._cancelled |= running
            if target is None:
                self._cancelled.add(self._running)
        self.emit(JobDone(result={"cancelled": target or "all"}), job)

    # Commands that become jobs.

    def _do_train(
        self,
        job: str | None,
        out: str,
        settings: dict[str, Any] | None = None,
        start: str | None = None,
        channel: str | None = None,
    ) -> None:
        config = from_dict(TrainingConfig, settings or {})
        project = self._opened()

        def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
            from unetloop.checkpoint import open_model
            from unetloop.project_training import annotated_planes
            from unetloop.training import Training

            model = open_model(start) if start else None
            images = annotated_planes(project, channel, model.channels if model else 1)
            folder = project.models_folder / out
            training = Training(
                images, folder, config, start=model, cancelled=cancelled
            )
            self._training = training
            try:
                yield from training
            finally:
                self._training = None

        self._queue(job, run)

    def _do_predict_field(
        self,
        job: str | None,
        image: str,
        plane: int = 0,
        box: Any = None,
        model: str | None = None,
        channel: str | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        project = self._opened()
        config = from_dict(PredictionConfig, settings or {})
        project.image(image)

        def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
            network, scale, step = self._network(model)
            yield from predict_field(
                project, image, plane, box, network, scale, config, channel, step
            )

        # Whoever looks at the screen waits for it: before everything else.
        self._queue(job, run, first=True)

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
        config = from_dict(PredictionConfig, settings or {})

        def run(cancelled: Callable[[], bool]) -> Iterator[Event]:
            from unetloop.batch import predict_images
            from unetloop.checkpoint import open_model
            from unetloop.files import find_images

            return predict_images(
                find_images(images, recursive),
                Path(out),
                open_model(model),
                config,
                channel=channel,
                overwrite=overwrite,
                cancelled=cancelled,
            )

        self._queue(job, run)

    def _opened(self) -> Project:
        if self._project is None:
            raise EngineError("No project is open.", todo="Send open_project first.")
        return self._project

    def _network(self, wanted: str | None) -> tuple[Network, Scale, int]:
        """Give the network being trained, or the saved model that is named."""
        from unetloop.checkpoint import open_model
        from unetloop.prediction import Scale

        training = self._training
        if wanted is None:
            if training is None:
                raise EngineError("No model was named, and none is being trained.")
            return training.network(), training.scale, training.step
        if self._model is None or self._model[0] != wanted:
            model = open_model(wanted)
            self._model = (wanted, model, model.network())
        _, model, network = self._model
        return network, Scale.of(model), int(model.card.training.get("steps", 0))

    def _queue(self, job: str | None, run: Job, first: bool = False) -> None:
        name = job or f"job{id(run)}"
        with self._wake:
            if first:
                self._waiting.appendleft(_Waiting(name, run, field=True))
            else:
                self._waiting.append(_Waiting(name, run, field=False))
            self._field_waits = self._field_waits or first
            self._wake.notify()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closing:
                    self._wake.wait()
                if self._closing:
                    return
                item = self._waiting.popleft()
            self._run(item.name, item.run)

    def _run(self, name: str, run: Job) -> None:
        before, self._running = self._running, name

        def cancelled() -> bool:
            return name in self._cancelled or self._closing

        try:
            if cancelled():
                self.emit(JobDone(cancelled=True), name)
                return
            for event in run(cancelled):
                self.emit(event, name)
                self._run_fields()
            self.emit(JobDone(cancelled=name in self._cancelled), name)
        except EngineError as error:
            self.emit(Failed(message=str(error)), name)
        except Exception as error:  # noqa: BLE001 - the engine must live on
            self.emit(_unforeseen(error), name)
        finally:
            self._running = before
            self._cancelled.discard(name)

    def _run_fields(self) -> None:
        """Between two steps of a job, answer the fields that were asked for."""
        while self._field_waits:
            with self._wake:
                self._field_waits = False
                asked = [item for item in self._waiting if item.field]
                for item in asked:
                    self._waiting.remove(item)
            for item in asked:
                self._run(item.name, item.run)


def _unforeseen(error: Exception) -> Failed:
    return Failed(
        message=f"Something unforeseen happened ({type(error).__name__}: {error}).",
        detail=traceback.format_exc(),
    )
