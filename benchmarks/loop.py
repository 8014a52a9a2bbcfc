"""The loop, with a simulated person: whether corrections get fewer by the round.

python benchmarks/loop.py --images DIR --masks DIR --start MODEL --json FILE

Half of the images (by the seed) are worked on, one box of one image a round, the
others are only scored. In a round the image is predicted with the model in use;
`person` mends what is wrong in the box with the tools of `unetloop.corrections`
and says that the box is right; then the plugin's own learner trains in the
plugin's own engine, and keeps the new model or not by its own rule. Project,
journal and lock are those of a viewer; only the screen is missing.

For each round: corrections per 100 nuclei in the box and, by the same person, on
the images only scored; their mean AP; actions; seconds of the hand; seconds and
steps of training. How many steps a minute gives depends on the machine: with
``--steps`` the same seed gives the same actions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from desk import Box, Desk
from person import SECONDS, THINKING, correct, set_slider, visible
from qtpy.QtCore import QCoreApplication, QTimer

from unetloop.checkpoint import open_model
from unetloop.corrections import accept_box
from unetloop.masks import read_labels
from unetloop.metrics import average, evaluate_pair
from unetloop.pairing import pair_by_stem
from unetloop.project import open_project
from unetloop.proposals import where_most_is_left

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from unetloop.pairing import Pair
    from unetloop.project import ProjectImage

_VIEW = 768
_CLUMSY = 0.03
_CORRECTIONS = ("delete", "split", "join", "paint", "repaint")
_GOAL = 5.0


@dataclass
class Round:
    """A row of the table; round 0 is the model that it starts from."""

    number: int
    model: str
    image: str = ""
    nuclei: int = 0
    actions: dict[str, int] = field(default_factory=dict)
    failed_tools: int = 0
    hand_seconds: float = 0.0
    train_seconds: float = 0.0
    steps: int = 0
    said: str = ""
    trained: dict[str, float] = field(default_factory=dict)
    others: dict[str, float] = field(default_factory=dict)

    @property
    def per_100(self) -> float:
        """Corrections per 100 nuclei."""
        made = sum(self.actions.get(kind, 0) for kind in _CORRECTIONS)
        return 100 * made / max(self.nuclei, 1)

    def row(self) -> str:
        """Give the row as text."""
        hand = [
            self.image[:12],
            self.nuclei,
            f"{self.per_100:.0f}",
            sum(self.actions.values()),
            f"{self.hand_seconds:.0f}",
            f"{self.train_seconds:.0f}",
            self.steps,
        ]
        cells = [
            self.number,
            *(hand if self.number else [""] * len(hand)),
            self.model,
            f"{self.others['per_100']:.1f}",
            f"{self.others['mean_ap']:.3f}",
            f"{self.others['ap@0.50']:.3f}",
        ]
        return "| " + " | ".join(map(str, cells)) + " |"


_TITLES = (
    "round, image, nuclei, corrections per 100, actions, hand s, training s, steps, "
    "model in use, others: corrections per 100, mean AP, AP@.5"
).split(", ")


def work(
    desk: Desk,
    image: ProjectImage,
    truth: NDArray[np.int32],
    row: Round,
    slider: bool,
    **slips: Any,
) -> None:
    """Go to an image, mend a box of it, and say that it is right."""
    box = view_of(truth)
    counts = Counter({"next": 1})

    def choose(
        at_threshold: Callable[[float], NDArray[np.int32]], before: float
    ) -> float:
        threshold = set_slider(truth, at_threshold, before, box) if slider else before
        if threshold != before:
            counts["slider"] += 1
            row.hand_seconds += THINKING + SECONDS["slider"]
        return threshold

    desk.predict_field(image, box, choose)
    segmentation, review = (
        desk.journal.state(image, 0, name) for name in ("segmentation", "review")
    )
    arrays = {"segmentation": segmentation, "review": review}
    row.hand_seconds += THINKING + SECONDS["next"]
    for action, change in correct(truth, segmentation, review, box, **slips):
        counts[action.kind] += 1
        row.hand_seconds += action.seconds
        if change is None:
            row.failed_tools += 1
        else:
            desk.record(image, change, arrays)
    change = accept_box(arrays["segmentation"], arrays["review"], box)
    if change is not None:
        desk.record(image, change, arrays)
    counts["box"] = 1
    row.hand_seconds += THINKING + SECONDS["box"]
    row.actions = dict(counts)
    row.nuclei = count_nuclei(truth, box)


def view_of(truth: NDArray[np.int32]) -> Box:
    """Choose what is on the screen: the image, or of a large one where most lies."""
    height, width = truth.shape
    if max(height, width) <= _VIEW:
        return 0, 0, height, width
    nobody = np.zeros(truth.shape, np.uint8)
    middle = where_most_is_left(truth, nobody, (0, 0, _VIEW, _VIEW))
    row, column = middle or (height / 2, width / 2)
    top = int(np.clip(row - _VIEW / 2, 0, max(height - _VIEW, 0)))
    left = int(np.clip(column - _VIEW / 2, 0, max(width - _VIEW, 0)))
    return top, left, min(top + _VIEW, height), min(left + _VIEW, width)


def count_nuclei(truth: NDArray[np.int32], box: Box) -> int:
    """Count the nuclei that lie mostly in a box."""
    part = truth[box[0] : box[2], box[1] : box[3]]
    inside = np.bincount(part.ravel(), minlength=int(truth.max(initial=0)) + 1)
    return int((inside * 2 > np.bincount(truth.ravel()))[1:].sum())


def score(found: Sequence[Path], pairs: Sequence[Pair]) -> dict[str, float]:
    """Give mean figures by image, and what the person would have to correct."""
    scores, counts, nuclei, seconds = [], Counter[str](), 0, 0.0
    for path, pair in zip(found, pairs, strict=True):
        mask, labels = read_labels(pair.mask), read_labels(path)
        scores.append(evaluate_pair(mask, labels))
        truth, review = visible(mask), np.zeros(mask.shape, np.uint8)
        box = view_of(truth)
        for action, change in correct(truth, labels, review, box):
            counts[action.kind] += 1
            seconds += action.seconds
            if change is not None:
                labels[change.window] = change.segmentation
                review[change.window] = change.review
        nuclei += count_nuclei(truth, box)
    figures = average(scores)
    each = 100 / max(nuclei, 1)
    return {
        **{name: figures[name] for name in ("mean_ap", "ap@0.50", "ap@0.70")},
        "per_100": each * counts.total(),
        "seconds_per_100": each * seconds,
        **{f"{kind}_per_100": each * counts[kind] for kind in _CORRECTIONS},
    }


def divide(pairs: Sequence[Pair], seed: int) -> tuple[list[Pair], list[Pair]]:
    """Say which half is worked on, in this order, and which is only scored."""
    order = np.random.default_rng(seed).permutation(len(pairs))
    half = (len(pairs) + 1) // 2
    return [pairs[i] for i in order[:half]], [pairs[i] for i in sorted(order[half:])]


def verdict(rows: Sequence[Round]) -> str:
    """Say plainly whether corrections got fewer."""
    first, last = rows[0].others["per_100"], rows[-1].others["per_100"]
    hand = sum(row.hand_seconds for row in rows)
    fell = "fell" if last < first else "DID NOT FALL:"
    goal = "reached" if last < _GOAL else "not reached"
    return (
        f"Corrections per 100 nuclei on images only scored {fell} from {first:.1f} to "
        f"{last:.1f} in {len(rows) - 1} rounds and {hand:.0f} s of the hand; the goal "
        f"of fewer than {_GOAL:.0f} is {goal}."
    )


def run(options: argparse.Namespace, folder: Path) -> list[Round]:
    """Work round by round; print a row for each."""
    worked, others = divide(pair_by_stem(options.images, options.masks), options.seed)
    if not others:
        raise SystemExit("Two images are needed: one to work on, one to score.")
    if (folder / "project").exists():
        raise SystemExit(f"There is a project already, choose another folder: {folder}")
    settings: dict[str, Any] = {"seed": options.seed, "minutes": options.minutes}
    if options.steps:
        settings["steps"] = options.steps
    overlooks = _CLUMSY if options.clumsy else 0.0
    start = options.start
    start = str(Path(start).resolve()) if Path(start).is_dir() else start
    project = open_project(folder / "project", create=True)
    images = project.add_images([pair.image for pair in worked])
    desk = Desk(project, start, options.channel, settings)

    def judge(model: str) -> dict[str, float]:
        paths = [pair.image for pair in others]
        out = folder / "out" / Path(model).name
        return score(desk.predict(paths, model, out), others)

    try:
        rows = [Round(0, Path(start).name, others=judge(start))]
        print(rows[0].row(), flush=True)
        for number in range(1, min(options.rounds, len(worked)) + 1):
            image, pair = images[number - 1], worked[number - 1]
            row = Round(number, "", image=image.id)
            truth = visible(read_labels(pair.mask))
            rng = np.random.default_rng([options.seed, number])
            work(
                *(desk, image, truth, row, options.slider),
                overlooks=overlooks,
                rng=rng,
            )
            began = time.monotonic()
            name, row.said = desk.learn(start if options.afresh else desk.model)
            row.train_seconds = time.monotonic() - began
            row.model = Path(desk.model).name
            card = open_model(project.models_folder / name).card
            row.steps = int(card.training["steps"])
            row.trained = judge(name)
            row.others = row.trained if desk.model == name else rows[-1].others
            rows.append(row)
            print(row.row(), flush=True)
            if desk.model != name:
                print(f"  {row.said} It has {row.trained['mean_ap']:.3f}.", flush=True)
    finally:
        desk.close()
    return rows


def main() -> None:
    """Print a table, one row a round, and what it comes to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--start", required=True, help="a model's name or folder")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--steps", type=int, help="to train, instead of minutes")
    parser.add_argument("--channel", help="numbers or names, as on the command line")
    parser.add_argument(
        "--clumsy", action="store_true", help="3 %% of what is wrong is overlooked"
    )
    parser.add_argument(
        "--afresh",
        action="store_true",
        help="train from MODEL in each round, not from the model in use",
    )
    parser.add_argument(
        "--no-slider",
        dest="slider",
        action="store_false",
        help="the threshold is left where it stands",
    )
    parser.add_argument("--keep", type=Path, help="folder to leave the project in")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    application = QCoreApplication([])
    print("| " + " | ".join(_TITLES) + " |")
    print("|---" * len(_TITLES) + "|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        rows = run(options, options.keep or Path(name))
    QTimer.singleShot(0, application.quit)
    application.exec()  # waits for the engine's end
    print(verdict(rows))
    if options.json:
        content = {
            "options": {key: str(value) for key, value in vars(options).items()},
            "machine": f"{platform.platform()}, {os.cpu_count()} cores",
            "verdict": verdict(rows),
            "rounds": [{**vars(row), "per_100": row.per_100} for row in rows],
        }
        options.json.write_text(json.dumps(content, indent=2))


if __name__ == "__main__":
    main()
