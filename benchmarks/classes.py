"""Tissue classes: nucleus, rim and background, from whole masks and from scribbles.

python benchmarks/classes.py --data DATA/nuclei/fluorescence
python benchmarks/classes.py --drawn

Classes are made of masks of nuclei, in the manner of the trimaps of the pets that
the Keras example of segmentation learns: the rim is all that lies within 2 px of a
nucleus's edge. Trained are two models from nothing, by the command line: one of
whole masks, and one of a few scribbles (three strokes a class in each of three
images) in less than a minute of CPU time, import, saving and export included.
Prints IoU by class, over all pixels of images that neither has seen.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage

from unetloop.masks import read_labels
from unetloop.samples import write_samples

NAMES = ("background", "rim", "nucleus")
_RIM = 2
_STROKES = 3
_STROKE_PIXELS = 24
_SCRIBBLED = 3


def make_classes(labels: np.ndarray) -> np.ndarray:
    """Make 1 background, 2 rim and 3 nucleus of a mask of nuclei."""
    outer = ndimage.grey_dilation(labels, size=2 * _RIM + 1)
    inner = ndimage.grey_erosion(labels, size=2 * _RIM + 1)
    core = (labels > 0) & (inner == labels) & (outer == labels)
    return np.where(core, 3, np.where(outer > 0, 2, 1)).astype(np.uint8)


def scribble(classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Keep a few strokes, 3 px wide, that wander within each class; 0 elsewhere."""
    kept = np.zeros_like(classes)
    for number in range(1, len(NAMES) + 1):
        inside = np.argwhere(classes == number)
        for _ in range(_STROKES if len(inside) else 0):
            place = inside[rng.integers(len(inside))].astype(float)
            angle = rng.uniform(0, 2 * np.pi)
            for _ in range(_STROKE_PIXELS):
                row, column = np.rint(place).astype(int)
                window = (
                    slice(max(row - 1, 0), row + 2),
                    slice(max(column - 1, 0), column + 2),
                )
                own = classes[window] == number
                kept[window][own] = number
                angle += rng.normal(0, 0.4)
                ahead = place + np.array([np.sin(angle), np.cos(angle)])
                row, column = np.rint(ahead).astype(int)
                if (
                    0 <= row < classes.shape[0]
                    and 0 <= column < classes.shape[1]
                    and classes[row, column] == number
                ):
                    place = ahead
                else:
                    angle += np.pi / 3
    return kept


def write_set(
    files: list[Path], masks: Path, out: Path, rng: np.random.Generator | None = None
) -> int:
    """Write images and class masks; with ``rng``, scribbles. Give labelled pixels."""
    labelled = 0
    for folder in ("images", "masks"):
        (out / folder).mkdir(parents=True)
    for path in files:
        classes = make_classes(read_labels(masks / path.name))
        if rng is not None:
            classes = scribble(classes, rng)
        labelled += int(np.count_nonzero(classes))
        (out / "images" / path.name).symlink_to(path.resolve())
        tifffile.imwrite(out / "masks" / path.name, classes)
    return labelled


def run(*words: object) -> tuple[float, float, str]:
    """Run a command of the program; give CPU and wall seconds, and what it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "unetloop", *map(str, words)],
        check=True,
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.perf_counter() - began, done.stdout


def score(model: Path, test: Path, out: Path) -> dict[str, float]:
    """Give the figures of a model on the test images, over all pixels."""
    run("predict", test / "images", "--model", model, "--out", out)
    _, _, text = run(
        *("evaluate", "--task", "classes", "--classes", ",".join(NAMES), "--json"),
        *("--pred", out / "labels", "--truth", test / "masks"),
    )
    figures: dict[str, float] = json.loads(text)["pooled"]
    return figures


def report(title: str, figures: dict[str, float], cpu: float, wall: float) -> None:
    """Print a row of the table."""
    by_class = " | ".join(f"{figures[f'iou@{name}']:.3f}" for name in NAMES)
    print(
        f"| {title} | {by_class} | {figures['mean_iou']:.3f} "
        f"| {figures['pixel_accuracy']:.3f} | {cpu:.0f} | {wall:.0f} |",
        flush=True,
    )


def main() -> None:
    """Make the data, train both models, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with train and val")
    parser.add_argument("--drawn", action="store_true", help="drawn images instead")
    parser.add_argument("--images", type=int, default=60, help="with whole masks")
    parser.add_argument("--epochs", type=int, default=4, help="of whole masks")
    parser.add_argument("--balance", type=float, default=0.5, help="of classes, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.data is None and not options.drawn:
        parser.error("give --data or --drawn")
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, held_out = options.data, "val"
        if options.drawn:
            data, held_out = folder / "drawn", "test"
            write_samples(data, count=16, seed=options.seed)
        files = sorted((data / "train/images").glob("*.tif"))
        chosen = [files[i] for i in rng.permutation(len(files))[: options.images]]
        masks = data / "train/masks"
        write_set(chosen, masks, folder / "whole")
        pixels = write_set(chosen[:_SCRIBBLED], masks, folder / "scribbles", rng)
        test = sorted((data / held_out / "images").glob("*.tif"))
        write_set(test, data / held_out / "masks", folder / "test")
        print(
            "| learned from | background | rim | nucleus | mean IoU | pixel accuracy "
            "| CPU s | wall s |\n|---|---|---|---|---|---|---|---|"
        )
        common = (
            *("train", "--task", "classes", "--classes", ",".join(NAMES)),
            *("--seed", options.seed, "--class-balance", options.balance),
        )
        cpu, wall, _ = run(
            *common,
            *("--images", folder / "scribbles/images", "--epochs", 2),
            *("--masks", folder / "scribbles/masks", "--out", folder / "few"),
            *("--batch-size", 4, "--patch-size", 96, "--val-fraction", 0),
        )
        title = f"scribbles: {pixels} pixels in {_SCRIBBLED} images, 200 steps"
        report(title, score(folder / "few", folder / "test", folder / "a"), cpu, wall)
        cpu, wall, _ = run(
            *common,
            *("--images", folder / "whole/images", "--epochs", options.epochs),
            *("--masks", folder / "whole/masks", "--out", folder / "all"),
        )
        title = f"{len(chosen)} whole masks, {options.epochs * 100} steps"
        report(title, score(folder / "all", folder / "test", folder / "b"), cpu, wall)


if __name__ == "__main__":
    main()
