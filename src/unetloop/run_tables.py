"""Tables and report of an output folder, made again from its records.

``measurements.csv``, ``summary.csv`` and ``report.html`` hold what the records
hold, no more. A table that somebody has changed is put aside, not replaced.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unetloop.atomic import replacing
from unetloop.errors import EngineError
from unetloop.export.coco import join_coco
from unetloop.file_state import FileState
from unetloop.measurement_table import join_measurements
from unetloop.report import write_report
from unetloop.run_record import JOINED, read_run
from unetloop.summary import summary_rows, write_summary

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from unetloop.run_record import ImageRecord, Records

__all__ = ["COCO", "TABLES", "Tables", "check_tables", "write_tables"]

COCO = "coco.json"
"""What is made of all records that were exported to COCO."""

TABLES = ("measurements.csv", "summary.csv", "report.html")
"""What is made of all records together."""


@dataclass(frozen=True)
class Tables:
    """What was written: the rows of the summary, the report, and what to tell."""

    rows: list[dict[str, Any]]
    report: Path
    notices: list[str]


def check_tables(out: Path) -> None:
    """Refuse a folder whose tables are somebody else's.

    Raises
    ------
    EngineError
        If it holds files of our names but no ``run.json`` of ours.
    """
    if read_run(out) is not None:
        return
    names = ("run.json", *TABLES, COCO)
    there = [name for name in names if (out / name).exists()]
    if there:
        raise EngineError(
            f"The output folder holds {', '.join(there)} that this program did not "
            "write.",
            todo="Choose another folder, or --overwrite to replace them.",
            out=str(out),
        )


def write_tables(
    records: Records,
    left_alone: Mapping[str, str],
    run: Mapping[str, Any],
    settings: Collection[str],
    changed: bool,
) -> Tables:
    """Write the tables and the report of all records of a folder.

    Parameters
    ----------
    records : Records
        The folder's.
    left_alone : mapping of str to str
        Images whose results are not this run's, and why.
    run : mapping
        What ``run.json`` says of the run.
    settings : collection of str
        Its model and settings, by the hashes that records have of them.
    changed : bool
        Whether any record is new; if not, tables that are there are kept.
    """
    out = records.out
    listed = [record for record in records.all() if record.status != "begun"]
    rows = summary_rows(listed, left_alone, settings)
    report = out / "report.html"
    known = _read_states(records)
    done = [record for record in _sorted(listed) if record.status == "done"]
    joined = [record for record in done if JOINED in record.exports]
    names = [*TABLES, COCO] if joined else TABLES
    wanted = [
        name
        for name in names
        if changed or name not in known or not (out / name).exists()
    ]
    notices = []
    for name in wanted:
        aside = _put_aside(out / name, known.get(name))
        if aside is not None:
            notices.append(
                f"{name} was changed after it was written; it is now {aside.name}."
            )
    if "measurements.csv" in wanted:
        parts = [records.path(record.stem, ".csv") for record in done]
        join_measurements(parts, out / "measurements.csv")
    if COCO in wanted:
        parts = [records.path(record.stem, f".{JOINED}") for record in joined]
        join_coco(parts, out / COCO)
    if "summary.csv" in wanted:
        write_summary(out / "summary.csv", rows)
    if "report.html" in wanted:
        write_report(report, rows, run, _pictures(records, listed))
    if wanted:
        states = {name: FileState.of(out / name).sha256 for name in names}
        with replacing(_states_path(records)) as fresh:
            fresh.write_text(json.dumps(states, indent=1) + "\n", encoding="utf-8")
    return Tables(rows, report, notices)


def _sorted(records: Iterable[ImageRecord]) -> list[ImageRecord]:
    return sorted(records, key=lambda record: record.name)


def _pictures(records: Records, listed: Iterable[ImageRecord]) -> dict[str, Path]:
    paths = {record.name: records.path(record.stem, ".jpg") for record in listed}
    return {name: path for name, path in paths.items() if path.exists()}


def _states_path(records: Records) -> Path:
    return records.folder / ".tables.json"


def _read_states(records: Records) -> dict[str, str]:
    try:
        values = json.loads(_states_path(records).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _put_aside(path: Path, sha256: str | None) -> Path | None:
    """Rename a table that is not as it was written; give its new name."""
    if sha256 is None or not path.exists() or FileState.of(path).sha256 == sha256:
        return None
    number = 1
    while True:
        aside = path.with_name(f"{path.stem}.changed-{number}{path.suffix}")
        if not aside.exists():
            path.rename(aside)
            return aside
        number += 1
