"""What else a network could predict to tell nuclei apart: heads beside each other.

python benchmarks/heads.py --data DATA/nuclei/fluorescence --steps 1000 --seeds 0 1 2

The same network learns from ``train`` for so many steps with each head of
`head_maps`, and is scored on ``val`` at the true diameter, mean by image. Each head
chooses from the same number of thresholds on every other image of ``val`` and is
scored on the rest, and the other way round.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from head_maps import HEADS, Around, Head, settings
from scipy import ndimage

from unetloop.annotations import distance_to_edge, make_targets
from unetloop.config import AugmentationConfig, NormalizationConfig, TrainingConfig
from unetloop.masks import read_labels
from unetloop.metrics import evaluate_pair
from unetloop.models.unet import UNetConfig, build_unet
from unetloop.optimizers import adamw
from unetloop.pairing import pair_by_stem
from unetloop.patches import sample_patches
from unetloop.preprocessing import intensity_limits, median_diameter, normalize
from unetloop.rates import cosine
from unetloop.resizing import resize_pixels
from unetloop.training_image import TrainingImage, load_nuclei
from unetloop.training_plane import TrainingPlane, make_plane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_SCALE, _PATCH, _BATCH = 32.0, 128, 8
_RATE, _WARM_UP = 2e-3, 30
_SMOOTH = 3.0  # pixels: over which a patch's turn is measured
_WORKERS, _AHEAD = 2, 6


class Places(TrainingPlane):
    """A plane whose truth is where a pixel lies: its flat index."""

    def decode(self, layers: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give (…,) flat indices; whole numbers, whatever the type is called."""
        return layers.view(np.uint32)[..., 0]  # type: ignore[return-value]


@dataclass(frozen=True)
class Plane:
    """A plane to learn from, and what heads want to know of its nuclei."""

    plane: TrainingPlane
    places: Places
    labels: NDArray[np.int32]
    edge: NDArray[np.float32]
    centres: NDArray[np.float32]
    radii: NDArray[np.float32]

    @classmethod
    def read(cls, image: Path, mask: Path) -> Plane:
        """Read an image, as training does."""
        annotated = load_nuclei(TrainingImage(image, mask))
        zoom = _SCALE / (annotated.diameter or _SCALE)
        scaled, labels, _ = annotated.at_scale(zoom, TrainingConfig())
        plane = make_plane(scaled, make_targets(labels))
        indices = np.arange(labels.size, dtype=np.uint32).reshape(labels.shape)
        numbers = np.arange(labels.max() + 1)
        middles = np.array(
            ndimage.center_of_mass(np.ones(labels.shape), labels, numbers), np.float32
        )
        rows, columns = np.indices(labels.shape, np.float32)
        away = np.hypot(rows - middles[labels, 0], columns - middles[labels, 1])
        return cls(
            plane,
            Places(**{**vars(plane), "truth": indices}),
            labels,
            distance_to_edge(labels)[0],
            middles,
            np.asarray(ndimage.maximum(away, labels, numbers), np.float32),
        )

    def around(
        self, places: NDArray[np.uint32], distance: NDArray[np.float32]
    ) -> Around:
        """Say what heads want to know of a patch's pixels."""
        labels = self.labels.reshape(-1)[places]
        here = np.stack(np.divmod(places, self.labels.shape[1]), -1).astype(np.float32)
        way = np.where(labels[..., None] > 0, self.centres[labels] - here, 0)
        # Rows: how the place in the plane changes along each axis of the patch.
        turn = np.stack(
            [
                ndimage.gaussian_filter(here, (_SMOOTH, _SMOOTH, 0), (*order, 0))
                for order in ((1, 0), (0, 1))
            ],
            axis=-1,
        )
        length = np.linalg.norm(way, axis=-1, keepdims=True)
        along = np.einsum("...pa,...p->...a", turn, way)
        new = np.linalg.norm(along, axis=-1, keepdims=True)
        return Around(
            labels,
            distance,
            self.edge.reshape(-1)[places],
            np.asarray(along * length / np.maximum(new, 1e-6), np.float32),
            self.radii[labels],
        )


