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

from unetloop.config import TrainingConfig
from unetloop.events import Event, Examined
from unetloop.files import replacing
from unetloop.selection import independent_nuclei
from unetloop.validation import cut_windows, predict_windows, window_scores

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from unetloop.checkpoint import Model
    from unetloop.training_data import TrainingImage
    from unetloop.validation import Window

__all__ = ["choose_start", "examine"]

_HARM = -0.005


def examine(
    model: Model, root: Model, images: Sequence[TrainingImage], path: Path
) -> Generator[Event, None, float | None]:
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
    float or None
        Mean gain over the root in AP(0.5:0.95), of all exams with this root; an
        image counts as its number of independent nuclei. None: there was none.
    """
    if model.diameter != root.diameter or model.channels != root.channels:
        return None  # another network: they do not see the same
    exams = _read(path)
    taken: dict[str, Any] = exams.setdefault(root.weights_hash, {})
    known = _learned(model) | _learned(root) | set(taken)
    fresh = [image for image in images if _key(image.describe()) not in known]
    config = TrainingConfig(normalization=root.normalization)
    for image in fresh:
        windows: list[Window] = []
        yield from cut_windows(
            [image], root.card.model, root.diameter, config, windows.append
        )
        if not windows:
            continue
        (window,) = windows
        nuclei = len(set(window.labels[window.reviewed].tolist()) - {0})
        if not nuclei:
            continue
        scores = [
            window_scores(
                windows,
                predict_windows(each.network(window.labels.size), windows),
                each.instances,
            )[0]
            for each in (model, root)
        ]
        taken[_key(image.describe())] = {
            "model": model.path.name,
            "gain": scores[0] - scores[1],
            "weight": independent_nuclei([nuclei]),
        }
    if not taken:
        return None
    if fresh:
        with suppress(OSError), replacing(path) as temporary:
            temporary.write_text(json.dumps(exams, indent=1), encoding="utf-8")
    weight = sum(exam["weight"] for exam in taken.values())
    gain = sum(exam["gain"] * exam["weight"] for exam in taken.values()) / weight
    yield Examined(
        model=model.path.name, gain=gain, images=len(taken), harm=gain < _HARM
    )
    return float(gain)


def choose_start(
    in_use: Model, newest: Model, root: Model, gain: float | None
) -> Model:
    """Say with which model to go on: the root where learning did harm.

    Parameters
    ----------
    in_use, newest, root : Model
        The model that predicts now, the newest, and the first.
    gain : float or None
        From `examine`.
    """
    if gain is None:
        return in_use
    return root if gain < _HARM else newest


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
