"""Histograms as SVG, drawn in a few lines so that a report needs nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["draw_histogram"]

_WIDTH, _HEIGHT = 320, 170
_LEFT, _TOP, _BOTTOM = 56, 24, 34  # on the left, millions of nuclei have room
_LEAST_DIGITS, _MOST_DIGITS = 3, 9


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