def make_batch(
    planes: list[Plane], head: Head, rng_of: list[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cut a batch: images, and truth as the head's loss takes it."""
    config = AugmentationConfig()
    images, truths = [], []
    rng = np.random.default_rng(rng_of)
    areas = np.sqrt([plane.plane.reviewed for plane in planes])
    for choice in rng.choice(len(planes), _BATCH, p=areas / areas.sum()):
        plane, seed = planes[choice], int(rng.integers(1 << 31))

        def cut(
            one: TrainingPlane, seed: int = seed
        ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            chance = np.random.default_rng(seed)
            return sample_patches([one], 1, _PATCH, config, chance)

        image, truth = cut(plane.plane)
        _, places = cut(plane.places)  # the same patch, by the same seed
        maps = head.target(plane.around(places[0], truth[0, ..., 1]))
        images.append(image[0])
        truths.append(
            np.concatenate([truth[0, ..., :1], maps, truth[0, ..., 2:]], axis=-1)
        )
    return np.stack(images), np.stack(truths)


def iterate_batches(
    planes: list[Plane], head: Head, seed: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Make batches in threads, ahead of the training."""
    pool = ThreadPoolExecutor(_WORKERS)
    waiting = deque(
        pool.submit(make_batch, planes, head, [seed, index]) for index in range(_AHEAD)
    )
    index = _AHEAD
    try:
        while True:
            yield waiting.popleft().result()
            waiting.append(pool.submit(make_batch, planes, head, [seed, index]))
            index += 1
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def train(planes: list[Plane], head: Head, steps: int, seed: int) -> keras.Model:
    """Train the default network with a head, from nothing."""
    keras.utils.set_random_seed(seed)
    network = build_unet(1, head.outputs, UNetConfig())
    network.compile(adamw(_RATE), head.loss, jit_compile=False)
    batches = iterate_batches(planes, head, seed)
    for step in range(steps):
        rate = _RATE * min(1, (step + 1) / _WARM_UP) * cosine(step / steps)
        network.optimizer.learning_rate.assign(rate)
        network.reset_metrics()
        network.train_on_batch(*next(batches))
    batches.close()  # type: ignore[attr-defined]
    return network


@dataclass(frozen=True)
class Tested:
    """An image of ``val``: at the network's scale, and its truth."""

    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    diameter: float

    @classmethod
    def read(cls, image: Path, mask: Path) -> Tested:
        """Read an image as prediction does, at the true diameter."""
        annotated = load_nuclei(TrainingImage(image, mask))
        labels = read_labels(mask)
        diameter = median_diameter(labels) or _SCALE
        shape = [max(1, round(side * _SCALE / diameter)) for side in labels.shape]
        limits = intensity_limits(annotated.pixels, NormalizationConfig())
        scaled = resize_pixels(
            normalize(annotated.pixels, limits), (shape[0], shape[1])
        )
        return cls(scaled, labels, diameter)

    def maps(self, network: keras.Model, head: Head) -> NDArray[np.float32]:
        """Predict the head's maps at the image's own size."""
        rows, columns = self.image.shape[:2]
        padding = ((0, -rows % 16), (0, -columns % 16), (0, 0))
        padded = np.pad(self.image, padding, mode="symmetric")
        logits = network.predict_on_batch(padded[None])[0, :rows, :columns]
        shape = self.labels.shape
        return resize_pixels(head.activate(logits), (shape[0], shape[1]))


def score(
    network: keras.Model, head: Head, tested: list[Tested]
) -> tuple[dict[str, float], list[str]]:
    """Choose thresholds on each half of the images, score on the other."""
    options = settings(head)

    def rows(one: Tested) -> list[list[float]]:
        maps = one.maps(network, head)
        found = [
            evaluate_pair(one.labels, head.divide(maps, option, one.diameter))
            for option in options
        ]
        return [[each.mean_ap, each.ap[0], each.ap[5], each.ap[8]] for each in found]

    with ThreadPoolExecutor(_WORKERS) as pool:
        table = np.array(list(pool.map(rows, tested)))  # images, settings, figures
    scored, chosen = [], []
    for half in (0, 1):
        best = int(table[half::2, :, 0].mean(0).argmax())
        scored.append(table[1 - half :: 2, best])
        option = options[best]
        chosen.append(
            f"{option.threshold}, {option.seed_threshold}, {option.min_certainty}"
        )
    means = np.concatenate(scored).mean(0)
    names = ("mean_ap", "ap@0.50", "ap@0.75", "ap@0.90")
    return dict(zip(names, map(float, means), strict=True)), chosen


def main() -> None:
    """Print a table, one row a head and seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="has train and val")
    parser.add_argument("--heads", nargs="+", choices=list(HEADS), default=list(HEADS))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    def files(kind: str) -> list[tuple[Path, Path]]:
        folder = options.data / kind
        pairs = pair_by_stem(folder / "images", folder / "masks")
        return [(pair.image, pair.mask) for pair in pairs]

    with ThreadPoolExecutor(_WORKERS) as pool:
        planes = list(pool.map(lambda pair: Plane.read(*pair), files("train")))
        tested = list(pool.map(lambda pair: Tested.read(*pair), files("val")))
    print("| head | seed | mean AP | AP@.5 | AP@.75 | AP@.9 | thresholds | s |")
    print("|---" * 8 + "|", flush=True)
    found = []
    for seed in options.seeds:
        for name in options.heads:
            head, began = HEADS[name], time.monotonic()
            network = train(planes, head, options.steps, seed)
            figures, chosen = score(network, head, tested)
            found.append({"head": name, "seed": seed, **figures, "thresholds": chosen})
            cells = " | ".join(f"{value:.3f}" for value in figures.values())
            print(
                f"| {head.title} | {seed} | {cells} | {'; '.join(chosen)} | "
                f"{time.monotonic() - began:.0f} |",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
