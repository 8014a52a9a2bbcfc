"""``report.html``: one file that sums a run up, and needs neither network nor us."""

from __future__ import annotations

from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.atomic import replacing
from unetloop.counts import counted
from unetloop.methods import (
    describe_class_methods,
    describe_methods,
    list_references,
)
from unetloop.report_figures import class_shares, draw_charts, show_doubtful
from unetloop.triage import most_unlike

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    Row = Mapping[str, Any]

__all__ = ["write_report"]

_MOST_UNLIKE = 24
_MOST_LISTED = 2000
# Behind the name of a class in the name of a column: its share of the image's area.
_PERCENT = "@percent"
# What says nothing of a model of classes, or of its runs.
_OF_NUCLEI = {"diameter", "instances", "knows_its_images", "unlike_above"}


def write_report(
    path: Path,
    rows: Sequence[Row],
    run: Mapping[str, Any],
    pictures: Mapping[str, Path],
) -> None:
    """Write the report in one atomic step.

    Parameters
    ----------
    path : Path
        File to write.
    rows : sequence of mapping
        Of `summary.summary_rows`.
    run : mapping
        What ``run.json`` says of the run.
    pictures : mapping of str to Path
        A JPEG of the most doubtful place of each image, by the image's name.
    """
    done = [row for row in rows if row["status"] == "done"]
    failed = [row for row in rows if row["status"] == "failed"]
    nuclei = _nuclei(done)
    classes = [tissue["name"] for tissue in run["model"].get("classes", ())]
    what = "Tissue classes" if classes else "Nuclei"
    mine = [row for row in done if not row["earlier"]]
    methods = (
        describe_class_methods(run, len(mine))
        if classes
        else describe_methods(run, len(mine), _nuclei(mine), _reviewed(mine))
    )
    template = Template(
        resources.files("unetloop").joinpath("templates/report.html").read_text("utf-8")
    )
    text = template.substitute(
        title=escape(f"{what} of {counted(len(done), 'image')}"),
        what=what,
        subtitle=escape(
            f"{run['started'].replace('T', ' ')[:16]} UTC, model "
            f"{run['model']['name']}, unetloop {run['versions']['unetloop']}"
        ),
        facts=_facts(done, failed, None if classes else nuclei, rows),
        failures=_failures(failed, rows),
        charts=draw_charts(done),
        montage=show_doubtful(done, pictures),
        unlike="" if classes else _unlike(done, run),
        images=_table(rows, classes),
        methods=f"<p>{escape(methods)}</p>{_earlier(len(done) - len(mine))}",
        references="".join(f"<li>{escape(work)}</li>" for work in list_references(run)),
        run=_definitions(run),
    )
    with replacing(path) as fresh:
        fresh.write_text(text, encoding="utf-8", errors="xmlcharrefreplace")


def _nuclei(done: Sequence[Row]) -> int:
    return sum(row.get("nuclei") or 0 for row in done)


def _reviewed(done: Sequence[Row]) -> int:
    return sum(row.get("reviewed") or 0 for row in done)


def _earlier(count: int) -> str:
    """Say that the methods are not those of all images, where that is so."""
    if not count:
        return ""
    are = counted(count, "more image is", "more images are")
    return (
        f'<p class="bad">{are} in the tables and figures that an earlier run made with '
        "another model or other settings. This text is not about them.</p>"
    )


def _facts(
    done: Sequence[Row], failed: Sequence[Row], nuclei: int | None, rows: Sequence[Row]
) -> str:
    facts = [(f"{len(done):,}", "image" if len(done) == 1 else "images")]
    if nuclei is None:
        facts += [(f"{share:.1%}", name) for name, share in class_shares(done).items()]
    else:
        facts.insert(0, (f"{nuclei:,}", "nucleus" if nuclei == 1 else "nuclei"))
        if reviewed := _reviewed(done):
            facts.insert(1, (f"{reviewed:,}", "of them reviewed"))
    sizes = [row["area_um2_median"] for row in done if row.get("area_um2_median")]
    if sizes:
        facts.append((f"{np.median(sizes):.4g} µm²", "median of the images' medians"))
    if len(rows) > len(done) + len(failed):
        facts.append((f"{len(rows) - len(done) - len(failed):,}", "left alone"))
    facts.append((f"{len(failed):,}", "failed"))
    return "".join(
        f"<div><b>{escape(value)}</b>{escape(what)}</div>" for value, what in facts
    )


