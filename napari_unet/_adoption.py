"""Which model predicts once a training ended, and why, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Ended", "judge"]

# On images held out the better one is the better bet, be it by chance.
_WORSE = 0.005
# On what was corrected it is not: those are the outlines of the model before, where
# they were accepted. From nothing but its own proposals it fell by as much as one
# nucleus of 23, and rose by as much: docs/benchmarks.md. Classes are scored by pixels.
_CHANCE_IN_NUCLEI = 2
_CHANCE_OF_CLASSES = 0.05
# Hardly anything was corrected, then: it was accepted.
_RIGHT = 0.95
# Nothing at all was: no chance to hide behind. Said with two digits, they are the same.
_SAME = 0.005
_LITTLE_TO_LEARN = (
    "What it found was right nearly everywhere: there is little to learn."
)


@dataclass(frozen=True)
class Ended:
    """How a training ended.

    Parameters
    ----------
    name : str
        Of the model that it made.
    sentence : str
        Why there is none; empty: there is one.
    score, before : float, optional
        Of that model, and of the one that it started from, on images held out.
    harm : bool
        Whether what was learned earlier did harm on images that were corrected since.
    fit, fit_before : float, optional
        As ``score`` and ``before``, on what was corrected and is learned from; None
        where images are held out.
    nuclei : int, optional
        How many of them are scored; None: classes are.
    anew : bool
        Whether the images were new to the model that it started from.
    """

    name: str
    sentence: str = ""
    score: float | None = None
    before: float | None = None
    harm: bool = False
    fit: float | None = None
    fit_before: float | None = None
    nuclei: int | None = None
    anew: bool = False

    @property
    def chance(self) -> float:
        """By how much the score on what was corrected may differ and mean nothing."""
        if self.nuclei is None:
            return _CHANCE_OF_CLASSES
        return _CHANCE_IN_NUCLEI / max(self.nuclei, 1)


def judge(
    how: Ended, start: str, used: str, first: str, corrected: bool = True
) -> tuple[str, str]:
    """Say which model predicts from now on, if it is another one, and why.

    Parameters
    ----------
    how : Ended
        How the training ended.
    start, used, first : str
        Names of the models that it started from, that predicts now, and that all
        learning began with.
    corrected : bool
        Whether anything that was learned from is not as a model had found it.

    Returns
    -------
    model : str
        Empty: the one that predicts now stays.
    sentence : str
    """
    if how.sentence:
        return "", how.sentence
    if how.score is not None and how.before is not None:
        if how.score < how.before - _WORSE:
            return "", (
                f"{how.name} scored {how.score:.2f}, {start} {how.before:.2f} on "
                f"images it did not learn from: {used} stays."
            )
    elif how.fit is not None and how.fit_before is not None:
        right = how.fit_before >= _RIGHT
        if right and not corrected and how.fit < how.fit_before - _SAME:
            return "", (
                "What you reviewed was right as it was found: there is nothing to "
                f"learn yet, {used} stays."
            )
        if how.fit < how.fit_before - how.chance:
            return "", (
                f"{how.name} scored {how.fit:.2f} on what you corrected, {start} "
                f"{how.fit_before:.2f}: {used} stays. "
                f"{_LITTLE_TO_LEARN if right else 'More corrections may help.'}"
            )
    if how.harm:
        return first, (
            f"On the images that you corrected since, {first} did better than "
            f"what was learned before: {first} predicts until {how.name} does "
            "better on the next ones."
        )
    return how.name, f"Learned: {how.name} predicts now.{_found(how, start)}"


def _found(how: Ended, start: str) -> str:
    """Say how good it is."""
    if how.score is not None:
        before = "" if how.before is None else f", {start} {how.before:.2f}"
        return f" On images it did not learn from it scores {how.score:.2f}{before}."
    if how.anew:  # what it scored before says nothing
        return (
            f" Such images were new to {start}, which stays the better one for others."
        )
    if how.fit is None or how.fit_before is None:
        return ""
    worse = round(how.fit, 2) < round(how.fit_before, 2)
    return (
        f" On what you corrected it scores {how.fit:.2f}, {start} "
        f"{how.fit_before:.2f}{': so small a fall may be chance' if worse else ''}."
    )
