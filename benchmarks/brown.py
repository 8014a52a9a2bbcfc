"""Tissue that is stained brown or red beside blue: which mixture of the colours to see.

python benchmarks/brown.py --images DIR --masks DIR [--model nuclei] [--dye DAB]
python benchmarks/brown.py --images DIR --masks DIR --looks-only --dye eosin

Of images of tissue and masks of its nuclei, slides of haematoxylin and a dye are drawn,
by how stains take light away (Beer and Lambert): an antibody that finds nothing,
nuclei, the plasm around some of them, or their membranes; eosin is all over the tissue.
Stains are as published, or of another hue each time (``--hues``), then in JPEG and on a
white that is none. ``--dye none`` takes the images as they are. AP by image, through
all colours, through haematoxylin, and with nothing said; and in which share of the
slides haematoxylin is what is then looked at (that alone with ``--looks-only``).
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import Image as PillowImage
from scipy import ndimage

from unetloop.colours import nuclear_colour
from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.metrics import average, evaluate_pair
from unetloop.mixtures import BESIDE_EOSIN, BESIDE_RED, HAEMATOXYLIN
from unetloop.pairing import pair_by_stem
from unetloop.preprocessing import median_diameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("nothing", "nuclei", "plasm", "membranes")
OTHERS = {"eosin": ("tissue",), "pink eosin": ("tissue",), "none": ("as it is",)}
"""What is drawn of dyes that no antibody brings."""
_WAYS = {
    "all colours": ("--channel", "all colours"),
    "haematoxylin": ("--channel", "haematoxylin"),
    "haematoxylin beside red": ("--channel", "haematoxylin beside red"),
    "haematoxylin beside eosin": ("--channel", "haematoxylin beside eosin"),
    "chosen by itself": (),
}
_HAEMATOXYLIN = (0.65, 0.70, 0.29)
# DAB: Ruifrok and Johnston 2001. The reds: Landini's Colour Deconvolution for ImageJ,
# and scikit-image (rgb_from_hax, rgb_from_rbd). Eosin: QuPath's, of those that are
# published the nearest to the reds. Ruifrok's eosin is the farthest from them.
DYES = {
    "DAB": (0.27, 0.57, 0.78),
    "AEC": (0.274, 0.680, 0.680),
    "fast red": (0.214, 0.851, 0.478),
    "eosin": (0.216, 0.801, 0.558),
    "pink eosin": (0.07, 0.99, 0.11),
    "none": (0, 0, 0),
}
_STRENGTH = 2.2  # optical density of the darkest nucleus
_HUES = 0.07  # spread of a stain's share of a colour


def amounts(
    image: NDArray[Any], labels: NDArray[np.int32], kind: str, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Say how much haematoxylin and dye lies where."""
    diameter = median_diameter(labels) or 20.0
    dark = 255 - image.mean(-1)
    low, high = np.percentile(dark, (1, 99.5))
    dark = np.clip((dark - low) / (high - low), 0, 1.2)
    inside = labels > 0
    blue = np.where(inside, 0.25 + 0.75 * dark, 0.35 * dark)
    blue = ndimage.gaussian_filter(blue, 0.6) * rng.uniform(0.5, 1.1)
    away, where = ndimage.distance_transform_edt(~inside, return_indices=True)
    nearest = labels[tuple(where)]
    positive = rng.random(labels.max() + 1) < rng.uniform(0.25, 0.7)
    level = np.where(positive, rng.uniform(0.3, 1.4, len(positive)), 0)[nearest]
    grain = ndimage.gaussian_filter(rng.standard_normal(labels.shape), diameter / 10)
    if kind == "nuclei":
        level *= inside
    elif kind == "plasm":
        level *= (away < 0.9 * diameter) * np.where(inside, 0.35, 1)
    elif kind == "membranes":
        level *= np.abs(away - 0.25 * diameter) < 0.1 * diameter
    elif kind == "tissue":
        tissue = ndimage.gaussian_filter((dark > 0.05).astype(float), diameter / 7)
        level = rng.uniform(0.1, 0.6) * tissue * np.where(inside, 0.6, 1)
    else:
        level *= 0
    dye = ndimage.gaussian_filter(level, 0.7) * (1 + 0.25 * grain / grain.std())
    return _STRENGTH * blue, _STRENGTH * dye