def _failures(failed: Sequence[Row], rows: Sequence[Row]) -> str:
    left = [row for row in rows if row["status"] == "left alone"]
    remarks = [row for row in rows if row["status"] == "done" and row["reason"]]
    parts = []
    if failed:
        parts.append(
            '<h2 class="bad">Failed</h2><p>Retry these alone with '
            "<code>--retry-failed</code>.</p>" + _reasons(failed)
        )
    if left:
        parts.append("<h2>Left alone</h2>" + _reasons(left))
    if remarks:
        parts.append("<h2>To be known</h2>" + _reasons(remarks))
    return "".join(parts)


def _reasons(rows: Iterable[Row]) -> str:
    lines = "".join(
        f"<tr><td>{escape(row['image'])}</td><td>{escape(row['reason'])}</td></tr>"
        for row in rows
    )
    return f"<table><tr><th>image</th><th>why</th></tr>{lines}</table>"


def _unlike(done: Sequence[Row], run: Mapping[str, Any]) -> str:
    if not run["model"]["knows_its_images"]:
        return (
            '<p class="quiet">This model does not hold the statistics of the images it '
            "learned from, so how unlike they are is not known.</p>"
        )
    found = most_unlike(done)
    if not found:
        return "<p>No image is unlike those that the model has learned from.</p>"
    lines = "".join(
        f"<tr><td>{escape(row['image'])}</td>"
        f'<td class="number">{row["unlikeness"]:.2f}</td></tr>'
        for row in found[:_MOST_UNLIKE]
    )
    return (
        f"<h2>Unlike what the model has seen</h2><p>{len(found)} of "
        f"{counted(len(done), 'image')} differ more from the training images than 19 "
        "of 20 of these from each other (unlikeness above 1). Look at these before you "
        f"trust their numbers{_first(len(found))}.</p>"
        f'<table><tr><th>image</th><th class="number">unlikeness</th></tr>{lines}'
        "</table>"
    )


def _first(count: int) -> str:
    """Say that not all are listed, where that is so."""
    return "" if count <= _MOST_UNLIKE else f"; the {_MOST_UNLIKE} most unlike ones"


def _table(rows: Sequence[Row], classes: Sequence[str]) -> str:
    columns = {
        "nuclei": "nuclei",
        "diameter_px": "diameter px",
        "certainty": "certainty",
        "doubtful": "doubtful",
        "focus": "focus",
        "unlikeness": "unlikeness",
    }
    if classes:
        quality = ("certainty", "doubtful", "focus")
        columns = {f"{name}{_PERCENT}": f"{name} %" for name in classes}
        columns |= {name: name for name in quality}
    head = "".join(
        f'<th class="number">{escape(title)}</th>' for title in columns.values()
    )
    # Guessed, mostly: who knows the images sees whether it is the right one.
    channels = any(row.get("channel") for row in rows)
    if channels:
        head = f"<th>channel</th>{head}"
    lines = []
    for row in rows[:_MOST_LISTED]:
        cells = "".join(
            f'<td class="number">{_number(row, name)}</td>' for name in columns
        )
        if channels:
            cells = f"<td>{escape(row.get('channel') or '')}</td>{cells}"
        lines.append(
            f"<tr><td>{escape(row['image'])}</td><td>{escape(row['status'])}</td>"
            f"{cells}</tr>"
        )
    more = len(rows) - _MOST_LISTED
    note = f"<p>{more:,} more are in summary.csv.</p>" if more > 0 else ""
    return (
        f"<table><tr><th>image</th><th>status</th>{head}</tr>{''.join(lines)}</table>"
        + note
    )


def _number(row: Row, name: str) -> str:
    value = row.get(name)
    if name.endswith(_PERCENT):
        share = row.get("shares", {}).get(name.removesuffix(_PERCENT))
        value = None if share is None else 100 * share
    if value is None:
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def _definitions(run: Mapping[str, Any]) -> str:
    lines = []
    for part in ("model", "settings", "runtime", "versions", "counts"):
        for name, value in run[part].items():
            if run["model"].get("classes") and name in _OF_NUCLEI:
                continue
            lines.append(
                f"<tr><td>{escape(f'{part}: {name}'.replace('_', ' '))}</td>"
                f"<td>{escape(_in_words(value))}</td></tr>"
            )
    times = f"{run['started']} to {run['ended']}"
    return f"<p>{escape(times)}</p><table>{''.join(lines)}</table>"


def _in_words(value: Any) -> str:
    """Write a value of ``run.json`` as people do."""
    if value is None or value == "" or value == [] or value == {}:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_in_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(_in_words(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
