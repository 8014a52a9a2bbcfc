"""Adapting to an image type that a model has not seen, and what it forgets.

python scripts/make_nuclei_model.py DATA --without-histology --out START
python benchmarks/adaptation.py --data DATA --start START

Nuclei of a few histology images are corrected (each with its ring, and some
dabs of background), all else is left unreviewed. Mean AP by image on histology
images that nothing was chosen on, before and after training from START, from
scratch, and of a random forest on the same pixels; and, after the longest training, on
``fluorescence/val``, where nothing should be forgotten. How many steps some seconds
give depends on the machine and on what else it does: with ``--steps`` the same seed
gives the same, whatever the machine is busy with.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from curves import Line, draw
from forest import fit_forest, predict_forest
from learning import scatter

from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.metrics import average, evaluate_pair

_IMAGES = 6
_UNSEEN = 20
_NUCLEI = (10, 30, 60)
_SECONDS = (30, 60, 120)


@dataclass(frozen=True)
class Annotated:
    """A folder of images, masks and reviews, and where they came from."""

    folder: Path
    paths: list[Path]
    labels: list[np.ndarray]
    reviews: list[np.ndarray]


def annotate(data: Path, folder: Path, nuclei: int, seed: int) -> Annotated:
    """Review some nuclei of some histology images."""
    files = sorted((data / "histology/images").glob("*.tif"))[:-_UNSEEN]
    order = np.random.default_rng(seed).permutation(len(files))[:_IMAGES]
    paths = [files[index] for index in order]
    labels = [read_labels(data / "histology/masks" / path.name) for path in paths]
    reviews = scatter(labels, nuclei, seed)
    for kind in ("images", "masks", "review"):
        (folder / kind).mkdir(parents=True)
    for path, label, review in zip(paths, labels, reviews, strict=True):
        (folder / "images" / path.name).symlink_to(path.resolve())
        tifffile.imwrite(folder / "masks" / path.name, label)
        tifffile.imwrite(folder / "review" / path.name, review)
    return Annotated(folder, paths, labels, reviews)


def test_images(data: Path, kind: str) -> list[Path]:
    """List the images of a kind to score on."""
    if kind == "histology":
        return sorted((data / "histology/images").glob("*.tif"))[-_UNSEEN:]
    return sorted((data / "fluorescence/val/images").glob("*.tif"))


def score(predictions: Path, images: list[Path]) -> dict[str, float]:
    """Mean figures by image."""
    return average(
        [
            evaluate_pair(
                read_labels(path.parents[1] / "masks" / path.name),
                read_labels(predictions / path.name),
            )
            for path in images
        ]
    )


def predict(model: Path, data: Path, kind: str, out: Path) -> dict[str, float]:
    """Predict with a model as a user does, and score."""
    images = test_images(data, kind)
    command = [sys.executable, "-m", "unetloop", "predict", *map(str, images)]
    command += ["--model", str(model), "--out", str(out)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return score(out / "labels", images)


def train(
    annotated: Annotated, start: str, length: list[str], seed: int, out: Path
) -> None:
    """Train as a user does."""
    command = [sys.executable, "-m", "unetloop", "train", "--out", str(out)]
    for kind in ("images", "masks", "review"):
        command += [f"--{kind}", str(annotated.folder / kind)]
    command += ["--start", start, *length, "--seed", str(seed)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def forest(annotated: Annotated, data: Path, out: Path) -> dict[str, float]:
    """Fit a random forest to the same pixels, and score."""
    fitted = fit_forest(
        [gray(path) for path in annotated.paths], annotated.labels, annotated.reviews
    )
    out.mkdir()
    images = test_images(data, "histology")
    for path in images:
        labels = predict_forest(fitted, gray(path))
        tifffile.imwrite(out / path.name, labels.astype(np.int32))
    return score(out, images)


def gray(path: Path) -> np.ndarray:
    """Read an image with its nuclei bright."""
    with open_image(path) as image:
        return 255 - image.read_plane(0, (-1,))[..., 0]


def plot(rows: list[dict[str, Any]], unit: str) -> str:
    """Draw mean AP over the length of training, of what is new and what was known."""
    start = rows[0]
    lengths = sorted({row["length"] for row in rows if row["from"] == "start"})

    def mean(kind: str, **which: object) -> float:
        chosen = [
            row[kind]["mean_ap"]
            for row in rows
            if row[kind] and all(row[name] == value for name, value in which.items())
        ]
        return float(np.mean(chosen)) if chosen else np.nan

    counts = sorted({row["nuclei"] for row in rows if row["from"] == "start"})
    panels = []
    for title, kind in (
        ("histology, new to it", "histology"),
        ("fluorescence, that it knew", "fluorescence"),
    ):
        lines = [
            Line(
                f"{nuclei} nuclei",
                [(0, start[kind]["mean_ap"])]
                + [
                    (length, value)
                    for length in lengths
                    for value in [
                        mean(kind, nuclei=nuclei, length=length, **{"from": "start"})
                    ]
                    if not np.isnan(value)
                ],
            )
            for nuclei in counts
        ]
        scratch = [row for row in rows if row["from"] == "scratch"]
        if kind == "histology":
            most = max(counts)
            if scratch:
                points = [
                    (long, mean(kind, nuclei=most, length=long, **{"from": "scratch"}))
                    for long in sorted({row["length"] for row in scratch})
                ]
                lines.append(Line(f"from nothing, {most}", points, dashed=True))
            forest = mean(kind, nuclei=most, **{"from": "forest"})
            level = [(0, forest), (max(lengths), forest)]
            lines.append(Line(f"forest, {most}", level, dashed=True))
        panels.append((f"{title}: mean AP", f"{unit} of training", lines))
    return draw(panels)


def main() -> None:
    """Print a table, one row a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--start", required=True, help="model that saw no histology")
    parser.add_argument("--nuclei", type=int, nargs="+", default=_NUCLEI)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=int, nargs="+", default=_SECONDS)
    length.add_argument("--steps", type=int, nargs="+", help="in hundreds, instead")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--from", dest="methods", nargs="+", default=["start"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path, help="curves")
    options = parser.parse_args()
    unit = "steps" if options.steps else "seconds"
    lengths = sorted(options.steps or options.seconds)
    print(f"| from | seed | nuclei | {unit} | histology AP | @.5 | fluorescence AP |")
    print("|---" * 7 + "|", flush=True)
    rows: list[dict[str, Any]] = []

    def show(method: str, seed: object, nuclei: object, length: object) -> None:
        row = {"from": method, "seed": seed, "nuclei": nuclei, "length": length}
        rows.append({**row, "histology": histology, "fluorescence": fluorescence})
        kept = f"{fluorescence['mean_ap']:.3f}" if fluorescence else ""
        print(
            f"| {method} | {seed} | {nuclei} | {length} | "
            f"{histology['mean_ap']:.3f} | {histology['ap@0.50']:.3f} | {kept} |",
            flush=True,
        )

    fluorescence: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = Path(options.start)
        histology = predict(start, options.data, "histology", folder / "h")
        fluorescence = predict(start, options.data, "fluorescence", folder / "f")
        show("start, as it is", "", 0, 0)
        for seed in options.seeds:
            for nuclei in options.nuclei:
                work = folder / f"{seed}-{nuclei}"
                annotated = annotate(options.data, work, nuclei, seed)
                histology = forest(annotated, options.data, work / "forest")
                fluorescence = {}
                show("forest", seed, nuclei, "")
                for method in options.methods:
                    for each in lengths:
                        run = work / f"{method}-{each}"
                        begin = options.start if method == "start" else "scratch"
                        words = ["--minutes", str(each / 60)]
                        if options.steps:
                            words = ["--epochs", str(max(1, round(each / 100)))]
                        train(annotated, begin, words, seed, run / "model")
                        histology = predict(
                            run / "model", options.data, "histology", run / "h"
                        )
                        fluorescence = (
                            predict(
                                run / "model", options.data, "fluorescence", run / "f"
                            )
                            if method == "start" and each == lengths[-1]
                            else {}
                        )
                        show(method, seed, nuclei, each)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))
    if options.svg:
        options.svg.write_text(plot(rows, unit), encoding="utf-8")


if __name__ == "__main__":
    main()
