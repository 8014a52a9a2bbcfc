"""Measurements equal scikit-image's, on any plane, in any window."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label, regionprops

from unetloop import measurements, windows
from unetloop.errors import EngineError
from unetloop.measurements import (
    COLUMNS,
    INTENSITIES,
    column_names,
    measure_plane,
)

SAME = {
    "label": "label",
    "area_px": "area",
    "axis_major": "axis_major_length",
    "axis_minor": "axis_minor_length",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
    "perimeter": "perimeter",
}
KINDS = ("mean", "median", "min", "max")


def blobs(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Nuclei of odd shapes that touch, with holes, at the edges and in pieces."""
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.random(shape), 3)
    labels = label(smooth > np.quantile(smooth, 0.6)).astype(np.int32)
    half = random.random(shape) < 0.5  # nuclei side by side, one inside another
    labels[ndimage.gaussian_filter(half.astype(float), 5) > 0.51] += 1000
    labels[labels == 1000] = 0
    labels[10, 10], labels[20, 5:14], labels[5:9, 30] = 5001, 5002, 5003
    labels[40, 40] = labels[44, 47] = 5004
    return labels


def expected(labels: np.ndarray, pixels: np.ndarray) -> dict[str, np.ndarray]:
    regions = regionprops(labels, pixels)
    table: dict[str, list[Any]] = {name: [] for name in SAME.values()}
    table |= {name: [] for name in ("row", "column", "sum", *KINDS)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for region in regions:
            for name in SAME.values():
                table[name].append(getattr(region, name))
            table["row"].append(region.centroid[0])
            table["column"].append(region.centroid[1])
            values = pixels[tuple(region.coords.T)]
            table["sum"].append(values.sum(dtype=float))
            for kind in KINDS:  # regionprops has a median since 0.26 only
                table[kind].append(getattr(np, kind)(values))
    return {name: np.array(values) for name, values in table.items()}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32"])
def test_numbers_equal_those_of_regionprops(dtype: str) -> None:
    labels = blobs((220, 180))
    pixels = np.random.default_rng(1).normal(0, 50, labels.shape)
    if dtype.startswith("u"):
        pixels = np.abs(pixels)
    pixels = pixels.astype(dtype)
    table = measure_plane(labels, {"DAPI": pixels}, pixel_size=(0.5, 0.25))
    truth = expected(labels, pixels)
    for ours, theirs in SAME.items():
        np.testing.assert_allclose(table[ours], truth[theirs], atol=1e-7, err_msg=ours)
    np.testing.assert_allclose(table["centroid_row"], truth["row"])
    np.testing.assert_allclose(table["centroid_column"], truth["column"])
    for kind in KINDS:
        np.testing.assert_allclose(
            table[f"intensity_{kind}_DAPI"], truth[kind], rtol=1e-4
        )
    np.testing.assert_allclose(table["intensity_sum_DAPI"], truth["sum"], rtol=1e-9)
    np.testing.assert_allclose(table["area_um2"], truth["area"] / 8)


def test_windows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = blobs((300, 90), seed=3)
    labels[2:290, 88] = 7000  # taller than any strip
    pixels = np.random.default_rng(1).integers(0, 255, labels.shape, np.uint8)
    sure = np.random.default_rng(2).random(int(labels.max()) + 1)
    whole = measure_plane(labels, {"a": pixels}, certainty=sure)
    monkeypatch.setattr(windows, "_LEAST_ROWS", 16)
    monkeypatch.setattr(
        measurements, "iterate_windows", lambda it: windows.iterate_windows(it, 1)
    )
    cut = measure_plane(labels, {"a": pixels}, certainty=sure)
    assert list(cut) == list(whole) == column_names(["a"])
    for name in whole:
        np.testing.assert_allclose(cut[name], whole[name], rtol=1e-9, err_msg=name)


def test_every_nucleus_is_in_one_window_and_whole() -> None:
    labels = blobs((900, 60), seed=4)
    labels[100:800, 3] = 9000
    seen: dict[int, int] = {}
    for window in windows.iterate_windows(labels, 1):
        for number, count in zip(
            *np.unique(window.labels, return_counts=True), strict=True
        ):
            if number:
                assert number not in seen
                seen[int(number)] = int(count)
    numbers, counts = np.unique(labels[labels > 0], return_counts=True)
    assert seen == dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    assert not list(windows.iterate_windows(np.zeros_like(labels), 1))


def test_pixels_are_read_in_windows_only() -> None:
    labels = np.zeros((4000, 1200), np.int32)
    labels[10:20, 10:20], labels[3500:3520, 900:930] = 1, 2

    class Lazy:
        shape, dtype, largest = labels.shape, np.dtype(np.uint8), 0

        def __getitem__(self, place: tuple[slice, slice]) -> np.ndarray:
            part = np.broadcast_to(np.uint8(7), self.shape)[place]
            self.largest = max(self.largest, part.size)
            return np.array(part)

    lazy = Lazy()
    table = measure_plane(labels, {"a": lazy})
    assert table["intensity_sum_a"].tolist() == [700, 4200]
    assert 0 < lazy.largest < labels.size / 10


def test_edges_certainty_and_what_is_not_known() -> None:
    labels = np.zeros((9, 9), np.int32)
    labels[0, 4], labels[4, 0], labels[8, 8], labels[3:5, 3:5] = 1, 2, 3, 40
    certainty = np.linspace(0, 1, 41)
    certainty[3] = 0.123449
    table = measure_plane(labels, {}, certainty=certainty)
    assert table["label"].tolist() == [1, 2, 3, 40]
    assert table["touches_edge"].tolist() == [1, 1, 1, 0]
    assert table["certainty_mean"].tolist() == [0.025, 0.05, 0.1234, 1]
    assert np.isnan(table["area_um2"]).all()
    assert np.isnan(measure_plane(labels, {})["certainty_mean"]).all()


def test_unknown_pixels_make_unknown_intensities() -> None:
    labels = np.array([[1, 1, 2]], np.int32)
    table = measure_plane(labels, {"a": np.array([[1.0, np.nan, 3.0]])})
    for kind in ("mean", "median", "min", "max", "sum"):
        np.testing.assert_equal(table[f"intensity_{kind}_a"], [np.nan, 3])


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("uint64", [2**63, 2**63 + 2**40, 2**64 - 2**20]),
        ("int64", [-(2**61), 5, 2**62]),
        ("int64", [2**62, 2**62, 2**62]),
        ("uint64", [3, 4, 9]),
    ],
)
def test_whole_numbers_too_large_to_be_added_are_no_others(
    dtype: str, values: list[int]
) -> None:
    pixels = np.array([values], dtype)
    table = measure_plane(np.ones((1, 3), np.int32), {"a": pixels})
    expected = {
        "sum": sum(values),
        "mean": sum(values) / 3,
        "median": sorted(values)[1],
        "min": min(values),
        "max": max(values),
    }
    for kind, value in expected.items():
        assert table[f"intensity_{kind}_a"][0] == pytest.approx(value, rel=1e-12)


def test_a_plane_without_nuclei_has_columns_and_no_rows() -> None:
    empty = np.zeros((5, 5), np.int32)
    table = measure_plane(empty, {"a": empty.astype(np.uint8)})
    one = measure_plane(empty + 1, {"a": empty.astype(np.uint8)})
    assert {name: column.dtype for name, column in table.items()} == {
        name: column.dtype for name, column in one.items()
    }
    assert all(len(column) == 0 for column in table.values())


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(EngineError, match=r"same size.*channel=red"):
        measure_plane(np.ones((4, 4), np.int32), {"red": np.zeros((4, 5))})


def test_every_column_is_described() -> None:
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    section = text.split("## Measurements")[1].split("\n## ")[0]
    for name in (name for name, _, _ in COLUMNS):
        assert f"`{name}`" in section
    for kind, _ in INTENSITIES:
        assert f"{kind}_…`" in section or f"`{kind}`" in section
