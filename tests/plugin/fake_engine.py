"""A stand-in for ``unetloop serve``: the same protocol, no network, at once.

Its network is a threshold; images, fields, labels and files are made by the
engine's own light modules, so that answers look like real ones. Training lowers
a number. ``{"command": "fake", "do": ...}`` makes it misbehave.

Arguments
---------
--log FILE     append each command that comes in, as a line of JSON
--hold FILE    say "ready" only when this file exists
--dies         end with exit code 3 before it is ready
--stubborn     neither quit nor end with stdin
--epoch S      seconds of an epoch of training (0.05)

What ``fake`` can ``do``
------------------------
``die`` (``code``), ``crash`` (by a signal), ``garbage`` (lines that are no
events), ``half`` (a ``Notice`` with ``text``, cut within its first character
beyond ASCII; not answered, but stderr says so), ``rest`` (what ``half`` left
out), ``burst`` (``count`` notices in one chunk), ``complain`` (``lines`` to
stderr), ``start_score`` (what the model that trainings start from has: ``score``),
``fits`` (of what a training made, where no image is held out: ``fit``, ``start_fit``,
``nuclei``), ``gain`` (of what was learned, on images corrected since), ``sees`` (from
which ``brightness`` on, 0 to 1, the model called ``model`` sees nuclei)
"""

from __future__ import annotations

import argparse
import json
import math
import os
import queue
import select
import signal
import sys
import threading
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

STEPS = 4  # of an epoch


class ThresholdNetwork:
    """Bright is nucleus, and the deeper inside the more it is core."""

    backend = "a threshold"
    channels = 1
    bytes_a_pixel = 1500

    def __init__(self, brightness: float = 0.2) -> None:
        self.brightness = brightness

    def __call__(self, batch: Any) -> Any:
        import numpy as np
        from scipy import ndimage

        smooth = ndimage.gaussian_filter(batch[..., 0], (0, 1, 1))
        foreground = 1 / (1 + np.exp(-30 * (smooth - self.brightness)))
        depth = [ndimage.distance_transform_edt(plane > 0.5) for plane in foreground]
        # Where a nucleus is 32 pixels wide its middle is 16 deep.
        distance = np.clip(np.stack(depth) / 11, 0, 1)
        return np.stack([foreground, distance], axis=-1).astype(np.float32)


def threshold_scale() -> Any:
    from unetloop.config import InstanceConfig, NormalizationConfig
    from unetloop.scale import Scale

    return Scale(32.0, NormalizationConfig(), InstanceConfig())


def threshold_model() -> Any:
    """Give the model that ships, but for its network."""
    from unetloop.checkpoint import Model, open_model

    class ThresholdModel(Model):
        def network(self, pixels: float | None = None) -> ThresholdNetwork:
            return ThresholdNetwork()

    shipped = open_model("nuclei")
    return ThresholdModel(
        **{item.name: getattr(shipped, item.name) for item in fields(shipped)}
    )


class ClassThresholdNetwork(ThresholdNetwork):
    """Two classes: dark, and bright; it never finds any more."""

    def __init__(self, count: int = 2, brightness: float = 0.2) -> None:
        super().__init__(brightness)
        self.count = count

    def __call__(self, batch: Any) -> Any:
        import numpy as np

        bright = super().__call__(batch)[..., 0]
        others = [np.zeros_like(bright)] * (self.count - 2)
        return np.stack([1 - bright, bright, *others], axis=-1)


def model_of(name: str) -> Any:
    """Give a model of nuclei, or one of classes if there is a card that says so."""
    card = Path(name) / "model.json"
    if not (card.exists() and json.loads(card.read_text()).get("classes")):
        return threshold_model()
    from unetloop.checkpoint import Model
    from unetloop.model_card import read_card

    class ClassThresholdModel(Model):
        def network(self, pixels: float | None = None) -> ClassThresholdNetwork:
            return ClassThresholdNetwork()

    return ClassThresholdModel(
        Path(name), *read_card(json.loads(card.read_text()), card)
    )


