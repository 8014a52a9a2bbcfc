from __future__ import annotations

import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from unetloop.config import InstanceConfig, NormalizationConfig, PredictionConfig
from unetloop.errors import EngineError
from unetloop.image_planes import Image, ImageInfo
from unetloop.large import predict_blocks, scratch_labels
from unetloop.metrics import evaluate_pair
from unetloop.plane_view import PlaneView
from unetloop.prediction import (
    estimate_diameter,
    finish,
    predict_maps,
    predict_region,
)
from unetloop.preprocessing import median_diameter
from unetloop.resizing import resize_labels, resize_pixels
from unetloop.scale import Scale

if TYPE_CHECKING:
    from conftest import DiscNetwork

    from unetloop.large import Block
    from unetloop.prediction import PredictedPlane

SCALE = Scale(32.0, NormalizationConfig(), InstanceConfig())
CONFIG = PredictionConfig(tile=128, overlap=48)


def _discs(
    shape: tuple[int, int], diameter: float = 32.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Bright discs that do not touch, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    step, number = diameter * 1.5, 0
    for row in np.arange(step / 2, shape[0], step):
        for column in np.arange(step / 2, shape[1], step):
            center = np.array([row, column]) + rng.uniform(-0.1, 0.1, 2) * diameter
            radius = diameter / 2 * rng.uniform(0.9, 1.1)
            number += 1
            inside = np.hypot(rows - center[0], columns - center[1]) < radius
            labels[inside] = number
    return (labels > 0).astype(np.float32)[..., None], labels


def _end(generator: Any) -> tuple[list[float], Any]:
    shares = []
    while True:
        try:
            shares.append(next(generator))
        except StopIteration as stop:
            return shares, stop.value


def _view(image: np.ndarray) -> PlaneView:
    data = (image[..., 0] * 1000).astype(np.uint16)
    info = ImageInfo(Path("a.tif"), "YX", data.shape, data.dtype, ("0",), None)
    return PlaneView.of(Image(info, data), 0, (0,), SCALE.normalization)


@pytest.mark.parametrize("shape", [(300, 400), (129, 500), (260, 128)])
def test_tiled_equals_untiled(
    disc_network: DiscNetwork, shape: tuple[int, int]
) -> None:
    image, _ = _discs(shape, 20)
    # Its maps have no memory of the tile but in their blur: what tiling may change.
    image = image * 0.4

    shares, tiled = _end(predict_maps(disc_network, image, CONFIG))
    whole = disc_network(image[None])[0]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len({call[1:] for call in disc_network.calls[:-1]}) == 1  # one shape
    inside = (slice(8, -8), slice(8, -8))  # at the border the tile is mirrored
    np.testing.assert_allclose(tiled[inside], whole[inside], atol=1e-4)


class _Ramp:
    """A network that finds more the further down one looks."""

    backend, channels, bytes_a_pixel = "a test", 1, 1500

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        rows = np.linspace(0, 1, batch.shape[1])[None, :, None, None]
        return np.broadcast_to(rows, (*batch.shape[:3], 2)).astype(np.float32)


class _Everywhere:
    """A network that finds nuclei wherever it looks."""

    backend, channels, bytes_a_pixel = "a test", 1, 1500

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return np.full((*batch.shape[:3], 2), 0.9, np.float32)


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan, np.inf])
def test_where_all_pixels_are_alike_nothing_is_found(value: float) -> None:
    data = np.full((90, 70), value, np.float32)
    info = ImageInfo(Path("a.tif"), "YX", data.shape, data.dtype, ("0",), None)
    view = PlaneView.of(Image(info, data), 0, (0,), SCALE.normalization)
    assert view.blank
    assert estimate_diameter(_Everywhere(), view, SCALE, CONFIG) is None
    box = (10, 10, 50, 60)
    _, found = _end(predict_region(_Everywhere(), view, box, 20.0, SCALE, CONFIG))
    assert found.labels.shape == (40, 50)
    assert not found.labels.any()
    assert not found.maps.any()
    data[:] = 7
    data[80, 3] = 9
    assert not PlaneView.of(Image(info, data), 0, (0,), SCALE.normalization).blank


def test_flips_average_the_mirror_images() -> None:
    image = np.zeros((64, 64, 1), np.float32)
    config = PredictionConfig(tile=64, overlap=0, flips=True)
    _, maps = _end(predict_maps(_Ramp(), image, config))
    np.testing.assert_allclose(maps, 0.5, atol=1e-6)


@pytest.mark.parametrize("factor", [0.5, 1, 2])
def test_the_same_nuclei_at_half_and_double_size(
    disc_network: DiscNetwork, factor: float
) -> None:
    image, labels = _discs((320, 320), 28)
    shape = (int(320 * factor), int(320 * factor))
    view = _view(np.clip(resize_pixels(image, shape), 0, 1))
    truth = resize_labels(labels, shape)
    diameter = estimate_diameter(disc_network, view, SCALE, CONFIG)
    assert diameter == pytest.approx(median_diameter(truth), rel=0.1)
    box = (0, 0, *shape)
    _, found = _end(predict_region(disc_network, view, box, diameter, SCALE, CONFIG))
    score = evaluate_pair(truth, found.labels)
    assert score.ap[4] == 1  # every nucleus, at IoU 0.7
    assert found.labels.shape == shape


