"""How often bright nuclei are taken for dark, or dark for bright; what that costs.

python benchmarks/polarity.py --data DATA/nuclei

Whole images, the same inverted, and crops of 96 x 96 pixels of fluorescence in which
nuclei cover so much that the median lies above three tenths of the range. How many are
judged wrongly by the median alone, and as it is; and, of every eighth such crop, mean
AP and AP@.5 of what `nuclei` finds then, the diameter of the whole image given.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from unetloop.checkpoint import open_model
from unetloop.config import NormalizationConfig, PredictionConfig
from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.metrics import average, evaluate_pair
from unetloop.network import OnnxNetwork
from unetloop.plane_view import PlaneView
from unetloop.polarity import median_level
from unetloop.prediction import finish, predict_region
from unetloop.preprocessing import intensity_limits, median_diameter
from unetloop.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from unetloop.metrics import Score

_SIDE, _DENSE, _EACH, _LEAST_RANGE = 96, 0.3, 8, 20
_EITHER = NormalizationConfig(nuclei="either")


def crops(plane: NDArray[np.float32]) -> Iterator[tuple[slice, slice]]:
    """Find where nuclei cover much of a plane."""
    for row in range(0, plane.shape[0] - _SIDE + 1, _SIDE // 2):
        for column in range(0, plane.shape[1] - _SIDE + 1, _SIDE // 2):
            box = slice(row, row + _SIDE), slice(column, column + _SIDE)
            if median_level(plane[box]) > _DENSE and np.ptp(plane[box]) > _LEAST_RANGE:
                yield box


def taken_for_dark(plane: NDArray[np.float32]) -> bool:
    """Say what the program takes the nuclei of a plane for."""
    limits = intensity_limits(plane[..., None], _EITHER)
    return bool(limits.zero[0] > limits.one[0])


class Finder:
    """Finds nuclei in a plane, taken for bright or dark."""

    def __init__(self) -> None:
        model = open_model("nuclei")
        self._scale = Scale.of(model)
        self._network = OnnxNetwork(model.path / "model.onnx")

    def find(self, path: Path, diameter: float, *, dark: bool) -> NDArray[np.int32]:
        """Give the nuclei of an image."""
        kind = replace(self._scale.normalization, nuclei="dark" if dark else "bright")
        scale = replace(self._scale, normalization=kind)
        with open_image(path) as image:
            view = PlaneView.of(image, 0, (0,), kind)
            work = predict_region(
                *(self._network, view, (0, 0, *view.shape), diameter),
                *(scale, PredictionConfig()),
            )
            return finish(work).labels


def main() -> int:
    """Count and score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    finder = Finder()
    counts: dict[str, list[int]] = {}
    scores: dict[str, list[Score]] = {"by the median": [], "as it is": []}

    def count(kind: str, plane: NDArray[np.float32], dark: bool) -> tuple[bool, bool]:
        row = counts.setdefault(kind, [0, 0, 0])
        by_median, as_it_is = median_level(plane) > 0.5, taken_for_dark(plane)
        row[0] += 1
        row[1] += by_median != dark
        row[2] += as_it_is != dark
        return by_median, as_it_is

    seen = 0
    with TemporaryDirectory() as folder:
        for path in sorted(options.data.glob("*/**/images/*.tif")):
            plane = tifffile.imread(path).astype(np.float32)
            plane = plane if plane.ndim == 2 else plane.mean(-1)
            dark = "histology" in path.parts
            kind = "tissue" if dark else "fluorescence"
            count(kind, plane, dark)
            count(f"{kind}, inverted", plane.max() - plane, not dark)
            if dark:
                continue
            labels = read_labels(path.parents[1] / "masks" / path.name)
            for box in crops(plane):
                judged = count("crowded crops of fluorescence", plane[box], False)
                seen += 1
                if seen % _EACH or (diameter := median_diameter(labels)) is None:
                    continue
                crop = Path(folder) / f"{seen}.tif"
                tifffile.imwrite(crop, plane[box])
                for name, dark_too in zip(scores, judged, strict=True):
                    found = finder.find(crop, diameter, dark=dark_too)
                    scores[name].append(evaluate_pair(labels[box], found))
    for kind, row in counts.items():
        sys.stdout.write(f"{kind:32}{row[0]:6}{row[1]:6}{row[2]:6}\n")
    for name, pairs in scores.items():
        mean = average(pairs)
        sys.stdout.write(
            f"crowded crops, {name}: {mean['mean_ap']:.3f} "
            f"{mean['ap@0.50']:.3f} ({len(pairs)})\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
