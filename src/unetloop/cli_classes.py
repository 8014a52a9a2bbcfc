"""What the command line says of tissue classes: which there are, how well they fit."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unetloop import cli_values
from unetloop.classes import name_classes, number_classes
from unetloop.counts import counted
from unetloop.errors import EngineError
from unetloop.tasks import TASKS, Classes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unetloop.class_metrics import ClassScore
    from unetloop.pairing import Pair
    from unetloop.training_image import TrainingImage

__all__ = [
    "add_class_options",
    "class_images",
    "class_task",
    "evaluate_classes",
    "wants_classes",
]

_SHOWN = 10  # numbers in a message
# Classes that nobody named; an image of nuclei mostly holds more numbers.
_MOST_UNNAMED = 20


def add_class_options(parser: argparse.ArgumentParser) -> None:
    """Give a command the options that say which classes there are."""
    parser.add_argument(
        "--task",
        choices=TASKS,
        default="nuclei",
        help="nuclei: number them; classes: tell tissue classes apart",
    )
    parser.add_argument(
        "--classes",
        type=cli_values.word,
        metavar="NAMES",
        help="names of the classes in the order of their numbers, with commas between "
        "them (default: as many as the masks hold)",
    )
    parser.add_argument(
        "--first-class",
        type=int,
        choices=(0, 1),
        default=1,
        help="number of the first class in the masks (default: 1; 0 is then what "
        "nobody labelled)",
    )


def wants_classes(options: argparse.Namespace) -> bool:
    """Say whether the task is classes.

    Raises
    ------
    EngineError
        If classes were described where nuclei are asked for.
    """
    if options.task == "classes":
        return True
    if options.classes or options.first_class != 1:
        raise EngineError("--classes and --first-class need --task classes.")
    return False


def class_task(options: argparse.Namespace) -> Classes | None:
    """Say which classes there are; None where nuclei are asked for.

    Raises
    ------
    EngineError
        If they are fewer than two, not named and many or with gaps between their
        numbers, or named where nuclei are asked for.
    """
    if not wants_classes(options):
        return None
    if options.classes:
        return Classes(name_classes(options.classes.split(",")))
    if options.project is not None:
        from unetloop.project import open_project

        with open_project(options.project) as project:
            if project.classes:
                return Classes(project.classes)
    if options.masks is None:
        raise EngineError(
            "Which classes there are is not known.",
            todo="Name them, with commas between them: --classes background,tumour",
        )
    from unetloop.pairing import pair_by_stem

    pairs = pair_by_stem(options.images, options.masks, options.review)
    numbers = _numbers([pair.mask for pair in pairs])
    numbers = numbers[numbers >= options.first_class]
    if len(numbers) < 2:
        raise EngineError(
            "The masks hold fewer than two classes.",
            todo="Add --first-class 0 if 0 is one of them, or name all with --classes.",
            numbers=_listed(numbers),
        )
    _check_unnamed(numbers, options.first_class)
    return Classes(number_classes(len(numbers)))


def _check_unnamed(numbers: NDArray[np.int32], first: int) -> None:
    """See that numbers of masks may be those of classes that nobody named.

    Raises
    ------
    EngineError
        If they are many or have gaps.
    """
    if len(numbers) > _MOST_UNNAMED:
        raise EngineError(
            "The masks hold many numbers, as masks of nuclei do: one for each.",
            todo="Leave out --task classes if they are of nuclei; if they are of "
            "classes, name all with --classes.",
            numbers=len(numbers),
        )
    if len(numbers) != numbers[-1] + 1 - first:
        raise EngineError(
            "The masks' numbers have gaps, so that there would be classes without a "
            "pixel.",
            todo="Number the classes one after the other, or name all with --classes.",
            numbers=_listed(numbers),
        )


def class_images(
    images: Sequence[TrainingImage], options: argparse.Namespace
) -> list[TrainingImage]:
    """Tell images which number the first class has in their masks."""
    first = options.first_class
    return [replace(image, first_class=first) for image in images]


def evaluate_classes(options: argparse.Namespace) -> int:
    """Compare class maps with the truth; give the exit code.

    ``options`` hold ``pred``, ``truth``, ``classes``, ``first_class`` and ``json``.
    Predictions hold 1 to the number of classes; the truth begins with
    ``first_class``, and what it says is not labelled does not count.
    """
    from unetloop.class_metrics import pool_classes
    from unetloop.pairing import pair_by_stem

    pairs = pair_by_stem(
        options.pred, options.truth, called=("prediction", "true mask")
    )
    if options.classes:
        named = name_classes(options.classes.split(","))
    else:
        true = _numbers([pair.mask for pair in pairs]) + 1 - options.first_class
        numbers = np.union1d(true, _numbers([pair.image for pair in pairs]))
        count = int(numbers[-1])
        if count > _MOST_UNNAMED:  # a few may have no pixel here
            _check_unnamed(numbers[numbers > 0], first=1)
        named = number_classes(max(count, 2))
    names = [tissue.name for tissue in named]
    scores = [_score(pair, len(names), options.first_class) for pair in pairs]
    pooled = pool_classes(scores)
    if options.json:
        content: dict[str, Any] = {
            "images": {
                pair.stem: score.figures(names)
                for pair, score in zip(pairs, scores, strict=True)
            },
            "pooled": pooled.figures(names),
        }
        _print(json.dumps(_known(content), indent=2))
        return 0
    width = max(len("class"), *(len(name) for name in names))
    lines = [counted(len(pairs), "image"), f"{'class':{width}}    IoU   Dice"]
    lines += [
        f"{name:{width}}  {_figure(iou)}  {_figure(dice)}"
        for name, iou, dice in zip(names, pooled.iou, pooled.dice, strict=True)
    ]
    lines += [
        f"{'mean':{width}}  {_figure(pooled.mean_iou)}  {_figure(pooled.mean_dice)}",
        f"pixel accuracy {_figure(pooled.pixel_accuracy).strip()}",
    ]
    _print("\n".join(lines))
    return 0


def _score(pair: Pair, count: int, first: int) -> ClassScore:
    """Compare two class maps; the first class is 1, and ``first`` in the truth."""
    from unetloop.class_metrics import compare_classes, pool_classes
    from unetloop.masks import read_both

    planes = []
    for predicted, truth in read_both(pair.image, pair.mask):
        known = truth >= first
        if (predicted[known] == 0).any():
            raise EngineError(
                "The prediction holds 0, no class, where the truth has one.",
                todo="Predict again without --project, whose ignored areas are 0, "
                "or let the truth be 0 there, too.",
                predicted=str(pair.image),
            )
        for path, numbers, highest in (
            (pair.image, predicted, count),
            (pair.mask, truth, count - 1 + first),
        ):
            number = int(numbers.max(where=known, initial=0))
            if number > highest:
                raise EngineError(
                    "A mask holds a number that is no class.",
                    todo="Name as many classes as there are, or correct the mask.",
                    path=str(path),
                    number=number,
                    classes=count,
                )
        planes.append(compare_classes(truth - first, predicted - 1, count, known))
    return pool_classes(planes)


def _numbers(paths: Sequence[Path]) -> NDArray[np.int32]:
    """List the numbers that masks hold, the lowest first."""
    from unetloop.images import open_image
    from unetloop.masks import read_labels

    numbers = np.zeros(0, np.int32)
    for path in paths:
        with open_image(path) as image:
            planes = image.info.planes
        for plane in range(planes):
            numbers = np.union1d(numbers, read_labels(path, plane))
    return numbers


def _listed(numbers: NDArray[np.int32]) -> str:
    shown = ", ".join(map(str, numbers[:_SHOWN].tolist()))
    return f"{shown}, ..." if len(numbers) > _SHOWN else shown or "none"


def _known(value: Any) -> Any:
    """Write null for what is not known: JSON has no NaN."""
    if isinstance(value, dict):
        return {name: _known(item) for name, item in value.items()}
    return None if value != value else value


def _figure(value: float) -> str:
    return "    –" if value != value else f"{value:.3f}"


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
