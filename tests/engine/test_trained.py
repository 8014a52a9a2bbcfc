"""What only a network that has really learned can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop.catalog import SHIPPED
from unetloop.checkpoint import Model, open_model
from unetloop.config import PredictionConfig
from unetloop.images import open_image
from unetloop.metrics import evaluate_pair
from unetloop.network import OnnxNetwork
from unetloop.plane_view import PlaneView
from unetloop.prediction import (
    estimate_diameter,
    finish,
    predict_maps,
    predict_region,
)
from unetloop.resizing import resize_labels, resize_pixels
from unetloop.samples import LARGE, SMALL, draw_nuclei
from unetloop.scale import Scale

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def trained() -> Model:
    """The model that ships; it has seen no drawn image."""
    return open_model(SHIPPED)


def test_no_seam_shows(trained: Model) -> None:
    network = OnnxNetwork(trained.path / "model.onnx")
    image = draw_nuclei(SMALL, 3, (400, 368)).image.astype(np.float32)[..., None]
    image = resize_pixels(image / image.max(), (800, 736))
    whole = finish(predict_maps(network, image, PredictionConfig()))
    assert 0.05 < np.mean(whole[..., 0] > 0.5) < 0.8  # it has learned something
    tiled = finish(predict_maps(network, image, PredictionConfig(tile=512)))
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


def test_half_and_double_size_give_the_same_nuclei(
    trained: Model, tmp_path: Path
) -> None:
    network = OnnxNetwork(trained.path / "model.onnx")
    scale, config = Scale.of(trained), PredictionConfig()
    sample = draw_nuclei(LARGE, 11, (320, 320))
    found = {}
    for factor in (0.5, 1, 2):
        side = int(320 * factor)
        pixels = resize_pixels(
            sample.image.astype(np.float32)[..., None], (side, side)
        )[..., 0]
        tifffile.imwrite(tmp_path / "a.tif", pixels)
        with open_image(tmp_path / "a.tif") as image:
            view = PlaneView.of(image, 0, (0,), scale.normalization)
            diameter = estimate_diameter(network, view, scale, config)
            assert diameter == pytest.approx(LARGE.diameter * factor, rel=0.25)
            box = (0, 0, side, side)
            region = predict_region(network, view, box, diameter, scale, config)
            found[factor] = resize_labels(finish(region).labels, (320, 320))
        assert evaluate_pair(sample.labels, found[factor]).f1[0] > 0.7
    for factor in (0.5, 2):
        assert evaluate_pair(found[1], found[factor]).f1[0] > 0.85
