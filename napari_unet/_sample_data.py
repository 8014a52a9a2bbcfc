"""File > Open Sample: nuclei that the engine draws, with their truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unetloop.samples import LARGE, SMALL, draw_nuclei

if TYPE_CHECKING:
    from unetloop.samples import SampleKind

__all__ = ["large_nuclei", "small_nuclei"]

LayerData = tuple[Any, dict[str, Any], str]


def small_nuclei() -> list[LayerData]:
    """Give an image of small, dense nuclei and their labels."""
    return _layers(SMALL, "Small nuclei")


def large_nuclei() -> list[LayerData]:
    """Give an image of large, touching nuclei and their labels."""
    return _layers(LARGE, "Large nuclei")


def _layers(kind: SampleKind, name: str) -> list[LayerData]:
    sample = draw_nuclei(kind, seed=0)
    truth = {"name": f"{name}, truth", "opacity": 0.5, "visible": False}
    return [
        (sample.labels, truth, "labels"),
        # Last, for napari selects what it adds last, and this is to be worked on.
        (sample.image, {"name": name, "colormap": "gray"}, "image"),
    ]
