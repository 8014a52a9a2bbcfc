"""What a model misses, and why: the nuclei of a truth by what became of them.

python benchmarks/misses.py --images DIR --masks DIR [--model nuclei]

Each annotated nucleus is found (a predicted one covers it with an IoU above .5), or
it is missed for the first of these reasons that holds: it is *tiny*, below a fifth
of the median area of its image's nuclei; it is *not visible*, no brighter or darker
than the background around it by 3 deviations of the background; its *outline* is
another one (IoU .3 to .5); it was *merged* (more than half of it is in predicted
nuclei); the border of the image *cuts* it; it was *not found*. AP@.5 is given as it
is, as if the tiny and invisible ones that were missed were not there, and as if an
IoU above .3 were enough.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from unetloop.images import open_image
from unetloop.masks import read_labels
from unetloop.pairing import pair_by_stem

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FOUND, _OUTLINE = 0.5, 0.3
_TINY, _CUT = 0.2, 0.5
_DEVIATIONS, _RING = 3.0, 4
_EXCUSED = ("tiny", "not visible")


def overlaps(
    truth: NDArray[np.int32], found: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the best IoU of each annotated and of each predicted nucleus, by number."""
    areas, sizes = np.bincount(truth.ravel()), np.bincount(found.ravel())
    both = truth.ravel().astype(np.int64) * len(sizes) + found.ravel()
    codes, counts = np.unique(both, return_counts=True)
    one, other = np.divmod(codes, len(sizes))
    shared = (one > 0) & (other > 0)
    one, other, counts = one[shared], other[shared], counts[shared]
    iou = counts / (areas[one] + sizes[other] - counts)
    best, best_found = np.zeros(len(areas)), np.zeros(len(sizes))
    np.maximum.at(best, one, iou)
    np.maximum.at(best_found, other, iou)
    return best, best_found


class Reasons:
    """Says why nuclei of one image were missed."""

    def __init__(
        self,
        pixels: NDArray[np.float32],
        truth: NDArray[np.int32],
        found: NDArray[np.int32],
    ) -> None:
        self._pixels, self._truth, self._found = pixels, truth, found
        self._areas = np.bincount(truth.ravel())
        self._median = float(np.median(self._areas[1:][self._areas[1:] > 0]))
        away = pixels[ndimage.distance_transform_edt(truth == 0) > _RING - 1]
        middle = np.median(away) if away.size else 0.0
        # The median absolute deviation, as a standard deviation of a normal law.
        spread = 1.4826 * np.median(np.abs(away - middle)) if away.size else 0.0
        low, high = np.percentile(pixels, (1, 99.8))
        self._least = max(_DEVIATIONS * float(spread), 0.02 * float(high - low))

    def of(self, number: int, iou: float) -> str:
        """Give the first reason that holds."""
        if self._areas[number] < _TINY * self._median:
            return "tiny"
        mask = self._truth == number
        ring = ndimage.binary_dilation(mask, iterations=_RING) & (self._truth == 0)
        if ring.any():
            contrast = self._pixels[mask].mean() - self._pixels[ring].mean()
            if abs(contrast) < self._least:
                return "not visible"
        if iou > _OUTLINE:
            return "outline"
        if (self._found[mask] > 0).mean() > 0.5:
            return "merged"
        border = np.ones(mask.shape, bool)
        border[1:-1, 1:-1] = False
        small = self._areas[number] < _CUT * self._median
        return "cut" if small and mask[border].any() else "not found"


def main() -> None:
    """Print how many nuclei were found, and why the others were not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--model", default="nuclei")
    options = parser.parse_args()
    pairs = pair_by_stem(options.images, options.masks)
    counts: Counter[str] = Counter()
    scores: dict[tuple[float, bool], list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "unetloop", "predict"]
        command += [str(pair.image) for pair in pairs]
        command += ["--model", options.model, "--out", name]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        for pair in pairs:
            truth = read_labels(pair.mask)
            found = read_labels(Path(name) / "labels" / pair.image.name)
            numbers = np.unique(truth[truth > 0])
            if not len(numbers):
                continue
            with open_image(pair.image) as image:
                channels = tuple(range(image.info.channels))
                pixels = image.read_plane(0, channels).mean(-1, dtype=np.float32)
            best, best_found = overlaps(truth, found)
            present = np.unique(found[found > 0])
            reasons = Reasons(pixels, truth, found)
            missed = [
                reasons.of(int(number), float(best[number]))
                for number in numbers
                if best[number] <= _FOUND
            ]
            counts["found"] += len(numbers) - len(missed)
            counts["false"] += int((best_found[present] <= _FOUND).sum())
            counts.update(missed)
            out = sum(reason in _EXCUSED for reason in missed)
            for least in (_FOUND, _OUTLINE):
                hits = int((best[numbers] > least).sum())
                either = len(numbers) + int((best_found[present] <= least).sum())
                for excused in (False, True):
                    total = max(either - out * excused, 1)
                    scores.setdefault((least, excused), []).append(hits / total)
    nuclei = sum(count for reason, count in counts.items() if reason != "false")
    print(f"{len(scores[_FOUND, False])} images, {nuclei} nuclei\n")
    print("| | nuclei |\n|---|---|")
    for reason, count in counts.most_common():
        print(f"| {reason} | {count} |")
    plain, visible = (np.mean(scores[_FOUND, excused]) for excused in (False, True))
    rough, both = (np.mean(scores[_OUTLINE, excused]) for excused in (False, True))
    print(
        f"\nAP@.5 by image: {plain:.3f}; without what is missed and tiny or not "
        f"visible: {visible:.3f}; if IoU {_OUTLINE} were enough: {rough:.3f}; both: "
        f"{both:.3f}"
    )


if __name__ == "__main__":
    main()
