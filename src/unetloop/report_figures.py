"""The figures of a report: histograms, and pictures of doubtful places."""

from __future__ import annotations

import base64
import math
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.counts import counted
from unetloop.summary import CERTAINTY_EDGES, DIAMETER_EDGES
from unetloop.triage import doubt, most_doubtful

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Row = Mapping[str, Any]

__all__ = ["class_shares", "draw_charts", "draw_histogram", "show_doubtful"]

_MONTAGE = 24
_BINS = 20
# Of a histogram, in pixels.
_WIDTH, _HEIGHT = 320, 170
_LEFT, _TOP, _BOTTOM = 56, 24, 34  # on the left, millions of nuclei have room
_LEAST_DIGITS, _MOST_DIGITS = 3, 9


def class_shares(done: Sequence[Row]) -> dict[str, float]:
    """Give the share of each class in the pixels of all images.

    Parameters
    ----------
    done : sequence of mapping
        Rows of `summary.summary_rows`; those without classes do not count.
    """
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


def draw_charts(done: Sequence[Row]) -> str:
    """Draw histograms of nuclei and images, as HTML.

    Parameters
    ----------
    done : sequence of mapping
        Rows of `summary.summary_rows` of images that are done.
    """
    charts = []
    for name, title, unit, edges in (
        (
            "diameter_bins",
            "Nucleus diameters",
            "px, of the disc of equal area; logarithmic",
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
        charts += _histogram(title, unit, values)
    for name in class_shares(done):
        values = [row["shares"][name] for row in done if name in row.get("shares", ())]
        charts += _histogram(name, "share of an image's area", values)
    return "".join(f"<figure>{chart}</figure>" for chart in charts)


def _histogram(title: str, unit: str, values: Sequence[float]) -> list[str]:
    """Draw how a number differs between images; nothing where there is only one."""
    if len(values) < 2:
        return []
    bins = min(_BINS, max(5, len(values) // 3))
    if all(float(value).is_integer() for value in values):
        step = math.ceil((max(values) - min(values) + 1) / bins)
        edges = np.arange(min(values), max(values) + step + 1, step)
    else:
        edges = np.histogram_bin_edges(values, bins)
    counts = np.histogram(values, edges)[0]
    return [draw_histogram(title, unit, edges.tolist(), counts.tolist())]


def draw_histogram(
    title: str, unit: str, edges: Sequence[float], counts: Sequence[int]
) -> str:
    """Draw a histogram with an axis below and the highest count at the left.

    Parameters
    ----------
    title, unit : str
        Written above and below it.
    edges : sequence of float
        (bins + 1,): rising; bins are drawn equally wide.
    counts : sequence of int
        (bins,).

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    width = (_WIDTH - _LEFT - 8) / max(len(counts), 1)
    height = _HEIGHT - _TOP - _BOTTOM
    most = max([*counts, 1])
    foot = _HEIGHT - _BOTTOM
    digits = _digits(edges)
    parts = [f'<text x="{_LEFT}" y="14">{escape(title)}</text>']
    for index, count in enumerate(counts):
        tall = height * count / most
        if count:
            label = (
                f"{_tick(edges[index], digits)} to {_tick(edges[index + 1], digits)} "
                f"{unit}: {count:,}"
            )
            parts.append(
                f'<rect x="{_LEFT + index * width:.1f}" y="{foot - tall:.1f}" '
                f'width="{max(width - 1, 0.5):.1f}" height="{tall:.1f}">'
                f"<title>{escape(label)}</title></rect>"
            )
    parts.append(
        f'<line x1="{_LEFT}" y1="{foot}" x2="{_WIDTH - 8}" y2="{foot}"></line>'
    )
    for index in sorted({0, len(counts) // 2, len(counts)}):
        x = _LEFT + index * width
        anchor = "end" if index == len(counts) else "middle"
        parts.append(
            f'<text x="{x:.1f}" y="{foot + 14}" text-anchor="{anchor}">'
            f"{_tick(edges[index], digits)}</text>"
        )
    middle = (_LEFT + _WIDTH) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 4}" text-anchor="middle">'
        f"{escape(unit)}</text>"
    )
    parts.append(
        f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{most:,}</text>'
        f'<text x="{_LEFT - 4}" y="{foot}" text-anchor="end">0</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def _digits(values: Sequence[float]) -> int:
    """Count the digits by which values that differ can be told apart, at least 3."""
    for digits in range(_LEAST_DIGITS, _MOST_DIGITS):
        if len({_tick(value, digits) for value in values}) == len(set(values)):
            return digits
    return _MOST_DIGITS


def _tick(value: float, digits: int) -> str:
    whole = abs(value) >= 10**_LEAST_DIGITS / 10 and digits == _LEAST_DIGITS
    return f"{value:.0f}" if whole else f"{value:.{digits}g}"


def show_doubtful(done: Sequence[Row], pictures: Mapping[str, Path]) -> str:
    """Show the most doubtful images, the worst first, as HTML.

    Parameters
    ----------
    done : sequence of mapping
        Rows of `summary.summary_rows` of images that are done.
    pictures : mapping of str to Path
        A JPEG of the most doubtful place of each image, by the image's name.
    """
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
