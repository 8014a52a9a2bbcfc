"""What disturbs a model: the same images as other microscopes and programs give them.

python benchmarks/robustness.py --images DIR --masks DIR [--model nuclei] [--every 6]

Every sixth image of a folder of bright nuclei on dark is disturbed in one way after
the other, and predicted with default settings; AP by image, the diameter estimated.
Intensities are taken from 0 to 1 first; what is random is the same in each run.
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
from PIL import ImageDraw
from scipy import ndimage

from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.metrics import average, evaluate_pair
from unetloop.pairing import pair_by_stem

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Disturbance = Callable[[NDArray[Any], Any], NDArray[Any]]

_DEEP, _BYTE = 60000, 255


def deep(image: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Give 16 bits."""
    scaled: NDArray[np.uint16] = np.clip(image * _DEEP, 0, 65535).astype(np.uint16)
    return scaled


def byte(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Give 8 bits."""
    scaled: NDArray[np.uint8] = np.clip(image * _BYTE, 0, _BYTE).astype(np.uint8)
    return scaled


def lit_from_one_side(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Let the light fall to 15 % from the right to the left."""
    return deep(image * np.linspace(0.15, 1, image.shape[1]))


def glowing_background(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Add a cloud as bright as half of the brightest nucleus."""
    rows, columns = np.indices(image.shape) / max(image.shape)
    cloud = np.exp(-((columns - 0.3) ** 2 + (rows - 0.6) ** 2) / 0.08)
    return deep(0.5 * image + 0.5 * cloud)


def stuck_pixels(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Saturate 3 pixels of 1,000; the rest uses 12 of 16 bits."""
    result = (image * 4000 + 100).astype(np.uint16)
    result[rng.random(image.shape) < 0.003] = 65535
    return result


def strong_noise(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Add normal noise of 15 % of the brightest nucleus."""
    return deep((image + 0.15 * rng.standard_normal(image.shape)) / 3 + 0.15)


def few_photons(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Count photons: 9 in the brightest pixel, 1 in the darkest."""
    return rng.poisson(image * 8 + 1).astype(np.uint16)  # type: ignore[no-any-return]


def out_of_focus(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Blur by 2 pixels."""
    return deep(ndimage.gaussian_filter(image, 2))


def burnt_in_text(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Write a scale bar and a line of text in white."""
    picture = PillowImage.fromarray(byte(image * 0.9))
    height, width = image.shape
    pen = ImageDraw.Draw(picture)
    pen.rectangle((width - 70, height - 16, width - 10, height - 10), fill=_BYTE)
    pen.text((10, 5), "DAPI 20x well B03", fill=_BYTE)
    return np.array(picture)


def strong_jpeg(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Compress as JPEG of quality 20."""
    stream = io.BytesIO()
    PillowImage.fromarray(byte(image)).save(stream, "JPEG", quality=20)
    return np.array(PillowImage.open(stream))


def bright_debris(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Add some blobs 30 times as bright as the brightest nucleus."""
    spots = (rng.random(image.shape) > 0.9997).astype(float)
    return deep((image + 1800 * ndimage.gaussian_filter(spots, 3)) / 30)


def dead_cells(times: float) -> Disturbance:
    """Give a function that adds cells so many times as bright as any nucleus.

    Three in 256 x 256 pixels, some 9 px wide at half their height.
    """

    def disturb(image: NDArray[Any], rng: Any) -> NDArray[Any]:
        rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
        result = image.copy()
        for _ in range(max(1, round(3 * image.size / 65536))):
            row, column = rng.random(2) * image.shape
            width = 4 * np.exp(rng.normal(0, 0.3))
            across = (columns - column) / (width * rng.uniform(0.7, 1.4))
            cell = np.exp(-(((rows - row) / width) ** 2 + across**2) / 2)
            result = np.maximum(result, times * cell)
        return deep(result / result.max())

    return disturb


def stripes(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Add rows that are brighter and darker by 8 % of the brightest nucleus."""
    wave = 0.08 * np.sin(np.arange(len(image)) / 2)[:, None]
    return deep(image / 2 + wave / 2 + 0.1)


def missing_pixels(image: NDArray[Any], rng: Any) -> NDArray[Any]:
    """Make 2 pixels of 100 not a number."""
    return np.where(rng.random(image.shape) < 0.02, np.nan, image).astype(np.float32)


DISTURBANCES: dict[str, Disturbance] = {
    "as it is, 16 bits": lambda image, rng: deep(image),
    "as it is, 0..1": lambda image, rng: image.astype(np.float32),
    "inverted": lambda image, rng: byte(1 - image),
    "light from one side": lit_from_one_side,
    "background glows": glowing_background,
    "stuck pixels, 3 in 1,000": stuck_pixels,
    "pixels missing, 2 in 100": missing_pixels,
    "scale bar and text": burnt_in_text,
    "black margin, offset 30": lambda image, rng: byte(image * 0.78 + 0.12),
    "white margin": lambda image, rng: byte(image * 0.78),
    "JPEG, quality 20": strong_jpeg,
    "out of focus by 2 px": out_of_focus,
    "stripes of 8 %": stripes,
    "noise of 15 %": strong_noise,
    "9 photons at most": few_photons,
    "debris, 30 times as bright": bright_debris,
    **{f"dead cells, {n} times as bright": dead_cells(n) for n in (2, 8, 32)},
}
_MARGINS = {"black margin, offset 30": 0, "white margin": 255}


def main() -> None:
    """Print a table, one row a disturbance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pairs = pair_by_stem(options.images, options.masks)[:: options.every]
    print(f"{len(pairs)} images\n\n| | mean AP | AP@.5 |\n|---|---|---|", flush=True)
    rows: dict[str, dict[str, float]] = {}
    for title, disturb in DISTURBANCES.items():
        rng = np.random.default_rng(0)
        with tempfile.TemporaryDirectory() as name:
            folder, truths = Path(name) / "images", []
            folder.mkdir()
            for pair in pairs:
                with open_image(pair.image) as image:
                    pixels = image.read_plane()[..., 0].astype(float)
                truth = read_labels(pair.mask)
                disturbed = disturb(pixels / max(pixels.max(), 1e-9), rng)
                if title in _MARGINS:
                    margin = max(truth.shape) // 4
                    value = _MARGINS[title]
                    disturbed = np.pad(disturbed, margin, constant_values=value)
                    truth = np.pad(truth, margin)
                tifffile.imwrite(folder / f"{pair.image.stem}.tif", disturbed)
                truths.append(truth)
            command = [sys.executable, "-m", "unetloop", "predict", str(folder)]
            command += ["--model", options.model, "--out", f"{name}/out"]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            found = [
                read_labels(Path(name) / "out/labels" / f"{pair.image.stem}.tif")
                for pair in pairs
            ]
        scores = map(evaluate_pair, truths, found)
        rows[title] = average(list(scores))
        figures = (rows[title][which] for which in ("mean_ap", "ap@0.50"))
        print(f"| {title} | " + " | ".join(f"{v:.3f}" for v in figures) + " |")
        sys.stdout.flush()
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
