"""Which model predicts once a training ended, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_unet._adoption import Ended, judge

MADE = Ended("round-2", fit=0.71, fit_before=0.73, nuclei=20)


def said(how: Ended) -> tuple[str, str]:
    return judge(how, "round-1", "round-1", "nuclei")


def test_a_difference_that_may_be_chance_is_said_to_be_no_more() -> None:
    assert said(MADE) == (
        "round-2",
        "Learned: round-2 predicts now. On what you corrected it scores 0.71, "
        "round-1 0.73: so small a fall may be chance.",
    )


@pytest.mark.parametrize("fit", [0.73, 0.8])
def test_what_is_not_worse_needs_no_excuse(fit: float) -> None:
    model, sentence = said(replace(MADE, fit=fit))
    assert model == "round-2"
    assert sentence.endswith(f"it scores {fit:.2f}, round-1 0.73.")


@pytest.mark.parametrize(("nuclei", "adopted"), [(10, True), (40, False)])
def test_how_much_is_chance_follows_from_how_many_nuclei_are_scored(
    nuclei: int, adopted: bool
) -> None:
    model, sentence = said(replace(MADE, fit=0.6, nuclei=nuclei))
    assert (model == "round-2") is adopted
    assert ("round-1 stays" in sentence) is not adopted


@pytest.mark.parametrize(
    ("before", "why"),
    [(0.8, "More corrections may help."), (0.97, "there is little to learn.")],
)
def test_it_says_what_to_make_of_a_model_that_is_not_adopted(
    before: float, why: str
) -> None:
    model, sentence = said(replace(MADE, fit=0.6, fit_before=before))
    assert not model
    assert sentence.endswith(why)


def test_classes_are_scored_by_their_pixels() -> None:
    assert said(replace(MADE, nuclei=None))[0] == "round-2"
    assert said(replace(MADE, nuclei=None, fit=0.6))[0] == ""


def test_where_only_background_was_reviewed_nothing_speaks_against_it() -> None:
    assert said(replace(MADE, nuclei=0, fit=0.0, fit_before=1.0))[0] == "round-2"


def test_images_held_out_decide_where_there_are_some() -> None:
    held = Ended("round-2", score=0.71, before=0.73, nuclei=20)
    assert said(held) == (
        "",
        "round-2 scored 0.71, round-1 0.73 on images it did not learn from: round-1 "
        "stays.",
    )
    better = said(replace(held, score=0.75))
    assert better[0] == "round-2"
    assert better[1].endswith(
        "On images it did not learn from it scores 0.75, round-1 0.73."
    )


def test_what_did_harm_gives_way_to_the_first_model() -> None:
    model, sentence = said(replace(MADE, harm=True))
    assert model == "nuclei"
    assert "nuclei predicts until round-2 does better" in sentence


def test_a_new_network_is_compared_with_none() -> None:
    assert said(Ended("round-2", fit=0.5, nuclei=9)) == (
        "round-2",
        "Learned: round-2 predicts now.",
    )


ACCEPTED = Ended("round-2", fit=0.97, fit_before=1.0, nuclei=20)


def test_where_all_was_accepted_as_it_was_found_no_fall_is_chance() -> None:
    assert judge(ACCEPTED, "nuclei", "nuclei", "nuclei", corrected=False) == (
        "",
        "What you reviewed was right as it was found: there is nothing to learn yet, "
        "nuclei stays.",
    )
    assert judge(ACCEPTED, "nuclei", "nuclei", "nuclei")[0] == "round-2"


@pytest.mark.parametrize(
    "how",
    [
        replace(ACCEPTED, fit=0.996),  # said to be 1.00
        # Another model than the one that found it: it has something to learn.
        replace(ACCEPTED, fit=0.71, fit_before=0.73),
    ],
)
def test_what_is_as_good_or_starts_worse_is_adopted_as_ever(how: Ended) -> None:
    assert judge(how, "nuclei", "nuclei", "nuclei", corrected=False)[0] == "round-2"


def test_a_model_of_a_new_kind_of_image_says_what_the_first_is_still_for() -> None:
    how = Ended("round-1", fit=0.52, fit_before=0.03, nuclei=20, anew=True)
    assert judge(how, "nuclei", "nuclei", "nuclei") == (
        "round-1",
        "Learned: round-1 predicts now. Such images were new to nuclei, which stays "
        "the better one for others.",
    )
    held_out = replace(how, score=0.5, before=0.1)
    assert "scores 0.50" in judge(held_out, "nuclei", "nuclei", "nuclei")[1]
