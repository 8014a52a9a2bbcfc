"""Whether the size of nuclei matters: the same images, larger and smaller.

python benchmarks/sizes.py --images DIR --masks DIR [--model nuclei] [--every 6]

Every sixth image of a folder is resized so that its median nucleus has so many pixels
across, and predicted with default settings: the diameter is estimated. AP by image.
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

from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.metrics import average, evaluate_pair
from unetloop.pairing import pair_by_stem
from unetloop.preprocessing import median_diameter
from unetloop.resizing import resize_labels, resize_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.pairing import Pair

_DIAMETERS = (8, 16, 32, 64, 120)
_LONGEST = 3000


def resized(
    pair: Pair, diameter: float
) -> tuple[NDArray[np.uint16], NDArray[np.int32]] | None:
    """Resize an image and its mask; None where it would get too large."""
    with open_image(pair.image) as image:
        pixels = image.read_plane().astype(np.float32)
    labels = read_labels(pair.mask)
    zoom = diameter / (median_diameter(labels) or diameter)
    rows, columns = (max(1, round(size * zoom)) for size in labels.shape)
    if max(rows, columns) > _LONGEST:
        return None
    pixels = resize_pixels(pixels, (rows, columns)) / max(float(pixels.max()), 1)
    return (pixels * 60000).astype(np.uint16), resize_labels(labels, (rows, columns))


def score(pairs: list[Pair], model: str, diameter: float) -> dict[str, float]:
    """Predict all at one size, as a user does, and score."""
    with tempfile.TemporaryDirectory() as name:
        folder, truths = Path(name) / "images", {}
        folder.mkdir()
        for pair in pairs:
            if (made := resized(pair, diameter)) is not None:
                file = f"{pair.image.stem}.tif"
                tifffile.imwrite(folder / file, made[0])
                truths[file] = made[1]
        command = [sys.executable, "-m", "unetloop", "predict", str(folder)]
        command += ["--model", model, "--out", f"{name}/out"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        scores = [
            evaluate_pair(truth, read_labels(Path(name) / "out/labels" / file))
            for file, truth in truths.items()
        ]
    return {**average(scores), "images": len(truths)}


def main() -> None:
    """Print a table, one row a size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--diameters", type=float, nargs="+", default=_DIAMETERS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pairs = pair_by_stem(options.images, options.masks)[:: options.every]
    print("| diameter in pixels | images | AP@.5 | mean AP |")
    print("|---" * 4 + "|", flush=True)
    rows: dict[str, dict[str, float]] = {}
    for diameter in options.diameters:
        rows[f"{diameter:g}"] = found = score(pairs, options.model, diameter)
        figures = f"{found['ap@0.50']:.3f} | {found['mean_ap']:.3f}"
        print(f"| {diameter:g} | {found['images']} | {figures} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
