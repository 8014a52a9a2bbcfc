"""``report.html``: one file that sums a run up, and needs neither network nor us."""

from __future__ import annotations

import base64
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.atomic import replacing
from unetloop.charts import draw_histogram
from unetloop.counts import counted
from unetloop.methods import (
    describe_class_methods,
    describe_methods,
    list_references,
)
from unetloop.summary import (
    CERTAINTY_EDGES,
    DIAMETER_EDGES,
    doubt,
    most_doubtful,
    most_unlike,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    Row = Mapping[str, Any]

__all__ = ["write_report"]

_MONTAGE = 24
_MOST_LISTED = 2000
_BINS = 20


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
        else describe_methods(run, len(mine), _nuclei(mine))
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
        charts=_charts(done),
        montage=_montage(done, pictures),
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
        facts += [(f"{share:.1%}", name) for name, share in _shares(done).items()]
    else:
        facts.insert(0, (f"{nuclei:,}", "nucleus" if nuclei == 1 else "nuclei"))
    sizes = [row["area_um2_median"] for row in done if row.get("area_um2_median")]
    if sizes:
        facts.append((f"{np.median(sizes):.4g} µm²", "median of the images' medians"))
    if len(rows) > len(done) + len(failed):
        facts.append((str(len(rows) - len(done) - len(failed)), "left alone"))
    facts.append((str(len(failed)), "failed"))
    return "".join(
        f"<div><b>{escape(value)}</b>{escape(what)}</div>" for value, what in facts
    )


def _shares(done: Sequence[Row]) -> dict[str, float]:
    """Share of each class in the pixels of all images."""
    done = [row for row in done if "shares" in row]
    pixels = [row["planes"] * row["height"] * row["width"] for row in done]
    names = dict.fromkeys(name for row in done for name in row["shares"])
    return {
        name: sum(
            row["shares"].get(name, 0.0) * count
            for row, count in zip(done, pixels, strict=True)
        )
        / max(sum(pixels), 1)
        for name in names
    }


def _failures(failed: Sequence[Row], rows: Sequence[Row]) -> str:
    left = [row for row in rows if row["status"] == "left alone"]
    parts = []
    if failed:
        parts.append(
            '<h2 class="bad">Failed</h2><p>Retry these alone with '
            "<code>--retry-failed</code>.</p>" + _reasons(failed)
        )
    if left:
        parts.append("<h2>Left alone</h2>" + _reasons(left))
    return "".join(parts)


def _reasons(rows: Iterable[Row]) -> str:
    lines = "".join(
        f"<tr><td>{escape(row['image'])}</td><td>{escape(row['reason'])}</td></tr>"
        for row in rows
    )
    return f"<table><tr><th>image</th><th>reason</th></tr>{lines}</table>"


def _charts(done: Sequence[Row]) -> str:
    charts = []
    for name, title, unit, edges in (
        (
            "diameter_bins",
            "Nucleus diameters",
            "px, of the disc of equal area",
            DIAMETER_EDGES,
        ),
        (
            "certainty_bins",
            "Certainty of the nuclei",
            "mean probability",
            CERTAINTY_EDGES,
        ),
    ):
        counts = np.sum([row[name] for row in done if name in row] or [[0]], axis=0)
        there = np.flatnonzero(counts)
        if len(there):
            part = slice(there[0], there[-1] + 1)
            shown = edges[there[0] : there[-1] + 2]
            charts.append(draw_histogram(title, unit, shown, counts[part].tolist()))
    for name, title, unit in (
        ("nuclei", "Nuclei in an image", "nuclei"),
        ("focus", "Focus of the images", "slope of the power spectrum"),
        ("unlikeness", "Unlike the training images", "unlikeness; above 1 unlike"),
    ):
        values = [float(row[name]) for row in done if row.get(name) is not None]
        if values:
            charts.append(_histogram(title, unit, values))
    for name in _shares(done):
        values = [row["shares"][name] for row in done if name in row.get("shares", ())]
        charts.append(_histogram(name, "share of an image's area", values))
    return "".join(f"<figure>{chart}</figure>" for chart in charts)


def _histogram(title: str, unit: str, values: Sequence[float]) -> str:
    counts, found = np.histogram(values, min(_BINS, max(5, len(values) // 3)))
    return draw_histogram(title, unit, found.tolist(), counts.tolist())


def _montage(done: Sequence[Row], pictures: Mapping[str, Path]) -> str:
    figures = []
    for row in most_doubtful(done, _MONTAGE):
        picture = pictures.get(row["image"])
        if picture is None:
            continue
        data = base64.b64encode(picture.read_bytes()).decode("ascii")
        name = escape(row["image"])
        text = f"{name}: doubt {doubt(row):.2f}"
        if row.get("nuclei") is not None:
            text += f", {counted(row['nuclei'], 'nucleus', 'nuclei')}"
        figures.append(
            f'<figure><img alt="{name}" src="data:image/jpeg;base64,{data}">'
            f"<figcaption>{text}</figcaption></figure>"
        )
    return "".join(figures)


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
        for row in found[:_MONTAGE]
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
    return "" if count <= _MONTAGE else f"; the {_MONTAGE} most unlike ones"


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
        columns = {f"area_px@{name}": f"{name} px" for name in classes} | {
            name: name for name in ("certainty", "doubtful", "focus")
        }
    head = "".join(
        f'<th class="number">{escape(title)}</th>' for title in columns.values()
    )
    lines = []
    for row in rows[:_MOST_LISTED]:
        cells = "".join(
            f'<td class="number">{_number(row, name)}</td>' for name in columns
        )
        lines.append(
            f"<tr><td>{escape(row['image'])}</td><td>{escape(row['status'])}</td>"
            f"{cells}</tr>"
        )
    more = len(rows) - _MOST_LISTED
    note = f"<p>{more} more are in summary.csv.</p>" if more > 0 else ""
    return (
        f"<table><tr><th>image</th><th>status</th>{head}</tr>{''.join(lines)}</table>"
        + note
    )


def _number(row: Row, name: str) -> str:
    value = row.get(name)
    return (
        "" if value is None else f"{value:.4g}" if value != int(value) else f"{value:g}"
    )


def _definitions(run: Mapping[str, Any]) -> str:
    lines = []
    for part in ("model", "settings", "runtime", "versions", "counts"):
        for name, value in run[part].items():
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
