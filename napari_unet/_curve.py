"""Loss and score over the steps of a training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["Curve"]


@dataclass(frozen=True)
class Curve:
    """Loss and score of a training so far.

    Parameters
    ----------
    steps : tuple of int
        After which they were found; 0: before the first one.
    losses, scores : tuple of float or None
        Of the same length, where they are known.
    held_out : bool
        Whether they are of images that are not learned from.
    measure : str
        What the scores are: ``"mean_ap"`` or ``"mean_iou"``.
    """

    steps: tuple[int, ...] = ()
    losses: tuple[float | None, ...] = ()
    scores: tuple[float | None, ...] = ()
    held_out: bool = False
    measure: str = "mean_ap"

    def grown(self, event: Mapping[str, Any]) -> Curve:
        """Add what the engine's ``StartScored`` or ``EpochDone`` says.

        The loss of the same pixels each time is a curve; that of an epoch's random
        patches is mostly noise, and taken only where there is no other.
        """
        step = int(event.get("step", 0))
        if self.steps and not step:  # an engine that was started again goes on
            return self
        score, loss = event.get("score"), event.get("val_loss")
        held_out = self.held_out or score is not None
        if not held_out:
            score, loss = event.get("fit"), event.get("fit_loss")
        scores = (*self.scores, score)
        if loss is None and not any(known is not None for known in scores):
            loss = event.get("loss")
        # Those that a restarted engine makes again are in front of it.
        kept = sum(known < step for known in self.steps)
        return Curve(
            (*self.steps[:kept], step),
            (*self.losses[:kept], loss),
            (*self.scores[:kept], score),
            held_out,
            str(event.get("measure") or self.measure),
        )

    def ended(self, event: Mapping[str, Any]) -> Curve:
        """Add what ``TrainingDone`` says: the score of the model that is kept."""
        score = event.get("score" if self.held_out else "fit")
        step = int(event.get("steps", 0))
        if score is None or not self.steps:
            return self
        if step > self.steps[-1]:
            steps, losses = (*self.steps, step), (*self.losses, None)
            return replace(
                self, steps=steps, losses=losses, scores=(*self.scores, score)
            )
        return replace(self, scores=(*self.scores[:-1], score))
