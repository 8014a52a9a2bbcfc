"""Tables of many images: read back, joined, whole or not at all."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unetloop.errors import EngineError
from unetloop.measurement_table import MeasurementsWriter, join_measurements
from unetloop.measurements import COLUMNS, measure_plane

if TYPE_CHECKING:
    from pathlib import Path


def test_the_table_can_be_read_back(tmp_path: Path) -> None:
    labels = np.array([[1, 1, 2]], np.int32)
    first = measure_plane(labels, {"DAPI": np.array([[1, 2, 3]], np.uint8)})
    second = measure_plane(
        labels, {"GFP, grün": np.array([[0.1, 0.2, 1 / 3]])}, pixel_size=(1, 1)
    )
    path = tmp_path / "neu" / "measurements.csv"
    with MeasurementsWriter(path) as writer:
        writer.write("a b.tif", "", first)
        writer.write("ü.tif", "t1 z2", second)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a b.tif"] * 2 + ["ü.tif"] * 2
    assert [row["plane"] for row in rows] == ["", "", "t1 z2", "t1 z2"]
    assert [row["area_um2"] for row in rows] == ["", "", "2", "1"]
    assert rows[0]["intensity_median_DAPI"] == "1.5"
    assert rows[0]["intensity_sum_DAPI"] == "3"
    assert rows[0]["intensity_sum_GFP, grün"] == ""
    assert float(rows[3]["intensity_mean_GFP, grün"]) == pytest.approx(1 / 3, 1e-11)
    assert list(rows[0])[2:15] == [name for name, _, _ in COLUMNS]


def test_tables_can_be_joined(tmp_path: Path) -> None:
    labels = np.array([[1, 1, 2]], np.int32)
    paths = []
    for name in ("a", "b"):
        paths.append(tmp_path / f"{name}.csv")
        table = measure_plane(labels, {name: np.ones((1, 3), np.uint8)})
        with MeasurementsWriter(paths[-1]) as writer:
            writer.write(name, "", table)
    join_measurements(paths, tmp_path / "both.csv")
    with (tmp_path / "both.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["label"]) for row in rows] == [
        (image, number) for image in "ab" for number in "12"
    ]
    assert [row["intensity_max_a"] for row in rows] == ["1", "1", "", ""]
    assert [row["intensity_max_b"] for row in rows] == ["", "", "1", "1"]


def test_what_users_name_is_no_formula_to_a_spreadsheet(tmp_path: Path) -> None:
    table = {"label": np.array([1]), "class": np.array(["=1+1"])}
    with MeasurementsWriter(tmp_path / "a.csv", ()) as writer:
        writer.write("-3h.tif", 0, {**table, "area_um2": np.array([-0.5])})
        writer.write("day/-3h.tif", 0, table)
    join_measurements([tmp_path / "a.csv"], tmp_path / "b.csv")
    for name in ("a.csv", "b.csv"):  # made safe once, not twice
        with (tmp_path / name).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [row["image"] for row in rows] == ["./-3h.tif", "day/-3h.tif"]
        assert [row["class"] for row in rows] == ["'=1+1"] * 2
        assert rows[0]["area_um2"] == "-0.5"  # a number is one


def test_a_name_that_is_no_unicode_is_escaped(tmp_path: Path) -> None:
    table = measure_plane(np.ones((2, 2), np.int32), {})
    with MeasurementsWriter(tmp_path / "a.csv") as writer:
        writer.write("x\udcff.tif", "", table)
    assert "x\\udcff.tif" in (tmp_path / "a.csv").read_text("utf-8")


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "half.csv"
    path.write_text("image,plane,label\na,0,1\na,0")
    with pytest.raises(EngineError, match=r"damaged.*half\.csv"):
        join_measurements([path], tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_that_breaks_off_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "measurements.csv"
    path.write_text("old")
    table = measure_plane(np.ones((2, 2), np.int32), {})

    def break_off() -> None:
        with MeasurementsWriter(path) as writer:
            writer.write("a", "", table)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
