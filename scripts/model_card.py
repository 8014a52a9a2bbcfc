"""What the model that ships is worth: the table and the picture of docs/models.md.

python scripts/model_card.py DATA [--model nuclei]

Scores ``fluorescence/val`` and the histology images that ``make_nuclei_model.py``
never looks at, with masks as ``unetloop predict`` writes them, and draws the images
with the lowest scores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from make_nuclei_model import pairs, unseen
from PIL import Image
from skimage.segmentation import find_boundaries

from unetloop.batch import predict_images
from unetloop.checkpoint import open_model
from unetloop.config import PredictionConfig
from unetloop.console import run_job
from unetloop.files import FoundImage
from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.metrics import Score, average, evaluate_pair

if TYPE_CHECKING:
    from unetloop.training_image import TrainingImage

_FIGURES = ("mean_ap", "ap@0.50", "ap@0.75", "ap@0.90", "f1@0.50", "dice")
_HEIGHT = 256
_YELLOW = (255, 200, 0)
_SHOWN = 4


def score(images: list[TrainingImage], model: str, out: Path) -> list[Score]:
    """Predict and compare."""
    found = [FoundImage(item.image, Path(item.image.name)) for item in images]
    opened = open_model(model)
    run_job(lambda _: predict_images(found, out, opened, PredictionConfig()))
    return [
        evaluate_pair(
            read_labels(item.mask), read_labels(out / "labels" / item.image.name)
        )
        for item in images
    ]


def picture(item: TrainingImage, out: Path) -> np.ndarray:
    """Put an image beside itself with the true and the predicted outlines."""
    with open_image(item.image) as image:
        pixels = image.read_plane(0, item.channels)[..., 0].astype(np.float32)
    low, high = np.percentile(pixels, (1, 99.8))
    gray = np.clip((pixels - low) / max(high - low, 1), 0, 1) * 255
    panels = [np.repeat(gray[..., None], 3, -1)]
    for labels in (
        read_labels(item.mask),
        read_labels(out / "labels" / item.image.name),
    ):
        panel = panels[0].copy()
        panel[find_boundaries(labels, mode="inner")] = _YELLOW
        panels.append(panel)
    side = min(gray.shape)
    return np.hstack(
        [
            np.asarray(
                Image.fromarray(panel[:side, :side].astype(np.uint8)).resize(
                    (_HEIGHT, _HEIGHT), Image.Resampling.LANCZOS
                )
            )
            for panel in panels
        ]
    )


def main() -> int:
    """Print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument(
        "--picture", type=Path, default=Path("docs/images/failures.png")
    )
    options = parser.parse_args()
    kinds = {
        "fluorescence/val": pairs(options.data / "fluorescence/val"),
        "histology, unseen": unseen(pairs(options.data / "histology")),
    }
    sys.stdout.write(f"| images | number | {' | '.join(_FIGURES)} |\n")
    sys.stdout.write("|---" * (2 + len(_FIGURES)) + "|\n")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for kind, images in kinds.items():
            out = Path(name) / kind.split("/")[0].split(",")[0]
            scores = score(images, options.model, out)
            means = average(scores)
            cells = " | ".join(f"{means[figure]:.3f}" for figure in _FIGURES)
            sys.stdout.write(f"| {kind} | {len(images)} | {cells} |\n")
            order = np.argsort([item.mean_ap for item in scores])
            rows += [picture(images[i], out) for i in order[: _SHOWN // len(kinds)]]
    gap = np.full((_HEIGHT, 12, 3), 255, np.uint8)
    half = len(rows) // 2
    pages = [np.vstack(rows[:half]), np.vstack(rows[half:])]
    whole = np.hstack([pages[0], np.vstack([gap] * half), pages[1]])
    Image.fromarray(whole).save(options.picture, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
