"""StarDist beside this program: the same images, the same figures, the same threads.

python benchmarks/peer.py --data DATA/nuclei/fluorescence --env ENV --peer MODEL
    [--minutes 75 --cool 10] [--threads 2] [--repeats 3]

StarDist gets an environment of its own, ENV, made if it is missing, and is trained
there on ``train`` (`stardist_peer.py` says how), in all for so many minutes; the same
command goes on where it was stopped. With ``--cool``, a copy of it learns for some
minutes more at a tenth of the rate, since the published course of 400 epochs never
comes to its lower rates on a CPU. Both are scored on ``val``, of which nothing is
learned, by the definitions of `unetloop.metrics`. ``--repeats`` rounds of timing
follow: image by image, everything in turn, after one round that does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.checkpoint import open_model
from unetloop.config import PredictionConfig
from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.metrics import THRESHOLDS, average, evaluate_pair
from unetloop.network import start_keras
from unetloop.plane_view import PlaneView
from unetloop.prediction import estimate_diameter, predict_region
from unetloop.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from unetloop.network import Network

_PACKAGES = ("stardist==0.9.2", "csbdeep==0.8.2", "tensorflow-cpu==2.19.1")
_LEGACY = ("tf-keras==2.19.0", "numpy<2", "tifffile")
_COOL_RATE = 3e-5
_SCRIPT = Path(__file__).with_name("stardist_peer.py")


class Peer:
    """StarDist in a process of its own, that answers image by image."""

    def __init__(self, python: Path, model: Path, threads: int) -> None:
        command = [
            *(str(python), str(_SCRIPT), "predict", str(model)),
            "--threads",
            str(threads),
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def predict(self, image: Path, labels: Path | None = None) -> float:
        """Predict an image, write its labels if asked to; seconds without that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{image}\t{labels or ''}\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline())["seconds"])

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


class Recorder:
    """A network that keeps what it is given, to be run again without all else."""

    def __init__(self, network: Network) -> None:
        self.backend, self.channels = network.backend, network.channels
        self.bytes_a_pixel = network.bytes_a_pixel
        self.network = network
        self.batches: list[NDArray[np.float32]] = []

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict, and keep the batch."""
        self.batches.append(batch)
        return self.network(batch)


def environment(folder: Path) -> Path:
    """Make the peer's environment where there is none; give its Python."""
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "-q", *_PACKAGES, *_LEGACY]
        subprocess.run(command, check=True)
    return python


def train(python: Path, options: argparse.Namespace) -> list[Path]:
    """Train StarDist, or go on; give its model folders."""

    def job(task: str, out: Path, *words: object) -> None:
        where = (options.data / "train", "--out", out, "--threads", options.threads)
        command = [python, _SCRIPT, task, *where, *words]
        subprocess.run(list(map(str, command)), check=True, stdout=sys.stderr)

    models = [options.peer]
    job("train", options.peer, "--minutes", options.minutes)
    if options.cool:
        cooled = options.peer.with_name(f"{options.peer.name}-cooled")
        if not cooled.exists():
            shutil.copytree(options.peer, cooled)
        minutes = options.minutes + options.cool
        job("train", cooled, "--minutes", minutes, "--rate", _COOL_RATE)
        models.append(cooled)
    for model in models:
        if not (model / "thresholds.json").exists():
            job("thresholds", model)
    return models


def score(labels: Path, images: list[Path]) -> dict[str, float]:
    """Mean figures by image."""
    return average(
        [
            evaluate_pair(
                read_labels(path.parents[1] / "masks" / path.name),
                read_labels(labels / path.name),
            )
            for path in images
        ]
    )


def compare(
    python: Path, models: list[Path], options: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Predict ``val`` with everything, and score."""
    images = sorted((options.data / "val/images").glob("*.tif"))
    scores: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "ours"
        command = [sys.executable, "-m", "unetloop", "predict", *map(str, images)]
        command += ["--model", options.model, "--out", str(out)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        scores[options.model] = score(out / "labels", images)
        for model in models:
            out = Path(name) / model.name
            out.mkdir()
            peer = Peer(python, model, options.threads)
            for image in images:
                peer.predict(image, out / image.name)
            peer.close()
            epochs = len(json.loads((model / "state.json").read_text())["epochs"])
            scores[f"StarDist {model.name}, {epochs} epochs"] = score(out, images)
    return scores


def _end(generator: Generator[float, None, Any]) -> Any:
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            return stop.value


def clock(python: Path, model: Path, options: argparse.Namespace) -> dict[str, float]:
    """Time each image with everything in turn; images a second by the medians."""
    start_keras()  # both networks then run in TensorFlow
    opened = open_model(options.model)
    scale, config = Scale.of(opened), PredictionConfig()
    network = opened.network()
    images = sorted((options.data / "val/images").glob("*.tif"))
    peer = Peer(python, model, options.threads)
    diameters: dict[Path, float] = {}
    batches: dict[Path, list[NDArray[np.float32]]] = {}

    def whole(path: Path, runner: Network, diameter: float | None) -> float:
        with open_image(path) as image:
            view = PlaneView.of(image, 0, (0,), scale.normalization)
            if diameter is None:
                found = estimate_diameter(runner, view, scale, config)
                diameter = found or scale.diameter
            box = (0, 0, *view.shape)
            _end(predict_region(runner, view, box, diameter, scale, config))
        return diameter

    def bare(path: Path) -> None:
        for batch in batches[path]:
            network(batch)

    def seconds(job: Any, *given: Any) -> float:
        began = time.perf_counter()
        job(*given)
        return time.perf_counter() - began

    for path in images:  # sizes are compiled, diameters and batches kept
        diameters[path] = whole(path, network, None)
        recorder = Recorder(network)
        whole(path, recorder, diameters[path])
        batches[path] = recorder.batches
        peer.predict(path)
    times: dict[str, list[list[float]]] = {}
    for _ in range(options.repeats):
        for index, path in enumerate(images):
            for name, value in (
                ("bare network", seconds(bare, path)),
                ("diameter given", seconds(whole, path, network, diameters[path])),
                ("diameter estimated", seconds(whole, path, network, None)),
                ("StarDist", peer.predict(path)),
            ):
                rows = times.setdefault(name, [[] for _ in images])
                rows[index].append(value)
    peer.close()
    return {
        name: len(images) / sum(float(np.median(row)) for row in rows)
        for name, rows in times.items()
    }


def main() -> None:
    """Print a table of AP at each threshold, and one of images a second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="has train and val")
    parser.add_argument("--env", type=Path, required=True, help="made if missing")
    parser.add_argument("--peer", type=Path, required=True, help="StarDist's model")
    parser.add_argument("--model", default="nuclei", help="ours")
    parser.add_argument("--minutes", type=float, default=75.0)
    parser.add_argument("--cool", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="0: no timing")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    python = environment(options.env)
    models = train(python, options)
    scores = compare(python, models, options)
    names = ["mean_ap", *(f"ap@{threshold:.2f}" for threshold in THRESHOLDS)]
    names += ["f1@0.50", "dice"]
    print("| | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 1) + "|")
    for title, figures in scores.items():
        cells = [f"{figures[name]:.3f}".lstrip("0") for name in names]
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)
    rates: dict[str, float] = {}
    if options.repeats:
        rates = clock(python, models[-1], options)
        print("\n| | images/s | of the bare network |\n|---|---|---|")
        for title, rate in rates.items():
            print(f"| {title} | {rate:.2f} | {rate / rates['bare network']:.2f} |")
    if options.json:
        options.json.write_text(json.dumps({"ap": scores, "rates": rates}, indent=2))


if __name__ == "__main__":
    main()
