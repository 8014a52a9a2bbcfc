"""The model that ships: found by its name, and good on what it has not seen."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop.catalog import SHIPPED
from unetloop.checkpoint import open_model, shipped_models
from unetloop.cli import main
from unetloop.masks import read_labels
from unetloop.metrics import evaluate_pair
from unetloop.samples import LARGE, SMALL, draw_nuclei

if TYPE_CHECKING:
    from pathlib import Path

    from unetloop.samples import SampleKind


def _predict(folder: Path, pixels: np.ndarray, *words: str) -> np.ndarray:
    tifffile.imwrite(
        folder / "a.tif",
        pixels,
        photometric="rgb" if pixels.ndim == 3 else "minisblack",
    )
    command = ["predict", str(folder / "a.tif"), "--out", str(folder / "out")]
    assert main([*command, *words]) == 0
    return read_labels(folder / "out/labels/a.tif")


@pytest.mark.usefixtures("quick_networks")
@pytest.mark.parametrize("kind", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("look", ["bright", "dark", "colour"])
def test_nuclei_of_any_polarity_are_found_unasked(
    tmp_path: Path, kind: SampleKind, look: str
) -> None:
    sample = draw_nuclei(kind, seed=11)
    grey = sample.image.astype(np.float32)
    pixels: np.ndarray = sample.image
    if look != "bright":
        pixels = (np.clip(1 - grey / grey.max(), 0, 1) * 220 + 20).astype(np.uint8)
    if look == "colour":  # purple on lavender
        pixels = np.stack([pixels, pixels // 2 + 60, pixels // 3 + 140], -1)
    labels = _predict(tmp_path, pixels)
    # Nothing drawn was learned from.
    assert evaluate_pair(sample.labels, labels).ap[0] > 0.6


def test_it_is_found_by_name_whatever_else_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / SHIPPED / "images").mkdir(parents=True)
    model = open_model(SHIPPED)
    assert model.path.parent.name == "pretrained"
    assert model.weights_hash in {item.weights_hash for item in shipped_models()}


def test_its_card_says_what_it_learned_from() -> None:
    card = open_model(SHIPPED).card
    assert card.normalization.nuclei == "either"
    assert card.started_from  # made in two runs
    assert len(card.training["images"]) > 400
    assert all(item["image_sha256"] for item in card.training["images"])


def test_it_answers_without_a_deep_learning_framework(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", draw_nuclei(SMALL, seed=1).image)
    code = (
        "import sys; from unetloop.cli import main; "
        "code = main(['predict', 'a.tif', '--out', 'out']); "
        "sys.exit(code or 2 * ('keras' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("hasty_end", "short_epochs")
def test_training_starts_from_it_unless_told_otherwise(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "--images", samples / "train/images"]
    words += ["--masks", samples / "train/masks", "--epochs", 1]
    words += ["--batch-size", 1, "--patch-size", 32]
    assert main([*map(str, words), "--out", str(tmp_path / "warm")]) == 0
    warm = open_model(tmp_path / "warm")
    assert warm.card.started_from == open_model(SHIPPED).weights_hash
    cold = [*map(str, words), "--start", "scratch", "--out", str(tmp_path / "cold")]
    assert main(cold) == 0
    assert open_model(tmp_path / "cold").card.started_from is None
    assert main(["models", "--json"]) == 0
    out = capsys.readouterr().out
    assert SHIPPED in json.loads(out)["models"]
