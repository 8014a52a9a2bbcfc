"""A plane of a batch: what is found on it, and when there is nothing to find."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unetloop.batch_plane import work_on_plane
from unetloop.config import InstanceConfig, NormalizationConfig, PredictionConfig
from unetloop.image_planes import Image, ImageInfo
from unetloop.scale import Scale
from unetloop.verdicts import RIGHT

if TYPE_CHECKING:
    from conftest import DiscNetwork
    from numpy.typing import NDArray

SCALE = Scale(32.0, NormalizationConfig(), InstanceConfig())


@pytest.mark.parametrize(
    ("pixels", "drawn", "nuclei", "blank"),
    [
        (np.full((80, 80), np.inf, np.float32), False, 0, True),
        (np.full((80, 80), 7, np.uint16), False, 0, True),
        (np.full((80, 80), 7, np.uint16), True, 1, False),  # somebody knows better
        (np.eye(80, dtype=np.uint8), False, 0, False),  # there is something, no nucleus
    ],
)
def test_a_plane_is_blank_where_nothing_is_to_be_found(
    disc_network: DiscNetwork,
    pixels: NDArray[np.generic],
    drawn: bool,
    nuclei: int,
    blank: bool,
) -> None:
    info = ImageInfo(Path("a.tif"), "YX", pixels.shape, pixels.dtype, ("0",), None)
    output = np.zeros(pixels.shape, np.int32)
    verdicts = np.zeros(pixels.shape, np.uint32)
    verdicts[20:40, 20:40] = RIGHT + 1
    result = work_on_plane(
        Image(info, pixels),
        0,
        (0,),
        disc_network,
        SCALE,
        PredictionConfig(),
        output,
        lambda: False,
        lambda share: None,
        verdicts=verdicts if drawn else None,
    )
    assert int(output.max()) == nuclei
    assert result.blank == blank
