"""A kind of image that a model knows nothing of: nuclei whose envelopes are stained.

python benchmarks/strange.py --data DATA/nuclei/fluorescence

Drawn from real masks, so that shapes and crowding are real: bright outlines, a dark
inside, texture and noise. Some nuclei of six images are reviewed, each with a ring,
and some dabs of background; training goes on from a model with what learns by its own
rule, with the biases alone, and with all weights, and begins from nothing. AP by image
on every fourth image of ``val``, drawn in the same way.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from learning import scatter
from scipy import ndimage
from skimage.segmentation import find_boundaries

from unetloop.masks import read_labels
from unetloop.metrics import average, evaluate_pair
from unetloop.preprocessing import median_diameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

_IMAGES, _NUCLEI = 6, 20
_WAYS = {
    "by its own rule": (),
    "biases": ("--trainable", "biases"),
    "all weights": ("--trainable", "all"),
    "from nothing": ("--start", "scratch"),
}


def draw(labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Draw nuclei by their envelopes."""
    diameter = median_diameter(labels) or 20.0
    away = ndimage.distance_transform_edt(~find_boundaries(labels, mode="thick"))
    nearest = ndimage.distance_transform_edt(
        labels == 0, return_distances=False, return_indices=True
    )
    bright = rng.uniform(0.5, 1, labels.max() + 1)[labels[tuple(nearest)]]
    texture = ndimage.gaussian_filter(
        rng.standard_normal(labels.shape), max(diameter / 8, 0.5)
    )
    image = bright * np.exp(-((away / max(diameter / 14, 0.8)) ** 2))
    image += 0.35 + 0.08 * texture / texture.std() + 0.1 * (labels == 0)
    image = ndimage.gaussian_filter(image, 0.7)
    image += 0.03 * rng.standard_normal(labels.shape)
    drawn: NDArray[np.uint16] = np.clip(image * 20000, 0, 65535).astype(np.uint16)
    return drawn


def run(*words: object) -> None:
    """Run a command of this program."""
    command = [sys.executable, "-m", "unetloop", *map(str, words)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def score(model: str, folder: Path, out: Path) -> dict[str, float]:
    """Predict the images that nothing is learned from, and score."""
    images = sorted((folder / "images").iterdir())
    run("predict", *images, "--model", model, "--out", out)
    return average(
        [
            evaluate_pair(
                read_labels(folder / "masks" / path.name),
                read_labels(out / "labels" / path.name),
            )
            for path in images
        ]
    )


def main() -> None:
    """Print a table, one row a training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="has train and val")
    parser.add_argument("--start", default="nuclei")
    parser.add_argument("--nuclei", type=int, nargs="+", default=(10, 30, 60))
    parser.add_argument("--steps", type=int, default=500, help="in hundreds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    masks = [
        path
        for path in sorted((options.data / "train/masks").glob("*.tif"))
        if len(np.unique(read_labels(path))) > _NUCLEI
    ]
    learned = [masks[index] for index in rng.permutation(len(masks))[:_IMAGES]]
    tested = sorted((options.data / "val/masks").glob("*.tif"))[::4]
    rows = []
    print("| nuclei | what learns | mean AP | AP@.5 |\n" + "|---" * 4 + "|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, paths in (("learned", sorted(learned)), ("tested", tested)):
            for each in ("images", "masks"):
                (folder / kind / each).mkdir(parents=True)
            for path in paths:
                labels = read_labels(path)
                tifffile.imwrite(folder / kind / "masks" / path.name, labels)
                tifffile.imwrite(
                    folder / kind / "images" / path.name, draw(labels, rng)
                )

        def show(nuclei: int, way: str, model: str) -> None:
            figures = score(model, folder / "tested", folder / f"{nuclei} {way}")
            rows.append({"nuclei": nuclei, "way": way, **figures})
            cells = f"{figures['mean_ap']:.3f} | {figures['ap@0.50']:.3f}"
            print(f"| {nuclei} | {way} | {cells} |", flush=True)

        show(0, "the model as it is", options.start)
        for nuclei in options.nuclei:
            review = folder / f"review-{nuclei}"
            review.mkdir()
            truths = [read_labels(path) for path in sorted(learned)]
            marks = scatter(truths, nuclei, options.seed)
            for path, mark in zip(sorted(learned), marks, strict=True):
                tifffile.imwrite(review / path.name, mark)
            for way, words in _WAYS.items():
                model = folder / f"model {nuclei} {way}"
                run(
                    *("train", "--images", folder / "learned/images"),
                    *("--masks", folder / "learned/masks", "--review", review),
                    *("--epochs", max(1, round(options.steps / 100))),
                    *("--seed", options.seed, "--out", model),
                    *(words if "--start" in words else ("--start", options.start)),
                    *(words if "--trainable" in words else ()),
                )
                show(nuclei, way, str(model))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
