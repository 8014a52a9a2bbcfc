"""``summary.csv``: one row an image."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.atomic import replacing
from unetloop.plain_cells import plain_path, plain_text
from unetloop.quality import STATISTICS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.image_planes import ImageInfo
    from unetloop.quality import Reference
    from unetloop.run_record import ImageRecord

__all__ = [
    "CERTAINTY_EDGES",
    "COLUMNS",
    "DIAMETER_EDGES",
    "summarize_classes",
    "summarize_image",
    "summary_rows",
    "write_summary",
]

COLUMNS: Mapping[str, str] = {
    "image": "path below the folder that was given",
    "status": "done, failed, or left alone (its masks are not this run's)",
    "reason": "why it failed or was left alone, or what is to be known of it",
    "nuclei": "number of nuclei, over all planes",
    "nuclei_per_megapixel": "nuclei in a million pixels",
    "nuclei_per_mm2": "nuclei in a square millimetre; empty: pixel size unknown",
    "area_px_q25": "a quarter of the nuclei is smaller, in pixels",
    "area_px_median": "half of the nuclei are smaller, in pixels",
    "area_px_q75": "three quarters of the nuclei are smaller, in pixels",
    "area_um2_q25": "the same in µm²; empty: pixel size unknown",
    "area_um2_median": "the same in µm²; empty: pixel size unknown",
    "area_um2_q75": "the same in µm²; empty: pixel size unknown",
    "diameter_px": "nucleus diameter that the image was resized by, in pixels",
    "certainty": "mean certainty of the nuclei, 0 to 1",
    "doubtful": "doubtful share of what may be nucleus, 0 to 1",
    "focus": "slope of the power spectrum: the lower the more blurred",
    "unlikeness": "how unlike the training images; above 1 unlike; empty: not known",
    "planes": "number of planes",
    "height": "rows",
    "width": "columns",
    "pixel_height_um": "height of a pixel in µm",
    "pixel_width_um": "width of a pixel in µm",
    "model": "name of the model, and the first digits of its hash",
    "seconds": "time from reading to writing",
    "labels": "its masks, below the output folder",
    "reviewed": "how many of the nuclei somebody said are right, or drew",
    "channel": "channel that was looked at; empty: there is but one",
}
"""Columns of ``summary.csv`` and their meaning."""

_TEXTS = ("reason", "model", "channel")

DIAMETER_EDGES = [round(2 ** (step / 4), 2) for step in range(45)]
"""Bins of ``diameter_bins``: from 1 to 2048 pixels, four in each doubling."""

CERTAINTY_EDGES = [round(step / 40, 3) for step in range(41)]
"""Bins of ``certainty_bins``."""


def summarize_image(
    info: ImageInfo,
    *,
    areas: NDArray[np.integer[Any]],
    certainty: NDArray[np.float64],
    diameters: Sequence[float],
    focus: Sequence[float],
    statistics: NDArray[np.float64],
    reference: Reference | None,
    reviewed: int = 0,
) -> dict[str, Any]:
    """Put together an image's row of the table.

    Parameters
    ----------
    info : ImageInfo
        The image.
    areas : array of int
        (nuclei,): pixels of each nucleus of all planes.
    certainty : array of float64
        (nuclei,): certainty of each; NaN: not known.
    diameters, focus : sequence of float
        One a plane.
    statistics : array of float64
        As from `quality.region_statistics`, averaged over the image.
    reference : Reference or None
        Those of the training images.
    reviewed : int
        Nuclei that somebody said are right.

    Returns
    -------
    dict
        Columns of `COLUMNS` that are known; ``statistics``, by their names; and
        ``diameter_bins`` and ``certainty_bins``, the nuclei in each bin.
    """
    count = len(areas)
    pixels = info.planes * info.height * info.width
    row: dict[str, Any] = {
        "nuclei": count,
        "nuclei_per_megapixel": _round(count / pixels * 1e6),
        "diameter_px": _round(float(np.median(diameters))),
        "doubtful": _round(float(statistics[list(STATISTICS).index("doubtful")])),
        "planes": info.planes,
        "height": info.height,
        "width": info.width,
        "reviewed": reviewed,
    }
    quartiles = np.percentile(areas, (25, 50, 75)) if count else np.zeros(0)
    size = info.pixel_size
    if size is not None:
        row["pixel_height_um"], row["pixel_width_um"] = size
        row["nuclei_per_mm2"] = _round(count / (pixels * size[0] * size[1]) * 1e6)
    for name, value in zip(("q25", "median", "q75"), quartiles, strict=False):
        row[f"area_px_{name}"] = _round(float(value))
        if size is not None:
            row[f"area_um2_{name}"] = _round(float(value) * size[0] * size[1])
    certainty = certainty[np.isfinite(certainty)]
    if len(certainty):
        row["certainty"] = _round(float(certainty.mean()))
    if sharp := _known(focus):
        row["focus"] = _round(float(np.median(sharp)))
    if reference is not None:
        row["unlikeness"] = _round(reference.unlikeness(statistics))
    diameters_px = np.clip(2 * np.sqrt(areas / np.pi), 1, DIAMETER_EDGES[-1])
    row["diameter_bins"] = np.histogram(diameters_px, DIAMETER_EDGES)[0].tolist()
    sure = np.clip(certainty, 0, 1)
    row["certainty_bins"] = np.histogram(sure, CERTAINTY_EDGES)[0].tolist()
    row["statistics"] = {
        name: _round(float(value))
        for name, value in zip(STATISTICS, statistics, strict=True)
    }
    return row


def summarize_classes(
    info: ImageInfo,
    names: Sequence[str],
    *,
    areas: NDArray[np.integer[Any]],
    certainty: Sequence[float],
    doubtful: Sequence[float],
    focus: Sequence[float],
) -> dict[str, Any]:
    """Put together the row of an image in which tissue classes were told apart.

    Parameters
    ----------
    info : ImageInfo
        The image.
    names : sequence of str
        Of the classes.
    areas : array of int
        (classes,): pixels of each, in all planes.
    certainty : sequence of float
        One a plane: mean probability of the class that was chosen, 0 to 1; NaN: not
        known.
    doubtful : sequence of float
        One a plane: share of the pixels that are doubtful, 0 to 1.
    focus : sequence of float
        One a plane.

    Returns
    -------
    dict
        Columns of `COLUMNS` that are known; ``shares``, of the image's area, by
        class; and columns ``area_px@<class>`` and ``area_um2@<class>``.
    """
    pixels = info.planes * info.height * info.width
    row: dict[str, Any] = {
        "doubtful": _round(float(np.mean(doubtful))),
        "planes": info.planes,
        "height": info.height,
        "width": info.width,
        "shares": {
            name: _round(int(area) / pixels)
            for name, area in zip(names, areas, strict=True)
        },
    }
    size = info.pixel_size
    if size is not None:
        row["pixel_height_um"], row["pixel_width_um"] = size
    for name, area in zip(names, areas, strict=True):
        row[f"area_px@{name}"] = int(area)
        if size is not None:
            row[f"area_um2@{name}"] = _round(int(area) * size[0] * size[1])
    if sure := _known(certainty):
        row["certainty"] = _round(float(np.mean(sure)))
    if sharp := _known(focus):
        row["focus"] = _round(float(np.median(sharp)))
    return row


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _round(value: float) -> float:
    """Keep six digits: tables are for people."""
    return float(f"{value:.6g}")


def summary_rows(
    records: Iterable[ImageRecord],
    left_alone: Mapping[str, str],
    settings: Collection[str],
) -> list[dict[str, Any]]:
    """List the rows of the table, sorted by image.

    Parameters
    ----------
    records : iterable of ImageRecord
        Those that are done or failed.
    left_alone : mapping of str to str
        Images whose results are not this run's, and why.
    settings : collection of str
        Those of this run, by their hashes.

    Returns
    -------
    list of dict
        Columns of `COLUMNS`, and more that are not in the file: ``path``, and
        ``earlier``, whether model or settings are not those of this run.
    """
    rows = {name: _left(name, reason) for name, reason in left_alone.items()}
    for record in records:
        rows.setdefault(
            record.name,
            {
                **record.summary,
                "image": record.name,
                "path": record.image,
                "status": record.status,
                "reason": record.reason,
                "earlier": record.settings not in settings,
            },
        )
    return [rows[name] for name in sorted(rows)]


def _left(name: str, reason: str) -> dict[str, Any]:
    return {"image": name, "status": "left alone", "reason": reason}


def write_summary(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``summary.csv`` in one atomic step (RFC 4180, UTF-8).

    Areas of classes get columns of their own, behind the others. What is named by
    users is written so that no spreadsheet takes it for a formula (`plain_cells`).
    """
    listed = list(rows)
    areas = dict.fromkeys(name for row in listed for name in row if "@" in name)
    with (
        replacing(path) as fresh,
        fresh.open(
            "w", encoding="utf-8", errors="backslashreplace", newline=""
        ) as file,
    ):
        columns = [*COLUMNS, *areas]
        table = csv.DictWriter(file, columns, extrasaction="ignore")
        table.writeheader()
        table.writerows({**row, **_plain(row)} for row in listed)


def _plain(row: Mapping[str, Any]) -> dict[str, str]:
    texts = {name: plain_text(row[name]) for name in _TEXTS if name in row}
    return {**texts, "image": plain_path(row["image"])}
