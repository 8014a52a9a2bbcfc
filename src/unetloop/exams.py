"""Whether learning pays: what new corrections say of models that do not know them.

An image that was just corrected is an exam that nothing had to be set aside for: the
newest model had not learned from it, nor had the one that all learning began with.
The difference of their scores, added up over the images, says whether what was learned
so far helps on the next image (Dawid 1984, "Present position and potential
developments: the prequential approach", J. R. Stat. Soc. A 147).
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop.atomic import replacing
from unetloop.config import TrainingConfig
from unetloop.events import Event, Examined
from unetloop.held_out import cut_windows
from unetloop.validation import (
    count_nuclei,
    predict_windows,
    window_scores,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from unetloop.checkpoint import Model
    from unetloop.held_out import Window
    from unetloop.network import Network
    from unetloop.training_image import TrainingImage

__all__ = ["examine"]

# So many are enough to judge, and so many count: models of long ago were others.
_FEWEST, _MOST = 4, 8
_FEWEST_NUCLEI = 5


def examine(
    model: Model, root: Model, images: Sequence[TrainingImage], path: Path
) -> Generator[Event, None, bool]:
    """Compare two models on the images that neither learned from.

    Parameters
    ----------
    model : Model
        The newest one.
    root : Model
        The one that all learning began with; both predict nuclei.
    images : sequence of TrainingImage
        What is reviewed.
    path : Path
        JSON file of all exams so far; is written anew if there is one more.

    Yields
    ------
    Event
        Progress, and `Examined`.

    Returns
    -------
    bool
        Whether learning did harm: the mean gain over the root in AP(0.5:0.95), in the
        last exams, is below zero by more than its standard error. Fewer than four
        can't tell.
    """
    if model.diameter != root.diameter or model.channels != root.channels:
        return False  # another network: they do not see the same
    exams = _read(path)
    taken: dict[str, Any] = exams.setdefault(root.weights_hash, {})
    before_these = len(taken)
    known = _learned(model) | _learned(root) | set(taken)
    fresh = [image for image in images if _key(image.describe()) not in known]
    config = TrainingConfig(normalization=root.normalization)
    networks: list[Network] = []
    for image in fresh:
        windows: list[Window] = []
        yield from cut_windows([image], root.diameter, config, windows.append)
        if not windows or count_nuclei(windows[0]) < _FEWEST_NUCLEI:
            continue
        if not networks:
            pixels = windows[0].image[..., 0].size
            networks = [each.network(pixels) for each in (model, root)]
        after, before = (
            window_scores(windows, predict_windows(network, windows), each.instances)[0]
            for each, network in zip((model, root), networks, strict=True)
        )
        exam = {"model": model.path.name, "gain": after - before}
        taken[_key(image.describe())] = exam
    if not taken:
        return False
    if len(taken) > before_these:
        with suppress(OSError), replacing(path) as temporary:
            temporary.write_text(json.dumps(exams, indent=1), encoding="utf-8")
    gains = [float(exam["gain"]) for exam in taken.values()][-_MOST:]
    mean, harm = float(np.mean(gains)), False
    if len(gains) >= _FEWEST:
        harm = bool(mean + np.std(gains, ddof=1) / np.sqrt(len(gains)) < 0)
    name = model.path.name
    yield Examined(model=name, gain=mean, images=len(gains), harm=harm)
    return harm


def _learned(model: Model) -> set[str]:
    return {_key(image) for image in model.card.training.get("images", ())}


def _key(description: dict[str, Any]) -> str:
    return f"{description.get('image_sha256')}:{description.get('plane', 0)}"


def _read(path: Path) -> dict[str, Any]:
    """Read what there is; a file that can't be read is begun anew."""
    try:
        exams = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return exams if isinstance(exams, dict) else {}
