"""Figures of a benchmark as lines in an SVG, readable without a program."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Line", "draw"]

_WIDTH, _HEIGHT = 360, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 96, 30, 40
# Okabe and Ito: told apart by colour-blind people, too.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#555555")


@dataclass(frozen=True)
class Line:
    """A named row of points; ``dashed`` for what is compared with."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


def draw(panels: Sequence[tuple[str, str, Sequence[Line]]]) -> str:
    """Draw panels side by side.

    Parameters
    ----------
    panels : sequence of (title, name of the x axis, lines)
        All share nothing but the colours of lines at the same place.

    Returns
    -------
    str
        The SVG.
    """
    width = _WIDTH * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" '
        f'width="{width}" height="{_HEIGHT}" font-family="sans-serif" font-size="11">'
        f'<rect width="{width}" height="{_HEIGHT}" fill="white"/>'
    ]
    for index, (title, axis, lines) in enumerate(panels):
        parts.append(f'<g transform="translate({index * _WIDTH} 0)">')
        parts += _panel(title, axis, lines)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(title: str, axis: str, lines: Sequence[Line]) -> list[str]:
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    low, high = min(ys) // 0.05 * 0.05, (max(ys) // 0.05 + 1) * 0.05
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - min(xs)) / max(max(xs) - min(xs), 1e-9)
        up = (y - low) / (high - low)
        return _LEFT + across * (right - _LEFT), bottom - up * (bottom - _TOP)

    parts = [
        f'<text x="{_LEFT}" y="18" font-weight="bold">{escape(title)}</text>',
        f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{escape(axis)}</text>",
    ]
    steps = round((high - low) / 0.05)
    for step in range(steps + 1):
        value = low + step * 0.05
        _, y = place(min(xs), value)
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{value:.2f}</text>"
        )
    for x in sorted(set(xs)):
        across, _ = place(x, low)
        parts.append(
            f'<text x="{across:.1f}" y="{bottom + 16}" text-anchor="middle">'
            f"{x:g}</text>"
        )
    for line, color in zip(lines, _COLORS, strict=False):
        points = [place(*point) for point in line.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        parts.append(
            f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"{dash}/>'
        )
        if not line.dashed:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>'
                for x, y in points
            ]
    ends = sorted(
        (place(*line.points[-1])[1], line.name, color)
        for line, color in zip(lines, _COLORS, strict=False)
    )
    lowest = 0.0
    for y, name, color in ends:
        lowest = max(y, lowest + 12)  # names do not lie on each other
        parts.append(
            f'<text x="{right + 6}" y="{lowest + 4:.1f}" fill="{color}">'
            f"{escape(name)}</text>"
        )
    return parts
