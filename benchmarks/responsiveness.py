"""How long the viewer's event loop is away, in the real viewer with the real engine.

xvfb-run -a python benchmarks/responsiveness.py [--images FOLDER] [--size N]
    [--json FILE]

A timer that is due every 5 ms says how late it is. Phases: nothing happens; the
camera pans over an image and fields are predicted; the threshold is moved, and all
nuclei are made anew; nuclei are accepted by their keys while the network learns from
them and the field in view is predicted again.
Without --images, on images that the project draws.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import napari
import numpy as np
import tifffile
from event_loop import wait
from qtpy.QtCore import Qt, QTimer

from napari_unet._widget import session_of
from unetloop.samples import LARGE, draw_nuclei

_EVERY = 5
_SECONDS = 20.0
_PATIENCE = 180.0


class Stopwatch:
    """Measures how late a timer is, in milliseconds."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(_EVERY)

    def start(self) -> None:
        """Forget what was measured."""
        self.late = []
        self._last = time.perf_counter()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append((now - self._last) * 1000)
        self._last = now


def draw(folder: Path, size: int) -> None:
    """Draw two images; large ones repeat themselves."""
    for seed in (0, 1):
        sample = draw_nuclei(LARGE, seed, (1024, 1024))
        times = -(-size // 1024)
        image = np.tile(sample.image, (times, times))[:size, :size]
        tifffile.imwrite(folder / f"drawn_{seed}.tif", image)


def row(phase: str, late: list[float]) -> dict[str, object]:
    """Summarise one phase."""
    values = np.array(late)
    half, nearly, most = np.percentile(values, (50, 95, 99))
    return {
        "phase": phase,
        "median_ms": round(float(half), 1),
        "p95_ms": round(float(nearly), 1),
        "p99_ms": round(float(most), 1),
        "worst_ms": round(float(values.max()), 1),
        "over_100_ms": int((values > 100).sum()),
        "ticks": len(values),
    }


def measure(folder: Path, seconds: float) -> list[dict[str, object]]:
    """Go through the phases."""
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    viewer.window.add_plugin_dock_widget("napari-unet-loop", "U-Net loop")
    session = session_of(viewer)
    stopwatch = Stopwatch()
    began = time.monotonic()
    session.entrance.open([folder])
    if not wait(_PATIENCE, lambda: session.predictor.seconds is not None):
        raise SystemExit(f"Nothing was predicted: {session.state.problem or '?'}")
    first = time.monotonic() - began
    rows = [{**row("opening", stopwatch.late), "first_overlay_s": round(first, 1)}]
    wait(2)

    stopwatch.start()
    wait(seconds)
    rows.append(row("idle", stopwatch.late))

    stopwatch.start()
    end = time.monotonic() + seconds
    angle = 0.0
    while time.monotonic() < end:
        angle += 0.6
        row0, column0 = 512 + 300 * np.sin(angle), 512 + 300 * np.cos(angle)
        session.layers.centre_on(float(row0), float(column0))
        wait(0.5)
    rows.append(row("panning", stopwatch.late))

    current = session.opener.current
    assert current is not None
    stopwatch.start()
    for threshold in (0.5, 0.45, 0.6, 0.65, 0.55):
        session.choices.set_threshold(threshold)
        wait(seconds / 5)
    wait(_PATIENCE, lambda: not session.predictor.waits)
    rows.append(row("slider", stopwatch.late))

    stopwatch.start()
    session.learner.set_automatic(True)
    plane = current.truth.segmentation[0]
    corner = np.maximum(np.array(plane.shape) // 2 - 512, 0)
    middle = plane[corner[0] :, corner[1] :][:1024, :1024]
    numbers = np.unique(middle)[1:]
    for number in numbers[:24]:
        points = np.argwhere(middle == number) + corner
        if len(points):
            where = points[len(points) // 2]
            session.editor.correct("accept", tuple(float(value) for value in where))
        wait(0.2)
    if session.state.learning.phase == "idle":
        session.learner.start()
    learned = wait(60, lambda: session.state.learning.phase == "running")
    wait(seconds)
    rows.append({**row("learning", stopwatch.late), "learned": learned})
    session.close()
    wait(3)  # the engine writes where its training is
    viewer.close()
    return rows


def main() -> None:
    """Print a table, one row a phase."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="images to copy and open")
    parser.add_argument("--seconds", type=float, default=_SECONDS)
    parser.add_argument("--size", type=int, default=1024, help="of drawn images")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        if options.images:
            shutil.copytree(options.images, folder)
        else:
            folder.mkdir()
            draw(folder, options.size)
        rows = measure(folder, options.seconds)
    print("| phase | median ms | p95 | p99 | worst | over 100 ms |")
    print("|---" * 6 + "|")
    for item in rows:
        print(
            f"| {item['phase']} | {item['median_ms']} | {item['p95_ms']} | "
            f"{item['p99_ms']} | {item['worst_ms']} | "
            f"{item['over_100_ms']} of {item['ticks']} |"
        )
    print(f"First overlay {rows[0]['first_overlay_s']} s after opening the folder.")
    print(f"Learning ran: {rows[-1]['learned']}. {os.cpu_count()} cores.")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
