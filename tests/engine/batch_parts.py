"""What the tests of batches share: images of discs, and a network that finds them."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from unetloop.batch import BatchOptions, predict_images
from unetloop.checkpoint import Model
from unetloop.config import ModelConfig, PredictionConfig
from unetloop.files import find_images
from unetloop.model_card import ModelCard

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = PredictionConfig(tile=128, overlap=48, diameter=32.0)


def draw_discs(count: int, side: int = 160) -> np.ndarray:
    """Draw so many bright discs, 32 pixels wide, on black."""
    image = np.zeros((side, side), np.uint8)
    rows, columns = np.mgrid[:side, :side]
    places = [
        (row, column)
        for row in range(24, side - 16, 44)
        for column in range(24, side - 16, 44)
    ]
    for row, column in places[:count]:
        image[np.hypot(rows - row, columns - column) < 16] = 200
    return image


def write_discs(folder: Path, counts: dict[str, int]) -> Path:
    """Write images with so many discs each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in counts.items():
        tifffile.imwrite(folder / name, draw_discs(count))
    return folder


def make_model(folder: Path, **changes: Any) -> Model:
    """Give a model whose network the test puts in its place."""
    card = ModelCard(ModelConfig(), 32.0)
    return replace(Model(folder / "discs", card, "0" * 64), **changes)


def run(
    images: Path | list[Path],
    out: Path,
    model: Model,
    config: PredictionConfig = CONFIG,
    **options: Any,
) -> list[Any]:
    """Run a batch to its end and list its events."""
    cancelled = options.pop("cancelled", lambda: False)
    found = find_images(images if isinstance(images, list) else [images], True)
    chosen = BatchOptions(**options)
    return list(predict_images(found, out, model, config, chosen, cancelled=cancelled))


def of_kind(events: list[Any], kind: str) -> list[Any]:
    """Pick events by the name of their class."""
    return [event for event in events if type(event).__name__ == kind]


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