class FakeEngine:
    """Answers one command after the other; a training goes on in between."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.project: Any = None
        self.start_score: float | None = None
        self.fits: dict[str, Any] = {}
        self.gain: float | None = None
        self.brightness: dict[str, float] = {}
        self.training: dict[str, Any] | None = None
        self.paused = False
        self.batches: list[dict[str, Any]] = []
        self.queued: dict[str, Any] | None = None
        self.rest = b""

    def emit(self, event: str, job: str | None, **values: Any) -> None:
        text = json.dumps({"event": event, "job": job, **values}, ensure_ascii=False)
        self.write(f"{text}\n".encode())

    def write(self, content: bytes) -> None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

    def answer(self, line: str) -> bool:
        """Answer a command; false if it said to quit."""
        command = json.loads(line)
        if self.options.log:
            with self.options.log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(command) + "\n")
        name, job = command.pop("command"), command.pop("job", None)
        if name == "quit":
            return False
        action = getattr(self, f"do_{name}", None)
        try:
            if action is None:
                raise ValueError(f"There is no such command. Received: {name}.")
            result = action(job, **command)
        except Exception as error:  # noqa: BLE001 - like the engine, it must live on
            self.emit("Failed", job, message=str(error), detail="")
            return True
        if result is not None:
            self.emit("JobDone", job, result=result, cancelled=False)
        return True

    # The commands of the engine.

    def do_open_project(
        self, job: str, folder: str, create: bool = False, shared: bool = False
    ) -> dict[str, Any]:
        from unetloop.project import open_project

        self.do_close_project(job)
        self.project = open_project(Path(folder), create, shared)
        return {
            "folder": folder,
            "images": [image.id for image in self.project.images],
        }

    def do_close_project(self, job: str) -> dict[str, Any]:
        if self.project is not None:
            self.project.close()
            self.project = None
        return {}

    def do_describe_images(self, job: str, paths: list[str]) -> dict[str, Any]:
        from unetloop.planning import describe_image

        described = [describe_image(Path(path)) for path in paths]
        result = {"images": described}
        plain: dict[str, Any] = json.loads(json.dumps(result, default=str))
        return plain

    def do_predict_field(
        self,
        job: str,
        image: str,
        plane: int = 0,
        box: Any = None,
        model: str | None = None,
        channel: str | None = None,
        settings: dict[str, Any] | None = None,
        beside: bool = False,
        pixel_size: float | None = None,
    ) -> dict[str, Any]:
        from unetloop.config import PredictionConfig, from_dict
        from unetloop.event_json import to_json
        from unetloop.field import predict_field
        from unetloop.tasks import task_of

        if model is None and self.training is None:
            raise ValueError("No model was named, and none is being trained.")
        step = self.training["step"] if self.training else 0
        brightness = self.brightness.get(Path(model or "").name, 0.2)
        scale, network = threshold_scale(), ThresholdNetwork(brightness)
        classes = self.opened().classes
        if classes:
            scale = replace(scale, diameter=1.0, task=task_of(classes))
            network = ClassThresholdNetwork(len(classes), brightness)
        config = from_dict(PredictionConfig, settings or {})
        for event in predict_field(
            self.opened(),
            image,
            plane,
            box,
            network,
            scale,
            config,
            channel,
            step,
            beside,
            pixel_size,
            live=model is None,
        ):
            self.write(to_json(replace(event, job=job)).encode() + b"\n")
        return {}

    def do_train(
        self,
        job: str,
        out: str,
        settings: dict[str, Any] | None = None,
        start: str | None = None,
        channels: dict[str, str] | None = None,
        locked: list[str] | None = None,
        model: dict[str, Any] | None = None,
        root: str | None = None,
        newest: str | None = None,
        instances: dict[str, float] | None = None,
    ) -> None:
        if self.training is not None:
            raise ValueError("The stand-in trains one model at a time.")
        if self.batches:
            self.queued = {"job": job, "out": out, "settings": settings}
            return
        self.opened().refresh()
        folder = self.opened().models_folder / out
        epochs = (settings or {}).get("epochs") or 5
        self.training = {"job": job, "out": folder, "step": 0, "epochs": epochs}
        if model is None and start and (Path(start) / "model.json").exists():
            model = json.loads((Path(start) / "model.json").read_text())["model"]
        self.training["model"] = model or {}
        self.training["instances"] = instances or {}
        self.paused = False
        if root and newest and self.gain is not None:
            harm, name = self.gain < 0, Path(newest).name
            self.emit("Examined", job, model=name, gain=self.gain, images=1, harm=harm)
        self.emit("Notice", job, text="Starting the network.", level="info")
        self.emit("StartScored", job, score=score_after(0), val_loss=0.75)

    def do_pause(self, job: str) -> dict[str, Any]:
        return self.pause(True)

    def do_resume(self, job: str) -> dict[str, Any]:
        return self.pause(False)

    def pause(self, paused: bool) -> dict[str, Any]:
        if self.training is None:
            raise ValueError("Nothing is being trained.")
        self.paused = paused
        return {}

    def do_cancel(
        self, job: str, target: str | None = None, keep: bool = False
    ) -> dict[str, Any]:
        if self.training is not None and target in (None, self.training["job"]):
            if keep:
                self.leave()
            else:
                self.finish("cancelled")
        if self.queued is not None and target in (None, self.queued["job"]):
            self.emit("JobDone", self.queued["job"], result={}, cancelled=True)
            self.queued = None
        for batch in self.batches:
            batch["cancelled"] |= target in (None, batch["job"])
        return {"cancelled": target or "all"}

    def do_plan_folder(
        self,
        job: str,
        paths: list[str],
        out: str | None = None,
        model: str = "nuclei",
        recursive: bool = True,
        instances: dict[str, float] | None = None,
        channel: str | None = None,
        channel_if_there: bool = False,
        channels: dict[str, str] | None = None,
        diameter: float | None = None,
        diameters: dict[str, float] | None = None,
        pixel_size: float | None = None,
        pixel_sizes: dict[str, float] | None = None,
        exports: tuple[str, ...] = (),
        project: str | None = None,
    ) -> dict[str, Any]:
        from unetloop.batch import BatchOptions
        from unetloop.config import PredictionConfig
        from unetloop.files import find_images
        from unetloop.planning import plan_images

        planning = plan_images(
            find_images(paths, recursive),
            Path(out) if out else None,
            model_of(model),
            ThresholdNetwork(),
            PredictionConfig(diameter=diameter),
            BatchOptions(
                channel=channel,
                channel_if_there=channel_if_there,
                channels=channels or {},
                diameters=diameters or {},
                pixel_size=pixel_size,
                pixel_sizes=pixel_sizes or {},
                exports=tuple(exports),
                instances=instances or {},
                project=Path(project) if project else None,
            ),
        )
        while True:
            try:
                self.tell(next(planning), job)
            except StopIteration as stop:
                result: dict[str, Any] = json.loads(json.dumps(stop.value, default=str))
                return result

    def do_predict_folder(
        self,
        job: str,
        paths: list[str],
        out: str,
        model: str = "nuclei",
        channel: str | None = None,
        channel_if_there: bool = False,
        channels: dict[str, str] | None = None,
        diameter: float | None = None,
        diameters: dict[str, float] | None = None,
        pixel_size: float | None = None,
        pixel_sizes: dict[str, float] | None = None,
        exports: tuple[str, ...] = (),
        overwrite: bool = False,
        retry_failed: bool = False,
        recursive: bool = True,
        instances: dict[str, float] | None = None,
        project: str | None = None,
    ) -> None:
        from unetloop.batch import BatchOptions, predict_images
        from unetloop.config import PredictionConfig
        from unetloop.files import find_images

        batch: dict[str, Any] = {"job": job, "cancelled": False}
        batch["events"] = predict_images(
            find_images(paths, recursive),
            Path(out),
            model_of(model),
            PredictionConfig(diameter=diameter),
            BatchOptions(
                channel=channel,
                channel_if_there=channel_if_there,
                channels=channels or {},
                diameters=diameters or {},
                pixel_size=pixel_size,
                pixel_sizes=pixel_sizes or {},
                exports=tuple(exports),
                overwrite=overwrite,
                retry_failed=retry_failed,
                instances=instances or {},
                project=Path(project) if project else None,
            ),
            cancelled=lambda: batch["cancelled"],
        )
        self.batches.append(batch)

    def batch_step(self) -> None:
        """Let the first batch come to its next event; one after the other."""
        batch = self.batches[0]
        job = batch["job"]
        try:
            event = next(batch["events"])
        except StopIteration:
            del self.batches[0]
            self.emit("JobDone", job, result={}, cancelled=batch["cancelled"])
        except Exception as error:  # noqa: BLE001 - like the engine, it must live on
            del self.batches[0]
            self.emit("Failed", job, message=str(error), detail="")
        else:
            self.tell(event, job)
        if self.queued is not None and not self.batches:
            queued, self.queued = self.queued, None
            self.do_train(**queued)

    def tell(self, event: Any, job: str) -> None:
        from unetloop.event_json import to_json

        self.write(to_json(replace(event, job=job)).encode() + b"\n")

    def opened(self) -> Any:
        if self.project is None:
            raise ValueError("No project is open. Send open_project first.")
        return self.project

    # Training.

    def train_step(self) -> None:
        training = self.training
        assert training is not None
        training["step"] += 1
        step, job, epochs = training["step"], training["job"], training["epochs"]
        epoch, within = divmod(step, STEPS)
        left = (epochs * STEPS - step) * self.options.epoch / STEPS
        done = 100 * step / (epochs * STEPS)
        self.emit(
            "Progress",
            job,
            done=done,
            total=100,
            unit="%",
            seconds_left=left,
            what=f"step {step}",
        )
        if within:
            return
        self.emit(
            "EpochDone",
            job,
            epoch=epoch,
            step=step,
            loss=0.1 + 0.6 * math.exp(-epoch / 3),
            learning_rate=1e-3,
            seconds=epoch * self.options.epoch,
            seconds_left=left,
            val_loss=0.15 + 0.6 * math.exp(-epoch / 3),
            score=score_after(step),
            best=True,
        )
        self.note()
        self.save()
        if epoch == epochs:
            self.finish("finished")

    def save(self) -> None:
        """Write a model folder whose card can be read; it holds no weights."""
        assert self.training is not None
        folder, step = self.training["out"], self.training["step"]
        folder.mkdir(parents=True, exist_ok=True)
        card = {
            "format": "unetloop-model",
            "version": 1,
            "diameter": 32.0,
            "model": self.training["model"],
            "instances": self.training["instances"],
            "training": {"settings": {}, "steps": step, "seconds": 1.0, "images": []},
            "scores": {"mean_ap": score_after(step)},
        }
        if self.opened().classes:
            from unetloop.classes import classes_to_json

            card |= {"version": 2, "task": "classes"}
            card["classes"] = classes_to_json(self.opened().classes)
        fresh = folder / "model.json.new"
        fresh.write_text(json.dumps(card), encoding="utf-8")
        fresh.replace(folder / "model.json")
        job, score = self.training["job"], score_after(step)
        self.emit("ModelSaved", job, path=str(folder), step=step, score=score)

    def finish(self, stopped: str) -> None:
        assert self.training is not None
        step, job = self.training["step"], self.training["job"]
        self.emit("Notice", job, text="Scoring what was learned.", level="info")
        self.save()
        self.note(over=True)
        self.emit(
            "TrainingDone",
            job,
            path=str(self.training["out"]),
            epochs=step // STEPS,
            steps=step,
            seconds=step * self.options.epoch / STEPS,
            stopped=stopped,
            score=None if self.fits else score_after(step),
            start_score=self.start_score,
            **self.fits,
        )
        self.training = None
        self.emit("JobDone", job, result={}, cancelled=stopped == "cancelled")

    def note(self, over: bool = False) -> None:
        """Write down where the training is, or that it is over."""
        assert self.training is not None
        out = self.training["out"]
        out.parent.mkdir(parents=True, exist_ok=True)
        state = out.parent / f".{out.name}.resume.npz"
        state.unlink(missing_ok=True) if over else state.touch()

    def leave(self) -> None:
        """Break off what is trained, so that it can be gone on with."""
        assert self.training is not None
        job = self.training["job"]
        self.note()
        self.training = None
        self.emit("JobDone", job, result={}, cancelled=True)

    # Misbehaviour.

    def do_fake(self, job: str, do: str, **values: Any) -> dict[str, Any] | None:
        getattr(self, f"fake_{do}")(**values)
        return None if do == "half" else {}

    def fake_die(self, code: int = 1) -> None:
        os._exit(code)

    def fake_crash(self) -> None:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    def fake_garbage(self) -> None:
        self.write(b'no JSON\n\n[1, 2]\n{"no": "event"}\n{"event": 3}\n\xff\xfe\n')

    def fake_half(self, text: str) -> None:
        event = {"event": "Notice", "job": None, "text": text}
        whole = json.dumps(event, ensure_ascii=False).encode() + b"\n"
        cut = next(place for place, byte in enumerate(whole) if byte > 127) + 1
        self.rest = whole[cut:]
        self.write(whole[:cut])
        self.fake_complain(["half a line is out", ""])

    def fake_fits(self, **values: float) -> None:
        self.fits = values

    def fake_start_score(self, score: float) -> None:
        self.start_score = score

    def fake_gain(self, gain: float) -> None:
        self.gain = gain

    def fake_sees(self, model: str, brightness: float) -> None:
        self.brightness[model] = brightness

    def fake_rest(self) -> None:
        self.write(self.rest)

    def fake_burst(self, count: int) -> None:
        lines = [
            json.dumps({"event": "Notice", "job": None, "text": f"notice {number}"})
            for number in range(count)
        ]
        self.write("".join(f"{line}\n" for line in lines).encode())

    def fake_complain(self, lines: list[str]) -> None:
        sys.stderr.write("\n".join(lines))
        sys.stderr.flush()


def score_after(step: int) -> float:
    return 0.7 - 0.4 * math.exp(-step / 10)


def read(lines: queue.SimpleQueue[str | None]) -> None:
    for line in sys.stdin.buffer:
        lines.put(line.decode())
    lines.put(None)


def load() -> None:
    """Load what commands need, lest each of those who are forked then has to."""
    import unetloop.batch
    import unetloop.event_json
    import unetloop.field
    import unetloop.planning
    import unetloop.project  # noqa: F401


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--hold", type=Path)
    parser.add_argument("--dies", action="store_true")
    parser.add_argument("--stubborn", action="store_true")
    parser.add_argument("--epoch", type=float, default=0.05)
    options = parser.parse_args()
    if options.dies:
        sys.exit(3)
    engine = FakeEngine(options)
    if options.hold:
        while not options.hold.exists():
            time.sleep(0.01)
        if select.select([sys.stdin], [], [], 0)[0]:
            engine.emit("Notice", None, text="too early", level="warning")
    engine.emit("Notice", None, text="ready", level="info", pid=os.getpid())
    engine.emit("DeviceFound", None, device="CPU, 4 cores", why_no_gpu="No driver.")
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=read, args=[lines], daemon=True).start()
    while True:
        steps = engine.training is not None and not engine.paused
        try:
            batch = engine.batches and engine.training is None
            pause = options.epoch / STEPS if steps else None
            line = lines.get(timeout=0.001 if batch else pause)
        except queue.Empty:
            if batch:
                engine.batch_step()
            else:
                engine.train_step()
            continue
        if line is None or not engine.answer(line):
            if not options.stubborn:
                break


if __name__ == "__main__":
    main()
