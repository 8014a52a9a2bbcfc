"""Take the pictures of README and tutorial: the loop in napari, on real pixels.

make screenshots [IMAGES=folder MASKS=folder] [TISSUE=folder] [WORK=folder]

Without --images the project draws some; --masks holds what is true of the first of
them, under its name. With --tissue it paints classes of those, by how bright they are.
Steps are those of a user: open a folder, correct what is wrong with the tools, let it
learn. Works in --work, whose name is in the pictures. Written to docs/images/.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage

from napari_unet._desk import BATCH, batch_of, open_dock, session_of
from unetloop.masks import read_labels
from unetloop.samples import LARGE, SMALL, draw_nuclei

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from event_loop import wait
from person import correct, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_unet._session import Session

_OUT = Path("docs/images")
_PATIENCE = 180.0
_SIZE = (1440, 880)
_WORK = Path("/data/plate1")
_CORRECTED = 0.7  # of the first image's width
_POINTS = 3  # of the curves, when the picture of learning is taken


def need(condition: Callable[[], object], what: str, session: Session) -> None:
    """Wait for something that must come."""
    if not wait(_PATIENCE, condition):
        raise SystemExit(f"{what} never came. {session.state.problem}")


def draw(folder: Path) -> np.ndarray:
    """Draw six images, two sizes of nuclei; give the masks of the first."""
    samples = [
        draw_nuclei(LARGE if seed % 2 == 0 else SMALL, seed + 20, (512, 512))
        for seed in range(6)
    ]
    for field, sample in enumerate(samples):
        tifffile.imwrite(folder / f"plate1_field{field}.tif", sample.image)
    return samples[0].labels


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


def correct_left(session: Session, masks: np.ndarray) -> None:
    """Mend what is wrong in the left part, accept the others, and ignore a nucleus.

    Parameters
    ----------
    session : Session
        With an image of one plane.
    masks : int array, shape (rows, columns)
        What is true there.
    """
    editor, current, plane = session.editor, session.opener.current, 0
    assert current is not None
    labels, review = (
        array[plane] for array in (current.truth.segmentation, current.truth.review)
    )
    box = (0, 0, masks.shape[0], round(_CORRECTED * masks.shape[1]))
    for _, change in correct(masks, labels, review, box):
        if change is not None:
            editor._apply(plane, change)
            wait(0.1)
    ignored = next((number for number in labels[:, 0] if number), 0)
    for number in np.unique(labels[labels > 0]):
        points = np.argwhere(labels == number)
        if points[:, 1].max() < box[3]:
            tool = "ignore" if number == ignored else "accept"
            editor.correct(tool, tuple(points[len(points) // 2].astype(float)))
            wait(0.02)


@contextmanager
def waiting(session: Session) -> Iterator[None]:
    """Have nothing learned yet, however long it takes to correct or paint."""
    session.learning.set_automatic(False)
    yield
    session.learning.set_automatic(True)
    session.learner._idle.stop()


def show_classes(session: Session, folder: Path, take: Callable[[str], None]) -> None:
    """Take the picture of tissue classes."""
    session.entrance.set_task("classes")
    session.entrance.open([folder])
    need(lambda: session.layers.task.classes, "A project of classes", session)
    with waiting(session):
        paint(session)
    session.learner.start()
    need(lambda: session.state.model == "round-1", "A model", session)
    need(lambda: not session.predictor.busy, "A class map", session)
    take("classes.png")


def main() -> int:
    """Go through the loop, a picture a step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="images to copy and open")
    parser.add_argument("--masks", type=Path, help="what is true of the first image")
    parser.add_argument("--work", type=Path, default=_WORK, help="made, and removed")
    parser.add_argument("--tissue", type=Path, help="images to paint classes of")
    parser.add_argument("--out", type=Path, default=_OUT)
    options = parser.parse_args()
    if options.images and not options.masks:
        parser.error("--images needs --masks: what is wrong is corrected by them.")
    if options.work.exists():
        parser.error(f"{options.work} is there already: give --work a new folder.")
    options.out.mkdir(parents=True, exist_ok=True)
    options.work.mkdir(parents=True)
    try:
        take_all(options)
    finally:
        shutil.rmtree(options.work)
    return 0


def take_all(options: argparse.Namespace) -> None:
    """Take all pictures."""
    folder = options.work / "images"
    if options.images:
        shutil.copytree(options.images, folder)
        first = min(path.name for path in folder.iterdir())
        masks = read_labels(options.masks / first)
    else:
        folder.mkdir()
        masks = draw(folder)
    if options.tissue:
        tissue = Path(shutil.copytree(options.tissue, options.work / "tissue"))
        with started() as viewer:
            show_classes(session_of(viewer), tissue, partial(take, viewer, options.out))
    with started() as viewer:
        show_nuclei(viewer, folder, masks, partial(take, viewer, options.out))


@contextmanager
def started() -> Iterator[napari.Viewer]:
    """Have a viewer with the dock."""
    viewer = napari.Viewer()
    viewer.window.resize(*_SIZE)
    viewer.window.add_plugin_dock_widget("napari-unet-loop", "U-Net loop")
    yield viewer
    session_of(viewer).close()
    wait(3)
    viewer.close()


def take(viewer: napari.Viewer, out: Path, name: str) -> None:
    """Take a picture of the window."""
    wait(1.5)
    pixels = viewer.window.screenshot(canvas_only=False, flash=False)
    picture = Image.fromarray(pixels[..., :3]).quantize(256)
    picture.save(out / name, optimize=True)


def show_nuclei(
    viewer: napari.Viewer,
    folder: Path,
    masks: np.ndarray,
    take: Callable[[str], None],
) -> None:
    """Take the pictures of the loop, and of a batch."""
    session = session_of(viewer)
    session.entrance.open([folder])
    need(lambda: session.state.folder == folder / "unet-loop", "Images", session)
    need(lambda: session.layers.nuclei is not None, "An image", session)
    need(lambda: session.predictor.diameter_found is not None, "Nuclei", session)
    need(lambda: session.state.images[0].state == "proposed", "Nuclei", session)
    take("loop_proposed.png")
    with waiting(session):
        correct_left(session, visible(masks))
    take("loop_corrected.png")
    # So that it is still learning when there are curves, on a busy machine, too.
    session.learning.set_training({"minutes": 2.0})
    session.learner.start()
    need(lambda: len(session.state.learning.curve.steps) >= _POINTS, "Curves", session)
    take("loop_learning.png")
    session.learner.training.stop()
    need(lambda: session.state.learning.phase == "idle", "The end", session)
    segment(viewer, folder, session)
    take("batch.png")


if __name__ == "__main__":
    sys.exit(main())
