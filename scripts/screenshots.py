"""Take the pictures of README and tutorial: the loop in napari, on real pixels.

make screenshots [IMAGES=folder]

Without --images the project draws some. Steps are those of a user: open a folder,
correct with the tools, let it learn. Written to docs/images/.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
import tifffile
from PIL import Image
from qtpy.QtCore import QEventLoop, QTimer

from napari_unet._desk import BATCH, batch_of, open_dock, session_of
from unetloop.samples import LARGE, SMALL, draw_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet._session import Session

_OUT = Path("docs/images")
_PATIENCE = 180.0
_SIZE = (1440, 880)


def wait(seconds: float, until: Callable[[], object] = lambda: False) -> bool:
    """Let the event loop run; true if the condition came true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if until():
            return True
        loop = QEventLoop()
        QTimer.singleShot(20, loop.quit)
        loop.exec()
    return False


def need(condition: Callable[[], object], what: str, session: Session) -> None:
    """Wait for something that must come."""
    if not wait(_PATIENCE, condition):
        raise SystemExit(f"{what} never came. {session.state.problem}")


def draw(folder: Path) -> None:
    """Draw six images, two sizes of nuclei."""
    for seed in range(6):
        kind = LARGE if seed % 2 == 0 else SMALL
        sample = draw_nuclei(kind, seed + 20, (512, 512))
        tifffile.imwrite(folder / f"plate1_field{seed}.tif", sample.image)


def nuclei(session: Session) -> list[tuple[float, float]]:
    """List a middle pixel of each nucleus on the screen, the largest first."""
    current = session.opener.current
    if current is None:
        return []
    labels = current.truth.segmentation[session.layers.plane]
    numbers, areas = np.unique(labels[labels > 0], return_counts=True)
    result = []
    for number in numbers[np.argsort(-areas)]:
        points = np.argwhere(labels == number)
        near = np.abs(points - points.mean(axis=0)).sum(axis=1).argmin()
        result.append((float(points[near][0]), float(points[near][1])))
    return result


def segment(viewer: napari.Viewer, folder: Path, session: Session) -> None:
    """Run a batch, open its results, and select a nucleus."""
    open_dock(viewer, BATCH)
    desk = batch_of(viewer)
    desk.batch.open([folder])
    need(lambda: desk.batch.state.preview.folder is not None, "A preview", session)
    desk.batch.start()
    need(lambda: desk.batch.state.run.report is not None, "A batch", session)
    desk.batch.show_results()
    need(lambda: desk.results.nuclei is not None, "Results", session)
    columns = desk.results.results.columns
    rows, across = desk.results.nuclei.data.shape
    away = np.hypot(
        columns["centroid_row"] - rows / 2, columns["centroid_column"] - across / 2
    )
    desk.results.select(int(np.where(columns["image"] == 0, away, np.inf).argmin()))


def main() -> int:
    """Go through the loop, a picture a step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="images to copy and open")
    parser.add_argument("--out", type=Path, default=_OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        if options.images:
            shutil.copytree(options.images, folder)
        else:
            folder.mkdir()
            draw(folder)
        viewer = napari.Viewer()
        viewer.window.resize(*_SIZE)
        viewer.window.add_plugin_dock_widget("napari-unet-loop", "U-Net loop")
        session = session_of(viewer)

        def take(name: str) -> None:
            wait(1.5)
            pixels = viewer.window.screenshot(canvas_only=False, flash=False)
            picture = Image.fromarray(pixels[..., :3]).quantize(256)
            picture.save(options.out / name, optimize=True)

        session.open([folder])
        need(lambda: session.predictor.seconds is not None, "A first field", session)
        session.set_automatic(False)
        take("loop_proposed.png")
        middles = nuclei(session)
        for middle in middles[: max(3, len(middles) * 2 // 3)]:
            session.editor.correct("accept", middle)
            wait(0.05)
        session.editor.correct("ignore", middles[-1])
        take("loop_corrected.png")
        session.start_learning()
        need(lambda: len(session.state.learning.curve.steps) >= 2, "Learning", session)
        take("loop_learning.png")
        session.stop_learning()
        need(lambda: session.state.learning.phase == "idle", "The end", session)
        segment(viewer, folder, session)
        take("batch.png")
        session.close()
        wait(3)
        viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
