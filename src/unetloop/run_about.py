"""What a run was: model, settings, runtime, versions, for ``run.json`` and report."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from unetloop import __version__
from unetloop.classes import classes_to_json
from unetloop.config import to_dict
from unetloop.quality import Reference
from unetloop.triage import UNLIKE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from unetloop.checkpoint import Model
    from unetloop.config import InstanceConfig, PredictionConfig

__all__ = ["describe_run"]

_PACKAGES = ("numpy", "scipy", "scikit-image", "tifffile", "keras")


def describe_run(
    model: Model,
    config: PredictionConfig,
    channel: str | None,
    channel_if_there: bool,
    channels: Mapping[str, str],
    diameters: Mapping[str, float],
    pixel_size: float | None,
    pixel_sizes: Mapping[str, float],
    exports: Iterable[str],
    instances: InstanceConfig,
    *,
    started: str,
    ended: str,
    stopped: str,
    runtime: Mapping[str, Any],
    counts: Mapping[str, int],
    project: Path | None = None,
) -> dict[str, Any]:
    """Say what was done with what; docs/formats.md describes the fields.

    Parameters
    ----------
    model : Model
        The opened model.
    config : PredictionConfig
        How it was run.
    channel : str or None
        What was looked at.
    channel_if_there : bool
        Whether only where an image has it.
    channels : mapping of str to str
        In single images, by their paths, instead of it.
    diameters : mapping of str to float
        Those of nuclei in single images, by their paths, instead of the settings'.
    pixel_size : float or None
        Side of a pixel in µm, in images that state none.
    pixel_sizes : mapping of str to float
        In single images, by their paths, whatever they state.
    exports : iterable of str
        Names of `catalog.EXPORTERS`.
    instances : InstanceConfig
        How maps became nuclei: as the model says, or as was chosen.
    started, ended, stopped : str
        When, and why it ended; empty while it runs.
    runtime : mapping
        On what it ran.
    counts : mapping of str to int
        How many images were predicted, exported, failed and skipped.
    project : Path, optional
        Whose corrections counted.
    """
    card = model.card
    return {
        "started": started,
        "ended": ended,
        "stopped": stopped,
        "model": {
            "name": model.path.name,
            "path": str(model.path),
            "sha256": model.weights_hash,
            "architecture": card.model.architecture,
            "maps": list(card.maps),
            "diameter": card.diameter,
            "normalization": to_dict(card.normalization),
            "instances": to_dict(card.instances),
            "classes": classes_to_json(card.classes),
            "pixel_size": card.pixel_size,
            "trained_on_images": card.count_images(),
            "started_from": card.started_from,
            "knows_its_images": Reference.from_json(card.reference) is not None,
            "unlike_above": UNLIKE,
        },
        "settings": {
            **to_dict(config),
            "channel": channel,
            "channel_if_there": channel_if_there,
            "channels": dict(channels),
            "diameters": dict(diameters),
            "pixel_size": pixel_size,
            "pixel_sizes": dict(pixel_sizes),
            "exports": list(exports),
            "project": None if project is None else str(project),
            "instances": None if card.classes else to_dict(instances),
        },
        "runtime": {**runtime, "platform": platform.platform()},
        "versions": {
            "unetloop": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _PACKAGES},
        },
        "counts": dict(counts),
    }