def draw(
    image: NDArray[Any],
    labels: NDArray[np.int32],
    kind: str,
    dye: str,
    hues: bool,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Draw a slide in 8 bits."""
    if dye == "none":
        return image.astype(np.uint8)
    stains = np.array([_HAEMATOXYLIN, DYES[dye]])
    if hues:
        stains = np.clip(stains + rng.normal(0, _HUES, stains.shape), 0.05, None)
    stains /= np.linalg.norm(stains, axis=1, keepdims=True)
    density = np.stack(amounts(image, labels, kind, rng), -1) @ stains
    white = rng.uniform(215, 250, 3) if hues else 255
    light = white * np.exp(-np.clip(density, 0, None))
    light += rng.normal(0, 2, light.shape)
    slide: NDArray[np.uint8] = np.clip(light, 0, 255).astype(np.uint8)
    if not hues:
        return slide
    stream = io.BytesIO()
    PillowImage.fromarray(slide).save(stream, "JPEG", quality=80)
    return np.array(PillowImage.open(stream))


def score(
    images: Path, masks: list[Path], words: tuple[str, ...], out: Path
) -> dict[str, float]:
    """Predict a folder and score it."""
    command = [sys.executable, "-m", "unetloop", "predict", str(images), *words]
    command += ["--out", str(out)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return average(
        [
            evaluate_pair(
                read_labels(mask), read_labels(out / f"labels/{mask.stem}.tif")
            )
            for mask in masks
        ]
    )


def looked_at(slides: list[Path]) -> float:
    """Give the share of slides of which haematoxylin is looked at by itself."""
    chosen = []
    for path in slides:
        with open_image(path) as image:
            chosen.append(
                nuclear_colour(image) in (HAEMATOXYLIN, BESIDE_RED, BESIDE_EOSIN)
            )
    return float(np.mean(chosen))


def main() -> None:
    """Print a table, one row a slide's kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--dye", choices=DYES, default="DAB")
    parser.add_argument("--looks-only", action="store_true", help="predict nothing")
    parser.add_argument("--hues", action="store_true", help="stains differ in hue")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pairs = pair_by_stem(options.images, options.masks)
    ways = {} if options.looks_only else _WAYS
    heads = [options.dye, *ways, "looked at by its haematoxylin"]
    print(f"{len(pairs)} images\n\n| {' | '.join(heads)} |")
    print("|---" * len(heads) + "|", flush=True)
    rows: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        for kind in OTHERS.get(options.dye, KINDS):
            folder, rng = Path(name) / kind, np.random.default_rng(0)
            folder.mkdir()
            for pair in pairs:
                with open_image(pair.image) as image:
                    pixels = image.read_plane(0, (0, 1, 2)).astype(float)
                labels = read_labels(pair.mask)
                slide = draw(pixels, labels, kind, options.dye, options.hues, rng)
                path = folder / f"{pair.mask.stem}.tif"
                tifffile.imwrite(path, slide, photometric="rgb")
            masks = [pair.mask for pair in pairs]
            rows[kind] = {
                way: score(
                    folder,
                    masks,
                    ("--model", options.model, *words),
                    Path(name) / f"{kind} {way}",
                )
                for way, words in ways.items()
            }
            cells = [
                f"{row['mean_ap']:.3f} / {row['ap@0.50']:.3f}"
                for row in rows[kind].values()
            ]
            share = looked_at(sorted(folder.iterdir()))
            print(f"| {' | '.join([kind, *cells, f'{share:.2f}'])} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
