"""Focus, and how unlike its training images an image is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from batch_parts import write_discs
from scipy import ndimage

from unetloop.catalog import SHIPPED
from unetloop.checkpoint import open_model
from unetloop.config import InstanceConfig, NormalizationConfig
from unetloop.network import OnnxNetwork
from unetloop.prediction import finish
from unetloop.quality import STATISTICS, Reference, average, focus, region_statistics
from unetloop.reference import LearnedPlane, learn_reference
from unetloop.samples import LARGE, SMALL, draw_nuclei
from unetloop.scale import Scale

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import DiscNetwork


def test_blurring_lowers_focus_whatever_the_contrast() -> None:
    sharp = draw_nuclei(SMALL, 1, (300, 300)).image.astype(np.float32)
    values = [focus(ndimage.gaussian_filter(sharp, sigma)) for sigma in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert focus(7 * sharp + 100) == pytest.approx(values[0], rel=1e-3)
    noise = np.random.default_rng(0).normal(size=(300, 300)).astype(np.float32)
    assert focus(noise) == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("shape", [(1, 1), (8, 300), (64, 64)])
def test_focus_of_nothing_is_not_known(shape: tuple[int, int]) -> None:
    assert np.isnan(focus(np.zeros(shape, np.float32)))


def test_statistics_are_what_they_are_called() -> None:
    """40 × 40 pixels: two nuclei of 8 × 8 and 16 × 16, and foreground that is none."""
    labels = np.zeros((40, 40), np.int32)
    labels[2:10, 2:10], labels[20:36, 20:36] = 1, 3
    foreground = np.where(labels > 0, 0.9, 0.0)
    foreground[2:10, 30:38] = 0.6  # no nucleus, and doubtful
    foreground[12:16, 2:18] = 0.4  # no foreground either, but doubtful
    maps = np.stack([foreground, np.where(labels > 0, 0.5, 0.1)], -1)
    pixels = np.where(labels > 0, 0.8, 0.2)[..., None].astype(np.float32)
    certainty = np.array([0.0, 0.8, 0.0, 0.9])
    values = region_statistics(pixels, maps, labels, certainty, diameter=16.0)
    found = dict(zip(STATISTICS, values, strict=True))
    assert found.pop("coarse") > found.pop("fine") > 0  # squares, and no noise
    assert found == pytest.approx(
        {
            "median": 0.2,
            "upper": 0.8,
            "covered": 384 / 1600,
            "doubtful": 128 / 448,
            "rejected": 64 / 384,
            "certainty": 0.85,
            "depth": 0.5,
            "contrast": 0.6,
            "spread": np.log(2) / 2,
        },
        rel=1e-5,
    )
    nothing = region_statistics(pixels, 0 * maps, 0 * labels, certainty[:1], 16.0)
    assert np.isfinite(nothing).all()
    both = average([values, nothing], [3, 1])
    assert both[list(STATISTICS).index("covered")] == pytest.approx(0.75 * 384 / 1600)


def test_the_shipped_model_knows_noise_from_nuclei(tmp_path: Path) -> None:
    model = open_model(SHIPPED)
    reference = Reference.from_json(model.card.reference)
    assert reference is not None
    network = OnnxNetwork(model.path / "model.onnx")
    rng = np.random.default_rng(0)
    stripes = (np.indices((256, 256))[1] // 6 % 2 * 200).astype(np.uint8)
    pictures = {
        "noise": rng.integers(0, 255, (256, 256)).astype(np.uint8),
        "stripes": stripes,
        "nuclei": draw_nuclei(LARGE, 3, (256, 256)).image,
    }
    found = {}
    for name, pixels in pictures.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels)
        planes = [LearnedPlane(tmp_path / f"{name}.tif", 0, (0,))]
        rows = finish(learn_reference(planes, network, Scale.of(model), reference)).rows
        found[name] = reference.unlikeness(rows[-1])
    assert found["noise"] > 1
    assert found["stripes"] > 1
    assert found["nuclei"] < min(found["noise"], found["stripes"])


def _reference(count: int) -> Reference | None:
    rng = np.random.default_rng(0)
    return Reference.of(list(rng.normal(size=(count, len(STATISTICS)))))


def test_one_in_twenty_of_its_own_kind_is_called_unlike() -> None:
    reference = _reference(200)
    assert reference is not None
    others = np.random.default_rng(1).normal(size=(400, len(STATISTICS)))
    unlike = np.mean([reference.unlikeness(row) > 1 for row in others])
    assert 0.01 < unlike < 0.15
    assert reference.unlikeness(others[0] + 20) > 3


def test_too_few_images_are_no_measure() -> None:
    assert _reference(3) is None
    assert Reference.from_json({}) is None
    assert Reference.from_json({"statistics": ["other"], "rows": [[1.0]] * 9}) is None
    damaged = {"statistics": list(STATISTICS), "rows": [[1.0], [1.0, 2.0]] * 9}
    assert Reference.from_json(damaged) is None


def test_a_reference_survives_json() -> None:
    reference = _reference(9)
    assert reference is not None
    again = Reference.from_json(reference.to_json())
    assert again is not None
    np.testing.assert_allclose(again.rows, reference.rows, atol=1e-4)


def _learned(
    folder: Path, counts: list[int], network: DiscNetwork, known: Reference | None
) -> Reference:
    """What is known of images with so many discs, once they were learned from."""
    names = {f"{count}.tif": count for count in counts}
    write_discs(folder, names)
    planes = [LearnedPlane(folder / name, 0, (0,)) for name in names]
    scale = Scale(32.0, NormalizationConfig(), InstanceConfig())
    reference = finish(learn_reference(planes, network, scale, known))
    assert reference is not None
    return reference


def test_an_image_that_is_learned_from_again_counts_once(
    tmp_path: Path, disc_network: DiscNetwork
) -> None:
    first = _learned(tmp_path / "a", [*range(9)], disc_network, None)
    assert len(first.rows) == len(first.images) == len(set(first.images)) == 9
    kept = Reference.from_json(first.to_json())
    assert kept is not None
    for _ in range(3):  # a copy of an image is the same image
        kept = _learned(tmp_path / "b", [2, 3], disc_network, kept)
    assert sorted(kept.images) == sorted(first.images)
    more = _learned(tmp_path / "c", [3, 9], disc_network, kept)
    assert len(more.rows) == 10
    assert set(more.images) > set(first.images)


def test_learning_from_a_few_images_for_long_makes_no_others_unlike(
    tmp_path: Path, disc_network: DiscNetwork
) -> None:
    rng = np.random.default_rng(0)
    before = Reference.of(list(rng.normal(size=(500, len(STATISTICS)))))
    other = rng.normal(size=len(STATISTICS))
    assert before is not None
    known = before
    for _ in range(4):
        known = _learned(tmp_path / "a", [*range(1, 9)], disc_network, known)
    assert len(known.rows) == 508
    assert known.unlikeness(other) == pytest.approx(before.unlikeness(other), rel=0.1)


def test_a_reference_that_names_no_images_or_too_few_is_read_all_the_same() -> None:
    reference = _reference(9)
    assert reference is not None
    values = reference.to_json()
    for images in ([], ["a"], ["a"] * 9):
        again = Reference.from_json({**values, "images": images})
        assert again is not None
        assert len(again.rows) == 9
        assert len(again.images) in (0, 9)
    del values["images"]
    again = Reference.from_json(values)
    assert again is not None
    assert len(again.without({"a", ""})) == 9
