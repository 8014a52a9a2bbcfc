"""One row an image: numbers with the right units, and which images to look at."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unetloop.image_planes import ImageInfo
from unetloop.quality import STATISTICS, Reference
from unetloop.run_record import ImageRecord
from unetloop.summary import (
    CERTAINTY_EDGES,
    COLUMNS,
    DIAMETER_EDGES,
    summarize_classes,
    summarize_image,
    summary_rows,
    write_summary,
)
from unetloop.triage import doubt

NOTHING_SEEN = np.zeros(len(STATISTICS))


def info(pixel_size: tuple[float, float] | None = (0.5, 0.25)) -> ImageInfo:
    """Three planes of 200 x 500 pixels."""
    shape, dtype = (3, 200, 500), np.dtype("uint8")
    return ImageInfo(Path("a.tif"), "ZYX", shape, dtype, ("0",), pixel_size)


def summarize(areas: list[int], **changes: Any) -> dict[str, Any]:
    given = {
        "areas": np.array(areas, np.int64),
        "certainty": np.linspace(0.8, 1, len(areas)),
        "diameters": [30.0, 32.0, 50.0],
        "focus": [-2.0, float("nan"), -3.0],
        "statistics": NOTHING_SEEN,
        "reference": None,
        **changes,
    }
    size = given.pop("pixel_size", (0.5, 0.25))
    return summarize_image(info(size), **given)


def test_numbers_are_in_their_units() -> None:
    row = summarize([100, 200, 300, 400, 500])
    assert row["nuclei"] == 5
    # 300,000 pixels of 0.125 µm² are 0.0375 mm².
    assert row["nuclei_per_megapixel"] == pytest.approx(5 / 0.3, rel=1e-5)
    assert row["nuclei_per_mm2"] == pytest.approx(5 / 0.0375, rel=1e-5)
    quartiles = [row[f"area_px_{name}"] for name in ("q25", "median", "q75")]
    assert quartiles == [200, 300, 400]
    quartiles = [row[f"area_um2_{name}"] for name in ("q25", "median", "q75")]
    assert quartiles == [25, 37.5, 50]
    assert (row["pixel_height_um"], row["pixel_width_um"]) == (0.5, 0.25)
    assert (row["planes"], row["height"], row["width"]) == (3, 200, 500)
    assert row["diameter_px"] == 32
    assert row["certainty"] == pytest.approx(0.9)
    assert row["focus"] == -2.5  # a plane whose focus is not known does not count


def test_what_is_not_known_is_left_out_not_zero() -> None:
    row = summarize([], pixel_size=None, focus=[float("nan")])
    assert row["nuclei"] == 0
    unknown = {"certainty", "focus", "unlikeness", "nuclei_per_mm2", "pixel_width_um"}
    unknown |= {name for name in COLUMNS if name.startswith("area_")}
    assert not unknown & set(row)
    assert sum(row["diameter_bins"]) == sum(row["certainty_bins"]) == 0


def test_every_nucleus_is_in_one_bin_however_small_or_sure() -> None:
    areas = [1, 2, 800, 10**7]
    row = summarize(areas, certainty=np.array([0.0, 0.5, 1.0, 1.0 + 1e-9]))
    assert sum(row["diameter_bins"]) == sum(row["certainty_bins"]) == 4
    where = np.flatnonzero(row["diameter_bins"])
    middle = 2 * np.sqrt(800 / np.pi)
    assert DIAMETER_EDGES[where[-2]] <= middle <= DIAMETER_EDGES[where[-2] + 1]
    assert row["certainty_bins"][-1] == 2
    assert CERTAINTY_EDGES[0] == 0
    assert CERTAINTY_EDGES[-1] == 1


def test_unlikeness_is_that_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    reference = Reference.of(list(rng.normal(size=(20, len(STATISTICS)))))
    assert reference is not None
    near = summarize([10], reference=reference)["unlikeness"]
    far = summarize([10], reference=reference, statistics=NOTHING_SEEN + 30)
    assert near < 1 < far["unlikeness"]
    assert far["statistics"]["contrast"] == 30


def test_classes_are_areas_and_shares_of_all_planes() -> None:
    row = summarize_classes(
        info(),
        ["tumour", "stroma"],
        areas=np.array([100_000, 200_000]),
        certainty=[0.9],
        doubtful=[0.1],
        focus=[-2.0],
    )
    assert row["area_px@tumour"] == 100_000
    assert row["area_um2@stroma"] == 25_000
    assert row["shares"]["tumour"] == pytest.approx(1 / 3, rel=1e-5)
    assert "nuclei" not in row


def test_a_plane_that_was_reviewed_as_a_whole_does_not_make_a_model_doubtful() -> None:
    def row(certainty: list[float], doubtful: list[float]) -> dict[str, Any]:
        return summarize_classes(
            info(),
            ["tumour"],
            areas=np.array([600_000]),
            certainty=certainty,
            doubtful=doubtful,
            focus=[-2.0],
        )

    some, all_of_it = row([0.9, float("nan")], [0.2, 0.0]), row([float("nan")], [0.0])
    assert (some["certainty"], some["doubtful"]) == (0.9, 0.1)
    assert "certainty" not in all_of_it
    assert doubt(all_of_it) == 0


def record(name: str, status: Any = "done", **changes: Any) -> ImageRecord:
    given = {"settings": "mine", "reason": "", **changes}
    return ImageRecord(name, name, f"/images/{name}", status=status, **given)


def test_rows_are_sorted_and_say_what_is_of_this_run() -> None:
    rows = summary_rows(
        [
            record("b", summary={"nuclei": 3}),
            record("a", "failed", reason="damaged"),
            record("d", settings="others"),
            record("c"),
        ],
        {"c": "its results were changed"},
        {"mine"},
    )
    assert [row["image"] for row in rows] == ["a", "b", "c", "d"]
    assert [row["status"] for row in rows] == ["failed", "done", "left alone", "done"]
    assert rows[0]["reason"] == "damaged"
    assert rows[1]["nuclei"] == 3
    assert rows[2]["reason"] == "its results were changed"
    assert [row.get("earlier") for row in rows] == [False, False, None, True]


def test_the_table_is_read_back_as_it_was(tmp_path: Path) -> None:
    names = ['a, "b"\n<c>.tif', "Größe.tif", "\udcff.tif"]
    rows = [{"image": name, "status": "done", "bins": [1]} for name in names]
    rows[1]["area_px@tumour, µ"] = 7
    write_summary(tmp_path / "summary.csv", rows)
    with (tmp_path / "summary.csv").open(newline="", encoding="utf-8") as file:
        header, *read = csv.reader(file)
    assert header == [*COLUMNS, "area_px@tumour, µ"]
    assert [row[0] for row in read] == [names[0], names[1], "\\udcff.tif"]
    assert [row[-1] for row in read] == ["", "7", ""]
    assert {len(row) for row in read} == {len(header)}


def test_what_users_name_is_no_formula_to_a_spreadsheet(tmp_path: Path) -> None:
    row = {"image": "=A1.tif", "labels": "labels/=A1.tif", "channel": "@DAPI"}
    write_summary(tmp_path / "summary.csv", [{**row, "focus": -2.5}])
    with (tmp_path / "summary.csv").open(newline="", encoding="utf-8") as file:
        (read,) = csv.DictReader(file)
    assert (read["image"], read["labels"]) == ("./=A1.tif", "labels/=A1.tif")
    assert (read["channel"], read["focus"]) == ("'@DAPI", "-2.5")
