from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from unetloop.catalog import SHIPPED
from unetloop.checkpoint import open_model
from unetloop.config import PredictionConfig, TrainingConfig
from unetloop.held_out import Window, cut_windows
from unetloop.images import open_image
from unetloop.plane_view import PlaneView
from unetloop.prediction import finish, predict_region
from unetloop.samples import LARGE, SMALL, SampleKind, draw_nuclei
from unetloop.scale import Scale
from unetloop.training_image import TrainingImage
from unetloop.validation import count_nuclei, predict_windows, score_windows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.usefixtures("quick_networks")
@pytest.mark.parametrize(
    "kind", [SMALL, LARGE, replace(SMALL, diameter=10.0)], ids=["15", "38", "10"]
)
def test_what_is_accepted_as_it_was_predicted_is_right(
    tmp_path: Path, kind: SampleKind
) -> None:
    model = open_model(SHIPPED)
    image, mask = tmp_path / "image.tif", tmp_path / "mask.tif"
    tifffile.imwrite(image, draw_nuclei(kind, 1, (500, 420)).image)
    # Not the size that the nuclei have, but the one by which they were predicted.
    size = 0.85 * kind.diameter
    network, scale = model.network(), Scale.of(model)
    with open_image(image) as opened:
        view = PlaneView.of(opened, 0, (0,), model.normalization)
        whole = (0, 0, *view.shape)
        work = predict_region(network, view, whole, size, scale, PredictionConfig())
        tifffile.imwrite(mask, finish(work).labels.astype(np.uint16))
    windows: list[Window] = []
    config = TrainingConfig(normalization=model.normalization)
    seen = TrainingImage(image, mask, diameter=size)
    list(cut_windows([seen], model.diameter, config, windows.append))
    assert count_nuclei(windows[0]) > 5
    maps = predict_windows(network, windows)
    # But for what the network makes of the window's edges.
    assert score_windows(windows, maps, model.instances) > 0.95
