"""What a viewer of the loop holds, without its screen.

The project with its lock, the journal, the plugin's own engine process and its own
learner, which starts trainings and says by its own rule which model is kept.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEventLoop

from napari_unet._background import Background
from napari_unet._engine import Engine
from napari_unet._learner import Learner
from napari_unet._models import Models
from unetloop.edits import Edit
from unetloop.instances import label_nuclei
from unetloop.journal import Journal
from unetloop.pieces import box_window, grown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from unetloop.corrections import Change
    from unetloop.project import Project, ProjectImage

__all__ = ["Box", "Desk"]

Box = tuple[int, int, int, int]
"""First row and column, and last row and column + 1."""

_MARGIN = 48


class Desk:
    """Works on a project; needs a ``QCoreApplication``.

    Parameters
    ----------
    project : Project
        An open project with the images to work on.
    start : str
        Name or folder of the model to start from.
    channel : str, optional
        Channel numbers or names.
    settings : dict
        Of the training, where they differ from the learner's own; ``steps`` may
        stand for epochs.
    """

    def __init__(
        self,
        project: Project,
        start: str,
        channel: str | None,
        settings: dict[str, Any],
    ) -> None:
        self.project = project
        self.journal = Journal(project)
        self.model = start
        self.channel = channel
        self.chosen: dict[str, float] = {}
        self._background = Background()
        self._engine = Engine()
        self.models = Models(project.models_folder)
        self._learner = Learner(self._engine, self._background)
        self._learner.open(self.journal, self.models, learned=0, automatic=False)
        self._learner.set_training(_in_steps({**self._learner.settings, **settings}))
        self._learner.first = start
        self._engine.start()
        self._ask("open_project", folder=str(project.folder), shared=True)

    def predict_field(
        self,
        image: ProjectImage,
        box: Box,
        choose: Callable[[Callable[[float], NDArray[np.int32]], float], float],
    ) -> None:
        """Put proposals into a box of an image, as the plugin's predictor does.

        Where the person moves the slider of the threshold, by what `at_threshold` then
        shows, all are made anew of the same maps; later ones are made in that way, too.
        """
        shape = image.height, image.width
        window = box_window(box, shape)
        assert window is not None
        rows, columns = grown(window, _MARGIN, shape)
        told = self._ask(
            "predict_field",
            image=image.id,
            box=[rows.start, columns.start, rows.stop, columns.stop],
            model=self.models.location(self.model),
            **self._how(),
        )
        field = next(event for event in told if event["event"] == "FieldPredicted")
        corner = rows.start, columns.start
        maps = np.load(field["maps"]).astype(np.float32)
        own = self.models.instances(self.model)

        def at_threshold(threshold: float) -> NDArray[np.int32]:
            instances = replace(own, threshold=threshold)
            labels = np.zeros(shape, np.int32)
            labels[rows, columns] = label_nuclei(maps, instances, field["diameter"])
            return labels

        before = self.chosen.get("threshold", own.threshold)
        threshold = choose(at_threshold, before)
        if threshold != before:
            self.chosen["threshold"] = threshold
        labels = at_threshold(threshold)[rows, columns]
        # Above all that exist: nuclei that reach out of the window stay.
        first = self.journal.state(image, 0, "segmentation").max(initial=0)
        self.journal.propose(image, 0, corner, np.where(labels, labels + first, 0))

    def predict(self, images: Sequence[Path], model: str, out: Path) -> list[Path]:
        """Predict images, as the plugin's last step does; give the masks' files."""
        told = self._ask(
            "predict_folder",
            paths=[str(path) for path in images],
            out=str(out),
            model=self.models.location(model),
            instances=self.chosen if model == self.model else {},
            **self._how(),
        )
        done = [event for event in told if event["event"] == "ImagePredicted"]
        found = {event["image"]: Path(event["output"]) for event in done}
        return [found[str(path)] for path in images]

    def learn(self, start: str) -> tuple[str, str]:
        """Train from a model; give the new one's name, and what the learner says."""
        name = self.models.free_name()
        images = self.project.images if self.channel else ()
        channels = {image.id: str(self.channel) for image in images}
        self._learner.use(start, channels, instances=self.chosen)
        self._learner.count()
        loop = QEventLoop()
        for signal in (self._learner.model_chosen, self._learner.kept):
            signal.connect(loop.quit)
        self._learner.model_chosen.connect(self._adopt)
        self._learner.start()
        if self._learner.training.busy:
            loop.exec()
        for signal in (self._learner.model_chosen, self._learner.kept):
            signal.disconnect(loop.quit)
        self._learner.model_chosen.disconnect(self._adopt)
        if not (self.project.models_folder / name / "model.json").exists():
            raise SystemExit(f"Nothing was learned: {self._learner.state.sentence}")
        return name, self._learner.state.sentence

    def record(
        self, image: ProjectImage, change: Change, arrays: dict[str, NDArray[Any]]
    ) -> None:
        """Put a change into the journal and the arrays, as the plugin's editor does."""
        edits = []
        for name, array in arrays.items():
            before, after = array[change.window], getattr(change, name)
            if not np.array_equal(before, after):
                corner = (change.row, change.column)
                edits.append(Edit(image.id, 0, name, *corner, before.copy(), after))
                array[change.window] = after
        if edits:
            self.journal.record(change.action, edits)

    def close(self) -> None:
        """End the engine and let go of the project."""
        self._engine.close()
        self._background.close()
        self.journal.close()
        self.project.close()

    def _adopt(self, name: str) -> None:
        self.model = name
        self.chosen = {}

    def _how(self) -> dict[str, str]:
        return {"channel": self.channel} if self.channel else {}

    def _ask(self, command: str, **values: Any) -> list[dict[str, Any]]:
        """Send a command and wait until it is done; give its events."""
        told: list[dict[str, Any]] = []
        loop = QEventLoop()

        def hear(event: dict[str, Any]) -> None:
            if event.get("job") == job:
                told.append(event)
                if event["event"] in ("JobDone", "Failed"):
                    loop.quit()

        self._engine.received.connect(hear)
        job = self._engine.send(command, **values)
        loop.exec()
        self._engine.received.disconnect(hear)
        bad = next((e for e in told if e["event"] in ("Failed", "ImageFailed")), None)
        if bad is not None:
            raise SystemExit(f"{command}: {bad.get('message') or bad.get('reason')}")
        return told


def _in_steps(settings: dict[str, Any]) -> dict[str, Any]:
    """Turn a number of steps into whole epochs, which then end the training."""
    steps = settings.pop("steps", None)
    if steps:
        del settings["minutes"]
        settings["epochs"] = max(1, round(steps / settings["steps_per_epoch"]))
    return settings
