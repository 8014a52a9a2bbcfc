"""What the simulated person of benchmarks/loop.py decides, on planes drawn by hand."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import ndimage

from unetloop.metrics import evaluate_pair
from unetloop.samples import SMALL, draw_nuclei

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPE = (96, 128)
BOX = (0, 0, *SHAPE)
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def person() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("person")


def disc(row: int, column: int, radius: int = 12) -> np.ndarray:
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(rows - row, columns - column) <= radius


def plane(*masks: np.ndarray) -> np.ndarray:
    """Number masks from 1, the later ones on top."""
    result = np.zeros(SHAPE, np.int32)
    for number, mask in enumerate(masks, 1):
        result[mask] = number
    return result


def mended(
    person: Any, truth: np.ndarray, proposal: np.ndarray, **slips: Any
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Let the person work to the end; at most three actions for each thing."""
    segmentation, review = proposal.copy(), np.zeros(proposal.shape, np.uint8)
    kinds = []
    box = (0, 0, *truth.shape)
    for action, change in person.correct(truth, segmentation, review, box, **slips):
        kinds.append(action.kind)
        assert action.seconds > person.THINKING
        if change is not None:
            segmentation[change.window] = change.segmentation
            review[change.window] = change.review
        assert len(kinds) <= 3 * (truth.max() + proposal.max())
    return kinds, segmentation, review


TWO = plane(disc(40, 40), disc(40, 63))
IN_PARTS = np.where((TWO == 2) & (np.arange(SHAPE[0])[:, None] < 40), 3, TWO)


@pytest.mark.parametrize(
    ("truth", "proposal", "kinds"),
    [
        (TWO, TWO * 7, []),
        (TWO, (TWO > 0).astype(np.int32), ["split"]),
        (TWO, plane(disc(40, 40), disc(40, 63), disc(80, 100)), ["delete"]),
        (TWO, plane(disc(40, 40)), ["paint"]),
        (TWO, plane(disc(40, 40), disc(40, 63, 8)), ["repaint"]),
        (TWO, IN_PARTS, ["join"]),
    ],
    ids=["right", "merged", "false", "missed", "small", "in parts"],
)
def test_each_mistake_takes_the_tool_that_is_made_for_it(
    person: Any, truth: np.ndarray, proposal: np.ndarray, kinds: list[str]
) -> None:
    done, segmentation, review = mended(person, truth, proposal)

    assert done == kinds
    score = evaluate_pair(truth, segmentation)
    assert score.matched[4] == score.true_nuclei == score.predicted_nuclei
    assert (review[segmentation != proposal] == 1).all()


def test_a_cluster_is_cut_one_by_one_along_the_true_borders(person: Any) -> None:
    truth = plane(disc(30, 50), disc(30, 72), disc(49, 61), disc(49, 83))

    done, segmentation, _ = mended(person, truth, (truth > 0).astype(np.int32))

    assert done == ["split"] * 3
    assert evaluate_pair(truth, segmentation).matched[6] == 4  # IoU .8


def test_a_proposal_all_over_the_image_is_deleted_and_not_cut(person: Any) -> None:
    done, segmentation, _ = mended(person, TWO, np.ones(SHAPE, np.int32))

    assert done == ["delete", "paint", "paint"]
    assert evaluate_pair(TWO, segmentation).mean_ap == 1


def test_parts_with_another_nucleus_between_them_are_painted(person: Any) -> None:
    left, right = disc(40, 30), disc(40, 98)
    bow = np.zeros(SHAPE, bool)
    bow[60:66, 24:104] = bow[40:66, 24:30] = bow[40:66, 98:104] = True
    truth = plane(left | right | bow, disc(40, 64))
    proposal = plane(left, disc(40, 64), right)

    done, segmentation, _ = mended(person, truth, proposal)

    assert done == ["repaint"]
    assert evaluate_pair(truth, segmentation).mean_ap == 1


def test_what_lies_mostly_beside_the_box_is_left_alone(person: Any) -> None:
    proposal = plane(disc(80, 30), disc(80, 100))

    kinds = {
        (action.kind, *action.where.mean(0).round())
        for action in person.look(TWO, proposal, (0, 0, 96, 50))
    }

    assert kinds == {("delete", 80, 30), ("paint", 40, 40)}


def test_crumbs_are_not_seen_and_pieces_are_nuclei_of_their_own(person: Any) -> None:
    truth = plane(disc(40, 40) | disc(40, 80), disc(80, 100, 1))

    seen = person.visible(truth)

    assert np.unique(seen).tolist() == [0, 1, 2]
    assert (seen > 0).sum() == (truth == 1).sum()
    assert not person.visible(np.zeros(SHAPE, np.int32)).any()
    assert np.unique(person.visible(np.ones(SHAPE, np.int32))).tolist() == [1]


def test_who_overlooks_everything_does_nothing(person: Any) -> None:
    assert mended(person, TWO, TWO * 0, overlooks=1.0)[0] == []


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_proposed_is_right_in_the_end_and_the_same_each_time(
    person: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = person.visible(draw_nuclei(SMALL, seed, (160, 160)).labels)
    noise = ndimage.gaussian_filter(rng.normal(size=truth.shape), 3) * 6
    shifted = np.roll(truth, tuple(rng.integers(-4, 5, 2)), (0, 1))
    proposal = ndimage.label((shifted > 0) & (noise > -1) | (noise > 1.2))[0]
    proposal = proposal.astype(np.int32)

    done, segmentation, _ = mended(person, truth, proposal)
    again, *_ = mended(person, truth, proposal)

    score = evaluate_pair(truth, segmentation)
    assert score.matched[4] == score.true_nuclei == score.predicted_nuclei
    assert done == again
    assert len(Counter(done)) >= 3
