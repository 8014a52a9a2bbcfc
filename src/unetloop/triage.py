"""Which images of a batch to look at first, by their rows of ``summary.csv``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["UNLIKE", "doubt", "most_doubtful", "most_unlike"]

UNLIKE = 1.0
"""Unlikeness above which an image is called unlike the training images."""


def doubt(row: Mapping[str, Any]) -> float:
    """Say how doubtful an image's result is, 0 to 1: the order of the montage.

    Half the share of doubtful pixels and half of what the nuclei lack in
    certainty; an image without nuclei counts by its doubtful pixels alone.
    """
    doubtful = float(row.get("doubtful") or 0.0)
    certainty = row.get("certainty")
    return doubtful if certainty is None else (doubtful + 1 - float(certainty)) / 2


def most_doubtful(
    rows: Iterable[Mapping[str, Any]], count: int
) -> list[Mapping[str, Any]]:
    """List the images that a network is least sure of, the worst first."""
    done = [row for row in rows if row["status"] == "done"]
    return sorted(done, key=lambda row: (-doubt(row), row["image"]))[:count]


def most_unlike(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """List the images unlike those a model has learned from, the worst first."""
    found = [
        row
        for row in rows
        if row["status"] == "done" and (row.get("unlikeness") or 0.0) > UNLIKE
    ]
    return sorted(found, key=lambda row: (-float(row["unlikeness"]), row["image"]))
