"""How much of a batch's time its network runs, and images a second, in one run.

python benchmarks/batch.py [IMAGES...] [--count 40] [--keras] [--export rois ...]

Without IMAGES, nuclei are drawn. "bare" calls the network alone, with the same
shapes as the batch did, right after it: what is left is reading, dividing nuclei,
measuring and writing that did not overlap.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from unetloop import batch
from unetloop.batch import BatchOptions, predict_images
from unetloop.catalog import SHIPPED
from unetloop.checkpoint import Model, open_model
from unetloop.config import PredictionConfig
from unetloop.events import PredictionDone
from unetloop.files import find_images
from unetloop.samples import LARGE, SMALL, draw_nuclei
from unetloop.workers import SharedNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unetloop.network import Network


class Recorded(SharedNetwork):
    """A shared network that remembers the shapes that it was called with."""

    last: Recorded

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.shapes: list[tuple[int, ...]] = []
        Recorded.last = self

    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict, and remember."""
        self.shapes.append(pixels.shape)
        return super().__call__(pixels)

    def bare_seconds(self) -> float:
        """Call the network alone, with the same shapes."""
        rng = np.random.default_rng(0)
        inputs = {
            shape: rng.random(shape, np.float32) for shape in sorted(set(self.shapes))
        }
        began = time.perf_counter()
        for shape in self.shapes:
            self._network(inputs[shape])
        return time.perf_counter() - began


def draw(folder: Path, count: int) -> None:
    """Write drawn images of two kinds, 512 x 512."""
    for number in range(count):
        kind = SMALL if number % 2 else LARGE
        image = draw_nuclei(kind, number, (512, 512)).image
        tifffile.imwrite(folder / f"{number:04}.tif", image, compression="zlib")


def main() -> None:
    """Run a batch and the network alone; print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--keras", action="store_true", help="not ONNX Runtime")
    parser.add_argument("--export", action="append", default=[])
    parser.add_argument("--diameter", type=float, default=None)
    options = parser.parse_args()
    batch.SharedNetwork = Recorded  # type: ignore[attr-defined]
    model = open_model(SHIPPED)
    pixels = None if options.keras else 1.0
    loaded = Model.network(model, pixels)
    Model.network = lambda self, pixels=None: loaded  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not options.images:
            (folder / "in").mkdir()
            draw(folder / "in", options.count)
        found = find_images(options.images or [folder / "in"], True)[: options.count]
        config = PredictionConfig(diameter=options.diameter)
        chosen = BatchOptions(exports=tuple(options.export))
        for round_number in range(2):
            out = folder / f"out{round_number}"  # the first round compiles
            began = time.perf_counter()
            events = predict_images(found, out, model, config, chosen)
            done = next(e for e in events if isinstance(e, PredictionDone))
            wall = time.perf_counter() - began
            events.close()  # type: ignore[attr-defined]
        network = Recorded.last
        busy, bare = network.busy_seconds, network.bare_seconds()
    count = done.predicted
    print(f"{network.backend}, {count} images, {done.failed} failed")
    print(f"batch    {wall:7.1f} s  {count / wall:6.2f} images/s")
    print(f"bare     {bare:7.1f} s  {count / bare:6.2f} images/s")
    print(
        f"network busy {busy / wall:.0%} of the batch; batch at {bare / wall:.0%}"
        " of the bare network's speed"
    )


if __name__ == "__main__":
    main()
