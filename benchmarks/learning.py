"""Learning from little: the network beside a random forest on the same pixels.

python benchmarks/learning.py --data DATA/nuclei/fluorescence --minutes 5
python benchmarks/learning.py --data DATA/nuclei/fluorescence --nuclei 30 --minutes 2

The first learns from 5 whole images, the second from 30 nuclei, each with a
ring of 4 px, and 18 dabs of background, scattered over 6 images. Prints mean
AP by image on ``val``, of which nothing is learned.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from forest import fit_forest, predict_forest
from scipy import ndimage

from unetloop.masks import read_labels
from unetloop.metrics import average, evaluate_pair

_RING = 4
_DAB = 8
_DABS = 3


def choose(data: Path, count: int, seed: int) -> list[Path]:
    """Choose images at random."""
    files = sorted((data / "train/images").glob("*.tif"))
    order = np.random.default_rng(seed).permutation(len(files))
    return [files[index] for index in order[:count]]


def scatter(labels: list[np.ndarray], nuclei: int, seed: int) -> list[np.ndarray]:
    """Review some nuclei with their rings, and dabs of background, in each image."""
    rng = np.random.default_rng(seed)
    reviews = []
    for index, label in enumerate(labels):
        share = nuclei // len(labels) + (index < nuclei % len(labels))
        numbers = np.unique(label[label > 0])
        chosen = rng.choice(numbers, min(share, len(numbers)), replace=False)
        near = ndimage.binary_dilation(np.isin(label, chosen), iterations=_RING)
        review = near.astype(np.uint8)
        rows, columns = np.mgrid[: label.shape[0], : label.shape[1]]
        far = np.argwhere(ndimage.distance_transform_edt(label == 0) > _DAB)
        for row, column in far[rng.integers(len(far), size=_DABS)] if len(far) else []:
            review[np.hypot(rows - row, columns - column) <= _DAB] = 1
        reviews.append(review)
    return reviews


def score(predictions: Path, data: Path) -> dict[str, float]:
    """Mean figures by image on ``val``."""
    masks = sorted((data / "val/masks").glob("*.tif"))
    return average(
        [
            evaluate_pair(read_labels(mask), read_labels(predictions / mask.name))
            for mask in masks
        ]
    )


def run(data: Path, nuclei: int, minutes: float, seed: int) -> list[dict[str, object]]:
    """Train and score both, from the same pixels."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = choose(data, 6 if nuclei else 5, seed)
        labels = [read_labels(data / "train/masks" / path.name) for path in paths]
        reviews = (
            scatter(labels, nuclei, seed)
            if nuclei
            else [np.ones(label.shape, np.uint8) for label in labels]
        )
        for kind in ("images", "masks", "review", "forest"):
            (folder / kind).mkdir()
        for path, label, review in zip(paths, labels, reviews, strict=True):
            (folder / "images" / path.name).symlink_to(path.resolve())
            tifffile.imwrite(folder / "masks" / path.name, label)
            tifffile.imwrite(folder / "review" / path.name, review)
        began = time.monotonic()
        forest = fit_forest([tifffile.imread(path) for path in paths], labels, reviews)
        forest_seconds = time.monotonic() - began
        for path in sorted((data / "val/images").glob("*.tif")):
            result = predict_forest(forest, tifffile.imread(path))
            tifffile.imwrite(folder / "forest" / path.name, result.astype(np.int32))
        began = time.monotonic()
        unetloop = (sys.executable, "-m", "unetloop")
        subprocess.run(
            [
                *(*unetloop, "train", "--images", str(folder / "images")),
                *("--masks", str(folder / "masks"), "--review", str(folder / "review")),
                *("--minutes", str(minutes), "--seed", str(seed)),
                *("--start", "scratch", "--out", str(folder / "model")),
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - began
        subprocess.run(
            [
                *(*unetloop, "predict", str(data / "val/images")),
                *("--model", str(folder / "model"), "--out", str(folder / "out")),
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        steps = json.loads((folder / "model/model.json").read_text())["training"]
        common = {"seed": seed, "nuclei": nuclei or int(sum(x.max() for x in labels))}
        return [
            {
                **common,
                "method": "forest",
                "seconds": round(forest_seconds, 1),
                **score(folder / "forest", data),
            },
            {
                **common,
                "method": "network",
                "seconds": round(seconds, 1),
                "steps": steps["steps"],
                **score(folder / "out/labels", data),
            },
        ]


def main() -> None:
    """Print a table, one row a method and seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--nuclei", type=int, default=0, help="0: 5 whole images")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = ["mean_ap", "ap@0.50", "ap@0.70", "ap@0.90", "f1@0.50", "dice"]
    print("| method | seed | nuclei | s | " + " | ".join(figures) + " |")
    print("|---" * (4 + len(figures)) + "|")
    rows = []
    for seed in options.seeds:
        for row in run(options.data, options.nuclei, options.minutes, seed):
            rows.append(row)
            values = " | ".join(f"{row[name]:.3f}" for name in figures)
            print(
                f"| {row['method']} | {seed} | {row['nuclei']} | {row['seconds']} | "
                f"{values} |",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
