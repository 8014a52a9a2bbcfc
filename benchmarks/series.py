"""What half of an image teaches for its other half: one series, one way of staining.

python benchmarks/series.py --images DIR --masks DIR --start MODEL [--number 20]
    [--known-images DIR --known-masks DIR] [--json FILE]

`adaptation` scores what is learned on images of other fields, stains and annotators;
who corrects a folder of one experiment wants to know what it is worth there. The left
half of an image is reviewed, nuclei across the middle are not; 200 steps of 4 patches
go on from MODEL, with what learns by the program's own rule and with all weights. Mean
AP of the right half, at shares of the way from the start's weights to those learned,
and what is left of images that the model knew.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tifffile

from unetloop.checkpoint import open_model
from unetloop.config import TrainingConfig
from unetloop.held_out import Window, cut_windows
from unetloop.images import open_image, resolve_channels
from unetloop.masks import read_labels
from unetloop.network import start_keras
from unetloop.pairing import pair_by_stem
from unetloop.training_image import TrainingImage
from unetloop.validation import predict_windows, window_scores

if TYPE_CHECKING:
    from unetloop.checkpoint import Model
    from unetloop.network import Network
    from unetloop.pairing import Pair

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_WAYS: tuple[Literal["auto", "all"], ...] = ("auto", "all")
_EVERY = 5


def halves(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Review the left and the right half, without the nuclei in both."""
    right = np.zeros(labels.shape, bool)
    right[:, labels.shape[1] // 2 :] = True
    across = np.intersect1d(labels[right], labels[~right])
    whole = ~np.isin(labels, across[across > 0])
    return (~right & whole).astype(np.uint8), (right & whole).astype(np.uint8)


def annotated(pair: Pair, review: Path | None = None) -> TrainingImage:
    """Describe an image by its files, seen through the channel that is guessed."""
    with open_image(pair.image) as image:
        channels = resolve_channels(image, None)
    return TrainingImage(pair.image, pair.mask, review, channels=channels)


def windows(images: list[TrainingImage], start: Model) -> list[Window]:
    """Cut what is scored."""
    found: list[Window] = []
    config = TrainingConfig(normalization=start.normalization)
    list(cut_windows(images, start.diameter, config, found.append))
    return found


def score(network: Network, scored: list[Window], start: Model) -> float:
    """Mean AP by window, with the thresholds of the start."""
    maps = predict_windows(network, scored)
    return float(np.mean(window_scores(scored, maps, start.instances)))


def learn(
    half: TrainingImage,
    way: Literal["auto", "all"],
    steps: int,
    seed: int,
    start: Model,
    out: Path,
) -> Any:
    """Train, and give the learner at its end."""
    from unetloop.training import Training

    config = TrainingConfig(
        epochs=1, steps_per_epoch=steps, batch_size=4, trainable=way, seed=seed
    )
    training = Training([half], out, config, start=start, validation=[])
    list(training)
    return training._learner


def main() -> None:
    """Print a row for each image and way, then the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--number", type=int, default=20, help="those with most nuclei")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument(
        "--known-images", type=Path, help="what should not be forgotten"
    )
    parser.add_argument("--known-masks", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start_keras()
    start = open_model(options.start)
    known: list[Window] = []
    if options.known_images:
        pairs = pair_by_stem(options.known_images, options.known_masks)[::_EVERY]
        known = windows([annotated(pair) for pair in pairs], start)
    pairs = pair_by_stem(options.images, options.masks)
    pairs = sorted(pairs, key=lambda pair: -int(read_labels(pair.mask).max()))
    titles = [
        "image",
        "nuclei",
        "what learns",
        *map(str, _SHARES),
        "own share",
        "known",
    ]
    print("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|", flush=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for seed, pair in enumerate(pairs[: options.number]):
            labels = read_labels(pair.mask)
            reviews = [Path(name) / f"{seed}-{half}.tif" for half in ("left", "right")]
            for path, review in zip(reviews, halves(labels), strict=True):
                tifffile.imwrite(path, review)
            left, right = (annotated(pair, path) for path in reviews)
            scored = windows([right], start)
            for way in _WAYS:
                out = Path(name) / f"{seed}-{way}"
                learner = learn(left, way, options.steps, seed, start, out)
                shares = {f"{share:g}": share for share in _SHARES}
                shares["own"] = learner.share
                row: dict[str, Any] = {
                    "image": pair.image.stem[:12],
                    "nuclei": len(np.unique(labels[halves(labels)[0] > 0])) - 1,
                    "way": way,
                }
                for title, share in shares.items():
                    learner.follow(share)
                    row[title] = score(learner.network, scored, start)
                row["known"] = score(learner.network, known, start) if known else np.nan
                rows.append(row)
                figures = (f"{value:.3f}" for value in list(row.values())[3:])
                cells = [row["image"], row["nuclei"], way, *figures]
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    for way in _WAYS:
        chosen = [list(row.values())[3:] for row in rows if row["way"] == way]
        mean = np.mean(chosen, axis=0)
        cells = ["mean", len(chosen), way, *(f"{value:.3f}" for value in mean)]
        print("| " + " | ".join(map(str, cells)) + " |")
        gain = np.array(chosen)[:, -2] - np.array(chosen)[:, 0]
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        print(f"\nGain at the own share: {gain.mean():.3f} ± {error:.3f}\n")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