def test_a_cluster_of_small_nuclei_is_not_taken_for_one(
    disc_network: DiscNetwork,
) -> None:
    image = np.zeros((96, 96, 1), np.float32)
    for row in range(32, 62, 6):
        for column in range(32, 62, 6):  # with one pixel between them
            image[row : row + 5, column : column + 5] = 1
    diameter = estimate_diameter(disc_network, _view(image), SCALE, CONFIG)
    assert diameter == pytest.approx(5.6, rel=0.15)


def test_a_nucleus_alone_has_its_size(disc_network: DiscNetwork) -> None:
    rows, columns = np.mgrid[:96, :96]
    image = (np.hypot(rows - 48, columns - 48) < 14).astype(np.float32)[..., None]
    diameter = estimate_diameter(disc_network, _view(image), SCALE, CONFIG)
    assert diameter == pytest.approx(28, rel=0.1)


def test_blocks_cut_no_nucleus_and_double_none(
    tmp_path: Path, disc_network: DiscNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unetloop.large._BLOCK_PIXELS", 130**2)
    image, labels = _discs((500, 420), 32)
    view = _view(image)
    with scratch_labels((500, 420), tmp_path) as output:
        work = predict_blocks(disc_network, view, 32.0, SCALE, CONFIG, output)
        shares, count = _end(work)
        found = np.array(output)
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert count == found.max() == len(np.unique(found)) - 1
    box = (0, 0, 500, 420)
    _, whole = _end(predict_region(disc_network, view, box, 32.0, SCALE, CONFIG))
    assert evaluate_pair(whole.labels, found).ap[-1] == 1
    assert evaluate_pair(labels, found).ap[4] == 1
    assert list(tmp_path.iterdir()) == []


class _Elsewhere:
    """Predicts blocks late, as a cluster; what is under way can't be asked for."""

    at_once = 2

    def __init__(self, network: DiscNetwork, view: PlaneView) -> None:
        self._network, self._view = network, view
        self._pool = ThreadPoolExecutor(1)

    def submit(self, view: PlaneView, diameter: float, block: Block) -> Any:
        def run() -> PredictedPlane:
            time.sleep(0.3)
            how = (self._network, self._view, block.box, diameter, SCALE, CONFIG)
            return finish(predict_region(*how))

        future = self._pool.submit(run)
        ready = future.result

        def result(timeout: float | None = None) -> PredictedPlane:
            # Dask's, where the time is over while the result is on its way.
            assert timeout is None
            return ready()

        future.result = result  # type: ignore[method-assign]
        return future


def test_a_block_that_comes_late_from_elsewhere_is_waited_for(
    disc_network: DiscNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unetloop.large._BLOCK_PIXELS", 200 * 200)
    view = _view(_discs((300, 420), 32)[0])
    with scratch_labels((300, 420), tmp_path) as output:
        elsewhere = _Elsewhere(disc_network, view)
        work = predict_blocks(
            *(disc_network, view, 32.0, SCALE, CONFIG, output), runner=elsewhere
        )
        shares, count = _end(work)
    assert count > 40
    assert shares[-1] == 1


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="not of this system")
def test_room_on_the_disk_is_taken_before_it_is_written(tmp_path: Path) -> None:
    with scratch_labels((600, 700), tmp_path) as room:
        (file,) = tmp_path.iterdir()
        assert file.stat().st_blocks * 512 >= room.nbytes
        assert not room.any()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="not of this system")
def test_a_full_disk_is_told_from_one_that_gives_no_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(number: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", lambda *_: refuse(errno.EOPNOTSUPP))
    with scratch_labels((6, 7), tmp_path) as room:
        assert room.shape == (6, 7)
    monkeypatch.setattr(os, "posix_fallocate", lambda *_: refuse(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"), scratch_labels((6, 7), tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_empty_field_and_a_single_pixel(disc_network: DiscNetwork) -> None:
    for shape in [(1, 1), (3, 200), (64, 64)]:
        view = _view(np.zeros((*shape, 1)))
        assert estimate_diameter(disc_network, view, SCALE, CONFIG) is None
        box = (0, 0, *shape)
        _, found = _end(predict_region(disc_network, view, box, 32, SCALE, CONFIG))
        assert found.labels.shape == shape
        assert found.labels.max() == 0


def test_tiles_are_as_small_as_the_memory_wants(
    disc_network: DiscNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.zeros((600, 600, 1), np.float32)
    config = replace(CONFIG, tile=512)
    for free, side in ((1 << 40, 512), (1 << 29, 256)):
        memory = SimpleNamespace(available=free)
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        disc_network.calls.clear()
        finish(predict_maps(disc_network, image, config))
        assert max(shape[1] for shape in disc_network.calls) <= side
        assert max(shape[1] for shape in disc_network.calls) > side / 2
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(available=1 << 20)
    )
    with pytest.raises(EngineError, match="not enough free memory"):
        finish(predict_maps(disc_network, image, config))
