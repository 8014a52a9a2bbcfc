from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from batch_parts import make_model, write_discs

from unetloop.checkpoint import Model
from unetloop.network import KerasNetwork, OnnxNetwork
from unetloop.samples import write_samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from unetloop.config import TrainingConfig

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four drawn images to train on and two to test with."""
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder, count=4, seed=5)
    return folder


class DiscNetwork:
    """A stand-in for a trained network: bright is nucleus, deep is the core.

    It sees 16 pixels far, so that tiles must be blended right to hide seams.
    """

    backend = "a test"
    channels = 1
    bytes_a_pixel = 1500

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        from scipy import ndimage

        self.calls.append(batch.shape)
        smooth = ndimage.gaussian_filter(batch[..., 0], (0, 1, 1), truncate=4)
        foreground = 1 / (1 + np.exp(-20 * (smooth - 0.5)))
        distance = np.stack(
            [ndimage.distance_transform_edt(plane > 0.5) for plane in foreground]
        )
        # At the model's scale (32 px) a nucleus's core is 16 px deep.
        return np.stack([foreground, np.clip(distance / 16, 0, 1)], -1).astype("f4")


@pytest.fixture
def disc_network() -> DiscNetwork:
    return DiscNetwork()


@pytest.fixture
def model(
    tmp_path: Path, disc_network: DiscNetwork, monkeypatch: pytest.MonkeyPatch
) -> Model:
    """A model of nuclei whose network finds discs."""
    monkeypatch.setattr(Model, "network", lambda self, pixels=None: disc_network)
    return make_model(tmp_path)


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """Three images, one of them empty and in a folder below."""
    write_discs(tmp_path / "in/sub", {"c.tif": 0})
    return write_discs(tmp_path / "in", {"a.tif": 3, "b.tif": 5})


@pytest.fixture
def hasty_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """End trainings without ``model.onnx`` and a look back: both outlast their steps.

    For tests of what comes before. Fixtures of a whole module are made without this.
    """

    def look_back(*_: object) -> Iterator[Any]:
        yield from ()
        return {}

    monkeypatch.setattr("unetloop.training.look_back", look_back)
    monkeypatch.setattr(KerasNetwork, "export", lambda *_: None)


@pytest.fixture
def quick_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open models as a fresh process does, though Keras may be imported in this one."""

    def network(model: Model, pixels: float | None = None) -> OnnxNetwork:
        return OnnxNetwork(model.path / "model.onnx", model.card.bytes_a_pixel)

    monkeypatch.setattr(Model, "network", network)


@pytest.fixture
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give epochs of the command line two steps: no option of it says how many."""
    from unetloop.training import train

    def train_shortly(
        images: Any, out: Path, config: TrainingConfig, **more: Any
    ) -> Iterator[Any]:
        return train(images, out, replace(config, steps_per_epoch=2), **more)

    monkeypatch.setattr("unetloop.training.train", train_shortly)


@pytest.fixture
def fsync_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to write files through that were opened to be read, as Windows does."""
    fcntl = pytest.importorskip("fcntl")  # where there is none, it refuses by itself

    def refuse(descriptor: int) -> None:
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and mode == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(os, "fsync", refuse)
