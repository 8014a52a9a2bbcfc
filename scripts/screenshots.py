"""Take the pictures of README and tutorial: the loop in napari, on real pixels.

make screenshots [IMAGES=folder] [TISSUE=folder]

Without --images the project draws some; with --tissue it paints classes of those, by
how bright they are. Steps are those of a user: open a folder, correct with the tools,
let it learn. Written to docs/images/.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage

from napari_unet._desk import BATCH, batch_of, open_dock, session_of
from unetloop.samples import LARGE, SMALL, draw_nuclei

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from event_loop import wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet._session import Session

_OUT = Path("docs/images")
_PATIENCE = 180.0
_SIZE = (1440, 880)


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
    found, nuclei = desk.results.results, desk.results.nuclei
    assert found is not None
    assert nuclei is not None
    columns = found.columns
    rows, across = nuclei.data.shape
    away = np.hypot(
        columns["centroid_row"] - rows / 2, columns["centroid_column"] - across / 2
    )
    desk.results.select(int(np.where(columns["image"] == 0, away, np.inf).argmin()))


def strokes(pixels: np.ndarray, seed: int = 3) -> list[list[np.ndarray]]:
    """Give a few strokes in what is dark, between, and bright: points of rows, columns.

    Parameters
    ----------
    pixels : array
        (rows, columns), and perhaps colours.
    seed : int
        Of the choice.
    """
    rng = np.random.default_rng(seed)
    grey = pixels.reshape(*pixels.shape[:2], -1).mean(axis=-1)
    smooth = ndimage.gaussian_filter(grey, 2)
    low, middle, high = np.percentile(smooth, (10, 28, 65))
    near = np.percentile(smooth, 40)
    bands = smooth < low, (smooth > middle) & (smooth < near), smooth > high
    result = []
    for band in bands:
        inside = ndimage.binary_erosion(band, iterations=2)
        areas, count = ndimage.label(inside)
        sizes = ndimage.sum_labels(inside, areas, range(1, count + 1))
        lines = []
        for area in np.argsort(-sizes)[:5] + 1:
            points = np.argwhere(areas == area)
            start = points[rng.integers(len(points))]
            near = np.abs(points - start).sum(axis=1) < 24
            # Along its longer side, as a hand would.
            along = points[near] - points[near].mean(axis=0)
            axis = np.linalg.svd(along, full_matrices=False)[2][0]
            order = np.argsort(along @ axis)
            lines.append(points[near][order[:: max(1, len(order) // 6)]])
        result.append(lines)
    return result


def paint(session: Session) -> None:
    """Paint three classes, and let a model learn them."""
    desk, layers = session.classes, session.layers
    for number, name in enumerate(("nucleus", "out of focus", "background"), 1):
        if number > len(session.state.classes):
            desk.add()
        desk.rename(number, name)
    image, layer = layers.image, layers.nuclei
    if image is None or layer is None:
        raise SystemExit("There is nothing to paint on.")
    layer.brush_size = 4
    for number, lines in enumerate(strokes(np.asarray(image.data)), 1):
        session.classes.paint(number)
        for line in lines:
            layer._begin_stroke()
            for start, end in pairwise(line):
                layer._draw(number, start, end)
            layer._commit_stroke()
            wait(0.05)


def show_classes(session: Session, folder: Path, take: Callable[[str], None]) -> None:
    """Take the picture of tissue classes."""
    session.entrance.set_task("classes")
    session.entrance.open([folder])
    need(lambda: session.layers.task.classes, "A project of classes", session)
    session.learning.set_automatic(False)
    paint(session)
    session.learner.start()
    need(lambda: session.state.model == "round-1", "A model", session)
    need(lambda: not session.predictor.busy, "A class map", session)
    take("classes.png")


def main() -> int:
    """Go through the loop, a picture a step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="images to copy and open")
    parser.add_argument("--tissue", type=Path, help="images to paint classes of")
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

        if options.tissue:
            tissue = Path(shutil.copytree(options.tissue, Path(name) / "tissue"))
            show_classes(session, tissue, take)
            session.entrance.set_task("nuclei")
            need(lambda: session.layers.task.name == "nuclei", "Nuclei", session)
        session.entrance.open([folder])
        need(lambda: session.state.folder == folder / "unet-loop", "Images", session)
        need(lambda: session.layers.nuclei is not None, "An image", session)
        need(lambda: not session.predictor.busy and nuclei(session), "Nuclei", session)
        take("loop_proposed.png")
        session.learning.set_automatic(False)
        middles = nuclei(session)
        for middle in middles[: max(3, len(middles) * 2 // 3)]:
            session.editor.correct("accept", middle)
            wait(0.05)
        session.editor.correct("ignore", middles[-1])
        session.learning.set_automatic(True)
        session.learner._idle.stop()  # not before the picture is taken
        take("loop_corrected.png")
        session.learner.start()
        need(lambda: len(session.state.learning.curve.steps) >= 3, "Learning", session)
        take("loop_learning.png")
        session.learner.training.stop()
        need(lambda: session.state.learning.phase == "idle", "The end", session)
        segment(viewer, folder, session)
        take("batch.png")
        session.close()
        wait(3)
        viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
