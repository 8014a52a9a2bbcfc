"""File > Open Sample, in a real viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.layers import Image, Labels

from unetloop.samples import LARGE, SMALL, draw_nuclei

if TYPE_CHECKING:
    from collections.abc import Callable

    from unetloop.samples import SampleKind


@pytest.mark.parametrize(
    ("key", "kind"), [("small_nuclei", SMALL), ("large_nuclei", LARGE)]
)
def test_a_sample_opens_with_its_truth(
    make_napari_viewer: Callable[[], Any], key: str, kind: SampleKind
) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample("napari-unet-loop", key)
    truth, image = viewer.layers
    assert isinstance(image, Image)
    assert isinstance(truth, Labels)
    sample = draw_nuclei(kind, seed=0)
    np.testing.assert_array_equal(image.data, sample.image)
    np.testing.assert_array_equal(truth.data, sample.labels)
    assert viewer.layers.selection.active is image  # "Use selected layer" takes it
    assert not truth.visible


def test_both_samples_are_on_offer() -> None:
    from npe2 import PluginManager

    manager = PluginManager.instance()
    manager.discover()
    manifest = manager.get_manifest("napari-unet-loop")
    assert manifest.contributions.sample_data is not None
    keys = [sample.key for sample in manifest.contributions.sample_data]
    assert keys == ["small_nuclei", "large_nuclei"]
